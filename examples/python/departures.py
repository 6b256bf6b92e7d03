"""A live departures board, as in the other languages. A feed publishes real flights to a stream; consumers count them
per airport in a replicated map, each in one step with its acknowledgement; a board reads the stream and watches the
map, draws a table, and at the end checks its totals against the file. Consumers are killed on the way: the totals are
exact all the same.

    departures.py [--url URL] [--role feed|count|board|all] [--data DIR] [--pace FLIGHTS_A_SECOND] [--kills N]
"""

import argparse
import asyncio
import csv
import sys
import time
from collections import defaultdict, deque
from pathlib import Path
from typing import Any, NamedTuple

import ponos

LATE = 15  # minutes from which a flight counts as late
BATCH = 20  # flights published in one step
WORKERS = 16  # flights that a consumer counts at once
CONSUMERS = 4  # that share the work, with all in one process
FRAME, LINE = 0.1, 1.0  # how often the board is drawn, and printed where it cannot be drawn in place
ROWS = 12

Flight = dict[str, Any]  # time, delay, origin: JSON, which every language reads with its codec
Totals = dict[str, dict[str, int]]


class Departures(NamedTuple):
    """What every part of the program opens: the flights and their totals, in one scope."""

    client: ponos.Client
    flights: "ponos.Stream[Flight]"
    totals: "ponos.Map[int]"


async def join(url: str) -> Departures:
    """A client of its own, as in a process of its own."""
    client = await ponos.open(url)
    scope = client.scope("departures")
    flights = await scope.stream("flights", codec=ponos.json)
    return Departures(client, flights, await scope.map("totals", codec=ponos.json))


async def feed(url: str, flights: list[Flight], pace: float) -> None:
    client, stream, _ = await join(url)
    start = time.monotonic()
    for number in range(0, len(flights), BATCH):
        await asyncio.sleep(start + number / pace - time.monotonic())
        batch = flights[number : number + BATCH]
        await stream.publish_batch(ponos.Message(f"departed.{flight['origin']}", flight) for flight in batch)
    await client.close()


async def count(url: str) -> None:
    """Counts until the stream is deleted. All consumers are of one group, and share the flights."""
    client, flights, totals = await join(url)
    sink = await flights.sink("counters", from_="first")
    print("a consumer joins", flush=True)
    counted = 0

    async def work() -> None:
        nonlocal counted
        async for event in sink:
            if event.kind == "deleted":
                await sink.close()  # the other workers are at the end with it
            elif event.kind == "gap":
                raise RuntimeError(f"flights are missing: {event}")
            else:
                counted += await count_one(event, totals)

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    print(f"a consumer ends: it has counted {counted} flights", flush=True)
    await client.close()


async def count_one(event: "ponos.Delivery[Flight]", totals: "ponos.Map[int]") -> bool:
    """Adds a flight to the totals in one step with its acknowledgement, so that it is counted once, whatever happens
    to the consumer; whether it is counted by us."""
    origin, delay = event.value["origin"], event.value["delay"]
    txn = totals.txn().incr(f"{origin}/flights").incr(f"{origin}/delay", delay)
    if delay >= LATE:
        txn = txn.incr(f"{origin}/late")
    try:
        await event.ack_with(ponos.Step().map(txn))
    except ponos.FencedError:
        return False  # we were silent for too long, and another consumer has it
    return True


async def show(departures: Departures, flights: list[Flight]) -> bool:
    """Draws until every flight of the file is counted; whether the totals are those of the file."""
    now = ""

    async def follow() -> None:
        nonlocal now
        async with departures.flights.reader(from_="first") as reader:
            async for item in reader:
                if item.kind == "event":
                    now = item.value["time"]

    following = asyncio.create_task(follow())
    every, drawn = FRAME if sys.stdout.isatty() else LINE, 0.0
    changes = departures.totals.watch().batches()
    # Each flight is one step, so each is one revision of the map.
    while (seen := departures.totals.revision) < len(flights):
        if time.monotonic() - drawn >= every:
            draw(now, departures.totals, seen, len(flights))
            drawn = time.monotonic()
        await anext(changes)
    following.cancel()
    draw(now, departures.totals, seen, len(flights))
    return verdict(counted_in(departures.totals), totals_of(flights))


def counted_in(totals: "ponos.Map[int]") -> Totals:
    """What the local copy says now, all of one revision."""
    counted = nothing()
    for key, number in totals.snapshot().items():
        airport, what = key.split("/")
        counted[airport][what] = number
    return counted


