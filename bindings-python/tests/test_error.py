"""Errors: one class for each kind, that are what Python's own code expects."""

import builtins
import pickle

import ponos
import pytest
from ponos.error import make

KINDS = {
    "invalid": (ponos.InvalidError, ValueError),
    "not_found": (ponos.NotFoundError, Exception),
    "conflict": (ponos.ConflictError, Exception),
    "closed": (ponos.ClosedError, Exception),
    "timeout": (ponos.TimeoutError, builtins.TimeoutError),
    "unavailable": (ponos.UnavailableError, ConnectionError),
    "quorum": (ponos.QuorumError, Exception),
    "limited": (ponos.LimitedError, Exception),
    "fenced": (ponos.FencedError, Exception),
    "internal": (ponos.InternalError, Exception),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_a_class(kind):
    error = make(kind, "no", "map.set", "m", True)
    ours, theirs = KINDS[kind]
    assert type(error) is ours
    assert isinstance(error, (theirs, ponos.PonosError))
    assert (error.kind, error.message, error.operation, error.object) == (kind, "no", "map.set", "m")
    assert error.maybe_applied is True
    assert str(error) == 'map.set "m": no (the write may have been applied)'
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), vars(again), str(again)) == (ours, vars(error), str(error))


def test_an_error_of_the_core_has_all_five(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("prices")
            await m.set("btc", b"1")
            with pytest.raises(ponos.ConflictError) as caught:
                await m.set("btc", b"2", if_absent=True)
            error = caught.value
            assert (error.kind, error.operation, error.object) == ("conflict", "map.set", "prices")
            assert error.maybe_applied is False
            assert 'key "btc"' in error.message
            with pytest.raises(ValueError, match="no number"):
                await m.set("btc", b"x")
                await m.incr("btc")
            with pytest.raises(ConnectionRefusedError):
                raise ConnectionRefusedError from error

    run(story())


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("memry://", "known are memory://"),
        ("memory://?max_valeu=3", "max_value"),
        ("no url at all", "memory://"),
        ("memory://?timeout=soon", "timeout"),
    ],
)
def test_a_typo_in_a_url_is_told(run, bad, says):
    async def story():
        with pytest.raises(ponos.InvalidError, match=says):
            await ponos.open(bad)

    run(story())


def test_a_deadline_that_passes_is_a_timeout(run, url):
    async def story():
        async with ponos.open(f"{url}?timeout=50ms") as client:
            m = await client.map("m")
            with pytest.raises(TimeoutError) as caught:
                await m.wait_for(1 << 40)
            assert isinstance(caught.value, ponos.TimeoutError)
            assert (caught.value.operation, caught.value.object) == ("map.wait_for", "m")

    run(story())


def test_a_wrong_argument_is_named_with_what_is_wanted(run, url):
    async def story():
        async with ponos.open(url) as client:
            raw, text = await client.map("raw"), await client.map("text", codec=ponos.text)
            no_text = r'"raw": the key must be text, not '
            for read in (raw.get, raw.__getitem__, raw.entry):
                with pytest.raises(TypeError, match=rf"^map\.(get|entry) {no_text}1$"):
                    read(1)
            with pytest.raises(TypeError, match=no_text + r"\{7\}$"):
                raw.get({7})
            with pytest.raises(TypeError, match=no_text + r"<object object at .*"):
                await raw.set(object(), b"")
            with pytest.raises(TypeError, match=r"are bytes, not str: 'a value'$"):
                await raw.set("k", "a value")
            with pytest.raises(TypeError, match=r"are str, not list: \[0, 1, 2, 3, 4, 5, \.\.\.\]$"):
                await text.list_append("k", [list(range(1000))])

    run(story())


def test_a_time_to_live_is_refused_in_seconds(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            for call in (m.set("k", b"", ttl=-3), m.touch("k", -3), m.txn().touch("k", -3).commit()):
                with pytest.raises(
                    ponos.InvalidError, match="the time to live is -3 s and must be from 1 ms"
                ):
                    await call
            for ttl, shown in [(0, "0 s"), (1e-4, "0.0001 s"), (1e10, "10000000000 s")]:
                with pytest.raises(ponos.InvalidError, match=f"is {shown} and"):
                    await m.set("k", b"", ttl=ttl)
            with pytest.raises(TypeError, match='ttl must be a number, not "soon"'):
                await m.set("k", b"", ttl="soon")
            await m.set("k", b"", ttl=0.001)

    run(story())
