"""Opening, closing and cancelling leave nothing behind: threads, descriptors and memory stay flat."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import ponos
import pytest

#: By how much memory may grow after the warm-up, in KiB: what is kept of each client would be far more.
SLACK = 16 * 1024


def usage() -> tuple[int, int, int]:
    """Threads of the process, open descriptors, resident memory in KiB."""
    threads = len(os.listdir("/proc/self/task"))
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return threads, len(os.listdir("/proc/self/fd")), pages * 4


async def flat_after(before: tuple[int, int, int]) -> None:
    """Waits until nothing more is used than before: what was closed goes in its own time."""
    end = time.monotonic() + 30
    while (now := usage())[0] > before[0] or now[1] > before[1]:
        assert time.monotonic() < end, f"{now} (threads, descriptors, KiB) after {before}"
        await asyncio.sleep(0.01)
    assert now[2] < before[2] + SLACK, f"{now[2]} KiB after {before[2]}"


async def open_and_close(url: str) -> None:
    async with ponos.open(url) as client:
        m = await client.map("m")
        with m.watch() as changes:
            await m.set("k", b"v")
            async for change in changes:
                assert change.kind == "synced"
                break


async def many(url: str, times: int) -> None:
    for _ in range(times // 5):
        await open_and_close(url)
    before = usage()
    for _ in range(times):
        await open_and_close(url)
    await flat_after(before)


@pytest.fixture
def server() -> Iterator[str]:
    program = os.environ.get("PONOS_REDIS_SERVER", "redis-server")
    assert shutil.which(program), f"there is no {program}: run `make setup`"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--loglevel", "warning"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        yield f"redis://127.0.0.1:{port}"
        process.kill()


def test_ten_thousand_clients_in_memory_leave_nothing(new_loop):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(many("memory://leaks", 10_000))


def test_five_hundred_clients_of_a_server_leave_nothing(new_loop, server):
    async def story() -> None:
        await until_there(server)
        await many(server, 500)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())


async def until_there(url: str) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            await (await ponos.open(url)).close()
            return
        except ponos.UnavailableError:
            assert time.monotonic() < end, "the server does not answer"


def test_a_hundred_thousand_cancelled_calls_leave_nothing(new_loop):
    async def cancel(m: ponos.Map[bytes], times: int) -> None:
        for _ in range(times // 1_000):
            calls = [asyncio.create_task(m.wait_for(1 << 40)) for _ in range(1_000)]
            await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            ended = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended)

    async def story() -> None:
        async with ponos.open("memory://cancelled?timeout=60s") as client:
            m = await client.map("m")
            await cancel(m, 20_000)
            before = usage()
            await cancel(m, 100_000)
            await flat_after(before)
            assert (await m.set("k", b"v")).revision == 1

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(story())
