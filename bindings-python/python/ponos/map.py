"""A replicated map: local reads are synchronous, writes are awaited, changes are watched."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, KeysView, Mapping, ValuesView
from types import EllipsisType
from typing import Literal, NamedTuple, TypeVar

from ._ponos import Counted, Edited, Entry, MapCore, Pending, Reads, Written
from .runtime import wait
from .snapshot import Snapshot
from .txn import Txn
from .watch import Watch

V = TypeVar("V")


class Status(NamedTuple):
    """How far a map's local copy is to be trusted."""

    state: Literal["live", "stale", "resyncing", "closed"]
    """`live`: it follows the engine. `stale`: the engine is out of reach. `resyncing`: it is being loaded anew.
    In all but `live`, reads show the last known state."""
    since: float | None = None
    """Since when it is stale: seconds since 1970, by the local clock."""


class Map(Reads[V], Mapping[str, V]):
    """A handle to a replicated map, made by `client.map`: share it between tasks, threads and event loops.

    Reading is that of a `collections.abc.Mapping` over the local copy: no await, no round trip, never an error. It goes
    on, on the last known state, while the engine is out of reach, after `close`, and in a forked child.

    Writes are atomic at the engine, applied at most once even if the answer is lost, and visible here when they return;
    other nodes see them when the change arrives. They cost one round trip; on Redis, writes that meet share it. All
    raise `InvalidError` for a bad key (empty, over 64 KiB) or value (over `max_value`), `ClosedError`, `TimeoutError`,
    `UnavailableError` (see `PonosError.maybe_applied`). To cancel one leaves it open whether it is applied. On
    `memory://` they are done without giving the event loop a turn.
    """

    __slots__ = ("_core",)
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __init__(self, core: MapCore[V]) -> None:
        self._core = core

    @property
    def name(self) -> str:
        """The map's name."""
        return self._core.name()

    @property
    def codec(self) -> str:
        """The name of the map's codec."""
        return self._core.codec_name()

    @property
    def status(self) -> Status:
        """How far the local copy is to be trusted."""
        return Status(*self._core.status())

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
        return Snapshot(self)

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
        answer = self._core.get_latest(key)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def sync(self) -> int:
        """Waits until the local copy shows everything that the engine had accepted when this was called; returns the
        revision it shows.

        Errors: `ClosedError`, `TimeoutError`, `UnavailableError`.
        Consistency: reads that follow see every write that returned anywhere before the call.
        Cost: one round trip, more if changes were missed.
        """
        answer = self._core.sync()
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def wait_for(self, revision: int) -> int:
        """Waits until the local copy shows `revision` of its generation, or a later generation; returns the revision
        it shows.

        Errors: `ClosedError`, `TimeoutError`.
        Cost: none, if it is reached already.
        """
        answer = self._core.wait_for(revision)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def set(
        self,
        key: str,
        value: V,
        *,
        if_absent: bool = False,
        if_present: bool = False,
        if_revision: int | None = None,
        if_value: V | EllipsisType = ...,
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
        when = (if_absent, if_present, if_revision, if_value)
        answer = self._core.write("set", key, value, when, ttl)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def delete(
        self,
        key: str,
        *,
        if_present: bool = False,
        if_revision: int | None = None,
        if_value: V | EllipsisType = ...,
    ) -> Written[V]:
        """Removes `key`, under one condition at most; if it is absent nothing changes.

        Errors: `ConflictError` if the condition does not hold: nothing has changed then; those of every write.
        """
        when = (False, if_present, if_revision, if_value)
        answer = self._core.write("delete", key, when)
        return await wait(answer) if isinstance(answer, Pending) else answer

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
        answer = self._core.write("incr", key, by, min, max)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def incr_float(
        self, key: str, by: float, *, min: float | None = None, max: float | None = None
    ) -> Counted[float]:
        """Adds to a floating-point counter (decimal text), within bounds; an absent key counts as 0. Keeps the time to
        live.

        Errors: `ConflictError` if the sum would leave the bounds or not be finite; `InvalidError` if `by` is not finite
        or the value is no number; those of every write.
        """
        answer = self._core.write("incr_float", key, by, min, max)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def list_append(self, key: str, items: Iterable[V]) -> Edited:
        """Appends items to a list, an absent key being an empty one, without sending the rest of it.

        Errors: `InvalidError` if the value is no list, or would outgrow `max_value`; those of every write.

            client = await ponos.open("memory://")
            logs = await client.map("logs", codec=ponos.text)
            await logs.list_append("today", ["begun"])
            assert (await logs.list_append("today", ["done"])).len == 2
            assert logs.items_of("today") == ["begun", "done"]
        """
        answer = self._core.write("list_append", key, items)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def list_append_unique(self, key: str, items: Iterable[V]) -> Edited:
        """As `list_append`, for those items that the list does not hold yet."""
        answer = self._core.write("list_append_unique", key, items)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def list_remove(self, key: str, items: Iterable[V]) -> Edited:
        """Removes every occurrence of the items from a list; a list that becomes empty is deleted.

        Errors: `InvalidError` if the value is no list; those of every write.
        """
        answer = self._core.write("list_remove", key, items)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def set_add(self, key: str, items: Iterable[V]) -> Edited:
        """Adds members to a set, an absent key being an empty one.

        Errors: `InvalidError` if the value is no set, or would outgrow `max_value`; those of every write.
        """
        answer = self._core.write("set_add", key, items)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def set_remove(self, key: str, items: Iterable[V]) -> Edited:
        """Removes members from a set; a set that becomes empty is deleted.

        Errors: `InvalidError` if the value is no set; those of every write.
        """
        answer = self._core.write("set_remove", key, items)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def touch(self, key: str, ttl: float | None) -> Written[V]:
        """Gives an entry a new time to live in seconds from now on, or none; if the key is absent nothing changes.

        Watchers get no event: the value is the same. Errors: those of every write.
        """
        answer = self._core.write("touch", key, ttl)
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def clear(self) -> Written[V]:
        """Removes every key in one revision. Errors: those of every write."""
        answer = self._core.clear()
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def destroy(self) -> Written[V]:
        """Removes the map with its history and codec; the next write starts a new generation. Handles stay usable.

        Errors: those of every write.
        """
        answer = self._core.destroy()
        return await wait(answer) if isinstance(answer, Pending) else answer

    def txn(self) -> Txn[V]:
        """Begins a transaction: conditions, and what to do if they hold or not, in one revision."""
        return Txn(self._core)

    def watch(
        self,
        *patterns: str,
        prefix: str | None = None,
        start: Literal["now", "snapshot"] | int = "now",
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
        return Watch(self._core.watch(patterns, prefix, start))

    async def close(self) -> None:
        """Drains writes in flight, ends the watchers and stops following. Reads go on, on the last state. Closes every
        handle to this map in this client; a second call does nothing."""
        answer = self._core.close()
        return await wait(answer) if isinstance(answer, Pending) else answer

    async def __aenter__(self) -> Map[V]:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<ponos.Map {self.name!r} of {len(self)} keys at revision {self.revision}>"
