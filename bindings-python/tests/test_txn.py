"""Transactions: chained, or as a block."""

import ponos
import pytest


def test_a_chain_commits_when_it_is_told(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m", codec=ponos.json)
            await m.set("a", 10)
            t = m.txn().when("a", value=10).when("b", absent=True).incr("a", -4).incr("b", 4)
            assert m["a"] == 10
            done = await t.commit()
            assert (done.revision, done.matched, done.changed) == (2, True, True)
            assert t.result is done
            assert (m["a"], m["b"]) == (6, 4)
            with pytest.raises(ponos.InvalidError, match="empty"):
                await t.commit()

    run(story())


def test_a_block_commits_at_its_end(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m", codec=ponos.json)
            async with m.txn() as t:
                t.when("lock", present=True)
                t.set("never", 1)
                t.otherwise().set("lock", "me", ttl=30.0).list_append("l", [1, 2]).set_add("s", [3])
                t.incr_float("f", 0.5).list_append_unique("l", [2, 3]).list_remove("l", [1])
                t.set_remove("s", [3]).touch("f", None).delete("nobody")
            assert t.result is not None
            assert not t.result.matched
            assert m.snapshot() == {"lock": "me", "l": [2, 3], "f": 0.5}
            assert m.revision == 1
            async with m.txn() as t:
                t.delete("lock")
                done = await t.commit()
            assert done.revision == 2

    run(story())


def test_a_block_that_raises_does_nothing(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            with pytest.raises(ZeroDivisionError):
                async with m.txn() as t:
                    t.set("k", b"v")
                    _ = 1 / 0
            assert t.result is None
            with pytest.raises(ponos.ConflictError):
                async with m.txn() as t:
                    t.set("k", b"1").incr("k", 5, max=3)
            assert len(m) == 0
            with pytest.raises(TypeError):
                m.txn().set("k", 7)
            with pytest.raises(ponos.InvalidError, match="one condition"):
                await m.txn().when("k", absent=True, present=True).commit()
            with pytest.raises(ponos.InvalidError, match="give one"):
                await m.txn().when("k").commit()

    run(story())
