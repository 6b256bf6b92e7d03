"""The native half. What is not exported by `ponos` itself is for `ponos` alone."""

from asyncio import Future
from collections.abc import Coroutine
from types import GenericAlias
from typing import Any, Generic, Literal, Self, TypeVar, final, overload

from typing_extensions import disjoint_base

from .stream import Step

__all__ = ["Deleted", "Delivery", "Event", "Gap", "Handle", "Merged", "Pending", "Queue", "StreamEvent"]
__all__ += ["Value", "shutdown"]

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

@disjoint_base
class StreamEvent(Generic[_V]):
    """What was published in a stream."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    __match_args__ = ("topic", "value")
    kind: Literal["event"]
    id: str
    seq: int
    at: float
    topic: str
    key: str | None
    headers: dict[str, bytes]
    payload: bytes
    value: _V

@final
class Delivery(StreamEvent[_V]):
    """An event that a sink gave, to be answered once."""

    count: int
    def _ask(self, op: str, *args: object) -> Any: ...
    def ack(self) -> Coroutine[Any, Any, None]:
        """It is dealt with: when this returns, it is not delivered again."""

    def nack(self, delay: float | None = None) -> Coroutine[Any, Any, None]:
        """It could not be dealt with: it is delivered again after `delay` seconds, or after the group's next pause."""

    def term(self, reason: str) -> Coroutine[Any, Any, None]:
        """It can never be dealt with: it goes to the group's dead letter now, or is dropped if there is none."""

    def progress(self) -> None:
        """It is being worked on: its `ack_wait` begins anew. Takes no round trip and needs no await."""

    def ack_with(self, step: Step) -> Coroutine[Any, Any, None]:
        """Acknowledges it and does what `step` says, all in one step: both happen, or neither."""

@final
class Gap:
    """Events that were to come and cannot be had any more."""

    __match_args__ = ("first_missing", "next", "count")
    kind: Literal["gap"]
    first_missing: str
    next: str
    count: int

@final
class Deleted:
    """The stream was deleted; what comes next belongs to its next life."""

    kind: Literal["deleted"]

@final
class Merged(Generic[_V]):
    """What comes next of several streams: the number of its `stream` and the `item`, as a `Reader` gives it."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    __match_args__ = ("stream", "item")
    stream: int
    late: bool
    item: StreamEvent[_V] | Gap | Deleted

def shutdown(seconds: float) -> None: ...
