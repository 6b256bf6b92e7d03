"""One exception class for each kind of error, by what a caller should do about it."""

from __future__ import annotations

import builtins
from typing import ClassVar


class PonosError(Exception):
    """An error of any Ponos call.

    `kind` is its kind in lower case, the same in every language; `operation` the call that failed, such as
    `map.set`; `object` the name of the map it failed on; `message` what happened. `maybe_applied` says whether the
    write may have taken effect in spite of the error: `False` means that it surely did not.
    """

    kind: ClassVar[str] = "internal"

    def __init_subclass__(cls, kind: str | None = None) -> None:
        cls.kind = kind or cls.kind

    def __init__(
        self, message: str, *, operation: str = "", object: str = "", maybe_applied: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.object = object
        self.maybe_applied = maybe_applied

    def __str__(self) -> str:
        place = f'{self.operation} "{self.object}"' if self.object else self.operation
        doubt = " (the write may have been applied)" if self.maybe_applied else ""
        return f"{place}: {self.message}{doubt}" if place else f"{self.message}{doubt}"

    def __reduce__(self) -> tuple[object, ...]:
        return make, (self.kind, self.message, self.operation, self.object, self.maybe_applied)


class InvalidError(PonosError, ValueError, kind="invalid"):
    """The call itself is wrong: a bad name, size, option, URL, or a value of another type. Mend the call."""


class NotFoundError(PonosError, kind="not_found"):
    """What was asked for does not exist."""


class ConflictError(PonosError, kind="conflict"):
    """A condition of the write did not hold; nothing changed. Read again and decide anew."""


class ClosedError(PonosError, kind="closed"):
    """The handle or client is closed, or was made before a fork. Open a new one."""


class TimeoutError(PonosError, builtins.TimeoutError, kind="timeout"):
    """The deadline passed. If `maybe_applied`, read before repeating a write that is not idempotent."""


class UnavailableError(PonosError, ConnectionError, kind="unavailable"):
    """The engine cannot be reached now, or was lost during the call. Local reads go on; try again later. If
    `maybe_applied`, read before repeating a write that is not idempotent."""


class QuorumError(PonosError, kind="quorum"):
    """Too few peers answered."""


class LimitedError(PonosError, kind="limited"):
    """A limit was reached. Wait, or ask for less."""


class FencedError(PonosError, kind="fenced"):
    """Another owner has taken over; stop the work this call was for."""


class InternalError(PonosError):
    """A fault of Ponos or of the engine. Please report it."""


_CLASSES = {each.kind: each for each in PonosError.__subclasses__()}


def make(
    kind: str, message: str, operation: str, object: str, maybe_applied: bool, *more: object
) -> Exception:
    """The exception for an error of the core; one of Python's own for an argument that has the wrong type or size."""
    of_kind = _CLASSES.get(kind, InternalError)
    error = of_kind(message, operation=operation, object=object, maybe_applied=maybe_applied)
    wrong = {"type": TypeError, "range": OverflowError}.get(str(more[-1])) if more else None
    return wrong(str(error)) if wrong else error
