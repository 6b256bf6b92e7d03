"""How the values of a map or stream become bytes: chosen for each, its name kept with it at the engine."""

from __future__ import annotations

from json import JSONDecoder, JSONEncoder
from reprlib import repr as shown
from typing import Any, NoReturn, Protocol, TypeVar

from .error import InvalidError

V = TypeVar("V")


class Codec(Protocol[V]):
    """Anything with these: write your own, and open the map with it in every language.

    `name` (1 to 64 bytes) is kept with the map: a client that opens it with another gets `InvalidError`. `encode` is
    called by the call that writes, `decode` by the first read of a value; both on the caller's thread.
    """

    @property
    def name(self) -> str:
        """What the codec is called in all languages."""

    def encode(self, value: V, /) -> bytes:
        """The bytes of a value; what it raises, the call that writes raises, and nothing is written."""

    def decode(self, data: bytes, /) -> V:
        """The value of bytes; what it raises, the read raises."""


def _mistyped(value: object, wanted: str) -> TypeError:
    return TypeError(f"the values here are {wanted}, not {type(value).__name__}: {shown(value)}")


class _Raw:
    """Values are bytes. The default; its name is `bytes`."""

    name = "bytes"

    def encode(self, value: bytes, /) -> bytes:
        if not isinstance(value, (bytes, bytearray)):
            raise _mistyped(value, "bytes")
        return value

    def decode(self, data: bytes, /) -> bytes:
        return data


class _Text:
    """Values are text in UTF-8; its name is `str`."""

    name = "str"

    def encode(self, value: str, /) -> bytes:
        if not isinstance(value, str):
            raise _mistyped(value, "str")
        return value.encode()

    def decode(self, data: bytes, /) -> str:
        return data.decode()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class _Json:
    """Values are JSON, as the other languages write it: UTF-8, no spaces. `NaN` and infinities are refused.

    Counters read as numbers. Two things are Python's own: a whole float is written as `1.0`, and the keys of an object
    keep their order.
    """

    name = "json"
    _encoder = JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    _decoder = JSONDecoder(parse_constant=_refuse)

    def encode(self, value: Any, /) -> bytes:
        try:
            return self._encoder.encode(value).encode()
        except ValueError as error:
            raise InvalidError(f"the value cannot be written as json: {error}") from error

    def decode(self, data: bytes, /) -> Any:
        try:
            return self._decoder.decode(data.decode())
        except ValueError as error:
            raise InvalidError(f"the bytes are no json: {error}") from error


raw: Codec[bytes] = _Raw()
text: Codec[str] = _Text()
json: Codec[Any] = _Json()
