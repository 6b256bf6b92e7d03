"""Codecs: what they write, what they refuse, and that an unchanged value is decoded once."""

import gc
import sys

import ponos
import pytest


class Counting:
    """A codec that counts."""

    name = "counting"

    def __init__(self):
        self.decoded = 0

    def encode(self, value):
        return str(value).encode()

    def decode(self, data):
        self.decoded += 1
        return int(data)


def test_json_is_written_as_other_languages_write_it():
    assert (
        ponos.json.encode({"a": [1, 2.5, True, None, "é☃\n"]}) == '{"a":[1,2.5,true,null,"é☃\\n"]}'.encode()
    )
    assert ponos.json.decode(b' {"a": 1} ') == {"a": 1}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")], "\ud800"])
def test_json_refuses_what_is_no_json(value):
    with pytest.raises(ponos.InvalidError, match="json"):
        ponos.json.encode(value)


@pytest.mark.parametrize("data", [b"NaN", b"[-Infinity]", b"{", b"\xff"])
def test_json_refuses_bytes_that_are_none(data):
    with pytest.raises(ponos.InvalidError, match="json"):
        ponos.json.decode(data)


def test_a_value_of_another_type_is_a_type_error(run, url):
    async def story():
        async with ponos.open(url) as client:
            raw, text = await client.map("raw"), await client.map("text", codec=ponos.text)
            jsons = await client.map("json", codec=ponos.json)
            with pytest.raises(TypeError, match="bytes"):
                await raw.set("k", "text")
            with pytest.raises(TypeError, match="str"):
                await text.set("k", 7)
            with pytest.raises(TypeError, match="set"):
                await jsons.set("k", {1})
            with pytest.raises(TypeError):
                await raw.set(7, b"")
            with pytest.raises(TypeError, match="list, not str"):
                await text.list_append("k", "abc")
            with pytest.raises(TypeError, match="a codec is"):
                await client.map("m", codec=str)
            await raw.set("k", bytearray(b"fine"))
            assert raw["k"] == b"fine"
            assert len(raw) == 1

    run(story())


def test_a_map_has_one_codec(run, url):
    async def story():
        async with ponos.open(url) as client, ponos.open(url) as other:
            await (await client.map("m", codec=ponos.json)).set("k", 1)
            with pytest.raises(ponos.InvalidError, match="codec"):
                await other.map("m", codec=ponos.text)

    run(story())


def test_an_unchanged_value_is_decoded_once(run, url):
    async def story():
        codec = Counting()
        async with ponos.open(url) as client:
            m = await client.map("m", codec=codec)
            await m.set("a", 1000)
            assert [m["a"], m.get("a"), m.snapshot()["a"]] == [1000] * 3
            assert m["a"] is m["a"]
            assert codec.decoded == 1
            await m.set("b", 2)
            assert m["a"] == 1000
            assert codec.decoded == 1
            await m.set("a", 1000)
            assert m["a"] == 1000
            assert codec.decoded == 2
            await m.list_append("l", [1, 2])
            assert m["l"] == m["l"] == [1, 2]
            assert codec.decoded == 4

    run(story())


def test_what_was_decoded_is_not_kept_for_ever(run, url):
    async def story():
        class Value:
            pass

        class Objects:
            name = "objects"

            def encode(self, value):
                return b"x"

            def decode(self, data):
                return Value()

        async with ponos.open(url) as client:
            m = await client.map("m", codec=Objects())
            for number in range(4000):
                key = f"k{number}"
                await m.set(key, None)
                assert isinstance(m[key], Value)
                await m.delete(key)
            gc.collect()
            assert sum(isinstance(each, Value) for each in gc.get_objects()) < 1100
            await m.set("k", None)
            value = m["k"]
            references = sys.getrefcount(value)
            for _ in range(100):
                m["k"]
            assert sys.getrefcount(value) == references

    run(story())


def test_an_error_of_a_codec_passes_and_changes_nothing(run, url):
    class Broken(Counting):
        def encode(self, value):
            raise ZeroDivisionError

        def decode(self, data):
            raise LookupError("no")

    async def story():
        async with ponos.open(url) as client, ponos.open(url) as other:
            bad = await client.map("m", codec=Broken())
            good = await other.map("m", codec=Counting())
            with pytest.raises(ZeroDivisionError):
                await bad.set("k", 1)
            assert len(bad) == 0
            await good.set("k", 1)
            await bad.sync()
            with pytest.raises(LookupError):
                bad["k"]
            assert "k" in bad
            written = await bad.delete("k")
            assert written.changed
            with pytest.raises(LookupError):
                _ = written.previous

    run(story())


def test_a_codec_that_reads_the_map_again_is_no_deadlock(run, url):
    async def story():
        class Nosy(Counting):
            def decode(self, data):
                return (int(data), len(m), "k" in m)

        async with ponos.open(url) as client:
            m = await client.map("m", codec=Nosy())
            await m.set("k", 3)
            assert m["k"] == (3, 1, True)

    run(story())
