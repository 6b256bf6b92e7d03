"""Where the core meets event loops: one completion queue for each, awaiting, fork and exit."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from ._ponos import Pending, Queue, shutdown

#: How long the process waits at its end for the core's threads, in seconds.
PATIENCE = 2.0

_lock = threading.Lock()
_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, Queue] = WeakKeyDictionary()


def queue_of(loop: asyncio.AbstractEventLoop) -> Queue:
    """The completion queue of the running loop; the core calls this when it meets a loop for the first time."""
    with _lock:
        for other in [other for other in _queues if other.is_closed()]:
            # What was in flight there will never be awaited; kept, it would keep the loop.
            _queues.pop(other).close()
        queue = _queues.get(loop)
        if queue is None:
            queue = Queue(loop)
            loop.add_reader(queue.fileno(), queue.drain)
            _queues[loop] = queue
        return queue


async def do(ask: Callable[..., Any], *args: object) -> Any:
    """Asks the core, and waits for the answer; to be cancelled here cancels the call."""
    answer = ask(*args)
    if not isinstance(answer, Pending):
        return answer
    try:
        return await answer.future
    except BaseException:
        answer.cancel()
        raise


def _after_fork() -> None:
    # The parent's queues are of no use here, and its lock may have been held by a thread that is missing now.
    global _lock, _queues
    _lock = threading.Lock()
    _queues = WeakKeyDictionary()


def _at_exit() -> None:
    """Ends the core while the interpreter is still whole, so that no thread of it meets one that is not."""
    for queue in list(_queues.values()):
        queue.close()
    shutdown(PATIENCE)


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
