"""The core's log records in Python's logging."""

import logging
import time

import ponos
import pytest


def until(true, seconds=5.0):
    limit = time.monotonic() + seconds
    while not true() and time.monotonic() < limit:
        time.sleep(0.005)
    assert true()


def test_records_come_when_they_are_asked_for(run, url, caplog):
    async def story(name):
        async with ponos.open(url) as client:
            await client.map(name)

    caplog.set_level(logging.DEBUG)
    run(story("silent"))
    ponos.enable_logging("debug")
    try:
        run(story("loud"))
        until(lambda: "loud" in caplog.text)
    finally:
        ponos.disable_logging()
    run(story("silent-again"))
    records = [record for record in caplog.records if record.name.startswith("ponos.")]
    assert "silent" not in caplog.text
    assert {record.levelno for record in records} <= {logging.DEBUG, logging.INFO}
    assert any(record.name == "ponos.map.shared" and "keys=0" in record.getMessage() for record in records)
    ponos.disable_logging()


def test_the_level_may_be_changed_and_must_be_known(run, url, caplog):
    caplog.set_level(1)
    with pytest.raises(ponos.InvalidError, match="trace"):
        ponos.enable_logging("loud")
    ponos.enable_logging("debug")
    ponos.enable_logging("error")

    async def story():
        async with ponos.open(url) as client:
            await client.map("m")

    try:
        run(story())
        time.sleep(0.05)
    finally:
        ponos.disable_logging()
    assert not [record for record in caplog.records if record.name.startswith("ponos.")]
