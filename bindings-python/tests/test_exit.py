"""The end of the process: with thousands of calls in flight, in every way there is, and never a crash."""

import signal
import subprocess
import sys
import time

import pytest

BEGIN = """
import asyncio, os, sys, threading, time
import ponos

how, loops = sys.argv[1:]
if loops == "uvloop":
    import uvloop
    new_loop = uvloop.new_event_loop
else:
    new_loop = asyncio.new_event_loop

async def begin():
    client = await ponos.open("memory://exit")
    m = await client.map("m", codec=ponos.json)
    tasks = [asyncio.create_task(m.wait_for((1 << 40) + number)) for number in range(3000)]
    changes = m.watch()
    tasks.append(asyncio.create_task(changes.batches().__anext__()))
    await asyncio.sleep(0)
    for number in range(100):
        await m.set("k", {"n": number})
    return client, m, tasks, changes

async def main():
    everything = await begin()
    if how == "exit":
        sys.exit(0)
    if how == "keeps":
        globals()["kept"] = everything
    if how == "raises":
        raise SystemError("on purpose")

async def forever(ready):
    client, m, *rest = await begin()
    ready.set()
    while True:
        await m.set("k", {"list": [1, 2, 3] * 10})
        assert m["k"] and m.entry("k").value
        try:
            await asyncio.wait_for(m.wait_for(1 << 40), 0.0001)
        except TimeoutError:
            pass

def run(story):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(story)

print("begun", flush=True)
if how in ("returns", "exit", "keeps", "raises"):
    run(main())
elif how == "open":
    loop = new_loop()
    kept = loop.run_until_complete(begin())
elif how == "closed":
    loop = new_loop()
    kept = loop.run_until_complete(begin())
    loop.close()
elif how == "daemons":
    ready = threading.Event()
    for _ in range(3):
        threading.Thread(target=run, args=(forever(ready),), daemon=True).start()
    ready.wait()
elif how == "logs":
    import logging
    logging.basicConfig(level=1, stream=sys.stdout)
    ponos.enable_logging("trace")
    kept = run(begin())
elif how == "waits":
    async def wait():
        await begin()
        print("waiting", flush=True)
        await asyncio.sleep(60)
    run(wait())
print("ended", flush=True)
"""

WAYS = ["returns", "exit", "keeps", "raises", "open", "closed", "daemons", "logs"]


@pytest.mark.parametrize("loops", ["asyncio", "uvloop"])
@pytest.mark.parametrize("how", WAYS)
def test_fifty_ends_without_a_crash(python, how, loops):
    for _ in range(4):
        begin = time.monotonic()
        done = python(BEGIN, how, loops)
        wanted = 1 if how == "raises" else 0
        assert done.returncode == wanted, f"{done.returncode}\n{done.stdout}\n{done.stderr[-3000:]}"
        assert "begun" in done.stdout
        assert "Fatal" not in done.stderr
        assert "panicked" not in done.stderr
        assert time.monotonic() - begin < 10


@pytest.mark.parametrize("loops", ["asyncio", "uvloop"])
def test_ctrl_c_ends_soon(loops):
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN, "waits", loops],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A test run in the background has Ctrl-C ignored, and so would this program.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        text=True,
    )
    assert [process.stdout.readline(), process.stdout.readline()] == ["begun\n", "waiting\n"]
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - begin < 5
    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in errors


def test_nothing_of_it_is_a_warning(python):
    done = python(
        "import warnings; warnings.simplefilter('error')\n"
        "import asyncio, ponos\n"
        "async def main():\n"
        "    async with ponos.open('memory://') as client:\n"
        "        m = await client.map('m')\n"
        "        await m.set('k', b'v')\n"
        "asyncio.run(main(), debug=True)\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_not_awaited_is_told(python):
    done = python(
        "import asyncio, ponos\n"
        "async def main():\n"
        "    async with ponos.open('memory://') as client:\n"
        "        m = await client.map('m')\n"
        "        m.set('k', b'v')\n"
        "        print(len(m))\n"
        "asyncio.run(main())\n"
    )
    assert done.stdout == "0\n"
    assert "coroutine 'Map.set' was never awaited" in done.stderr
