"""Transactions: several conditions and operations that count as one write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import EllipsisType as NotGiven
from typing import Any, Generic, TypeVar

from ._ponos import Handle
from .record import TxnDone
from .runtime import do

V = TypeVar("V")


def encode_all(encode: Callable[[V], bytes], items: Iterable[V]) -> list[bytes]:
    """Items on their way to the core. Text is an iterable of text, and that is never what was meant."""
    if isinstance(items, (str, bytes)):
        raise TypeError(f"items are given in a list, not {type(items).__name__}")
    return [encode(item) for item in items]


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

    result: TxnDone | None = None
    """What was done; `None` before."""

    def __init__(self, map: Handle[V], encode: Callable[[V], bytes]) -> None:
        self._map, self._encode = map, encode
        self._parts: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
        self._branch = 1

    def when(
        self,
        key: str,
        *,
        absent: bool = False,
        present: bool = False,
        revision: int | None = None,
        value: V | NotGiven = ...,
    ) -> Txn[V]:
        """Adds a condition on `key`: that it is absent, is present, was last changed by `revision`, or has exactly
        this `value`. One at a time, or `commit` raises `InvalidError`."""
        wanted = value if value is ... else self._encode(value)
        self._parts[0].append((key, absent, present, revision, wanted))
        return self

    def otherwise(self) -> Txn[V]:
        """From here on, operations are for the case that a condition does not hold."""
        self._branch = 2
        return self

    def set(self, key: str, value: V, *, ttl: float | None = None) -> Txn[V]:
        """Sets a key, for `ttl` seconds or for ever."""
        return self._add(
            "set", key, self._encode(value), False, False, None, ..., ttl if ttl is None else {"s": ttl}
        )

    def delete(self, key: str) -> Txn[V]:
        """Deletes a key."""
        return self._add("delete", key)

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
        return self._add("list_append", key, encode_all(self._encode, items))

    def list_append_unique(self, key: str, items: Iterable[V]) -> Txn[V]:
        """Appends those items to a list that it does not hold yet."""
        return self._add("list_append_unique", key, encode_all(self._encode, items))

    def list_remove(self, key: str, items: Iterable[V]) -> Txn[V]:
        """Removes every occurrence of the items from a list."""
        return self._add("list_remove", key, encode_all(self._encode, items))

    def set_add(self, key: str, items: Iterable[V]) -> Txn[V]:
        """Adds members to a set."""
        return self._add("set_add", key, encode_all(self._encode, items))

    def set_remove(self, key: str, items: Iterable[V]) -> Txn[V]:
        """Removes members from a set."""
        return self._add("set_remove", key, encode_all(self._encode, items))

    def touch(self, key: str, ttl: float | None) -> Txn[V]:
        """Gives an entry a new time to live in seconds; `None`: for ever."""
        return self._add("touch", key, ttl if ttl is None else {"s": ttl})

    def _add(self, operation: str, key: str, *args: object) -> Txn[V]:
        self._parts[self._branch].append((operation, key, *args))
        return self

    async def commit(self) -> TxnDone:
        """Does it.

        Errors: `InvalidError` if it is empty (or committed before), has over 1,000 parts, or a part is bad;
        `ConflictError` or `InvalidError` if an operation is refused: nothing has changed then.
        Consistency: all of it has one revision, and no reader sees half of it.
        Cost: one round trip.
        """
        parts, self._parts = self._parts, ([], [], [])
        self.result = TxnDone(*await do(self._map._ask, "map.txn", *parts))
        return self.result

    async def __aenter__(self) -> Txn[V]:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is None and self.result is None:
            await self.commit()
