"""A live departures board, as in the other languages: nodes count real flights per airport in one replicated map, a
board watches the map, draws a table, and at the end checks its totals against the file.

    departures.py [--url URL] [--role node|board|all] [--part i/n] [--data DIR] [--pace FLIGHTS_A_SECOND]
"""

import argparse
import asyncio
import csv
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import ponos

LATE = 15
FLYING = 32
FRAME, LINE = 0.1, 1.0
ROWS = 12


class Flight(NamedTuple):
    time: str
    delay: int
    origin: str


Totals = dict[str, dict[str, int]]


def read_flights(folder: Path) -> list[Flight]:
    with open(folder / "flights-2001q1.csv", newline="") as file:
        return [
            Flight(row["scheduled_departure"], int(row["delay_min"]), row["origin"])
            for row in csv.DictReader(file)
        ]


def totals_of(flights: list[Flight]) -> Totals:
    totals: Totals = defaultdict(lambda: {"flights": 0, "late": 0, "delay": 0})
    for flight in flights:
        counts = totals[flight.origin]
        counts["flights"] += 1
        counts["late"] += flight.delay >= LATE
        counts["delay"] += flight.delay
    return totals


async def count(board: "ponos.Map[Any]", flight: Flight) -> None:
    """Counts a flight in one transaction: the board never sees one half counted."""
    txn = board.txn().incr(f"{flight.origin}/flights").incr(f"{flight.origin}/delay", flight.delay)
    if flight.delay >= LATE:
        txn = txn.incr(f"{flight.origin}/late")
    await txn.commit()


async def node(board: "ponos.Map[Any]", flights: list[Flight], pace: float, name: str) -> None:
    start = time.monotonic()
    flying = asyncio.Semaphore(FLYING)

    async def one(flight: Flight) -> None:
        try:
            await count(board, flight)
        finally:
            flying.release()

    async with asyncio.TaskGroup() as group:
        for number, flight in enumerate(flights):
            early = start + number / pace - time.monotonic()
            if number % 8 == 0 and early > 0:
                await board.set("clock", flight.time)
                await asyncio.sleep(early)
            await flying.acquire()
            group.create_task(one(flight))
    await board.set_add("done", [name])


def counted_in(board: "ponos.Map[Any]") -> Totals:
    counted: Totals = defaultdict(lambda: {"flights": 0, "late": 0, "delay": 0})
    for key, number in board.snapshot().items():
        airport, slash, what = key.partition("/")
        if slash:
            counted[airport][what] = number
    return counted


def draw(board: "ponos.Map[Any]", counted: Totals, seen: int, total: int, changes: int) -> None:
    rows = sorted(counted.items(), key=lambda row: (-row[1]["flights"], row[0]))
    clock = board.get("clock") or ""
    if not sys.stdout.isatty():
        busiest = ", ".join(f"{airport} {counts['flights']}" for airport, counts in rows[:3])
        print(f"{clock:16}  {seen:6} of {total} flights, {changes} changes, busiest: {busiest}", flush=True)
        return
    out = f"\x1b[H\x1b[2JDEPARTURES  {clock}   {seen} of {total} flights   {changes} changes\n\n"
    out += "airport  flights   late  mean delay\n"
    for airport, counts in rows[:ROWS]:
        flights = max(counts["flights"], 1)
        late, mean = 100 * counts["late"] / flights, counts["delay"] / flights
        out += f"{airport:7} {counts['flights']:8} {late:5.1f}% {mean:7.1f} min\n"
    print(out, end="", flush=True)


async def show(board: "ponos.Map[Any]", flights: list[Flight]) -> bool:
    expected, start, changes, drawn = totals_of(flights), time.monotonic(), 0, 0.0
    every = FRAME if sys.stdout.isatty() else LINE
    done = asyncio.Event()

    async def listen() -> None:
        nonlocal changes
        async for batch in board.watch().batches():
            changes += sum(event.coalesced for event in batch)

    listener = asyncio.create_task(listen())
    while not done.is_set():
        counted = counted_in(board)
        seen = sum(counts["flights"] for counts in counted.values())
        if seen >= len(flights) or time.monotonic() - drawn >= every:
            draw(board, counted, seen, len(flights), changes)
            drawn = time.monotonic()
        if seen >= len(flights):
            done.set()
        else:
            await asyncio.sleep(FRAME)
    listener.cancel()
    wrong = [airport for airport in expected if counted.get(airport) != expected[airport]]
    if wrong or len(counted) != len(expected):
        print(f"\n{len(wrong)} airports differ from the file: {', '.join(wrong[:10])}")
        return False
    seconds = time.monotonic() - start
    print(
        f"\nThe totals of all {len(expected)} airports are those of the file ({changes} changes in {seconds:.1f} s)."
    )
    return True


async def run(arguments: argparse.Namespace) -> bool:
    flights = read_flights(arguments.data)
    number, of = (int(text) for text in arguments.part.split("/"))
    parts = [(number, of)]
    if arguments.role == "board":
        parts = []
    elif arguments.role == "all" and of == 1:
        parts = [(number, 4) for number in range(1, 5)]
    async with asyncio.TaskGroup() as nodes:
        for number, of in parts:
            # Each node is a client of its own, as it would be in a process of its own.
            client = await ponos.open(arguments.url)
            board = await client.map("departures", codec=ponos.json)
            part = flights[number - 1 :: of]
            nodes.create_task(node(board, part, arguments.pace / of, f"{number}/{of}"))
        if arguments.role == "node":
            return True
        async with ponos.open(arguments.url) as client:
            return await show(await client.map("departures", codec=ponos.json), flights)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="memory://")
    parser.add_argument("--role", choices=["node", "board", "all"], default="all")
    parser.add_argument("--part", default="1/1")
    parser.add_argument("--data", type=Path, default=Path("examples/data"))
    parser.add_argument("--pace", type=float, default=4_000.0)
    return 0 if asyncio.run(run(parser.parse_args())) else 1


if __name__ == "__main__":
    sys.exit(main())
