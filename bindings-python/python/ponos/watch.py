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
        if self._buffer and max > 0:
            return [self._buffer.popleft() for _ in range(min(max, len(self._buffer)))]
        taken: list[T] | None
        while (taken := self._handle._ask(self._take, max)) == []:
            # Two steps: whoever gives up waiting takes nothing along.
            await do(self._handle._ask, self._wait, max)
        if taken is None:
            raise StopAsyncIteration
        return taken


class ReadFeed(Feed[T]):
    """A `Feed` that answers for nothing: to end it takes no waiting."""

    __slots__ = ()

    _close: ClassVar[str]

    def close(self) -> None:
        """Ends it: whoever waits is at the end. A second call does nothing."""
        self._handle._ask(self._close)
        self._buffer.clear()

    async def __aexit__(self, *_: object) -> None:
        self.close()


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


class Watch(ReadFeed[Event[V]]):
    """The changes of a map, in order and without gaps: `async for change in watch`.

    It begins when it is made, not when it is first read, and ends when the map or the watch is closed. A watcher that
    is slow gets the events of one key merged once more than `watch_queue` wait, and never loses one silently. To give
    up waiting (a time-out, a cancelled task) loses none either. Close it, use it with `with` or `async with`, or let
    it be collected.
    """

    __slots__ = ()

    _take, _wait, _close = "watch.take", "watch.wait", "watch.close"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
