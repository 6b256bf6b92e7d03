"""The client: opens an engine by URL and gives out maps and streams by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from ._ponos import Handle
from .codec import Codec, raw
from .map import Map
from .opening import Opening
from .runtime import do
from .stream import Stream

if TYPE_CHECKING:
    from typing import Self

V = TypeVar("V")


def _known(codec: Any) -> Any:
    codec = raw if codec is None else codec
    if not hasattr(codec, "name"):
        raise TypeError(f"a codec is ponos.json or the like, or has name, encode and decode; not {codec!r}")
    return codec


class Scope:
    """Maps and streams that can be changed together in one step, made by `client.scope`: see `Step`.

    On Redis they are in one hash slot. Errors: its maps and streams refuse a bad name.
    """

    __slots__ = ("_handle", "_scope")

    def __init__(self, handle: Handle[Any], scope: str | None) -> None:
        self._handle, self._scope = handle, scope

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
        codec = _known(codec)
        options = [ordered, watch_queue, self._scope]
        handle = await do(self._handle._ask, "client.map", name, codec.name, options)
        return Map(handle, None if codec is raw else codec, name, codec)

    @overload
    async def stream(
        self,
        name: str,
        *,
        codec: None = ...,
        max_len: int = ...,
        max_bytes: int = ...,
        max_age: float | None = ...,
        when_behind: Literal["keep", "skip", "reject"] = ...,
    ) -> Stream[bytes]: ...
    @overload
    async def stream(
        self,
        name: str,
        *,
        codec: Codec[V],
        max_len: int = ...,
        max_bytes: int = ...,
        max_age: float | None = ...,
        when_behind: Literal["keep", "skip", "reject"] = ...,
    ) -> Stream[V]: ...
    async def stream(
        self,
        name: str,
        *,
        codec: Codec[Any] | None = None,
        max_len: int = 1_000_000,
        max_bytes: int = 256 << 20,
        max_age: float | None = None,
        when_behind: Literal["keep", "skip", "reject"] = "keep",
    ) -> Stream[Any]:
        """Opens a stream. It is created by the first publish or sink; opening it creates nothing at the engine.

        `codec` as for `map`. When this client publishes, `max_len` events, `max_bytes` of them and those of the last
        `max_age` seconds are kept. What a group has not settled is kept besides, up to four times as much
        (`when_behind="keep"`); or is trimmed, which the group is told as a `Gap` (`"skip"`); or publishing is refused
        at once (`"reject"`).

        Errors: `InvalidError` for a bad name (empty, over 200 bytes, with control characters or braces), another
        codec than the stream has, or other options than those it is open with in this client; `ClosedError`,
        `TimeoutError`, `UnavailableError`.
        Cost: two round trips; up to 1 MiB of memory for the events heard of last. Opened twice by one client, a name
        gives the same stream.

            client = await ponos.open("memory://")
            visits = await client.stream("visits", max_len=10_000, codec=ponos.json)
            await visits.publish("home", {"by": "ann"})
            async with visits.reader(from_="first") as reader:
                assert (await anext(reader)).value == {"by": "ann"}
        """
        codec = _known(codec)
        options = [
            max_len,
            max_bytes,
            max_age if max_age is None else {"s": max_age},
            when_behind,
            self._scope,
        ]
        handle = await do(self._handle._ask, "client.stream", name, codec.name, options)
        return Stream(handle if codec is raw else Handle(handle, codec), name, codec)

    def __repr__(self) -> str:
        return f"<ponos.Scope {self._scope!r}>"


class Client(Scope):
    """A client of one engine, made by `ponos.open`: share it between tasks, threads and event loops.

    Close it, or use it as an async context manager. In a forked child it is closed: open a new one there.
    """

    __slots__ = ("_scheme",)

    def __init__(self, handle: Handle[Any], scheme: str) -> None:
        super().__init__(handle, None)
        self._scheme = scheme

    def scope(self, name: str) -> Scope:
        """A scope, which its maps and streams have in front of their names: they can be changed together in one step.

        Cost: none; it opens nothing.

            client = await ponos.open("memory://")
            office = client.scope("office")
            letters, counts = await office.stream("letters"), await office.map("counts")
        """
        return Scope(self._handle, name)

    async def close(self) -> None:
        """Closes every stream and map, draining calls in flight, and the connections. A second call does nothing."""
        await do(self._handle._ask, "client.close")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<ponos.Client of {self._scheme}>"


async def _open(url: str) -> Client:
    return Client(await do(Handle()._ask, "open", url), url.split(":", 1)[0])


def open(url: str) -> Opening[Client]:
    """Opens the engine that `url` names: `client = await ponos.open(url)` or `async with ponos.open(url) as client:`.

    `memory://name` is in this process; `redis://user:password@host:6379/0` (`rediss://` with TLS) is a server.
    Parameters, after `?`: `timeout` (of each call, default `5s`), `max_value` (bytes, default 1 MiB), `log_len` (log
    entries kept for repair, default 10,000); for Redis also `prefix` (of every key, default `ponos:`) and
    `connect_timeout` (default `5s`); for `rediss` also `ca`, `cert` and `key` (PEM files).

    Errors: `InvalidError` for a bad URL, an unknown parameter or a refused login; `UnavailableError` or
    `TimeoutError` if the engine does not answer within `connect_timeout`.
    Cost: for Redis two connections, however many maps and streams are opened.

        async with ponos.open("memory://") as client:
            greetings = await client.map("greetings", codec=ponos.text)
            await greetings.set("en", "hello")
    """
    return Opening(_open(url))