def totals_of(flights: list[Flight]) -> Totals:
    """The totals that the board must come to."""
    totals = nothing()
    for flight in flights:
        counts = totals[flight["origin"]]
        counts["flights"] += 1
        counts["late"] += flight["delay"] >= LATE
        counts["delay"] += flight["delay"]
    return totals


def nothing() -> Totals:
    return defaultdict(lambda: {"flights": 0, "late": 0, "delay": 0})


def draw(now: str, totals: "ponos.Map[int]", seen: int, total: int) -> None:
    rows = sorted(counted_in(totals).items(), key=lambda row: (-row[1]["flights"], row[0]))
    if not sys.stdout.isatty():
        busiest = ", ".join(f"{airport} {counts['flights']}" for airport, counts in rows[:3])
        print(f"{now:16}  {seen:6} of {total} flights, busiest: {busiest}", flush=True)
        return
    out = (
        f"\x1b[H\x1b[2JDEPARTURES  {now}   {seen} of {total} flights\n\nairport  flights   late  mean delay\n"
    )
    for airport, counts in rows[:ROWS]:
        late, mean = 100 * counts["late"] / counts["flights"], counts["delay"] / counts["flights"]
        out += f"{airport:7} {counts['flights']:8} {late:5.1f}% {mean:7.1f} min\n"
    print(out, end="", flush=True)


def verdict(counted: Totals, expected: Totals) -> bool:
    if counted == expected:
        flights = sum(counts["flights"] for counts in expected.values())
        print(
            f"\nExact: {flights} flights, each counted once; the totals of all {len(expected)} airports are those of "
            "the file."
        )
        return True
    print("\nNot exact: the totals are not those of the file.")
    for airport in sorted(expected.keys() | counted.keys()):
        if counted.get(airport) != expected.get(airport):
            print(f"  {airport}: expected {expected.get(airport)}, got {counted.get(airport)}")
    return False


async def consumers(departures: Departures, url: str, kills: int, flights: int) -> None:
    """Keeps consumers at work; on the way one after the other is killed in the middle of it, and replaced."""
    oldest_first = deque(asyncio.create_task(count(url)) for _ in range(CONSUMERS))
    changes = departures.totals.watch("*/flights")
    for kill in range(1, kills + 1):
        while departures.totals.revision < flights * kill // (kills + 1):
            await anext(changes)
        oldest_first.popleft().cancel()  # nothing is closed: what it held goes to others as soon as it is gone
        print("a consumer is killed in the middle of its work", flush=True)
        oldest_first.append(asyncio.create_task(count(url)))
    await asyncio.gather(*oldest_first)


async def everything(arguments: argparse.Namespace, flights: list[Flight]) -> bool:
    departures = await join(arguments.url)
    async with asyncio.TaskGroup() as group:
        group.create_task(feed(arguments.url, flights, arguments.pace))
        counting = group.create_task(consumers(departures, arguments.url, arguments.kills, len(flights)))
        agrees = await show(departures, flights)
        counting.cancel()
    await end(departures)
    return agrees


async def end(departures: Departures) -> None:
    """Deletes all, of which those who still count are told."""
    await departures.flights.destroy()
    await departures.totals.destroy()
    await departures.client.close()


async def run(arguments: argparse.Namespace) -> bool:
    """Whether the board agrees with the file."""
    flights = read_flights(arguments.data)
    match arguments.role:
        case "feed":
            await feed(arguments.url, flights, arguments.pace)
        case "count":
            await count(arguments.url)
        case "board":
            departures = await join(arguments.url)
            agrees = await show(departures, flights)
            await end(departures)
            return agrees
        case "all":
            return await everything(arguments, flights)
    return True


def read_flights(folder: Path) -> list[Flight]:
    with open(folder / "flights-2001q1.csv", newline="") as file:
        return [
            {"time": row["scheduled_departure"], "delay": int(row["delay_min"]), "origin": row["origin"]}
            for row in csv.DictReader(file)
        ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="memory://")
    parser.add_argument("--role", choices=["feed", "count", "board", "all"], default="all")
    parser.add_argument("--data", type=Path, default=Path("examples/data"))
    parser.add_argument("--pace", type=float, default=4_000.0)
    parser.add_argument("--kills", type=int, default=8)
    return 0 if asyncio.run(run(parser.parse_args())) else 1


if __name__ == "__main__":
    sys.exit(main())
