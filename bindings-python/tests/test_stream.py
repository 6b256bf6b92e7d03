"""Streams: readers and sinks as async iterators, and what becomes of events when somebody leaves, raises or gives up."""

import asyncio

import ponos
import pytest


async def take(items, count):
    return [await anext(items) for _ in range(count)]


async def publish(stream, *payloads):
    for payload in payloads:
        await stream.publish("t", payload)


def test_an_event_shows_what_it_was_published_with(run, url):
    async def story():
        async with ponos.open(url) as client:
            orders = await client.stream("orders", codec=ponos.json)
            assert (orders.name, orders.codec, repr(orders)) == ("orders", "json", "<ponos.Stream 'orders'>")
            async with orders.reader() as reader:
                done = await orders.publish("new.eu", {"id": 7}, key="ann", headers={"a": "1", "b": b"\xff"})
                match await anext(reader):
                    case ponos.StreamEvent("new.eu", {"id": number}) as event:
                        assert number == 7
                    case other:
                        pytest.fail(repr(other))
                assert (event.id, event.seq, event.kind) == (done.id, done.seq, "event")
                assert (event.key, event.payload) == ("ann", b'{"id":7}')
                assert event.headers == {"a": b"1", "b": b"\xff"}
                assert event.value is event.value
                assert event.at > 1_600_000_000
                assert repr(event) == f'StreamEvent(id="{done.id}", topic="new.eu")'
            late = await orders.publish("new.eu", 1, delay=60)
            assert late == ponos.Published(None, False)
            assert late.seq is None

    run(story())


def test_leaving_a_loop_or_raising_in_it_loses_nothing(run, url):
    async def story():
        async with ponos.open(url) as client:
            s = await client.stream("s", codec=ponos.json)
            async with s.reader() as reader, s.sink("g") as sink:
                await publish(s, *range(6))
                for items in (reader, sink):
                    async for item in items:
                        assert item.value == 0
                        break
                    with pytest.raises(ZeroDivisionError):
                        async for item in items:
                            assert item.value == 1
                            item.value / 0
                    assert [item.value for item in await take(items, 2)] == [2, 3]
                assert reader.position.endswith("-4")
                again = await s.reader(from_={"behind": reader.position})
                assert [item.value for item in await take(again, 2)] == [4, 5]
            # What was not handed out counts as not delivered; all that was not acknowledged comes at once.
            async with s.sink("g") as sink:
                seen = {item.value: item.count for item in await take(sink, 6)}
                assert seen == {0: 2, 1: 2, 2: 2, 3: 2, 4: 1, 5: 1}

    run(story())


def test_an_error_in_the_block_closes_the_sink_which_gives_its_events_back(run, url):
    async def story():
        async with ponos.open(url) as client:
            s = await client.stream("s")
            with pytest.raises(ZeroDivisionError):
                async with s.sink("g", ack_wait=60.0) as first:
                    await publish(s, b"a")
                    async for item in first:
                        item.count / 0
            async with asyncio.timeout(5), s.sink("g", ack_wait=60.0) as second:
                event = await anext(second)
                assert (event.payload, event.count) == (b"a", 2)
                with pytest.raises(ponos.ClosedError):
                    await item.ack()
                await event.ack()

    run(story())


def test_giving_up_loses_nothing_and_hands_out_nothing(run, url):
    async def story():
        async with ponos.open(url) as client, ponos.open(url) as other:
            s, writer = await client.stream("s"), await other.stream("s")
            async with s.reader() as reader, s.sink("g") as sink:
                seen = {reader: [], sink: []}
                for number in range(200):
                    tasks = {items: asyncio.create_task(anext(items)) for items in seen}
                    await asyncio.sleep(0)
                    await writer.publish("t", b"")
                    if number % 3 == 0:
                        await asyncio.sleep(0.001)
                    for items, task in tasks.items():
                        task.cancel()
                        if isinstance(
                            (await asyncio.gather(task, return_exceptions=True))[0], ponos.StreamEvent
                        ):
                            seen[items].append(task.result())
                for items, so_far in seen.items():
                    async with asyncio.timeout(5):
                        so_far += await take(items, 200 - len(so_far))
                    assert [item.seq for item in so_far] == list(range(1, 201))
                assert {item.count for item in seen[sink]} == {1}

    run(story())


