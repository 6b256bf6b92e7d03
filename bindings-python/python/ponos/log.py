"""What the core logs, given to Python's `logging`: off until it is asked for."""

from __future__ import annotations

import asyncio
import atexit
import logging
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ._ponos import Handle
from .error import ClosedError
from .runtime import do

_LEVELS = {"error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
#: Below `logging.DEBUG`.
TRACE = 5

_listening: tuple[Handle[Any], threading.Thread] | None = None


def enable_logging(level: str = "info") -> None:
    """Sends what the core logs, up to `level` (`error`, `warn`, `info`, `debug` or `trace`), to loggers named like
    `ponos.map.task`, from a thread of its own.

    Calling it again changes the level. Records that 10,000 others wait before are dropped. A forked child calls it
    anew.

    Errors: `InvalidError` for an unknown level.
    """
    global _listening
    logs: Handle[Any] = Handle()._ask("log", level)
    disable_logging()
    thread = threading.Thread(target=asyncio.run, args=(_follow(logs),), name="ponos-log", daemon=True)
    _listening = logs, thread
    thread.start()


def disable_logging() -> None:
    """Ends what `enable_logging` began; what was logged before is still written."""
    global _listening
    if _listening is None:
        return
    logs, thread = _listening
    _listening = None
    if thread.is_alive():
        left = logs._ask("log.close")
        thread.join(1.0)
        _write(left)


async def _follow(logs: Handle[Any]) -> None:
    with suppress(ClosedError):
        while True:
            _write(await do(logs._ask, "log.next"))


def _write(records: Iterable[tuple[str, str, str]]) -> None:
    for level, target, message in records:
        logging.getLogger(target.replace("::", ".")).log(_LEVELS.get(level, TRACE), "%s", message)


atexit.register(disable_logging)
