"""Streams: publishing, readers that see every event, sinks that share the work."""

# mypy: disable-error-code="no-any-return"
# What the core answers is typed here, by hand.

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypedDict, TypeVar

from ._ponos import Deleted, Delivery, Gap, Handle, StreamEvent
from .codec import Codec
from .opening import Opening
from .runtime import do
from .txn import Txn
from .watch import Feed, ReadFeed

V = TypeVar("V")
T = TypeVar("T")

Headers: TypeAlias = Mapping[str, str | bytes]
Topics: TypeAlias = list[str] | tuple[str, ...]


class Behind(TypedDict):
    """Begin behind the event of this id."""

    behind: str


class Since(TypedDict):
    """Begin with the first event of this moment or later: seconds since 1970."""

    time: float


class Last(TypedDict):
    """Begin with the last so many events."""

    last: int


Start: TypeAlias = Literal["first", "end"] | Behind | Since | Last


def _seconds(time: float | None) -> dict[str, float] | None:
    return None if time is None else {"s": time}


def _start(start: Any) -> object:
    timed = isinstance(start, dict) and "time" in start
    return {"time": _seconds(start["time"])} if timed else start


def _options(
    key: str | None, headers: Headers | None, dedup_id: str | None, delay: float | None, *conditions: object
) -> list[object]:
    return [None if headers is None else dict(headers), key, dedup_id, _seconds(delay), *conditions]


@dataclass(frozen=True)
class Published:
    """What became of an event that was published."""

    id: str | None
    """Its id; `None` if it is delayed and has none yet."""
    duplicate: bool
    """Whether the stream had it already, by its `dedup_id`: nothing was appended then."""

    @property
    def seq(self) -> int | None:
        """Its number in this life of the stream, as `expect_last` takes it."""
        return None if self.id is None else int(self.id.rpartition("-")[2])


@dataclass(frozen=True)
class GroupInfo:
    """How a group is: `lag` is how many events it has not looked at yet, `pending` how many it has taken and not
    settled, `oldest_pending` for how many seconds the one has been held that has been held for longest."""

    name: str
    lag: int
    pending: int
    oldest_pending: float | None
    consumers: int


@dataclass(frozen=True)
class StreamInfo:
    """How a stream is: how many events it holds, how many bytes they take, the ids of the first and of the last one,
    its groups by name."""

    len: int
    bytes: int
    first: str | None
    last: str | None
    groups: list[GroupInfo]


@dataclass(frozen=True)
class Message(Generic[V]):
    """An event of a batch or of a step, with options as `Stream.publish` has them."""

    topic: str
    payload: V
    key: str | None = None
    headers: Headers | None = None
    dedup_id: str | None = None
    delay: float | None = None

    def _plain(self, encode: Callable[[V], bytes]) -> list[Any]:
        options = _options(self.key, self.headers, self.dedup_id, self.delay)
        return [self.topic, encode(self.payload), options]


