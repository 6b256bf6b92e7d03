"""Watching a map: its changes as an async iterator."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from ._ponos import Event, Handle
from .runtime import do

V = TypeVar("V")

#: How many events cross the border at once.
BATCH = 256


class Watch(Generic[V]):
    """The changes of a map, in order and without gaps: `async for change in watch`.

    It begins when it is made, not when it is first read, and ends when the map or the watch is closed. A watcher that
    is slow gets the events of one key merged once more than `watch_queue` wait, and never loses one silently. To give
    up waiting (a time-out, a cancelled task) loses none either. Close it, use it with `with` or `async with`, or let
    it be collected.
    """

    __slots__ = ("_events", "_watcher")

    def __init__(self, watcher: Handle[V]) -> None:
        self._watcher = watcher
        self._events: deque[Event[V]] = deque()

    def __aiter__(self) -> Watch[V]:
        return self

    async def __anext__(self) -> Event[V]:
        while not self._events:
            self._events.extend(await self._fetch(BATCH))
        return self._events.popleft()

    def batches(self, max: int = BATCH) -> Batches[V]:
        """The same changes as lists of up to `max`: `async for batch in watch.batches()`. The fast way."""
        return Batches(self, max)

    def close(self) -> None:
        """Unsubscribes: whoever waits is at the end. A second call does nothing."""
        self._watcher._ask("watch.close")
        self._events.clear()

    async def _fetch(self, max: int) -> list[Event[V]]:
        if self._events:
            batch, self._events = list(self._events), deque()
            return batch
        taken: list[Event[V]] | None
        while (taken := self._watcher._ask("watch.take")) == []:
            # Two steps: whoever gives up waiting takes no events along.
            await do(self._watcher._ask, "watch.wait", max)
        if taken is None:
            raise StopAsyncIteration
        return taken

    def __enter__(self) -> Watch[V]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Watch[V]:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class Batches(Generic[V]):
    """The changes of a `Watch`, in lists."""

    __slots__ = ("_max", "_watch")

    def __init__(self, watch: Watch[V], max: int) -> None:
        self._watch = watch
        self._max = max

    def __aiter__(self) -> Batches[V]:
        return self

    async def __anext__(self) -> list[Event[V]]:
        while not (batch := await self._watch._fetch(self._max)):
            pass
        return batch
