"""The client: opens an engine by URL and gives out maps by name."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ._ponos import Handle
from .codec import Codec, raw
from .map import Map
from .runtime import do

if TYPE_CHECKING:
    from typing import Self

V = TypeVar("V")


class Client:
    """A client of one engine, made by `ponos.open`: share it between tasks, threads and event loops.

    Close it, or use it as an async context manager. In a forked child it is closed: open a new one there.
    """

    __slots__ = ("_handle", "_scheme")

    def __init__(self, handle: Handle[Any], scheme: str) -> None:
        self._handle = handle
        self._scheme = scheme

    @overload
    async def map(
        self, name: str, *, codec: None = ..., ordered: bool = ..., watch_queue: int = ...
    ) -> Map[bytes]: ...
    @overload
    async def map(
        self, name: str, *, codec: Codec[V], ordered: bool = ..., watch_queue: int = ...
    ) -> Map[V]: ...
    async def map(
        self, name: str, *, codec: Codec[Any] | None = None, ordered: bool = False, watch_queue: int = 4096
    ) -> Map[Any]:
        """Opens a map: subscribes to its changes and loads its entries. Opening creates nothing at the engine.

        `codec` is `ponos.raw` (bytes, the default), `ponos.text`, `ponos.json` or your own. `ordered` keeps a second index of the
        keys, for `prefix` and `range` in O(log n + results) at about 3 µs more a change. `watch_queue` is how many
        events of a watcher wait one by one before those of one key are merged.

        Errors: `InvalidError` for a bad name (empty, over 200 bytes, with control characters or braces), another
        codec than the map has, or other options than those it is open with in this client; `ClosedError`,
        `TimeoutError`, `UnavailableError`.
        Consistency: shows at least every write that had returned anywhere.
        Cost: a few round trips and one for each 1,000 keys; about 250 bytes of memory for each entry besides its key
        and value. Opened twice by one client, a name gives the same local copy.

            client = await ponos.open("memory://")
            raw = await client.map("raw")
            users = await client.map("users", codec=ponos.json, ordered=True)
            await users.set("ann", {"age": 31})
            assert users["ann"]["age"] == 31
        """
        codec = raw if codec is None else codec
        if not hasattr(codec, "name"):
            raise TypeError(
                f"a codec is ponos.json or the like, or has name, encode and decode; not {codec!r}"
            )
        handle = await do(self._handle._ask, "client.map", name, codec.name, ordered, watch_queue)
        return Map(handle, None if codec is raw else codec, name, codec)

    async def close(self) -> None:
        """Closes every map, draining writes in flight, and the connections. A second call does nothing."""
        await do(self._handle._ask, "client.close")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<ponos.Client of {self._scheme}>"


class Opening(Awaitable[Client]):
    """What `ponos.open` returns: to be awaited, or used with `async with`."""

    __slots__ = ("_client", "_coroutine")

    def __init__(self, url: str) -> None:
        self._coroutine = _open(url)
        self._client: Client | None = None

    def __await__(self) -> Generator[Any, Any, Client]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> Client:
        self._client = await self._coroutine
        return self._client

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()


async def _open(url: str) -> Client:
    return Client(await do(Handle()._ask, "open", url), url.split(":", 1)[0])


def open(url: str) -> Opening:
    """Opens the engine that `url` names: `client = await ponos.open(url)` or `async with ponos.open(url) as client:`.

    `memory://name` is in this process; `redis://user:password@host:6379/0` (`rediss://` with TLS) is a server.
    Parameters, after `?`: `timeout` (of each call, default `5s`), `max_value` (bytes, default 1 MiB), `log_len` (log
    entries kept for repair, default 10,000); for Redis also `prefix` (of every key, default `ponos:`) and
    `connect_timeout` (default `5s`); for `rediss` also `ca`, `cert` and `key` (PEM files).

    Errors: `InvalidError` for a bad URL, an unknown parameter or a refused login; `UnavailableError` or
    `TimeoutError` if the engine does not answer within `connect_timeout`.
    Cost: for Redis two connections, however many maps are opened.

        async with ponos.open("memory://") as client:
            greetings = await client.map("greetings", codec=ponos.text)
            await greetings.set("en", "hello")
    """
    return Opening(url)
