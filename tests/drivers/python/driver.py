"""The Python driver of the scenarios: reads requests as JSON lines, does them with the installed package, answers each.

    {"id": 1, "do": "map.set", "on": "m", "args": {...}, "as": "name"}
    {"id": 1, "ok": {...}} or {"id": 1, "error": {"kind": "conflict", "message": "...", ...}}

It asserts nothing: whoever asks does.
"""

import asyncio
import json
import sys
from typing import Any

import ponos
import streams

Fields = dict[str, Any]

CODECS: dict[str, ponos.Codec[Any]] = {"bytes": ponos.raw, "str": ponos.text, "json": ponos.json}
EDITS = ("list_append", "list_append_unique", "list_remove", "set_add", "set_remove")


class Unsupported(Exception):
    """Nothing is done under this name."""


class Values:
    """Values as requests and answers write them, for the codec of one map."""

    def __init__(self, codec: str) -> None:
        self.raw = codec == "bytes"

    def read(self, value: Any) -> Any:
        match value:
            case {"hex": text}:
                return bytes.fromhex(text)
            case {"json": anything}:
                return anything
        return value.encode() if self.raw else value

    def read_all(self, values: list[Any]) -> list[Any]:
        return [self.read(value) for value in values]

    def write(self, value: Any, shape: str | None = "plain") -> Any:
        if shape != "plain":
            return [self.write(item) for item in value]
        return {"hex": value.hex()} if self.raw else {"json": value}

    def known(self, value: Any, shape: str | None = "plain") -> Any:
        return None if value is None else self.write(value, shape)

    def held_before(self, value: Any) -> Any:
        """What was there before, which has no shape of its own: with bytes it shows."""
        shape = {list: "list", frozenset: "set"}.get(type(value), "plain") if self.raw else "plain"
        return self.known(value, shape)

    def held(self, of: Any, key: str, value: Any) -> Any:
        """What was read under a key, the members of a set in their order."""
        entry = of.entry(key)
        if entry is None:
            return None
        return self.write(of.items_of(key) if entry.shape == "set" else value, entry.shape)

    def pairs(self, of: Any, pairs: list[tuple[str, Any]]) -> Fields:
        return {"entries": [{"key": key, "value": self.held(of, key, value)} for key, value in pairs]}

    def event(self, event: ponos.Event[Any]) -> Fields:
        value = self.write(event.value, event.shape) if event.kind == "set" else None
        known = {"kind": event.kind, "key": event.key, "value": value, "old": self.held_before(event.old)}
        return known | {"revision": event.revision, "coalesced": event.coalesced, "reason": event.reason}


def fields(of: Any, *names: str) -> Fields:
    return {name: getattr(of, name) for name in names}


def some(args: Fields, *names: str) -> Fields:
    return {name: args[name] for name in names if args.get(name) is not None}


def seconds(args: Fields) -> float | None:
    return args["ttl_ms"] / 1e3 if args.get("ttl_ms") is not None else None


