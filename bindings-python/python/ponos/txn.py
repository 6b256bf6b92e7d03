"""Transactions: several conditions and operations that count as one write."""

from __future__ import annotations

from collections.abc import Iterable
from types import EllipsisType
from typing import Generic, TypeVar

from ._ponos import MapCore, Pending, TxnCore, TxnDone
from .runtime import wait

V = TypeVar("V")

#: No condition, as `MapCore.write` wants it.
ALWAYS = (False, False, None, ...)


class Txn(Generic[V]):
    """A transaction being put together; nothing happens before `commit`, or the end of `async with`.

    If all conditions hold, the operations before `otherwise` are done, else those after it. Each sees what those before
    it have done. One that is refused (a bound, a wrong type) refuses the whole. Calls can be chained:

        client = await ponos.open("memory://")
        accounts = await client.map("accounts", codec=ponos.json)
        await accounts.set("a", 10)
        done = await accounts.txn().when("a", value=10).incr("a", -4).incr("b", 4).commit()
        assert done.matched and accounts.snapshot() == {"a": 6, "b": 4}

        async with accounts.txn() as t:  # commits at the end, unless the block raises
            t.when("lock", absent=True).set("lock", "me", ttl=10.0)
            t.otherwise().incr("missed")
        assert t.result.matched
    """

    __slots__ = {"_core": "", "result": "What was done; `None` before."}

    result: TxnDone | None

    def __init__(self, map: MapCore[V]) -> None:
        self._core = TxnCore(map)
        self.result = None

    def when(
        self,
        key: str,
        *,
        absent: bool = False,
        present: bool = False,
        revision: int | None = None,
        value: V | EllipsisType = ...,
    ) -> Txn[V]:
        """Adds a condition on `key`: that it is absent, is present, was last changed by `revision`, or has exactly
        this `value`. One at a time."""
        self._core.when(key, absent, present, revision, value)
        return self

    def otherwise(self) -> Txn[V]:
        """From here on, operations are for the case that a condition does not hold."""
        self._core.otherwise()
        return self

    def set(self, key: str, value: V, *, ttl: float | None = None) -> Txn[V]:
        """Sets a key, for `ttl` seconds or for ever."""
        return self._add("set", key, value, ALWAYS, ttl)

    def delete(self, key: str) -> Txn[V]:
        """Deletes a key."""
        return self._add("delete", key, ALWAYS)

    def incr(self, key: str, by: int = 1, *, min: int | None = None, max: int | None = None) -> Txn[V]:
        """Adds to an integer counter."""
        return self._add("incr", key, by, min, max)

    def incr_float(
        self, key: str, by: float, *, min: float | None = None, max: float | None = None
    ) -> Txn[V]:
        """Adds to a floating-point counter."""
        return self._add("incr_float", key, by, min, max)

    def list_append(self, key: str, items: Iterable[V]) -> Txn[V]:
        """Appends items to a list."""
        return self._add("list_append", key, items)

    def list_append_unique(self, key: str, items: Iterable[V]) -> Txn[V]:
        """Appends those items to a list that it does not hold yet."""
        return self._add("list_append_unique", key, items)

    def list_remove(self, key: str, items: Iterable[V]) -> Txn[V]:
        """Removes every occurrence of the items from a list."""
        return self._add("list_remove", key, items)

    def set_add(self, key: str, items: Iterable[V]) -> Txn[V]:
        """Adds members to a set."""
        return self._add("set_add", key, items)

    def set_remove(self, key: str, items: Iterable[V]) -> Txn[V]:
        """Removes members from a set."""
        return self._add("set_remove", key, items)

    def touch(self, key: str, ttl: float | None) -> Txn[V]:
        """Gives an entry a new time to live in seconds; `None`: for ever."""
        return self._add("touch", key, ttl)

    def _add(self, operation: str, key: str, *args: object) -> Txn[V]:
        self._core.add(operation, key, *args)
        return self

    async def commit(self) -> TxnDone:
        """Does it.

        Errors: `InvalidError` if it is empty (or committed before), has over 1,000 parts, or a part is bad;
        `ConflictError` or `InvalidError` if an operation is refused: nothing has changed then.
        Consistency: all of it has one revision, and no reader sees half of it.
        Cost: one round trip.
        """
        answer = self._core.commit()
        self.result = await wait(answer) if isinstance(answer, Pending) else answer
        return self.result

    async def __aenter__(self) -> Txn[V]:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is None and self.result is None:
            await self.commit()
