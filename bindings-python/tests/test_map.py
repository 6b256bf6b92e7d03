"""The map as Python sees it: a mapping over the local copy, awaitable writes, records, context managers."""

import asyncio
from collections.abc import Mapping

import ponos
import pytest


def test_opening_is_awaitable_and_a_context_manager(run, url):
    async def story():
        client = await ponos.open(url)
        await client.close()
        await client.close()
        async with ponos.open(url) as client:
            prices = await client.map("prices")
            await prices.set("btc", b"1")
        with pytest.raises(ponos.ClosedError):
            await prices.set("btc", b"2")
        assert prices["btc"] == b"1"
        assert prices.status == ponos.Status("closed")
        assert isinstance(await asyncio.wait_for(ponos.open(url), 5), ponos.Client)

    run(story())


def test_a_map_is_a_mapping(run, url):
    async def story():
        async with ponos.open(url) as client:
            ages = await client.map("ages", codec=ponos.json)
            for name, age in [("ann", 31), ("bob", 27), ("cy", 45)]:
                await ages.set(name, age)
            assert isinstance(ages, Mapping)
            assert (ages["ann"], ages.get("nobody"), ages.get("nobody", 0)) == (31, None, 0)
            with pytest.raises(KeyError, match="nobody"):
                ages["nobody"]
            assert "bob" in ages
            assert "nobody" not in ages
            assert 7 not in ages
            assert len(ages) == 3
            assert sorted(ages) == sorted(ages.keys()) == ["ann", "bob", "cy"]
            assert dict(ages.items()) == dict(ages) == {"ann": 31, "bob": 27, "cy": 45}
            assert sorted(ages.values()) == [27, 31, 45]
            assert ages.keys() & {"ann", "x"} == {"ann"}
            assert ages.prefix("b") == [("bob", 27)]
            assert ages.range("b", "cy") == [("bob", 27)]
            assert ages.range(end="b") == [("ann", 31)]
            assert ages != {"ann": 31, "bob": 27, "cy": 45}
            assert len({ages, ages}) == 1
            with pytest.raises(TypeError):
                ages.get(7)

    run(story())


def test_a_snapshot_stays_as_it_was(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m", codec=ponos.json, ordered=True)
            await m.set("a", 1)
            await m.list_append("l", [1, 2])
            seen = m.snapshot()
            await m.set("a", 2)
            await m.set("b", 3)
            assert seen == {"a": 1, "l": [1, 2]}
            assert (seen["a"], seen.revision, len(seen), "b" in seen) == (1, 2, 2, False)
            assert (seen.prefix("l"), seen.range("b")) == ([("l", [1, 2])], [("l", [1, 2])])
            assert (seen.items_of("l"), seen.items_of("a")) == ([1, 2], None)
            assert seen.entry("a").revision == 1
            assert (m.revision, m["a"], m.generation == seen.generation) == (4, 2, True)

    run(story())


def test_writes_answer_with_records(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m", codec=ponos.json)
            first = await m.set("k", {"a": 1}, if_absent=True, ttl=30.0)
            assert (first.revision, first.changed, first.previous) == (1, True, None)
            second = await m.set("k", None, if_revision=1)
            assert second.previous == {"a": 1}
            assert second.previous is second.previous
            third = await m.set("k", 1, if_value=None)
            assert (third.revision, third.previous) == (3, None)
            assert repr(third) == "Written(revision=3, changed=True)"
            counted = await m.incr("k", 2, max=3)
            assert (counted.value, counted.revision, m["k"]) == (3, 4, 3)
            assert (await m.incr_float("f", 0.5)).value == 0.5
            edited = await m.list_append("l", (n for n in range(3)))
            assert (edited.len, edited.changed) == (3, True)
            assert not (await m.delete("nobody")).changed
            entry = m.entry("l")
            assert (entry.value, entry.shape, entry.expires) == ([0, 1, 2], "list", None)
            assert (await m.touch("k", 60.0)).changed
            latest = await m.get_latest("k")
            assert latest is not None
            assert latest.value == 3
            assert latest.expires is not None
            assert await m.get_latest("nobody") is None
            assert await m.sync() == await m.wait_for(1) == m.revision
            assert (await m.clear()).changed
            assert not m

    run(story())


def test_only_one_condition_at_a_time(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            with pytest.raises(ponos.InvalidError, match="one condition"):
                await m.set("k", b"", if_absent=True, if_revision=3)
            with pytest.raises(ponos.InvalidError, match="time to live"):
                await m.set("k", b"", ttl=-1.0)
            with pytest.raises(ponos.InvalidError, match="time to live"):
                await m.touch("k", float("nan"))

    run(story())


def test_lists_and_sets_come_as_such(run, url):
    async def story():
        async with ponos.open(url) as client:
            words = await client.map("words", codec=ponos.text)
            await words.list_append("l", ["a", "b", "a"])
            await words.set_add("s", ["x", "y", "x"])
            assert words["l"] == ["a", "b", "a"]
            assert words["s"] == frozenset({"x", "y"})
            assert words.items_of("s") == ["x", "y"]
            words["l"].append("mine alone")
            assert words["l"] == ["a", "b", "a"]
            records = await client.map("records", codec=ponos.json)
            await records.set_add("s", [{"a": 1}, {"b": 2}])
            assert records["s"] == [{"a": 1}, {"b": 2}]

    run(story())


def test_any_key_and_large_values(run, url):
    async def story():
        async with ponos.open(f"{url}?max_value=4194304") as client:
            m = await client.map("m")
            value = bytes(range(256)) * 8192
            for key in ["🦀", "a b", "ключ", "\0"]:
                await m.set(key, value)
                assert m[key] == value
            assert sorted(m) == sorted(["🦀", "a b", "ключ", "\0"])
            with pytest.raises(ponos.InvalidError, match="limit is 4194304"):
                await m.set("k", value * 3)
            with pytest.raises(ponos.InvalidError, match="empty"):
                await m.set("", b"")
            with pytest.raises(UnicodeEncodeError):
                m.get("\ud800")

    run(story())


def test_handles_say_what_they_are(run, url):
    async def story():
        async with ponos.open(f"{url}?timeout=1s") as client:
            m = await client.map("m", codec=ponos.text)
            await m.set("k", "v")
            assert (m.name, m.codec, m.status) == ("m", "str", ponos.Status("live"))
            assert repr(m) == "<ponos.Map 'm' of 1 keys at revision 1>"
            assert repr(m.snapshot()) == "<ponos.Snapshot of 1 keys at revision 1>"
            assert repr(client) == "<ponos.Client of memory>"

    run(story())
