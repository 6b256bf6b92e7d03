"""An immutable view of a map at one revision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ._ponos import Reads

V = TypeVar("V")


class Snapshot(Reads[V], Mapping[str, V]):
    """A map as it was at one revision: taken in O(1), never changes, and keeps what it shows in memory.

    It is a `collections.abc.Mapping`. Keys that had expired when it was taken are not shown.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<ponos.Snapshot of {len(self)} keys at revision {self.revision}>"
