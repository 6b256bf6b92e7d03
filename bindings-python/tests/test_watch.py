"""Watching: async iterators that lose nothing, whoever gives up on them and when."""

import asyncio

import ponos
import pytest


async def take(changes, count):
    return [await anext(changes) for _ in range(count)]


def test_changes_come_in_order_with_their_data(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m", codec=ponos.json)
            changes = m.watch("btc*", prefix="usd")
            await m.set("btc", 1)
            await m.set("eur", 2)
            await m.set("btc", {"a": 2})
            await m.delete("btc")
            await m.list_append("usd1", [1])
            await m.clear()
            seen = await take(changes, 6)
            assert [e.kind for e in seen] == ["synced", "set", "set", "delete", "set", "clear"]
            assert [e.key for e in seen] == [None, "btc", "btc", "btc", "usd1", None]
            assert [e.value for e in seen] == [None, 1, {"a": 2}, None, [1], None]
            assert [e.old for e in seen[:4]] == [None, None, 1, {"a": 2}]
            assert [e.revision for e in seen] == [0, 1, 3, 4, 5, 6]
            assert [e.coalesced for e in seen] == [0, 1, 1, 1, 1, 1]
            assert [e.shape for e in seen] == [None, "plain", "plain", None, "list", None]
            assert {e.reason for e in seen} == {None}
            assert seen[2].value is seen[2].value
            match seen[1]:
                case ponos.Event("set", key, int(value), revision=revision):
                    assert (key, value, revision) == ("btc", 1, 1)
                case other:
                    pytest.fail(repr(other))

    run(story())


def test_a_watch_begins_at_the_call(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            await m.set("a", b"1")
            with m.watch(start="snapshot") as all_of_it, m.watch(start=0) as past, m.watch() as now:
                await m.set("b", b"2")
                assert [(e.kind, e.key) for e in await take(all_of_it, 3)] == [
                    ("set", "a"),
                    ("synced", None),
                    ("set", "b"),
                ]
                assert [(e.kind, e.key) for e in await take(past, 3)] == [
                    ("set", "a"),
                    ("synced", None),
                    ("set", "b"),
                ]
                assert [(e.kind, e.key) for e in await take(now, 2)] == [("synced", None), ("set", "b")]
            with pytest.raises(ponos.InvalidError, match="snapshot"):
                m.watch(start="yesterday")
            with pytest.raises(TypeError):
                m.watch(start=1.5)
            with pytest.raises(OverflowError):
                m.watch(start=-1)

    run(story())


def test_batches_are_the_same_changes(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            changes = m.watch()
            for number in range(600):
                await m.set(f"k{number}", b"")
            first = await anext(changes)
            sizes, keys = [], []
            async for batch in changes.batches(max=100):
                sizes.append(len(batch))
                keys += [event.key for event in batch]
                if len(keys) == 600:
                    break
            assert first.kind == "synced"
            assert keys == [f"k{number}" for number in range(600)]
            assert max(sizes[1:]) == 100

    run(story())


def test_giving_up_loses_nothing(run, url):
    async def story():
        async with ponos.open(url) as client, ponos.open(url) as other:
            m, writer = await client.map("m"), await other.map("m")
            changes = m.watch()
            assert (await anext(changes)).kind == "synced"
            seen = []
            for number in range(300):
                waiting = asyncio.create_task(anext(changes))
                await asyncio.sleep(0)
                await writer.set(f"k{number}", b"")
                if number % 3 == 0:
                    await asyncio.sleep(0.001)
                waiting.cancel()
                if not (await asyncio.gather(waiting, return_exceptions=True))[
                    0
                ].__class__.__name__.startswith("Canc"):
                    seen.append(waiting.result().key)
            while len(seen) < 300:
                async with asyncio.timeout(5):
                    seen.append((await anext(changes)).key)
            assert seen == [f"k{number}" for number in range(300)]

    run(story())


def test_a_timeout_does_not_end_the_iteration(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            batches = m.watch().batches()
            assert len(await anext(batches)) == 1
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(batches), 0.01)
            await m.set("k", b"v")
            assert [event.key for event in await anext(batches)] == ["k"]

    run(story())


def test_closing_ends_those_who_wait(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            async with m.watch() as changes:
                assert (await anext(changes)).kind == "synced"
                waiting = asyncio.ensure_future(anext(changes, "end"))
                await asyncio.sleep(0.01)
            assert await waiting == "end"
            changes.close()
            assert [event async for event in changes] == []
            rest = m.watch()
            await m.set("k", b"v")
            await m.close()
            assert [event.kind async for event in rest] == ["synced", "set"]
            with pytest.raises(ponos.ClosedError):
                await m.set("k", b"w")

    run(story())


def test_many_may_share_a_watch(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            changes = m.watch()

            async def some():
                return [event.key async for event in changes]

            tasks = [asyncio.create_task(some()) for _ in range(4)]
            for number in range(1000):
                await m.set(f"k{number}", b"")
                if number % 50 == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(0.05)
            changes.close()
            keys = [key for task in tasks for key in await task]
            assert sorted(filter(None, keys)) == sorted(f"k{number}" for number in range(1000))

    run(story())


def test_a_slow_watcher_hears_less_often_and_of_everything(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m", codec=ponos.json, watch_queue=10)
            changes = m.watch()
            for number in range(1000):
                await m.set(f"k{number % 5}", number)
            seen = await take(changes, 1)
            while sum(event.coalesced for event in seen) < 1000:
                seen.append(await anext(changes))
            assert len(seen) < 30
            assert seen[-1].value == 999

    run(story())