def test_batches_are_answered_at_once(run, url):
    async def story():
        async with ponos.open(url) as client:
            s = await client.stream("s", codec=ponos.json)
            async with s.sink("g") as sink:
                await s.publish_batch([ponos.Message("t", number) for number in range(500)])
                count = 0
                async for batch in sink.batches(100):
                    assert len(batch) <= 100
                    count += len(batch)
                    await sink.ack(batch)
                    if count == 500:
                        break
                info = await s.info()
                assert (info.len, info.groups) == (500, [ponos.GroupInfo("g", 0, 0, None, 1)])
                await sink.ack([])

    run(story())


def test_answers(run, url):
    async def story():
        async with ponos.open(url) as client:
            s = await client.stream("s")
            async with s.sink("g", backoff=[0.0, 0.05], max_deliver=3) as sink:
                await publish(s, b"a", b"b")
                a, b = await take(sink, 2)
                a.progress()
                await asyncio.create_task(a.nack(delay=0.01))
                await b.term("it is bad")
                again = await anext(sink)
                assert (again.id, again.count, repr(again)) == (a.id, 2, f'Delivery(id="{a.id}", topic="t")')
                with pytest.raises(ponos.FencedError, match=r'^sink\.ack "g": .* not this consumer'):
                    await b.ack()
                with pytest.raises(ponos.InvalidError, match="the delay is -1 s"):
                    await again.nack(-1)
                with pytest.raises(TypeError, match="the reason must be text, not 7"):
                    await again.term(7)
                with pytest.raises(TypeError, match="an event that this sink gave, not 7"):
                    await sink.ack([again, 7])
                await again.ack()
                async with s.reader(from_="first") as reader:
                    with pytest.raises(TypeError, match="an event that this sink gave, not StreamEvent"):
                        await sink.ack([await anext(reader)])

    run(story())


def test_a_gap_and_a_deletion_are_told_and_need_no_answer(run, url):
    async def story():
        async with ponos.open(url) as client:
            s = await client.stream("s", max_len=2, when_behind="skip")
            start = (await s.publish("t", b"1")).id
            async with s.sink("g", from_="first", prefetch=1) as sink:
                await (await anext(sink)).ack()
            await publish(s, b"2", b"3", b"4", b"5")
            async with s.reader(from_={"behind": start}) as reader, s.sink("g") as sink:
                for items in (reader, sink):
                    gap = await anext(items)
                    match gap:
                        case ponos.Gap(first, then, 2):
                            assert (first[-2:], then[-2:], gap.kind) == ("-2", "-4", "gap")
                        case other:
                            pytest.fail(repr(other))
                    assert "count=2" in repr(gap)
                batch = await anext(sink.batches(10))
                await s.destroy()
                deleted = (await take(reader, 3))[2]
                assert (deleted.kind, repr(deleted)) == ("deleted", "Deleted()")
                async for item in sink:
                    if item.kind == "deleted":
                        break
                with pytest.raises(ponos.FencedError):
                    await sink.ack([gap, deleted, *batch])
                await sink.ack([gap, deleted])

    run(story())


def test_a_step_is_done_with_the_acknowledgement(run, url):
    async def story():
        async with ponos.open(url) as client:
            shop = client.scope("shop")
            assert repr(shop) == "<ponos.Scope 'shop'>"
            orders, out = (
                await shop.stream("orders", codec=ponos.json),
                await shop.stream("out", codec=ponos.text),
            )
            totals = await shop.map("totals", codec=ponos.json)
            async with orders.sink("billing") as billing, out.reader() as told:
                await publish(orders, {"price": 5}, {"price": 7})
                async for event in billing:
                    txn = (
                        totals.txn()
                        .when("stop", absent=True)
                        .incr("sum", event.value["price"])
                        .set("last", event.id)
                    )
                    message = ponos.Message("billed", "ok", key="k", headers={"of": event.id})
                    await event.ack_with(ponos.Step().map(txn).publish(out, message))
                    if event.seq == 2:
                        break
                assert (totals["sum"], totals["last"]) == (12, event.id)
                assert [item.headers["of"].decode()[-2:] for item in await take(told, 2)] == ["-1", "-2"]
                await publish(orders, {"price": 1})
                event = await anext(billing)
                await totals.set("stop", True)
                with pytest.raises(ponos.ConflictError):
                    await event.ack_with(
                        ponos.Step().map(totals.txn().when("stop", absent=True).incr("sum", 1))
                    )
                with pytest.raises(ponos.InvalidError, match="otherwise"):
                    await event.ack_with(ponos.Step().map(totals.txn().incr("sum").otherwise().delete("sum")))
                alone = await client.map("totals", codec=ponos.json)
                with pytest.raises(ponos.InvalidError, match="stays in one scope"):
                    await event.ack_with(ponos.Step().map(alone.txn().incr("sum")))
                await event.ack()

    run(story())


