"""The native half. What is not exported by `ponos` itself is for `ponos` alone."""

from asyncio import Future
from types import GenericAlias
from typing import Any, Generic, Literal, Self, TypeVar, final, overload

from typing_extensions import disjoint_base

__all__ = ["Event", "Handle", "Pending", "Queue", "Value", "shutdown"]

_T = TypeVar("_T")
_V = TypeVar("_V")

@final
class Pending:
    future: Future[Any]
    def cancel(self) -> None: ...

@final
class Queue:
    def __new__(cls, owner: object) -> Self: ...
    def fileno(self) -> int: ...
    def drain(self) -> None: ...
    def close(self) -> None: ...
    def __len__(self) -> int: ...

@final
class Value(Generic[_V]):
    def decoded(self) -> _V: ...
    def items(self) -> list[_V] | None: ...

@disjoint_base
class Handle(Generic[_V]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(cls, of: Handle[_V] | None = None, codec: object = None, *rest: object) -> Self: ...
    def _ask(self, op: str, *args: object) -> Any: ...
    @overload
    def get(self, key: str, default: None = None, /) -> _V | None:
        """The value of `key` in the local copy, or `default`; of a list a list of its items, of a set a frozen set."""

    @overload
    def get(self, key: str, default: _V | _T, /) -> _V | _T: ...
    def __getitem__(self, key: str, /) -> _V: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...

@final
class Event(Generic[_V]):
    """What happened to a map."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    __match_args__ = ("kind", "key", "value")
    kind: Literal["set", "delete", "expire", "clear", "synced", "resynced"]
    key: str | None
    value: _V | None
    shape: Literal["plain", "list", "set"] | None
    old: _V | None
    revision: int
    coalesced: int
    reason: Literal["trimmed", "forked", "new_generation"] | None

def shutdown(seconds: float) -> None: ...
