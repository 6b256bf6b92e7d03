"""What writes and reads at the engine answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from ._ponos import Value

V = TypeVar("V")
N = TypeVar("N", int, float)


class Written(Generic[V]):
    """What a write did."""

    # By hand: it is made by every write, and a frozen dataclass takes half a microsecond more.
    __slots__ = {
        "_previous": "",
        "changed": "Whether anything changed.",
        "revision": "The revision that the map has with this write; if nothing changed, the one the copy showed.",
    }

    def __init__(self, revision: int, changed: bool, previous: Value[V] | None) -> None:
        self.revision, self.changed, self._previous = revision, changed, previous

    @property
    def previous(self) -> V | None:
        """The value before, if there was one; decoded when it is first asked for."""
        return None if self._previous is None else self._previous.decoded()

    def __repr__(self) -> str:
        return f"Written(revision={self.revision}, changed={self.changed})"


@dataclass(frozen=True)
class Counted(Generic[N]):
    """What a counter shows now: `revision` is that of the write, `value` the sum."""

    revision: int
    value: N


@dataclass(frozen=True)
class Edited:
    """What an edit of a list or set did: `revision` is the one that the map has with this write (if nothing changed,
    the one the copy showed), `len` how many items it has now."""

    revision: int
    changed: bool
    len: int


@dataclass(frozen=True)
class TxnDone:
    """Which branch of a transaction was taken: `revision` is the one of all that was done (if nothing changed, the one
    the copy showed), `matched` whether all conditions held, `changed` whether anything changed."""

    revision: int
    matched: bool
    changed: bool


@dataclass(frozen=True, eq=False)
class Entry(Generic[V]):
    """One key's value, with the revision that last changed it, its shape and its deadline."""

    _value: Value[V] = field(repr=False)
    revision: int
    """The revision that last changed the entry."""
    shape: Literal["plain", "list", "set"]
    """How the value is kept: `plain`, `list` or `set`."""
    expires: float | None
    """When the entry stops to exist, in seconds since 1970 on the engine's clock; `None`: never."""

    @property
    def value(self) -> V:
        """The value, decoded when it is first asked for; of a list a list, of a set a frozen set."""
        return self._value.decoded()
