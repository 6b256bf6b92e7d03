"""What comes one after the other, as async iterators; watching a map."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ._ponos import Event, Handle
from .runtime import do

if TYPE_CHECKING:
    from typing import Self

V = TypeVar("V")
T = TypeVar("T")

#: How many events cross the border at once.
BATCH = 256


class Feed(Generic[T]):
    """What comes one after the other: `async for each in feed`. To give up waiting (a time-out, a cancelled task) loses
    nothing."""

    __slots__ = ("_buffer", "_handle")

    _take: ClassVar[str]
    _wait: ClassVar[str]
    _ahead: ClassVar[int] = BATCH

    def __init__(self, handle: Handle[Any]) -> None:
        self._handle = handle
        self._buffer: deque[T] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._buffer:
            self._buffer.extend(await self._fetch(self._ahead))
        return self._buffer.popleft()

    def batches(self, max: int = BATCH) -> Batches[T]:
        """The same as lists of up to `max`: `async for batch in feed.batches()`. The fast way."""
        return Batches(self, max)

    async def _fetch(self, max: int) -> list[T]:
        if self._buffer:
            batch, self._buffer = list(self._buffer), deque()
            return batch
        taken: list[T] | None
        while (taken := self._handle._ask(self._take, max)) == []:
            # Two steps: whoever gives up waiting takes nothing along.
            await do(self._handle._ask, self._wait, max)
        if taken is None:
            raise StopAsyncIteration
        return taken


class Batches(Generic[T]):
    """The same as a `Feed`, in lists."""

    __slots__ = ("_feed", "_max")

    def __init__(self, feed: Feed[T], max: int) -> None:
        self._feed = feed
        self._max = max

    def __aiter__(self) -> Batches[T]:
        return self

    async def __anext__(self) -> list[T]:
        while not (batch := await self._feed._fetch(self._max)):
            pass
        return batch


class Watch(Feed[Event[V]]):
    """The changes of a map, in order and without gaps: `async for change in watch`.

    It begins when it is made, not when it is first read, and ends when the map or the watch is closed. A watcher that
    is slow gets the events of one key merged once more than `watch_queue` wait, and never loses one silently. To give
    up waiting (a time-out, a cancelled task) loses none either. Close it, use it with `with` or `async with`, or let
    it be collected.
    """

    __slots__ = ()

    _take, _wait = "watch.take", "watch.wait"

    def close(self) -> None:
        """Unsubscribes: whoever waits is at the end. A second call does nothing."""
        self._handle._ask("watch.close")
        self._buffer.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aexit__(self, *_: object) -> None:
        self.close()
