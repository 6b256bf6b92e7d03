"""What is opened by awaiting it, or for the time of an `async with`."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Protocol, TypeVar


class _Opened(Protocol):
    async def __aexit__(self, *_: object) -> None: ...


T = TypeVar("T", bound=_Opened)


class Opening(Awaitable[T]):
    """To be awaited, which opens it, or used with `async with`, which also closes it at the end."""

    __slots__ = ("_coroutine", "_opened")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._opened: T | None = None

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> T:
        self._opened = await self._coroutine
        return self._opened

    async def __aexit__(self, *why: object) -> None:
        if self._opened is not None:
            await self._opened.__aexit__(*why)
