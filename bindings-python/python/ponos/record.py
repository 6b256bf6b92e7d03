"""What writes and reads at the engine answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from ._ponos import Value

V = TypeVar("V")
N = TypeVar("N", int, float)


class Written(Generic[V]):
    """What a write did."""

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


class Entry(Generic[V]):
    """One key's value, with the revision that last changed it, its shape and its deadline."""

    __slots__ = {
        "_value": "",
        "expires": "When the entry stops to exist, in seconds since 1970 on the engine's clock; `None`: never.",
        "revision": "The revision that last changed the entry.",
        "shape": "How the value is kept: `plain`, `list` or `set`.",
    }

    def __init__(
        self, value: Value[V], revision: int, shape: Literal["plain", "list", "set"], expires: float | None
    ) -> None:
        self._value, self.revision, self.shape, self.expires = value, revision, shape, expires

    @property
    def value(self) -> V:
        """The value, decoded when it is first asked for; of a list a list, of a set a frozen set."""
        return self._value.decoded()

    def __repr__(self) -> str:
        return f"Entry(shape={self.shape!r}, revision={self.revision})"