def test_a_step_is_committed_without_an_event_and_may_be_again(run, url):
    async def story():
        async with ponos.open(url) as client:
            shop = client.scope("shop")
            stock, sales = (
                await shop.map("stock", codec=ponos.json),
                await shop.stream("sales", codec=ponos.json),
            )
            step = ponos.Step().map(stock.txn().when("stop", absent=True).incr("pen", -1))
            step.publish(sales, ponos.Message("sold", {"what": "pen"}))
            await asyncio.create_task(step.commit())
            await step.commit()
            assert (stock["pen"], (await sales.info()).len) == (-2, 2)
            await stock.set("stop", True)
            with pytest.raises(ponos.ConflictError, match=r"^step\.commit: a condition of the step"):
                await step.commit()
            with pytest.raises(ponos.InvalidError, match="the step is empty"):
                await ponos.Step().commit()
            assert (stock["pen"], (await sales.info()).len) == (-2, 2)

    run(story())


def test_requests_get_their_replies_side_by_side(run, url):
    async def story():
        async with ponos.open(url) as client, ponos.open(url) as other:
            sums, adders = (
                await client.stream("sums", codec=ponos.json),
                await other.stream("sums", codec=ponos.json),
            )

            async def add(sink):
                async for event in sink:
                    assert await adders.reply(event, sum(event.value)) is True
                    await event.ack()

            async with adders.sink("adders") as sink, asyncio.timeout(10):
                adding = asyncio.create_task(add(sink))
                asked = [sums.request("add", [number, 1], timeout=10.0) for number in range(20)]
                assert await asyncio.gather(*asked) == list(range(1, 21))
                await sink.close()
                await adding

    run(story())


def test_who_gives_up_a_request_is_gone_and_a_timeout_says_what_may_be(run, url):
    async def story():
        async with ponos.open(url) as client:
            s = await client.stream("s", codec=ponos.json)
            async with s.reader() as reader:
                asking = asyncio.create_task(s.request("t", 1, timeout=60.0))
                event = await anext(reader)
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
                while await s.reply(event, 1):  # it is gone in its own time
                    await asyncio.sleep(0.001)
                with pytest.raises(
                    ponos.TimeoutError, match=r'^stream\.request "s": the reply took longer'
                ) as late:
                    await s.request("t", 2, timeout=0.02)
                assert late.value.maybe_applied
                waiting = asyncio.create_task(s.request("t", 3, timeout=60.0))
                assert [item.value for item in await take(reader, 2)] == [2, 3]
                async with asyncio.timeout(2):
                    await s.close()
                with pytest.raises(ponos.ClosedError) as closed:
                    await waiting
                assert closed.value.maybe_applied

    run(story())


def test_requests_and_replies_that_are_wrong_are_refused(run, url):
    async def story():
        async with ponos.open(url) as client:
            s = await client.stream("s", codec=ponos.json, max_len=1, when_behind="skip")
            for timeout in (0, -1, 1e10):
                with pytest.raises(ponos.InvalidError, match="must be from 1 ms to 100 years"):
                    await s.request("t", 1, timeout=timeout)
            with pytest.raises(TypeError, match='timeout must be a number, not "soon"'):
                await s.request("t", 1, timeout="soon")
            with pytest.raises(TypeError, match="the timeout must be a time, not nothing"):
                await s.request("t", 1, timeout=None)
            with pytest.raises(ponos.InvalidError, match="cannot be written as json"):
                await s.request("t", float("nan"), timeout=1)
            first = await s.publish("t", 1)
            await publish(s, 2, 3)
            async with s.reader(from_={"behind": first.id}) as reader:
                gap, event = await take(reader, 2)
                with pytest.raises(ponos.InvalidError, match="the event is no request"):
                    await s.reply(event, 1)
                with pytest.raises(
                    TypeError, match="what is replied to must be an event that a reader or sink gave"
                ):
                    await s.reply(gap, 1)
                with pytest.raises(TypeError, match='gave, not "event"'):
                    await s.reply("event", 1)

    run(story())


