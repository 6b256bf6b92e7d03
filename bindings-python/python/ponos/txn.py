"""Transactions: several conditions and operations that count as one write."""

from __future__ import annotations

from types import EllipsisType
from typing import TypeVar

from ._ponos import MapCore, Pending, TxnCore, TxnDone
from .runtime import wait

V = TypeVar("V")


class Txn(TxnCore[V]):
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

    __slots__ = ("result",)

    result: TxnDone | None
    """What was done; `None` before."""

    def __init__(self, _map: MapCore[V]) -> None:
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
        self._when(key, absent, present, revision, value)
        return self

    async def commit(self) -> TxnDone:
        """Does it.

        Errors: `InvalidError` if it is empty (or committed before), has over 1,000 parts, or a part is bad;
        `ConflictError` or `InvalidError` if an operation is refused: nothing has changed then.
        Consistency: all of it has one revision, and no reader sees half of it.
        Cost: one round trip.
        """
        answer = self._commit()
        self.result = await wait(answer) if isinstance(answer, Pending) else answer
        return self.result

    async def __aenter__(self) -> Txn[V]:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is None and self.result is None:
            await self.commit()
