"""A replicated map: local reads are synchronous, writes are awaited, changes are watched."""

# mypy: disable-error-code="no-any-return"
# What the core answers is typed here, by hand.

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from types import EllipsisType as NotGiven
from typing import Literal, NamedTuple, TypeVar

from ._ponos import Handle
from .codec import Codec
from .error import ClosedError
from .record import Counted, Edited, Entry, Written
from .runtime import do
from .txn import Txn, encode_all
from .watch import Watch

V = TypeVar("V")


class Status(NamedTuple):
    """How far a map's local copy is to be trusted."""

    state: Literal["live", "stale", "resyncing", "closed"]
    """`live`: it follows the engine. `stale`: the engine is out of reach. `resyncing`: it is being loaded anew.
    In all but `live`, reads show the last known state."""
    since: float | None = None
    """Since when it is stale: seconds since 1970, by the local clock."""


class Reads(Handle[V], Mapping[str, V]):
    """The reads that maps and snapshots have in common: those of a `collections.abc.Mapping`, and more."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        """The keys of one revision, in no order."""
        return iter(self._ask("map.keys"))

    def entry(self, key: str) -> Entry[V] | None:
        """The value of `key` with its revision, shape and deadline; `None` if it is absent. As `get`, but decoded anew,
        when its `value` is first asked for."""
        found = self._ask("map.entry", key)
        return None if found is None else Entry(*found)

    def items_of(self, key: str) -> list[V] | None:
        """The items of a list or set, in order and decoded; `None` if the key is absent or has a plain value.

        Consistency as `get`. Cost: O(items).
        """
        found = self._ask("map.entry", key)
        return None if found is None else found[0].items()

    def prefix(self, prefix: str) -> list[tuple[str, V]]:
        """The keys that begin with `prefix`, with their values, by key.

        Consistency: those of one revision. Cost: O(keys), or O(log keys + results) for a map opened with
        `ordered=True`.
        """
        return self._ask("map.prefix", prefix)

    def range(self, start: str | None = None, end: str | None = None) -> list[tuple[str, V]]:
        """The keys from `start` up to, but without, `end` in the order of their UTF-8 bytes, with their values, by
        key; `None` leaves a side open. Consistency and cost as `prefix`."""
        return self._ask("map.range", start, end)

    @property
    def revision(self) -> int:
        """The revision of the last change shown; 0 for a map that nobody has written yet."""
        return self._ask("map.position")[1]

    @property
    def generation(self) -> int:
        """The life of the map that the revision belongs to: a deleted or flushed one comes back with a higher one."""
        return self._ask("map.position")[0]


class Snapshot(Reads[V]):
    """A map as it was at one revision: taken in O(1), never changes, and keeps what it shows in memory.

    It is a `collections.abc.Mapping`. Keys that had expired when it was taken are not shown.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<ponos.Snapshot of {len(self)} keys at revision {self.revision}>"


