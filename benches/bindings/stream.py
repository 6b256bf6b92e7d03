"""What streams cost from the Python package, as JSON lines: publishing at 64 in flight and in batches, reading what is
there, consuming with acknowledgements in batches; on memory and on a server."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import ponos

PAYLOAD = b"e" * 100
SECONDS = 2.0
BACKLOG = 200_000
BATCH = 500

Measure = Callable[[ponos.Stream[bytes]], Awaitable[float]]


def say(bench: str, value: float, **params: object) -> None:
    print(json.dumps({"bench": bench, "params": params, "ops_per_s": value}), flush=True)


async def on(url: str, name: str, measure: Measure) -> float:
    """Gives `measure` a stream of its own, and destroys it."""
    async with ponos.open(url) as client:
        stream = await client.stream(f"bench-python-{name}")
        figure = await measure(stream)
        await stream.destroy()
        return figure


async def publish(stream: ponos.Stream[bytes]) -> float:
    start = time.perf_counter()

    async def caller() -> int:
        count = 0
        while time.perf_counter() < start + SECONDS:
            await stream.publish("bench", PAYLOAD)
            count += 1
        return count

    done = sum(await asyncio.gather(*(caller() for _ in range(64))))
    figure = done / (time.perf_counter() - start)
    info = await stream.info()
    assert info and info.last and info.last.endswith(f"-{done}"), "every publish is an event"
    return figure


async def publish_batches(stream: ponos.Stream[bytes]) -> float:
    start, done = time.perf_counter(), 0
    while time.perf_counter() < start + SECONDS:
        await stream.publish_batch([ponos.Message("bench", PAYLOAD) for _ in range(BATCH)])
        done += BATCH
    return done / (time.perf_counter() - start)


async def fill(stream: ponos.Stream[bytes]) -> None:
    for _ in range(BACKLOG // BATCH):
        await stream.publish_batch([ponos.Message("bench", PAYLOAD) for _ in range(BATCH)])


async def read(stream: ponos.Stream[bytes]) -> float:
    await fill(stream)
    start, seen, size = time.perf_counter(), 0, 0
    async with stream.reader(from_="first") as reader:
        async for items in reader.batches(BATCH):
            size += sum(len(item.value) for item in items)
            seen += len(items)
            if seen >= BACKLOG:
                break
    assert (seen, size) == (BACKLOG, BACKLOG * len(PAYLOAD)), f"{seen} events of {size} bytes"
    return seen / (time.perf_counter() - start)


async def consume(stream: ponos.Stream[bytes]) -> float:
    await fill(stream)
    seen = 0
    async with stream.sink("g", from_="first", prefetch=2_000, max_in_flight=10_000) as sink:
        start = time.perf_counter()
        async for events in sink.batches(BATCH):
            await sink.ack(events)
            seen += len(events)
            if seen >= BACKLOG:
                break
        figure = seen / (time.perf_counter() - start)
    assert seen == BACKLOG, "each event once"
    return figure


async def main() -> None:
    memory, server = "memory://bench-stream", sys.argv[1]
    say("publish_memory", await on(memory, "publish", publish), callers=64)
    say("read_memory", await on(memory, "read", read))
    say("consume_memory", await on(memory, "consume", consume), consumers=1)
    say("publish", await on(server, "publish", publish), callers=64)
    say("publish_batch", await on(server, "batches", publish_batches), events=BATCH)
    say("read", await on(server, "read", read))
    say("consume", await on(server, "consume", consume), consumers=1)


asyncio.run(main())
