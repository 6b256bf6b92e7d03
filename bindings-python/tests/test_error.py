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
