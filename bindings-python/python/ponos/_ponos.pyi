"""The native half. What is not exported by `ponos` itself is for `ponos` alone."""

from asyncio import Future
from collections.abc import Callable, Iterable, Iterator
from types import EllipsisType, GenericAlias
from typing import Any, Generic, Literal, Self, TypeVar, final, overload

from typing_extensions import disjoint_base

from .codec import Codec

__all__ = [
    "ClientCore",
    "Counted",
    "Edited",
    "Entry",
    "Event",
    "MapCore",
    "Pending",
    "Queue",
    "Reads",
    "TxnCore",
    "TxnDone",
    "WatchCore",
    "Written",
    "end",
    "forked",
    "listen",
    "open",
    "shutdown",
    "stop",
]

_T = TypeVar("_T")
_V = TypeVar("_V")
_N = TypeVar("_N", int, float)

@final
class Pending(Generic[_T]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def future(self) -> Future[_T]: ...
    def cancel(self) -> None: ...

@final
class Queue:
    def __new__(cls, owner: object, log: Callable[[str, str, str], None] | None = None) -> Self: ...
    def fileno(self) -> int: ...
    def drain(self) -> bool: ...
    def close(self) -> None: ...
    def __len__(self) -> int: ...

@final
class ClientCore:
    def map(
        self, name: str, name_of_codec: str, codec: Codec[_V] | None, ordered: bool, watch_queue: int
    ) -> MapCore[_V] | Pending[MapCore[_V]]: ...
    def close(self) -> Pending[None] | None: ...

@final
class MapCore(Generic[_V]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def name(self) -> str: ...
    def codec_name(self) -> str: ...
    def status(self) -> tuple[Literal["live", "stale", "resyncing", "closed"], float | None]: ...
    def set(
        self,
        key: str,
        value: _V,
        if_absent: bool,
        if_present: bool,
        if_revision: int | None,
        if_value: _V | EllipsisType,
        ttl: float | None,
    ) -> Written[_V] | Pending[Written[_V]]: ...
    def delete(
        self, key: str, if_present: bool, if_revision: int | None, if_value: _V | EllipsisType
    ) -> Written[_V] | Pending[Written[_V]]: ...
    def incr(
        self, key: str, by: int, min: int | None, max: int | None
    ) -> Counted[int] | Pending[Counted[int]]: ...
    def incr_float(
        self, key: str, by: float, min: float | None, max: float | None
    ) -> Counted[float] | Pending[Counted[float]]: ...
    def list_append(self, key: str, items: Iterable[_V]) -> Edited | Pending[Edited]: ...
    def list_append_unique(self, key: str, items: Iterable[_V]) -> Edited | Pending[Edited]: ...
    def list_remove(self, key: str, items: Iterable[_V]) -> Edited | Pending[Edited]: ...
    def set_add(self, key: str, items: Iterable[_V]) -> Edited | Pending[Edited]: ...
    def set_remove(self, key: str, items: Iterable[_V]) -> Edited | Pending[Edited]: ...
    def touch(self, key: str, ttl: float | None) -> Written[_V] | Pending[Written[_V]]: ...
    def clear(self) -> Written[_V] | Pending[Written[_V]]: ...
    def destroy(self) -> Written[_V] | Pending[Written[_V]]: ...
    def get_latest(self, key: str) -> Entry[_V] | Pending[Entry[_V] | None] | None: ...
    def sync(self) -> int | Pending[int]: ...
    def wait_for(self, revision: int) -> int | Pending[int]: ...
    def watch(self, patterns: Iterable[str], prefix: str | None, start: str | int) -> WatchCore[_V]: ...
    def close(self) -> Pending[None] | None: ...

@final
class WatchCore(Generic[_V]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def take(self, max: int) -> list[Event[_V]] | Pending[None] | None: ...
    def close(self) -> None: ...

@disjoint_base
class TxnCore(Generic[_V]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(cls, map: MapCore[_V]) -> Self: ...
    def _when(
        self, key: str, absent: bool, present: bool, revision: int | None, value: _V | EllipsisType
    ) -> Self: ...
    def otherwise(self) -> Self:
        """From here on, operations are for the case that a condition does not hold."""

    def set(self, key: str, value: _V, *, ttl: float | None = None) -> Self:
        """Sets a key, for `ttl` seconds or for ever."""

    def delete(self, key: str) -> Self:
        """Deletes a key."""

    def incr(self, key: str, by: int = 1, *, min: int | None = None, max: int | None = None) -> Self:
        """Adds to an integer counter."""

    def incr_float(self, key: str, by: float, *, min: float | None = None, max: float | None = None) -> Self:
        """Adds to a floating-point counter."""

    def list_append(self, key: str, items: Iterable[_V]) -> Self:
        """Appends items to a list."""

    def list_append_unique(self, key: str, items: Iterable[_V]) -> Self:
        """Appends those items to a list that it does not hold yet."""

    def list_remove(self, key: str, items: Iterable[_V]) -> Self:
        """Removes every occurrence of the items from a list."""

    def set_add(self, key: str, items: Iterable[_V]) -> Self:
        """Adds members to a set."""

    def set_remove(self, key: str, items: Iterable[_V]) -> Self:
        """Removes members from a set."""

    def touch(self, key: str, ttl: float | None) -> Self:
        """Gives an entry a new time to live in seconds; `None`: for ever."""

    def _commit(self) -> TxnDone | Pending[TxnDone]: ...

@disjoint_base
class Reads(Generic[_V]):
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def __new__(cls, of: MapCore[_V] | Reads[_V]) -> Self: ...
    @overload
    def get(self, key: str, default: None = None, /) -> _V | None:
        """The value of `key` in the local copy, or `default`; of a list a list of its items, of a set a frozen set."""

    @overload
    def get(self, key: str, default: _V | _T, /) -> _V | _T: ...
    def __getitem__(self, key: str, /) -> _V: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def entry(self, key: str) -> Entry[_V] | None:
        """The value of `key` with its revision, shape and deadline; `None` if it is absent."""

    def items_of(self, key: str) -> list[_V] | None:
        """The items of a list or set, in order; `None` if the key is absent or has a plain value."""

    def prefix(self, prefix: str) -> list[tuple[str, _V]]:
        """The keys that begin with `prefix`, with their values, by key."""

    def range(self, start: str | None = None, end: str | None = None) -> list[tuple[str, _V]]:
        """The keys from `start` up to, but without, `end` in the order of their UTF-8 bytes, with their values."""

    @property
    def revision(self) -> int:
        """The revision of the last change shown; 0 for a map that nobody has written yet."""

    @property
    def generation(self) -> int:
        """The life of the map that the revision belongs to."""

@final
class Written(Generic[_V]):
    """What a write did."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def revision(self) -> int: ...
    @property
    def changed(self) -> bool: ...
    @property
    def previous(self) -> _V | None: ...

@final
class Counted(Generic[_N]):
    """What a counter shows now."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def revision(self) -> int: ...
    @property
    def value(self) -> _N: ...

@final
class Edited:
    """What an edit of a list or set did."""

    @property
    def revision(self) -> int: ...
    @property
    def changed(self) -> bool: ...
    @property
    def len(self) -> int: ...

@final
class TxnDone:
    """Which branch of a transaction was taken."""

    @property
    def revision(self) -> int: ...
    @property
    def matched(self) -> bool: ...
    @property
    def changed(self) -> bool: ...

@final
class Entry(Generic[_V]):
    """One key's value, the revision that last changed it, its shape and its deadline."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def value(self) -> _V: ...
    @property
    def revision(self) -> int: ...
    @property
    def shape(self) -> Literal["plain", "list", "set"]: ...
    @property
    def expires(self) -> float | None: ...

@final
class Event(Generic[_V]):
    """What happened to a map."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    __match_args__ = ("kind", "key", "value")
    @property
    def kind(self) -> Literal["set", "delete", "expire", "clear", "synced", "resynced"]: ...
    @property
    def key(self) -> str | None: ...
    @property
    def value(self) -> _V | None: ...
    @property
    def shape(self) -> Literal["plain", "list", "set"] | None: ...
    @property
    def old(self) -> _V | None: ...
    @property
    def revision(self) -> int: ...
    @property
    def coalesced(self) -> int: ...
    @property
    def reason(self) -> Literal["trimmed", "forked", "new_generation"] | None: ...

def open(url: str) -> ClientCore | Pending[ClientCore]: ...
def listen(level: str, queue: Queue) -> int: ...
def stop(number: int) -> None: ...
def end() -> int: ...
def forked() -> None: ...
def shutdown(seconds: float) -> None: ...
