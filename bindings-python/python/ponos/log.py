"""What the core logs, given to Python's `logging`: off until it is asked for."""

from __future__ import annotations

import atexit
import logging
import selectors
import threading

from ._ponos import Queue, listen, stop

_LEVELS = {"error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}
#: Below `logging.DEBUG`.
TRACE = 5

_logger = logging.getLogger("ponos")
_listening: tuple[int, Queue, threading.Thread] | None = None


def enable_logging(level: str = "info") -> None:
    """Sends what the core logs, up to `level` (`error`, `warn`, `info`, `debug` or `trace`), to loggers named like
    `ponos.map.task`, from a thread of its own.

    Calling it again changes the level. Records that 10,000 others wait before are dropped. A forked child calls it
    anew.

    Errors: `InvalidError` for an unknown level.
    """
    global _listening
    queue = Queue(_logger, _log)
    number = listen(level, queue)
    disable_logging()
    thread = threading.Thread(target=_drain, args=(queue,), name="ponos-log", daemon=True)
    _listening = number, queue, thread
    thread.start()


def disable_logging() -> None:
    """Ends what `enable_logging` began; what was logged before is still written."""
    global _listening
    if _listening is None:
        return
    number, queue, thread = _listening
    _listening = None
    stop(number)
    if thread.is_alive():
        queue.drain()
        queue.close()
        thread.join(1.0)


def _log(level: str, target: str, message: str) -> None:
    logging.getLogger(target.replace("::", ".")).log(_LEVELS.get(level, TRACE), "%s", message)


def _drain(queue: Queue) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(queue.fileno(), selectors.EVENT_READ)
        while queue.drain():
            selector.select()


atexit.register(disable_logging)