class Map(Reads[V]):
    """A handle to a replicated map, made by `client.map`: share it between tasks, threads and event loops.

    Reading is that of a `collections.abc.Mapping` over the local copy: no await, no round trip, never an error. It goes
    on, on the last known state, while the engine is out of reach, after `close`, and in a forked child.

    Writes are atomic at the engine, applied at most once even if the answer is lost, and visible here when they return;
    other nodes see them when the change arrives. They cost one round trip; on Redis, writes that meet share it. All
    raise `InvalidError` for a bad key (empty, over 64 KiB) or value (over `max_value`), `ClosedError`, `TimeoutError`,
    `UnavailableError` (see `PonosError.maybe_applied`). To cancel one leaves it open whether it is applied. On
    `memory://` they are done without giving the event loop a turn.
    """

    __slots__ = ("_codec", "_encode", "_name")
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __init__(self, of: Handle[V], decoder: object, name: str, codec: Codec[V]) -> None:
        self._name, self._codec, self._encode = name, codec.name, codec.encode

    @property
    def name(self) -> str:
        """The map's name."""
        return self._name

    @property
    def codec(self) -> str:
        """The name of the map's codec."""
        return self._codec

    @property
    def status(self) -> Status:
        """How far the local copy is to be trusted."""
        try:
            return Status(*self._ask("map.status"))
        except ClosedError:  # in a forked child
            return Status("closed")

    def snapshot(self) -> Snapshot[V]:
        """The whole map at one revision.

        Cost: O(1); it keeps what it shows in memory.

            client = await ponos.open("memory://")
            prices = await client.map("prices", codec=ponos.json)
            await prices.set("btc", 64_000)
            before = prices.snapshot()
            await prices.set("btc", 64_100)
            assert before == {"btc": 64_000}
        """
        return Snapshot(self._ask("map.snapshot"))

    def keys(self) -> KeysView[str]:
        """The keys of one revision, in no order: those of a snapshot."""
        return self.snapshot().keys()

    def values(self) -> ValuesView[V]:
        """The values of one revision, in no order: those of a snapshot."""
        return self.snapshot().values()

    def items(self) -> ItemsView[str, V]:
        """The entries of one revision, in no order: those of a snapshot."""
        return self.snapshot().items()

    async def get_latest(self, key: str) -> Entry[V] | None:
        """The entry of `key` as the engine has it now.

        Errors: `InvalidError` for a bad key, `ClosedError`, `TimeoutError`, `UnavailableError`.
        Consistency: linearizable with all writes, on an engine with one primary.
        Cost: one round trip.
        """
        found = await do(self._ask, "map.get_latest", key)
        return None if found is None else Entry(*found)

    async def sync(self) -> int:
        """Waits until the local copy shows everything that the engine had accepted when this was called; returns the
        revision it shows.

        Errors: `ClosedError`, `TimeoutError`, `UnavailableError`.
        Consistency: reads that follow see every write that returned anywhere before the call.
        Cost: one round trip, more if changes were missed.
        """
        return await do(self._ask, "map.sync")

    async def wait_for(self, revision: int) -> int:
        """Waits until the local copy shows `revision` of its generation, or a later generation; returns the revision
        it shows.

        Errors: `ClosedError`, `TimeoutError`.
        Cost: none, if it is reached already.
        """
        return await do(self._ask, "map.wait_for", revision)

    async def set(
        self,
        key: str,
        value: V,
        *,
        if_absent: bool = False,
        if_present: bool = False,
        if_revision: int | None = None,
        if_value: V | NotGiven = ...,
        ttl: float | None = None,
    ) -> Written[V]:
        """Sets `key`, for `ttl` seconds (1 ms to 100 years) or for ever; under one condition at most.

        Errors: `ConflictError` if the condition does not hold: nothing has changed then; those of every write.

            client = await ponos.open("memory://")
            leaders = await client.map("leaders", codec=ponos.text)
            await leaders.set("shard-1", "me", if_absent=True, ttl=10.0)
            try:
                await leaders.set("shard-1", "you", if_absent=True)
            except ponos.ConflictError:
                written = await leaders.set("shard-1", "you")
            assert written.previous == "me"
        """
        wanted = if_value if if_value is ... else self._encode(if_value)
        when = (if_absent, if_present, if_revision, wanted, ttl if ttl is None else {"s": ttl})
        return Written(*await do(self._ask, "map.set", key, self._encode(value), *when))

    async def delete(
        self,
        key: str,
        *,
        if_present: bool = False,
        if_revision: int | None = None,
        if_value: V | NotGiven = ...,
    ) -> Written[V]:
        """Removes `key`, under one condition at most; if it is absent nothing changes.

        Errors: `ConflictError` if the condition does not hold: nothing has changed then; those of every write.
        """
        wanted = if_value if if_value is ... else self._encode(if_value)
        return Written(*await do(self._ask, "map.delete", key, False, if_present, if_revision, wanted))

    async def incr(
        self, key: str, by: int = 1, *, min: int | None = None, max: int | None = None
    ) -> Counted[int]:
        """Adds to an integer counter (decimal text), within bounds; an absent key counts as 0. Keeps the time to live.

        Errors: `ConflictError` if the sum would leave the bounds or 64 bits: nothing has changed then; `InvalidError`
        if the value is no integer; those of every write.

            client = await ponos.open("memory://")
            hits = await client.map("hits", codec=ponos.json)
            await hits.incr("home", 2)
            assert (await hits.incr("home", max=10)).value == hits["home"] == 3
        """
        return Counted(*await do(self._ask, "map.incr", key, by, min, max))

    async def incr_float(
        self, key: str, by: float, *, min: float | None = None, max: float | None = None
    ) -> Counted[float]:
        """Adds to a floating-point counter (decimal text), within bounds; an absent key counts as 0. Keeps the time to
        live.

        Errors: `ConflictError` if the sum would leave the bounds or not be finite; `InvalidError` if `by` is not finite
        or the value is no number; those of every write.
        """
        return Counted(*await do(self._ask, "map.incr_float", key, by, min, max))

    async def list_append(self, key: str, items: Iterable[V]) -> Edited:
        """Appends items to a list, an absent key being an empty one, without sending the rest of it.

        Errors: `InvalidError` if the value is no list, or would outgrow `max_value`; those of every write.

            client = await ponos.open("memory://")
            logs = await client.map("logs", codec=ponos.text)
            await logs.list_append("today", ["begun"])
            assert (await logs.list_append("today", ["done"])).len == 2
            assert logs.items_of("today") == ["begun", "done"]
        """
        return Edited(*await do(self._ask, "map.list_append", key, encode_all(self._encode, items)))

    async def list_append_unique(self, key: str, items: Iterable[V]) -> Edited:
        """As `list_append`, for those items that the list does not hold yet."""
        return Edited(*await do(self._ask, "map.list_append_unique", key, encode_all(self._encode, items)))

    async def list_remove(self, key: str, items: Iterable[V]) -> Edited:
        """Removes every occurrence of the items from a list; a list that becomes empty is deleted.

        Errors: `InvalidError` if the value is no list; those of every write.
        """
        return Edited(*await do(self._ask, "map.list_remove", key, encode_all(self._encode, items)))

    async def set_add(self, key: str, items: Iterable[V]) -> Edited:
        """Adds members to a set, an absent key being an empty one.

        Errors: `InvalidError` if the value is no set, or would outgrow `max_value`; those of every write.
        """
        return Edited(*await do(self._ask, "map.set_add", key, encode_all(self._encode, items)))

    async def set_remove(self, key: str, items: Iterable[V]) -> Edited:
        """Removes members from a set; a set that becomes empty is deleted.

        Errors: `InvalidError` if the value is no set; those of every write.
        """
        return Edited(*await do(self._ask, "map.set_remove", key, encode_all(self._encode, items)))

    async def touch(self, key: str, ttl: float | None) -> Written[V]:
        """Gives an entry a new time to live in seconds from now on, or none; if the key is absent nothing changes.

        Watchers get no event: the value is the same. Errors: those of every write.
        """
        return Written(*await do(self._ask, "map.touch", key, ttl if ttl is None else {"s": ttl}))

    async def clear(self) -> Written[V]:
        """Removes every key in one revision. Errors: those of every write."""
        return Written(*await do(self._ask, "map.clear"))

    async def destroy(self) -> Written[V]:
        """Removes the map with its history and codec; the next write starts a new generation. Handles stay usable.

        Errors: those of every write.
        """
        return Written(*await do(self._ask, "map.destroy"))

    def txn(self) -> Txn[V]:
        """Begins a transaction: conditions, and what to do if they hold or not, in one revision."""
        return Txn(self, self._encode)

    def watch(
        self, *patterns: str, prefix: str | None = None, start: Literal["now", "snapshot"] | int = "now"
    ) -> Watch[V]:
        r"""The changes from `start` on of the keys that match one of `patterns` or begin with `prefix`; of all keys
        without either.

        A pattern is a key, or a glob: `*` stands for any characters, `?` for one, `\` takes the next one literally.
        The watcher is registered when this returns. `start` is `"now"` (a `synced` event, then the changes),
        `"snapshot"` (a `set` for every entry, by key, then `synced`, then the changes) or a revision (the changes after
        it, then `synced`, then the rest; `resynced` and a `set` for every entry if the log does not reach back so far).

        Errors: `InvalidError` for another `start`; `ClosedError` in a forked child.
        Consistency: an event comes after the local copy shows its change.
        Cost: no round trip, but for a revision; memory as `Watch` says.

            client = await ponos.open("memory://")
            prices = await client.map("prices", codec=ponos.json)
            with prices.watch("btc*", start="snapshot") as changes:
                await prices.set("btc", 64_000)
                async for change in changes:
                    if change.kind == "set":
                        break
            assert (change.key, change.value, change.old) == ("btc", 64_000, None)
        """
        prefixes = [] if prefix is None else [{"prefix": prefix}]
        return Watch(self._ask("map.watch", [*patterns, *prefixes] or "*", start))

    async def close(self) -> None:
        """Drains writes in flight, ends the watchers and stops following. Reads go on, on the last state. Closes every
        handle to this map in this client; a second call does nothing."""
        await do(self._ask, "map.close")

    async def __aenter__(self) -> Map[V]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<ponos.Map {self.name!r} of {len(self)} keys at revision {self.revision}>"
