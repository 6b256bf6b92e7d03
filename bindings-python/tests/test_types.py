"""What type checkers see."""

import subprocess
import sys

PROGRAM = """
from collections.abc import Mapping
from typing import Any
import asyncio
import ponos

class Hex:
    name = "hex"
    def encode(self, value: int, /) -> bytes: return b"%x" % value
    def decode(self, data: bytes, /) -> int: return int(data, 16)

async def main() -> None:
    async with ponos.open("memory://") as client:
        reveal_type(client)
        reveal_type(await client.map("raw"))
        reveal_type(await client.map("text", codec=ponos.text))
        reveal_type(await client.map("json", codec=ponos.json))
        numbers = await client.map("numbers", codec=Hex())
        reveal_type(numbers)
        reveal_type(numbers.get("k"))
        reveal_type(numbers.get("k", 0))
        reveal_type(numbers["k"])
        reveal_type(numbers.items_of("k"))
        reveal_type((await numbers.set("k", 1)).previous)
        reveal_type((await numbers.incr("n")).value)
        reveal_type(numbers.snapshot())
        mapping: Mapping[str, int] = numbers
        task = asyncio.create_task(numbers.set("k", 2))
        async for change in numbers.watch():
            reveal_type(change.value)
            reveal_type(change.kind)
        async for batch in numbers.watch().batches():
            reveal_type(batch)
        async with numbers.txn() as t:
            reveal_type(t.set("k", 1).otherwise().when("k", value=3))
        shop = client.scope("shop")
        reveal_type(await shop.map("raw"))
        reveal_type(await client.stream("raw"))
        orders = await shop.stream("orders", codec=Hex(), max_len=10)
        reveal_type(await orders.publish("t", 7))
        async with orders.reader(from_={"last": 3}, topics=["a"]) as reader:
            async for item in reader:
                if item.kind == "event":
                    reveal_type(item.value)
                else:
                    reveal_type(item)
        sink = await orders.sink("g", order="key")
        async for batch_of in sink.batches():
            reveal_type(batch_of)
            await sink.ack(batch_of)
        async for event in sink:
            match event:
                case ponos.Delivery(topic, number):
                    reveal_type(number)
                    acked = asyncio.create_task(event.ack())
                    await event.ack_with(ponos.Step().map(numbers.txn()).publish(orders, ponos.Message("t", 1)))
        reveal_type(await orders.request("t", 7, timeout=1.0))
        async with ponos.merge([orders, orders], from_="first", max_wait=0.1) as both:
            async for merged in both:
                reveal_type(merged.stream)
                if merged.item.kind == "event":
                    reveal_type(merged.item.value)
                    await orders.reply(merged.item, 8)
        reveal_type(await ponos.merge([orders, await client.stream("raw")]))
        await ponos.Step().map(numbers.txn()).commit()
        await orders.request("t", 7)  # wrong
        await orders.publish("t", "text")  # wrong
        await orders.sink("g", order="rising")  # wrong
        orders.reader(from_="yesterday")  # wrong
        ponos.Step().publish(orders, ponos.Message("t", "text"))  # wrong
        await numbers.set("k", "text")  # wrong
        numbers.watch(start="yesterday")  # wrong
        await client.map("m", codec=int)  # wrong
        bytes_only: ponos.Map[int] = await client.map("m")  # wrong
"""

WANTED = [
    "Client",
    "Map[bytes]",
    "Map[str]",
    "Map[Any]",
    "Map[int]",
    "int | None",
    "int",
    "int",
    "list[int] | None",
    "int | None",
    "int",
    "Snapshot[int]",
    "int | None",
    " | ".join(f"Literal['{kind}']" for kind in ["set", "delete", "expire", "clear", "synced", "resynced"]),
    "list[Event[int]]",
    "Txn[int]",
    "Map[bytes]",
    "Stream[bytes]",
    "Published",
    "int",
    "Gap | Deleted",
    "list[Delivery[int] | Gap | Deleted]",
    "int",
    "int",
    "int",
    "int",
    "MergedReader[Any]",
]


def test_types_are_precise(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(program)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path).stdout
    notes = [line.split('"')[1] for line in said.splitlines() if "Revealed type is" in line]
    short = [
        note.replace("builtins.", "").replace("ponos._ponos.", "").replace("ponos.", "") for note in notes
    ]
    for module in ("client.", "map.", "snapshot.", "txn.", "stream.", "merge."):
        short = [note.replace(module, "") for note in short]
    assert short == WANTED, said
    wrong = [number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")]
    errors = [int(line.split(":")[1]) for line in said.splitlines() if ": error:" in line]
    assert sorted(set(errors)) == wrong, said
