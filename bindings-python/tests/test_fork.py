"""Fork: a child may read what it inherited, is refused the rest, and may open anew."""

import os
import sys

import pytest

CHILD = """
import asyncio, os, sys
import ponos

async def begin(url):
    client = await ponos.open(url)
    m = await client.map("m", codec=ponos.json)
    await m.set("k", 1)
    waiting = [asyncio.create_task(m.wait_for(1 << 40)) for _ in range(200)]
    await asyncio.sleep(0)
    return client, m, m.watch(), m.txn().set("k", 2), waiting

async def child(client, m, changes, txn):
    assert m["k"] == 1 and len(m) == 1 and m.snapshot() == {"k": 1}
    assert m.status.state == "closed"
    calls = [m.set("k", 3), m.sync(), m.close(), client.map("n"), client.close(), txn.commit(), anext(changes)]
    for call in calls:
        try:
            await call
        except ponos.ClosedError as error:
            assert "fork" in str(error), error
        else:
            raise AssertionError(call)
    try:
        m.watch()
    except ponos.ClosedError:
        pass
    changes.close()
    async with ponos.open("memory://anew") as own:
        there = await own.map("m")
        await there.set("k", b"v")
        assert there["k"] == b"v"
        try:
            await asyncio.wait_for(there.wait_for(1 << 40), 0.01)
        except TimeoutError:
            print("child is fine", flush=True)

loop = asyncio.new_event_loop()
client, m, changes, txn, waiting = loop.run_until_complete(begin("memory://fork"))
pid = os.fork()
if pid == 0:
    asyncio.run(child(client, m, changes, txn))
    del client, m, changes, txn, waiting
    sys.exit(0)
_, status = os.waitpid(pid, 0)
print("child ended with", os.waitstatus_to_exitcode(status))
for task in waiting:
    task.cancel()
loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
assert loop.run_until_complete(m.set("k", 4)).revision == 2
loop.run_until_complete(client.close())
print("parent is fine")
"""

BUSY = """
import asyncio, os, sys, threading
import ponos

async def touch(url):
    async with ponos.open(url) as client:
        m = await client.map("m")
        await m.set("k", b"v")
        return m["k"]

def busy():
    # Each of these is in locks of stores, maps, runtime and log bridge again and again.
    while not over.is_set():
        asyncio.run(touch("memory://shared"))

def talk():
    while not over.is_set():
        ponos.enable_logging("trace")
        ponos.disable_logging()

over = threading.Event()
asyncio.run(touch("memory://shared"))
threads = [threading.Thread(target=run) for run in (busy, busy, talk)]
for thread in threads:
    thread.start()
ended = []
for turn in range(40):
    pid = os.fork()
    if pid == 0:
        ponos.enable_logging("trace")
        assert asyncio.run(touch("memory://shared")) == b"v"
        os._exit(0)
    ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
over.set()
for thread in threads:
    thread.join()
print(set(ended))
"""

POOL = """
import asyncio, multiprocessing, sys
import ponos

async def count(url):
    async with ponos.open(url) as client:
        m = await client.map("m", codec=ponos.json)
        for _ in range(100):
            await m.incr("n")
        return m["n"]

def work(number):
    return asyncio.run(count(f"memory://{number}"))

if __name__ == "__main__":
    assert work(0) == 100
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(work, range(16)) == [100] * 16
    print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("turn", range(5))
def test_a_child_is_told_and_may_open_anew(python, turn):
    done = python(CHILD)
    assert done.stdout.splitlines() == ["child is fine", "child ended with 0", "parent is fine"], done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="forks only where it is safe")
def test_a_pool_of_forked_workers(python):
    done = python(POOL)
    assert (done.stdout, done.returncode) == ("fine\n", 0), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_of_a_busy_parent_is_not_held_up_by_its_locks(python):
    done = python(BUSY)
    assert (done.stdout, done.returncode) == ("{0}\n", 0), done.stderr
