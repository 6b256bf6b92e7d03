"""What the package costs: local reads, writes at 64 in flight, watched events.

Run it with the Python that has the package: `python bench/speed.py [rounds] [url]`. Each line is the best of the rounds, and the median.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

import ponos

READS = 200_000
WRITES = 64_000
EVENTS = 200_000
WAITS = 6_400
IN_FLIGHT = 64


def say(what: str, unit: str, rounds: list[float]) -> None:
    best = max(rounds) if unit.endswith("/s") else min(rounds)
    print(f"{what:<46} {best:>12,.0f} {unit:<5} median {statistics.median(rounds):>12,.0f}")


def read(m: ponos.Map[object], key: str) -> float:
    """Nanoseconds a read, without the loop around it."""
    get, keys = m.get, [key] * READS
    begin = time.perf_counter_ns()
    for _ in keys:
        pass
    middle = time.perf_counter_ns()
    for each in keys:
        get(each)
    end = time.perf_counter_ns()
    return (end - middle - (middle - begin)) / READS


async def write(m: ponos.Map[object], value: object) -> float:
    async def one(number: int) -> None:
        key = f"key-{number}"
        for _ in range(WRITES // IN_FLIGHT):
            await m.set(key, value)

    begin = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(IN_FLIGHT)))
    return WRITES / (time.perf_counter() - begin)


async def watch(m: ponos.Map[object], value: object, look: Callable[[ponos.Event[object]], object]) -> float:
    with m.watch() as changes:
        for number in range(EVENTS):
            await m.set(f"key-{number % 100}", value)
        batches, seen, begin = changes.batches(), 0, time.perf_counter()
        while seen < EVENTS:
            for event in await anext(batches):
                look(event)
                seen += 1
        return seen / (time.perf_counter() - begin)


async def wait(m: ponos.Map[object]) -> float:
    """Calls that have to wait: over the core's threads, the queue and the loop."""
    now = m.revision
    waiting = [asyncio.ensure_future(m.wait_for(now + number)) for number in range(1, WAITS + 1)]
    await asyncio.sleep(0)
    for _ in range(WAITS - 1):
        await m.incr("n")
    begin = time.perf_counter()
    await m.incr("n")
    await asyncio.gather(*waiting)
    return WAITS / (time.perf_counter() - begin)


async def main(rounds: int, url: str) -> None:
    async def measure(what: str, unit: str, once: Callable[[], Awaitable[float]]) -> None:
        say(what, unit, [await once() for _ in range(rounds)])

    async with ponos.open(url) as client:
        raw = await client.map("raw", watch_queue=EVENTS + 1)
        jsons = await client.map("json", codec=ponos.json, watch_queue=EVENTS + 1)
        await raw.set("key", b"x" * 64)
        await jsons.set("key", {"price": 64_000, "name": "btc"})

        async def reading(m: ponos.Map[object], key: str) -> float:
            return read(m, key)

        await measure("get, 64 bytes", "ns", lambda: reading(raw, "key"))
        await measure("get, json, unchanged", "ns", lambda: reading(jsons, "key"))
        await measure("get, absent", "ns", lambda: reading(raw, "none"))
        await measure(f"set, 64 bytes, {IN_FLIGHT} in flight", "op/s", lambda: write(raw, b"x" * 64))
        await measure(f"set, json, {IN_FLIGHT} in flight", "op/s", lambda: write(jsons, {"price": 1}))
        await measure("events in batches, unread", "ev/s", lambda: watch(raw, b"x" * 64, lambda _: None))
        await measure(
            "events in batches, key and bytes",
            "ev/s",
            lambda: watch(raw, b"x" * 64, lambda e: (e.key, e.value)),
        )
        await measure("calls that wait, settled", "op/s", lambda: wait(raw))


arguments = dict(enumerate(sys.argv))
asyncio.run(main(int(arguments.get(1, 5)), arguments.get(2, "memory://bench")))
