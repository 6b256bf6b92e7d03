"""Merging: several streams read as one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar, overload

from ._ponos import Handle, Merged
from .opening import Opening
from .runtime import do
from .stream import Start, Stream, Topics, _seconds, _start
from .watch import ReadFeed

V = TypeVar("V")


class MergedReader(ReadFeed[Merged[V]]):
    """Several streams as one, made by `ponos.merge`: `async for merged in reader`.

    Their events come by time, then by the number of the stream; within one stream always in order, and news of a stream
    (`Gap`, `Deleted`) where they belong. It ends when all streams, or the reader alone, are closed. As of a `Reader`, nothing
    is lost by leaving a loop, by an exception in it or by giving up waiting: the next loop goes on where this one was.
    """

    __slots__ = ()

    _take, _wait, _close = "merged.take", "merged.wait", "merged.close"


@overload
def merge(
    streams: Iterable[Stream[V]],
    *,
    from_: Start = ...,
    topics: Topics = ...,
    replay: float | None = ...,
    max_wait: float = ...,
) -> Opening[MergedReader[V]]: ...
@overload
def merge(
    streams: Iterable[Stream[Any]],
    *,
    from_: Start = ...,
    topics: Topics = ...,
    replay: float | None = ...,
    max_wait: float = ...,
) -> Opening[MergedReader[Any]]: ...
def merge(
    streams: Iterable[Stream[Any]],
    *,
    from_: Start = "end",
    topics: Topics = (),
    replay: float | None = None,
    max_wait: float = 0.05,
) -> Opening[MergedReader[Any]]:
    """Reads several streams as one: `async with ponos.merge([orders, bills]) as both:`, or `await` it and close it.

    The streams may be of several clients, and each has its own codec. `from_`, `topics` and `replay` are for each of them
    as for `Stream.reader`. An event waits until all other streams have shown a later one, at most `max_wait` seconds; what
    comes after that and belongs before is given at once, and is `late`.

    Errors: `InvalidError` for no streams or a bad `max_wait`; else as `Stream.reader`.
    Consistency: an order by the engine's clock; of several engines, by the clock of each.
    Cost: a round trip for each stream to open, then as a reader of each; up to 10,000 events that wait.

        client = await ponos.open("memory://")
        buys, sells = await client.stream("buys", codec=ponos.text), await client.stream("sells", codec=ponos.json)
        async with ponos.merge([buys, sells]) as both:
            await sells.publish("eu", {"price": 7})
            async for merged in both:
                match merged:
                    case ponos.Merged(stream, ponos.StreamEvent(topic, value)):
                        assert (stream, topic, value) == (1, "eu", {"price": 7})
                        break
    """
    # What is no stream is for the core to refuse.
    handles: list[Any] = [getattr(stream, "_handle", stream) for stream in streams]
    return Opening(_merge(handles, [_start(from_), topics, replay, _seconds(max_wait)]))


async def _merge(streams: list[Handle[Any]], options: list[object]) -> MergedReader[Any]:
    reader = await do(Handle()._ask, "stream.merge", streams, options)
    return MergedReader(Handle(reader, streams))