class Driver:
    """The objects by name, each with how its values are written."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[Any, Values]] = {}

    async def run(self, request: Fields) -> Fields:
        operation, args = request["do"], request.get("args") or {}
        kind, _, what = operation.partition(".")
        if operation == "open":
            self.objects[request["as"]] = await ponos.open(args["url"]), Values("bytes")
            return {}
        if operation == "step.commit":
            await streams.step(self, args).commit()
            return {}
        if operation == "stream.merge":
            self.objects[request["as"]] = await streams.merge(self, args)
            return {}
        if request.get("on") not in self.objects:
            raise ponos.InvalidError(f"there is no {request.get('on')!r}")
        of, values = self.objects[request["on"]]
        match kind, what:
            case "client", "map":
                codec = args.get("codec") or "bytes"
                options = some(args, "ordered", "watch_queue")
                made = await of.map(args["name"], codec=CODECS[codec], **options)
                self.objects[request["as"]] = made, Values(codec)
                return {}
            case "client", "scope":
                self.objects[request["as"]] = of.scope(args["name"]), values
                return {}
            case "client", "stream":
                codec = args.get("codec") or "bytes"
                options = some(args, "max_len", "max_bytes", "when_behind")
                age = {} if args.get("max_age_ms") is None else {"max_age": args["max_age_ms"] / 1e3}
                made = await of.stream(args["name"], codec=CODECS[codec], **options, **age)
                self.objects[request["as"]] = made, Values(codec)
                return {}
            case "stream", "reader" | "sink":
                self.objects[request["as"]] = await getattr(streams, what)(of, args), values
                return {}
            case "stream", "request" if request.get("as"):
                self.objects[request["as"]] = asyncio.ensure_future(streams.request(of, values, args)), values
                return {}
            case "stream", "request" if isinstance(of, asyncio.Future):
                return await of
            case "stream", "request":
                return await streams.request(of, values, args)
            case "stream", "reply":
                event = self.objects[args["from"]][0].event(args["seq"], args)
                return {"value": await of.reply(event, values.read(args["value"]))}
            case "stream", _:
                return await streams.of_stream(of, values, what, args)
            case "reader" | "merged" | "sink", _:
                return await of.run(self, values, what, args)
            case "map", "snapshot":
                self.objects[request["as"]] = of.snapshot(), values
                return {"revision": self.objects[request["as"]][0].revision, "len": len(of)}
            case "map", "watch":
                self.objects[request["as"]] = watch(of, args), values
                return {}
            case (("client" | "map"), "close"):
                await of.close()
                return {}
            case "watch", "close":
                of.close()
                return {}
            case "watch", "next":
                return await following(of, values, args)
            case (("map" | "snapshot"), _):
                answer = read(of, values, what, args)
                return await write(of, values, what, args) if answer is None else answer
        raise Unsupported(operation)

    @staticmethod
    def txn(t: Any, values: Values, args: Fields) -> Any:
        for when in args.get("when", []):
            wanted = some(when, "absent", "present", "revision")
            if "value" in when:
                wanted["value"] = values.read(when["value"])
            t.when(when["key"], **wanted)
        branch(t, values, args.get("then", []))
        if "otherwise" in args:
            branch(t.otherwise(), values, args["otherwise"])
        return t


def read(of: Any, values: Values, what: str, args: Fields) -> Fields | None:
    match what:
        case "get":
            return {"value": values.held(of, args["key"], of.get(args["key"]))}
        case "entry":
            entry = of.entry(args["key"])
            if entry is None:
                return {"entry": None}
            known = fields(entry, "revision", "shape") | {"expires": entry.expires is not None}
            return {"entry": known | {"value": values.held(of, args["key"], entry.value)}}
        case "items_of":
            return {"items": values.known(of.items_of(args["key"]), "list")}
        case "contains":
            return {"value": args["key"] in of}
        case "len":
            return {"value": len(of)}
        case "keys":
            return {"keys": sorted(of.keys())}
        case "prefix":
            return values.pairs(of, of.prefix(args["prefix"]))
        case "range":
            return values.pairs(of, of.range(args.get("from"), args.get("to")))
        case "entries":
            return values.pairs(of, sorted(of.items(), key=lambda pair: pair[0].encode()))
        case "revision":
            return {"revision": of.revision}
        case "status":
            return {"status": of.status.state}
    return None


async def write(of: Any, values: Values, what: str, args: Fields) -> Fields:
    conditions = some(args, "if_absent", "if_present", "if_revision")
    if "if_value" in args:
        conditions["if_value"] = values.read(args["if_value"])
    match what:
        case "set" | "delete":
            if what == "set":
                conditions |= {"value": values.read(args["value"]), "ttl": seconds(args)}
            done = await getattr(of, what)(args["key"], **conditions)
            return fields(done, "revision", "changed") | {"previous": values.held_before(done.previous)}
        case "incr" | "incr_float":
            done = await getattr(of, what)(args["key"], args["by"], **some(args, "min", "max"))
            return fields(done, "revision", "value")
        case edit if edit in EDITS:
            done = await getattr(of, edit)(args["key"], values.read_all(args["items"]))
            return fields(done, "revision", "changed", "len")
        case "touch":
            return fields(await of.touch(args["key"], seconds(args)), "revision", "changed")
        case "clear" | "destroy":
            return fields(await getattr(of, what)(), "revision", "changed")
        case "txn":
            async with of.txn() as t:
                Driver.txn(t, values, args)
            return fields(t.result, "revision", "matched", "changed")
        case "get_latest":
            entry = await of.get_latest(args["key"])
            if entry is None:
                return {"value": None}
            return {"value": values.write(entry.value, entry.shape), "revision": entry.revision}
        case "sync":
            return {"revision": await of.sync()}
        case "wait_for":
            return {"revision": await of.wait_for(args["revision"])}
    raise Unsupported(what)


def branch(t: Any, values: Values, steps: list[Fields]) -> None:
    for step in steps:
        match step["do"]:
            case "set":
                t.set(step["key"], values.read(step["value"]), ttl=seconds(step))
            case "delete":
                t.delete(step["key"])
            case ("incr" | "incr_float") as name:
                getattr(t, name)(step["key"], step["by"], **some(step, "min", "max"))
            case "touch":
                t.touch(step["key"], seconds(step))
            case edit if edit in EDITS:
                getattr(t, edit)(step["key"], values.read_all(step["items"]))
            case other:
                raise Unsupported(other)


def watch(of: Any, args: Fields) -> ponos.Watch[Any]:
    patterns = [args["filter"]] if "filter" in args else args.get("keys", [])
    start = "now" if args.get("from") is None else args["from"]
    return of.watch(*patterns, prefix=args.get("prefix"), start=start)


async def following(of: ponos.Watch[Any], values: Values, args: Fields) -> Fields:
    events: list[Fields] = []
    try:
        async with asyncio.timeout(args.get("within_ms", 10_000) / 1e3):
            while len(events) < args["count"]:
                events.append(values.event(await anext(of)))
    except TimeoutError:
        raise ponos.TimeoutError(f"got only {json.dumps(events)}", operation="watch.next") from None
    except StopAsyncIteration:
        pass
    return {"events": events}


async def main() -> None:
    driver = Driver()
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        answer: Fields = {"id": request["id"]}
        try:
            answer["ok"] = await driver.run(request)
        except ponos.PonosError as error:
            answer["error"] = fields(error, "kind", "maybe_applied", "operation") | {"message": str(error)}
        except Unsupported as error:
            answer["error"] = {
                "kind": "unsupported",
                "message": str(error),
                "maybe_applied": False,
                "operation": "",
            }
        print(json.dumps(answer), flush=True)


asyncio.run(main())
