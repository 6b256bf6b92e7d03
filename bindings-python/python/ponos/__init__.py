"""Ponos: replicated maps and streams for asyncio, embedded or on Redis, shared with Rust, Node and Go.

Every node reads its own copy with no round trip; writes are atomic; changes arrive in order, with data, without gaps.

    import asyncio
    import ponos

    async def main() -> None:
        async with ponos.open("memory://") as client:  # redis://host:6379 runs the same program
            prices = await client.map("prices", codec=ponos.json)
            with prices.watch("btc*") as changes:
                await prices.set("btc", 64_000)
                assert prices["btc"] == 64_000  # the local copy: no await
                async for change in changes:
                    match change:
                        case ponos.Event("set", key, value):
                            print(key, value, change.revision)
                            break

    asyncio.run(main())

A stream is an ordered log of events: readers each see all of it, the sinks of a group share the work. See `Stream`.
"""

from ._ponos import Deleted, Delivery, Event, Gap, Merged, StreamEvent
from .client import Client, Scope

# These have names of builtins or of the standard library: `from ponos import *` leaves them out.
from .client import open as open
from .codec import Codec, raw, text
from .codec import json as json
from .error import (
    ClosedError,
    ConflictError,
    FencedError,
    InternalError,
    InvalidError,
    LimitedError,
    NotFoundError,
    PonosError,
    QuorumError,
    UnavailableError,
)
from .error import TimeoutError as TimeoutError
from .log import disable_logging, enable_logging
from .map import Map, Snapshot, Status
from .merge import MergedReader, merge
from .opening import Opening
from .record import Counted, Edited, Entry, TxnDone, Written
from .stream import GroupInfo, Message, Published, Reader, Sink, Step, Stream, StreamInfo
from .txn import Txn
from .watch import Watch

__all__ = ["Client", "Codec", "Opening", "Scope", "disable_logging", "enable_logging", "merge", "raw", "text"]
__all__ += ["Counted", "Edited", "Entry", "Event", "Map", "Snapshot", "Status", "Txn", "TxnDone", "Watch"]
__all__ += ["Deleted", "Delivery", "Gap", "GroupInfo", "Merged", "MergedReader", "Message", "Published"]
__all__ += ["Reader", "Sink", "Step", "Stream", "StreamEvent", "StreamInfo", "Written"]
__all__ += ["ClosedError", "ConflictError", "FencedError", "InternalError", "InvalidError", "LimitedError"]
__all__ += ["NotFoundError", "PonosError", "QuorumError", "UnavailableError"]
