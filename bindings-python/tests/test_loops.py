"""Event loops: cancelled calls, closed loops, several at once, one after the other."""

import asyncio
import gc
import os
import threading
import weakref

import ponos
import pytest
from ponos.runtime import _queues, queue_of

FAR = 1 << 40


def in_flight():
    return len(queue_of(asyncio.get_running_loop()))


def test_a_ready_answer_does_not_meet_the_queue(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            coroutine = m.set("k", b"v")
            with pytest.raises(StopIteration) as ready:
                coroutine.send(None)
            assert ready.value.value.revision == 1
            assert in_flight() == 0

    run(story())


def test_a_cancelled_call_is_gone(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            tasks = [asyncio.create_task(m.wait_for(FAR)) for _ in range(1000)]
            await asyncio.sleep(0)
            assert in_flight() == 1000
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(result) for result in results} == {asyncio.CancelledError}
            assert in_flight() == 0
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(m.wait_for(FAR), 0.01)
            async with asyncio.TaskGroup() as group:
                task = group.create_task(m.wait_for(FAR))
                await asyncio.sleep(0)
                task.cancel()
            assert in_flight() == 0

    run(story())


def test_a_call_that_waits_is_settled_from_another_thread(run, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            await m.incr("n")
            waiting = [asyncio.create_task(m.wait_for(number)) for number in range(2, 502)]
            await asyncio.sleep(0)
            assert in_flight() == 500

            def write():
                async def all_of_it():
                    async with ponos.open(url) as other:
                        there = await other.map("m")
                        for _ in range(500):
                            await there.incr("n")

                asyncio.run(all_of_it())

            await asyncio.to_thread(write)
            revisions = await asyncio.gather(*waiting)
            assert all(revision >= number for number, revision in enumerate(revisions, 2))
            assert in_flight() == 0

    run(story())


def test_loops_in_several_threads(new_loop, url):
    async def story(number):
        async with ponos.open(url) as client:
            m = await client.map("m", codec=ponos.json)
            for _ in range(200):
                await m.incr("n")
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(m.wait_for(FAR), 0.0001)
            await m.set(f"done-{number}", True)
            await m.wait_for(4 * 200)

    def thread(number):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(story(number))

    async def keep():
        async with ponos.open(url) as client:
            m = await client.map("m", codec=ponos.json)
            await asyncio.gather(*(asyncio.to_thread(thread, number) for number in range(4)))
            return m["n"]

    assert asyncio.run(keep()) == 800


def test_a_handle_serves_the_next_loop(new_loop, url):
    async def first():
        client = await ponos.open(url)
        m = await client.map("m")
        return client, m, m.watch(), asyncio.create_task(m.wait_for(FAR))

    async def second(client, m, changes):
        await m.set("k", b"v")
        seen = [(await anext(changes)).kind for _ in range(2)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(changes), 0.01)
        await client.close()
        return seen

    with asyncio.Runner(loop_factory=new_loop) as runner:
        client, m, changes, _ = runner.run(first())
    assert m.get("k") is None
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(second(client, m, changes)) == ["synced", "set"]


def test_a_loop_closed_with_calls_in_flight_is_forgotten(new_loop, url):
    async def begin():
        client = await ponos.open(url)
        m = await client.map("m")
        tasks = [asyncio.ensure_future(m.wait_for(FAR)) for _ in range(100)]
        await asyncio.sleep(0)
        for task in tasks:
            task._log_destroy_pending = False
        return client, m, tasks

    async def end(client, m):
        await m.set("k", b"v")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(m.wait_for(FAR), 0.01)
        await client.close()

    loop = new_loop()
    client, m, tasks = loop.run_until_complete(begin())
    loop.close()
    closed = weakref.ref(loop)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(end(client, m))
    del loop, tasks
    gc.collect()
    assert closed() is None


def test_loops_leave_no_file_descriptors(new_loop, url):
    async def story():
        async with ponos.open(url) as client:
            m = await client.map("m")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(m.wait_for(FAR), 0.0001)

    def once():
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(story())
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    once()
    before = once()
    for _ in range(20):
        after = once()
    assert after <= before
    assert len(_queues) <= 2


def test_reading_needs_no_loop_and_may_be_done_in_any_thread(run, url):
    async def story():
        client = await ponos.open(url)
        m = await client.map("m", codec=ponos.json)
        for number in range(100):
            await m.set(f"k{number}", {"n": number})
        return client, m

    _client, m = run(story())
    sums = []
    threads = [threading.Thread(target=lambda: sums.append(sum(m[key]["n"] for key in m))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sums == [4950] * 4
    with pytest.raises(RuntimeError, match="no running event loop"):
        m.set("k", 1).send(None)
