"""What the Python package costs, as JSON lines: local reads and writes at 64 in flight, on memory and on a server."""

import asyncio
import json
import sys
import time

import ponos

VALUE = b"v" * 100
SECONDS = 2.0


def say(bench: str, figure: str, value: float, **params: object) -> None:
    print(json.dumps({"bench": bench, "params": params, figure: value}), flush=True)


async def sets(url: str) -> float:
    async with ponos.open(url) as client:
        board = await client.map("bench-python")
        end = time.perf_counter() + SECONDS

        async def caller(number: int) -> int:
            count = 0
            while time.perf_counter() < end:
                await board.set(f"key-{(number * 31 + count) % 1000}", VALUE)
                count += 1
            return count

        done = sum(await asyncio.gather(*(caller(number) for number in range(64))))
        assert board.revision == done, "every set is a revision"
        return done / SECONDS


async def gets(codec: object, value: object) -> float:
    async with ponos.open("memory://bench-get") as client:
        board = await client.map(f"get-{codec}", codec=codec)
        await board.set("key", value)
        get, times = board.get, 300_000
        start = time.perf_counter_ns()
        for _ in range(times):
            pass
        empty = time.perf_counter_ns() - start
        start = time.perf_counter_ns()
        for _ in range(times):
            get("key")
        return (time.perf_counter_ns() - start - empty) / times


async def events() -> float:
    count = 200_000
    async with ponos.open("memory://bench-events") as client:
        board = await client.map("events", watch_queue=count + 1)
        with board.watch() as changes:
            for number in range(count):
                await board.set(f"key-{number % 1000}", VALUE)
            batches, seen, read, begin = changes.batches(), 0, 0, time.perf_counter()
            while seen < count:
                batch = await anext(batches)
                seen += len(batch)
                read += sum(len(event.value) for event in batch if event.key)
            rate = seen / (time.perf_counter() - begin)
        assert read == count * len(VALUE), "events without values"
        return rate


async def main() -> None:
    say("get", "ns_per_op", await gets(ponos.raw, VALUE), codec="bytes")
    say("get", "ns_per_op", await gets(ponos.json, [1, 2, 3]), codec="json")
    say("events", "ops_per_s", await events())
    say("set_memory", "ops_per_s", await sets("memory://bench-set"), callers=64)
    say("set", "ops_per_s", await sets(sys.argv[1]), callers=64)


asyncio.run(main())
