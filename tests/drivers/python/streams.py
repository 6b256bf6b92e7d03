"""What a request says about streams, readers and sinks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import ponos

Fields = dict[str, Any]


def published(done: ponos.Published) -> Fields:
    return {"id": done.id, "seq": done.seq, "duplicate": done.duplicate}


def seq(id: str | None) -> int | None:
    return None if id is None else int(id.split("-")[1])


def seconds(args: Fields, name: str) -> float | None:
    return args[name] / 1e3 if args.get(name) is not None else None


def message(values: Any, args: Fields) -> ponos.Message[Any]:
    headers = {name: header(value) for name, value in args.get("headers", {}).items()}
    some = {name: args[name] for name in ("key", "dedup_id") if name in args}
    value = values.read(args["value"])
    return ponos.Message(args["topic"], value, headers=headers, delay=seconds(args, "delay_ms"), **some)


def header(value: Any) -> str | bytes:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


def start(args: Fields) -> Any:
    given = args.get("from", "end")
    return {"time": given["time"] / 1e3} if isinstance(given, dict) and "time" in given else given


def shown(values: Any, item: Any) -> Fields:
    match item:
        case ponos.Merged(stream, of):
            return shown(values, of) | {"stream": stream, "late": item.late}
        case ponos.Gap(first, next, count):
            return {"kind": item.kind, "first_missing": seq(first), "next": seq(next), "count": count}
        case ponos.Deleted():
            return {"kind": item.kind}
    headers = {name: {"hex": value.hex()} for name, value in item.headers.items()}
    known = {name: getattr(item, name) for name in ("kind", "id", "seq", "topic", "key")}
    count = item.count if isinstance(item, ponos.Delivery) else None
    known |= {"value": values.write(item.value), "headers": headers, "count": count}
    return known | {"dated": item.at > 0}


async def of_stream(of: ponos.Stream[Any], values: Any, what: str, args: Fields) -> Fields:
    conditions = {name: args[name] for name in ("expect_last", "if_exists") if name in args}
    match what:
        case "publish":
            one = message(values, args)
            options: Fields = {"key": one.key, "headers": one.headers, "dedup_id": one.dedup_id}
            options |= conditions | {"delay": one.delay}
            return published(await of.publish(one.topic, one.payload, **options))
        case "publish_batch":
            messages = [message(values, each) for each in args["messages"]]
            return {"events": [published(each) for each in await of.publish_batch(messages, **conditions)]}
        case "info":
            return info(await of.info())
        case "remove":
            return {"value": await of.remove(args["id"])}
        case "destroy":
            return {"value": await of.destroy()}
        case "disband":
            return {"value": await of.disband(args["group"])}
    await of.close()
    return {}


def info(found: ponos.StreamInfo | None) -> Fields:
    if found is None:
        return {"exists": False}
    groups = [vars(group) | {"oldest_pending": group.oldest_pending is not None} for group in found.groups]
    known = {"exists": True, "len": found.len, "bytes": found.bytes, "groups": groups}
    return known | {"first": seq(found.first), "last": seq(found.last)}


async def reader(of: ponos.Stream[Any], args: Fields) -> Reader:
    some = {name: args[name] for name in ("topics", "replay") if name in args}
    return Reader(await of.reader(from_=start(args), **some))


async def sink(of: ponos.Stream[Any], args: Fields) -> Sink:
    names = ("topics", "order", "partitions", "max_deliver", "dead_letter", "max_in_flight", "prefetch")
    some = {name: args[name] for name in names if name in args}
    if "ack_wait_ms" in args:
        some["ack_wait"] = args["ack_wait_ms"] / 1e3
    some["backoff"] = [pause / 1e3 for pause in args.get("backoff_ms", [])]
    return Sink(await of.sink(args["group"], from_=start(args), **some))


async def merge(driver: Any, args: Fields) -> tuple[Reader, Any]:
    """A reader of streams of one codec, and how its values are written."""
    named = [driver.objects[name] for name in args["streams"]]
    some = {name: args[name] for name in ("topics", "replay") if name in args}
    wait = {} if "max_wait_ms" not in args else {"max_wait": args["max_wait_ms"] / 1e3}
    merged = await ponos.merge([of for of, _ in named], from_=start(args), **some, **wait)
    return Reader(merged), named[0][1]


async def request(of: ponos.Stream[Any], values: Any, args: Fields) -> Fields:
    timeout = args.get("timeout_ms", 10_000) / 1e3
    reply = await of.request(args["topic"], values.read(args["value"]), timeout=timeout)
    return {"value": values.write(reply)}


class Reader:
    """A reader, also of several streams, or a sink that is read for requests."""

    def __init__(self, of: Any) -> None:
        self.of = of
        self.given: list[Any] = []

    async def next(self, values: Any, args: Fields) -> Fields:
        items: list[Any] = []
        wanted = args.get("count", 1)
        try:
            async with asyncio.timeout(args.get("within_ms", 10_000) / 1e3):
                while len(items) < wanted:
                    items.append(await anext(self.of))
        except (TimeoutError, StopAsyncIteration):
            pass
        self.given += items
        events = [shown(values, item) for item in items]
        if len(events) < wanted and not args.get("ends"):
            raise ponos.TimeoutError(f"got only {json.dumps(events)}")
        return {"events": events}

    async def run(self, driver: Any, values: Any, what: str, args: Fields) -> Fields:
        match what:
            case "next":
                return await self.next(values, args)
            case "position":
                return {"position": self.of.position, "seq": seq(self.of.position)}
        self.of.close()
        return {}


class Sink(Reader):
    def event(self, number: int, args: Fields) -> ponos.Delivery[Any]:
        """The event of this number that was delivered last, or for the time that is asked for."""
        for item in reversed(self.given):
            if item.kind == "event" and item.seq == number and args.get("count", item.count) == item.count:
                return item
        raise ponos.InvalidError(f"the event {number} was not given")

    async def run(self, driver: Any, values: Any, what: str, args: Fields) -> Fields:
        match what:
            case "next":
                return await self.next(values, args)
            case "ack" if "seqs" in args:
                await self.of.ack([self.event(number, args) for number in args["seqs"]])
            case "ack":
                await self.event(args["seq"], args).ack()
            case "nack":
                await self.event(args["seq"], args).nack(seconds(args, "delay_ms"))
            case "term":
                await self.event(args["seq"], args).term(args["reason"])
            case "progress":
                self.event(args["seq"], args).progress()
            case "ack_with":
                await self.event(args["seq"], args).ack_with(step(driver, args))
            case "close":
                await self.of.close()
        return {}


def step(driver: Any, args: Fields) -> ponos.Step:
    made = ponos.Step()
    for part in args.get("maps", []):
        of, values = driver.objects[part["map"]]
        made.map(driver.txn(of.txn(), values, part))
    for part in args.get("streams", []):
        of, values = driver.objects[part["stream"]]
        made.publish(of, *[message(values, each) for each in part["messages"]])
    return made