def test_what_is_wrong_is_refused_where_it_is_given(run, url):
    async def story():
        async with ponos.open(url) as client:
            s = await client.stream("s", codec=ponos.json)
            with pytest.raises(ponos.InvalidError, match="cannot be written as json"):
                await s.publish("t", float("nan"))
            with pytest.raises(TypeError, match="a codec is"):
                await client.stream("t", codec=int)
            with pytest.raises(ponos.InvalidError, match="whenBehind is one of keep, skip, reject"):
                await client.stream("t", when_behind="wait")
            with pytest.raises(TypeError, match='topics must be a list, not "orders"'):
                await s.reader(topics="orders")
            with pytest.raises(ponos.InvalidError, match='"yesterday"'):
                await s.reader(from_="yesterday")
            with pytest.raises(ponos.InvalidError, match="time=-1 s must be a time since 1970"):
                await s.reader(from_={"time": -1})
            with pytest.raises(OverflowError):
                await s.sink("g", max_deliver=1 << 40)
            with pytest.raises(TypeError, match="a header must be bytes, not 1"):
                await s.publish("t", 1, headers={"a": 1})
            async with s.reader() as reader:
                with pytest.raises(OverflowError):
                    await anext(reader.batches(0))

    run(story())


def test_closing_ends_those_who_wait(run, url):
    async def story():
        async with ponos.open(url) as client:
            s = await client.stream("s")
            reader, sink = await s.reader(), await s.sink("g")
            waiting = [asyncio.ensure_future(anext(items, "end")) for items in (reader, sink)]
            await asyncio.sleep(0.01)
            reader.close()
            await sink.close()
            assert await asyncio.gather(*waiting) == ["end", "end"]
            reader.close()
            await sink.close()
            async with s.reader() as reader, s.sink("g") as sink:
                waiting = [asyncio.ensure_future(anext(items, "end")) for items in (reader, sink)]
                await asyncio.sleep(0.01)
                await s.close()
                assert await asyncio.gather(*waiting) == ["end", "end"]
            with pytest.raises(ponos.ClosedError, match=r"client\.stream"):
                await s.publish("t", b"")

    run(story())


def test_many_tasks_share_a_sink(run, url):
    async def story():
        async with ponos.open(url) as client:
            s = await client.stream("s", codec=ponos.json)
            async with s.sink("g", max_in_flight=8) as sink:

                async def work():
                    seen = []
                    async for event in sink:
                        seen.append(event.value)
                        await event.ack()
                    return seen

                tasks = [asyncio.create_task(work()) for _ in range(4)]
                await s.publish_batch([ponos.Message("t", number) for number in range(400)])
                async with asyncio.timeout(10):
                    while (await s.info()).groups[0].pending or (await s.info()).groups[0].lag:
                        await asyncio.sleep(0.005)
            done = [number for task in tasks for number in await task]
            assert sorted(done) == list(range(400))

    run(story())


def test_a_forked_child_has_no_events_of_its_parent(python):
    program = """
import asyncio, os, ponos

async def main():
    async with ponos.open("memory://") as client:
        s = await client.stream("s")
        reader, sink = await s.reader(), await s.sink("g")
        await s.publish("t", b"x")
        event = await anext(sink)
        child = os.fork()
        if child == 0:
            os._exit(await orphan(s, reader, event))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        await event.ack()
        await sink.close()

async def orphan(s, reader, event):
    for call in (event.ack(), s.publish("t", b"y"), anext(reader)):
        try:
            await call
            return 1
        except ponos.ClosedError as error:
            assert "before a fork" in str(error)
    assert event.payload == b"x"
    return 7

asyncio.run(main())
"""
    done = python(program)
    assert (done.returncode, done.stderr) == (0, "")