class Step:
    """What is done to maps and streams in one step, all or nothing; nothing happens before `commit`, or before an event
    is acknowledged with it (`Delivery.ack_with`). They are of one scope, that of the event: see `Client.scope`."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[list[Any]] = []

    def map(self, txn: Txn[Any]) -> Step:
        """Writes to a map what a transaction says; its conditions are conditions of the step. Once for each map."""
        self._parts.append([txn._map, *txn._parts])
        return self

    def publish(self, stream: Stream[V], *messages: Message[V]) -> Step:
        """Publishes to a stream. Once for each stream."""
        self._parts.append([stream._handle, [message._plain(stream._encode) for message in messages]])
        return self

    async def commit(self) -> None:
        """Does it, without an event.

        Errors: `InvalidError` if it is empty, leaves its scope or has a bad part; `ConflictError` if a condition does not
        hold: nothing has changed then; those of its parts.
        Consistency: when this returns, the maps show it here, and nobody ever sees a part of it alone at the engine.
        Cost: one round trip.

            client = await ponos.open("memory://")
            shop = client.scope("shop")
            stock, sales = await shop.map("stock", codec=ponos.json), await shop.stream("sales", codec=ponos.text)
            step = ponos.Step().map(stock.txn().incr("pen", -1)).publish(sales, ponos.Message("sold", "pen"))
            await step.commit()
            assert stock["pen"] == -1
        """
        await do(Handle()._ask, "step.commit", self._parts)


class Reader(ReadFeed[StreamEvent[V] | Gap | Deleted]):
    """Every event of a stream from its start on, in order, each once: `async for item in reader`.

    An item is a `StreamEvent`; a `Gap`, if events that were to come were trimmed before they could be read; or
    `Deleted`, if the stream was deleted: what comes next belongs to its next life. While the engine is out of reach it
    waits; it ends when the stream or the reader is closed. Nothing is lost by leaving a loop, by an exception in it or
    by giving up waiting: the next loop goes on where this one was, and so does another reader, from `position`.
    """

    __slots__ = ()

    _take, _wait, _close = "reader.take", "reader.wait", "reader.close"

    @property
    def position(self) -> str:
        """Where the program is: `from_={"behind": reader.position}` goes on after the item it was given last."""
        return self._handle._ask("reader.position", len(self._buffer))


class Sink(Feed[Delivery[V] | Gap | Deleted]):
    """A consumer of a group, which share the events of a stream: `async for event in sink`, and answer each.

    An item is a `Delivery`, to be answered; or a `Gap` or `Deleted`, as for a `Reader`, which need no answer. An event
    is handed out when a loop gets it, not before: then its `ack_wait` begins. Whoever leaves a loop, also by an
    exception or because its task is cancelled, has lost nothing: the event in hand can still be answered, the next loop
    gets the next one, and `close` or the end of `async with` gives all that is not acknowledged to other consumers at
    once. What was not handed out counts as not delivered. Out of reach of the engine for over five seconds it hands out
    nothing: others have what it holds by then.
    """

    __slots__ = ()

    _take, _wait, _ahead = "sink.take", "sink.wait", 1

    async def ack(self, events: Iterable[Delivery[V] | Gap | Deleted]) -> None:
        """Acknowledges several events of this sink; when this returns, none of them is delivered again.

        Errors: the first of those that `Delivery.ack` would give; the other events are acknowledged all the same.
        Cost: one round trip for all.
        """
        await do(self._handle._ask, "sink.ack", list(events))

    async def close(self) -> None:
        """Leaves the group: what is not acknowledged goes to other consumers at once. Answers that were given before
        are sent first. A second call does nothing.

        Errors: `TimeoutError`, `UnavailableError` if the engine does not hear of it; then others get the events once
        this consumer is taken for dead.
        """
        await do(self._handle._ask, "sink.close")

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Stream(Generic[V]):
    """A handle to a stream, made by `client.stream`: share it between tasks, threads and event loops.

    A stream is an ordered log of events with topics. Readers each see all of it, sinks of one group share the work.
    Every event is delivered to a group at least once, until it is acknowledged; what was trimmed before it could be read
    is told as a `Gap`, a deletion as `Deleted`. It exists from the first publish or sink on.

    All calls raise `ClosedError`, `TimeoutError`, `UnavailableError` (see `PonosError.maybe_applied`).
    """

    __slots__ = ("_codec", "_encode", "_handle", "_name")

    def __init__(self, handle: Handle[V], name: str, codec: Codec[V]) -> None:
        self._handle, self._name, self._codec, self._encode = handle, name, codec.name, codec.encode

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._name

    @property
    def codec(self) -> str:
        """The name of the stream's codec."""
        return self._codec

    async def publish(
        self,
        topic: str,
        payload: V,
        *,
        key: str | None = None,
        headers: Headers | None = None,
        dedup_id: str | None = None,
        delay: float | None = None,
        expect_last: int | None = None,
        if_exists: bool = False,
    ) -> Published:
        """Publishes an event: once, even if the answer is lost.

        `topic` has levels with dots between them. Events of one `key` can be had one after the other. A `dedup_id` is
        recognised for at least two minutes: published again, nothing is appended. `delay` is in seconds. `expect_last`
        is the number that the last event must have (0: there is none); with `if_exists` the stream must exist.

        Errors: `InvalidError` for a bad topic (1 to 255 bytes, no white space or wildcards), a payload over
        `max_value`, headers over 16 KiB or a key over 1 KiB; `ConflictError` if the last event is another one;
        `NotFoundError` if the stream should exist and does not; `LimitedError` if it is full of events that a group has
        not settled (see `when_behind`).
        Consistency: when this returns, the event has its number and every reader and sink will get it.
        Cost: one round trip; on Redis, calls that meet share it. To cancel it leaves it open whether it is published.

            client = await ponos.open("memory://")
            orders = await client.stream("orders", codec=ponos.json)
            done = await orders.publish("created", {"id": 7}, key="ann", headers={"source": "web"}, dedup_id="7")
            assert done.seq == 1 and not done.duplicate
            assert (await orders.publish("created", {"id": 7}, dedup_id="7")).duplicate
        """
        options = _options(key, headers, dedup_id, delay, expect_last, if_exists)
        encoded = self._encode(payload)
        return Published(*await do(self._handle._ask, "stream.publish", topic, encoded, options))

    async def publish_batch(
        self, messages: Iterable[Message[V]], *, expect_last: int | None = None, if_exists: bool = False
    ) -> list[Published]:
        """Publishes 1 to 1,000 events in one step, one after the other: all of them or none.

        Errors, consistency and cost as `publish`; what is wrong with one event is wrong with the batch.

            client = await ponos.open("memory://")
            payments = await client.stream("payments", codec=ponos.text)
            done = await payments.publish_batch([ponos.Message("created", "7"), ponos.Message("paid", "7", key="ann")])
            assert [each.seq for each in done] == [1, 2]
        """
        plain = [message._plain(self._encode) for message in messages]
        done = await do(self._handle._ask, "stream.publish_batch", plain, [expect_last, if_exists])
        return [Published(*each) for each in done]

    async def request(self, topic: str, payload: V, *, timeout: float) -> V:
        """Publishes an event and waits for a reply to it, at most `timeout` seconds.

        Errors: as `publish`; `InvalidError` for a `timeout` below 1 ms or over 100 years; `TimeoutError` if no reply came
        in time, and `ClosedError` if the stream was closed meanwhile: whether somebody works on it is open then.
        Cost: two round trips and the replier's time.

            client = await ponos.open("memory://")
            sums = await client.stream("sums", codec=ponos.json)
            async with sums.sink("adders") as adders:
                asking = asyncio.create_task(sums.request("add", [1, 2], timeout=5.0))
                event = await anext(adders)
                assert await sums.reply(event, sum(event.value))
                await event.ack()
                assert await asking == 3
        """
        args = topic, self._encode(payload), [_seconds(timeout)]
        return (await do(self._handle._ask, "stream.request", *args)).decoded()

    async def reply(self, event: StreamEvent[Any], payload: V) -> bool:
        """Replies to an event that was published by `request`; whether the asker was there to hear it: on Redis its
        client, even if the request has timed out, in memory whoever waits.

        Errors: `InvalidError` if the event is no request, or for a payload over `max_value`. Cost: one round trip.
        """
        headers = list(event.headers.items()) if isinstance(event, StreamEvent) else event
        return await do(self._handle._ask, "stream.reply", headers, self._encode(payload))

    def reader(
        self, *, from_: Start = "end", topics: Topics = (), replay: float | None = None
    ) -> Opening[Reader[V]]:
        """A reader: `async with orders.reader() as reader:`, or `reader = await orders.reader()`.

        It begins with `from_`: `"first"` (the first event that is there), `"end"` (what is published from the moment
        that this is awaited), `{"behind": id}`, `{"time": seconds since 1970}` or `{"last": number}`. It gives the
        events whose topic matches one of `topics`, where `*` is one level and `>` the rest; all without any. With
        `replay` the events of the past come as far apart as they were published, so many times as fast.

        Errors: `InvalidError` for a bad start, filter or speed; `NotFoundError` if it is to begin behind an event of a
        life of the stream that has ended.
        Cost: one round trip to open; one for each 500 events of the past; none for new ones.

            client = await ponos.open("memory://")
            readings = await client.stream("readings", codec=ponos.json)
            await readings.publish("created.eu", {"id": 7})
            async with readings.reader(from_="first", topics=["created.*"]) as reader:
                async for item in reader:
                    match item:
                        case ponos.StreamEvent(topic, value):
                            assert (topic, value) == ("created.eu", {"id": 7})
                            break
                        case ponos.Gap(count=count):
                            print(count, "events are gone")
        """
        return Opening(self._open(Reader[V], "stream.reader", [_start(from_), topics, replay]))

    async def _open(self, kind: Callable[[Handle[V]], T], op: str, *args: object) -> T:
        return kind(await do(self._handle._ask, op, *args))

    def sink(
        self,
        group: str,
        *,
        from_: Start = "end",
        topics: Topics = (),
        order: Literal["none", "key", "total"] = "none",
        partitions: int | None = None,
        ack_wait: float = 30.0,
        backoff: Iterable[float] = (),
        max_deliver: int = 0,
        dead_letter: str | None = None,
        max_in_flight: int = 1_000,
        prefetch: int = 256,
    ) -> Opening[Sink[V]]:
        """A consumer of a group: `async with orders.sink("billing") as billing:`, or `await` it and close it.

        `from_` and `topics` as for `reader`; a group begins there when it is new. With `order` `"key"` the events of
        one key come one after the other, over so many `partitions` (64); with `"total"` all do. An event that is not
        answered within `ack_wait` seconds, or is refused, is delivered again after the next pause of `backoff`, at most
        `max_deliver` times (0: any number); then it goes to the stream `dead_letter` of the same scope, if there is
        one. At most `max_in_flight` events are unanswered at once, and `prefetch` lie ready.

        Errors: `InvalidError` for a bad name or option, or if the group is set to something else (all but `from_`,
        `max_in_flight` and `prefetch` are the group's); `NotFoundError` as for `reader`.
        Consistency: when it is open, a new group gets all that is published.
        Cost: two round trips.

            client = await ponos.open("memory://")
            jobs = await client.stream("jobs", codec=ponos.json)
            async with jobs.sink("billing", ack_wait=10.0, backoff=[1.0, 5.0]) as billing:
                await jobs.publish("created", {"id": 7})
                async for event in billing:
                    if event.kind == "event":
                        print("bill", event.value)
                        await event.ack()
                        break
            assert (await jobs.info()).groups[0].pending == 0
        """
        wait, pauses = _seconds(ack_wait), [_seconds(pause) for pause in backoff]
        work = [order, partitions, wait, pauses, max_deliver, dead_letter, max_in_flight, prefetch]
        return Opening(self._open(Sink[V], "stream.sink", group, [_start(from_), topics, *work]))

    async def info(self) -> StreamInfo | None:
        """How the stream and its groups are; `None` if it does not exist.

        Consistency: as the engine has it, each group for itself. Cost: two round trips.
        """
        found = await do(self._handle._ask, "stream.info")
        if found is None:
            return None
        for group in found[-1]:
            group[3] = None if group[3] is None else group[3] / 1e3
        found[-1] = [GroupInfo(*group) for group in found[-1]]
        return StreamInfo(*found)

    async def remove(self, id: str) -> bool:
        """Takes an event out for all who have not read it; whether it was there. Its number stays taken.

        Errors: `InvalidError` for what is no id. Cost: one round trip.
        """
        return await do(self._handle._ask, "stream.remove", id)

    async def destroy(self) -> bool:
        """Deletes the stream with its events and its groups; whether there was one. Readers and sinks are told, and go
        on in its next life, which begins with the next publish or sink. Cost: one round trip."""
        return await do(self._handle._ask, "stream.destroy")

    async def disband(self, group: str) -> bool:
        """Deletes a group with what it has not settled; whether there was one. Its sinks found it anew at the first
        event if they are not closed before. Cost: one round trip."""
        return await do(self._handle._ask, "stream.disband", group)

    async def close(self) -> None:
        """Closes the stream in this client: readers are at their end, sinks leave their groups. Closes every handle to
        it in this client; a second call does nothing."""
        await do(self._handle._ask, "stream.close")

    async def __aenter__(self) -> Stream[V]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<ponos.Stream {self._name!r}>"
