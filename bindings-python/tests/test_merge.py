"""Merging: several streams as one async iterator, each with its codec, and what becomes of events when somebody leaves."""

import asyncio

import ponos
import pytest


async def take(items, count):
    return [await anext(items) for _ in range(count)]


async def spread(streams, numbers):
    """Publishes numbers to the streams in turn, each a moment after the one before it."""
    for number in numbers:
        await streams[number % len(streams)].publish("t", number)
        await asyncio.sleep(0.003)


async def some(client, count=2):
    return [await client.stream(f"s{number}", codec=ponos.json) for number in range(count)]


def test_each_stream_has_its_codec_and_its_number(run, url):
    async def story():
        async with ponos.open(url) as client, ponos.open("memory://other") as other:
            streams = [
                await client.stream("json", codec=ponos.json),
                await other.stream("text", codec=ponos.text),
                await client.stream("raw"),
            ]
            async with ponos.merge(streams, max_wait=0.0) as merged:
                for number, payload in enumerate([{"a": 1}, "text", b"bytes"]):
                    await streams[number].publish("t", payload)
                    match await anext(merged):
                        case ponos.Merged(of, ponos.StreamEvent("t", value)) as found:
                            assert (of, value, found.late) == (number, payload, False)
                            assert repr(found).startswith(
                                f"Merged(stream={number}, late=False, item=StreamEvent("
                            )
                        case wrong:
                            pytest.fail(repr(wrong))
                await streams[2].destroy()
                news = await anext(merged)
                assert (news.stream, news.item.kind) == (2, "deleted")

    run(story())


def test_leaving_a_loop_or_raising_in_it_loses_nothing(run, url):
    async def story():
        async with ponos.open(url) as client:
            streams = await some(client)
            await spread(streams, range(8))
            async with ponos.merge(streams, from_="first", topics=["t"], max_wait=0.2) as merged:
                async for each in merged:
                    assert (each.stream, each.item.value) == (0, 0)
                    break
                with pytest.raises(ZeroDivisionError):
                    async for each in merged:
                        each.item.value / 0 if each.item.value == 1 else None
                rest = []
                async for batch in merged.batches(3):
                    assert len(batch) <= 3
                    rest += batch
                    if len(rest) == 6:
                        break
                assert [each.item.value for each in rest] == [2, 3, 4, 5, 6, 7]
                assert not any(each.late for each in rest)

    run(story())


def test_giving_up_loses_nothing(run, url):
    async def story():
        async with ponos.open(url) as client, ponos.open(url) as other:
            streams, writers = await some(client), await some(other)
            async with ponos.merge(streams, max_wait=0.001) as merged:
                seen = []
                for number in range(200):
                    task = asyncio.create_task(anext(merged))
                    await asyncio.sleep(0)
                    await writers[number % 2].publish("t", number)
                    if number % 3 == 0:
                        await asyncio.sleep(0.002)
                    task.cancel()
                    (done,) = await asyncio.gather(task, return_exceptions=True)
                    seen += [done] if isinstance(done, ponos.Merged) else []
                async with asyncio.timeout(5):
                    seen += await take(merged, 200 - len(seen))
                for of in range(2):
                    values = [each.item.value for each in seen if each.stream == of]
                    assert values == list(range(of, 200, 2))

    run(story())


def test_closing_ends_those_who_wait_and_leaves_the_streams_open(run, url):
    async def story():
        async with ponos.open(url) as client:
            streams = await some(client)
            merged = await ponos.merge(streams)
            waiting = asyncio.ensure_future(anext(merged, "end"))
            await asyncio.sleep(0.01)
            merged.close()
            assert await waiting == "end"
            merged.close()
            assert await anext(merged, "end") == "end"
            await streams[0].publish("t", 1)
            merged = await ponos.merge(streams)
            waiting = asyncio.ensure_future(anext(merged, "end"))
            await asyncio.sleep(0.01)
            await streams[0].close()
            await asyncio.sleep(0.01)
            assert not waiting.done()
            await streams[1].close()
            assert await waiting == "end"
            with pytest.raises(ponos.ClosedError, match=r"stream\.reader"):
                await ponos.merge(streams)

    run(story())


def test_what_is_wrong_is_refused_where_it_is_given(run, url):
    async def story():
        async with ponos.open(url) as client:
            (stream,) = await some(client, 1)
            with pytest.raises(ponos.InvalidError, match=r"^stream\.merge: there are no streams to merge"):
                await ponos.merge([])
            with pytest.raises(TypeError, match="what is merged must be a stream, not 7"):
                await ponos.merge([stream, 7])
            with pytest.raises(TypeError, match="what is merged must be a stream, not an object"):
                await ponos.merge([stream, await client.map("m")])
            with pytest.raises(
                ponos.InvalidError, match="max_wait is -1 s and must be from 0 ms to 100 years"
            ):
                await ponos.merge([stream], max_wait=-1)
            with pytest.raises(ponos.InvalidError, match="above 0"):
                await ponos.merge([stream], replay=0.0)
            async with ponos.merge([stream]) as merged:
                with pytest.raises(OverflowError):
                    await anext(merged.batches(0))

    run(story())
