"""`AIOKafkaProducer`, on asyncio's own event loop and on uvloop."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import numpy as np
import pytest
import uvloop
from conftest import Cluster, Reachable
from gate import METADATA, PRODUCE, Gate

from raban import EmbeddedBroker, TopicPartition
from raban.aio import AIOKafkaProducer, BatchBuilder, RecordMetadata, SendManyReport
from raban.aio.errors import (
    IllegalOperation,
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    MetadataTimeoutError,
    ProducerClosed,
    RequestTimedOutError,
    UnknownTopicOrPartitionError,
)

GENEROUS = 60
"""Seconds to wait for what comes in milliseconds, unless something is broken."""

# Records that wait for company long enough for a test to end before.
LINGER_MS = 60_000

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "debug", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine, each on a loop of its own."""
    make = uvloop.new_event_loop if request.param == "uvloop" else None

    def run(main: Coroutine[Any, Any, None]) -> None:
        debug = request.param == "debug"
        with asyncio.Runner(debug=debug, loop_factory=make) as runner:
            runner.run(asyncio.wait_for(main, GENEROUS))

    return run


def producer_of(at: Reachable, **configs: Any) -> AIOKafkaProducer:
    return AIOKafkaProducer(bootstrap_servers=at.bootstrap_servers, **configs)


async def until_held(gate: Gate) -> None:
    await asyncio.to_thread(gate.wait_until_held)


def values(cluster: Cluster, topic: str) -> list[bytes | None]:
    return [record.value for record in cluster.records(topic)]


# What is sent.


def test_a_record_and_its_metadata(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            before = int(time.time() * 1000)
            future = await producer.send(topic, b"value", b"key", headers=[("h", b"1")])
            assert isinstance(future, asyncio.Future)
            metadata = await future
            after = int(time.time() * 1000)
            assert future.result() is metadata and isinstance(metadata, RecordMetadata)
            assert (metadata.topic, metadata.partition, metadata.offset) == (topic, 0, 0)
            assert metadata.topic_partition == TopicPartition(topic, 0)
            assert before <= metadata.timestamp <= after
            assert (metadata.timestamp_type, metadata.log_start_offset) == (0, None)
            assert len(metadata) == 7 and metadata == tuple(metadata)

    run(main())
    [record] = cluster.records(topic)
    assert (record.key, record.value, record.headers) == (b"key", b"value", [("h", b"1")])


def test_the_order_of_arguments_is_that_of_aiokafka(
    run: Run, cluster: Cluster, topic: str
) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            await (await producer.send(topic, b"value", b"key", 0, 1234, [("h", b"1")]))
            await producer.send_and_wait(topic, b"value", b"key", 0, 1234, [("h", b"1")])

    run(main())
    first, second = cluster.records(topic)
    assert first[3:] == second[3:] == (1234, b"key", b"value", [("h", b"1")])


@pytest.mark.parametrize(
    ("key", "value"), [(None, b"v"), (b"k", None), (b"", b""), (bytearray(b"k"), memoryview(b"v"))]
)
def test_keys_and_values(key: Any, value: Any, run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            await producer.send_and_wait(topic, value, key)

    run(main())
    [record] = cluster.records(topic)
    assert record.key == (None if key is None else bytes(key))
    assert record.value == (None if value is None else bytes(value))


def test_headers_of_any_iterable(run: Run, cluster: Cluster, topic: str) -> None:
    pairs = [("a", b"1"), ("b", b""), ("a", b"2")]

    async def main() -> None:
        async with producer_of(cluster) as producer:
            for headers in (pairs, tuple(pairs), iter(pairs), []):
                await producer.send_and_wait(topic, b"1", headers=headers)
            for wrong in ([("a", "text")], [(b"a", b"1")], [("a",)], 5):
                with pytest.raises(TypeError):
                    await producer.send(topic, b"1", headers=wrong)

    run(main())
    assert [record.headers for record in cluster.records(topic)] == [pairs, pairs, pairs, []]


def test_records_of_one_task_are_in_order(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            futures = [await producer.send(topic, b"%d" % number) for number in range(2000)]
            assert [(await future).offset for future in futures] == list(range(2000))

    run(main())
    assert values(cluster, topic) == [b"%d" % number for number in range(2000)]


def test_no_send_goes_before_those_that_wait_for_metadata(
    run: Run, broker: EmbeddedBroker, gate: Gate
) -> None:
    def is_known(producer: AIOKafkaProducer, topic: str) -> bool:
        try:
            return bool(producer._partitions(topic))
        except ValueError:
            return False

    async def main() -> None:
        async with producer_of(gate) as producer:
            gate.hold_requests(METADATA)
            waiting = [asyncio.create_task(producer.send("t", b"%d" % each)) for each in range(20)]
            await until_held(gate)
            waiting.pop(3).cancel()
            gate.let_go()
            # The loop doesn't run meanwhile: nothing that waits goes on.
            while not is_known(producer, "t"):
                time.sleep(0.001)
            last = await producer.send("t", b"last")
            await asyncio.gather(*waiting)
            await last
        found = [record.value for record in broker.records("t")]
        assert found == [b"%d" % each for each in range(20) if each != 3] + [b"last"]

    run(main())


def test_outcomes_come_in_order(run: Run, cluster: Cluster, topic: str) -> None:
    seen: list[int] = []

    async def main() -> None:
        async with producer_of(cluster, max_batch_size=1000) as producer:
            for _ in range(1000):
                future = await producer.send(topic, b"some value")
                future.add_done_callback(lambda future: seen.append(future.result().offset))

    run(main())
    assert seen == list(range(1000))


def test_many_at_once(run: Run, cluster: Cluster) -> None:
    topic = cluster.topic(partitions=3)

    async def main() -> None:
        async with producer_of(cluster, linger_ms=5) as producer:
            waits = [producer.send_and_wait(topic, b"%d" % number) for number in range(500)]
            metadata = await asyncio.gather(*waits)
            places = {(found.partition, found.offset) for found in metadata}
            assert len(places) == 500
            tasks = [asyncio.create_task(producer.send(topic, b"task")) for _ in range(100)]
            assert len({await (await task) for task in tasks}) == 100
            futures = await asyncio.gather(*(producer.send(topic, b"many") for _ in range(100)))
            await asyncio.wait(futures)
            ensured = asyncio.ensure_future(producer.send(topic, b"ensured"))
            await (await asyncio.wait_for(ensured, GENEROUS))
            async with asyncio.TaskGroup() as group:
                group.create_task(producer.send_and_wait(topic, b"group"))

    run(main())
    assert len(cluster.records(topic)) == 702


def test_a_partition_and_a_partitioner(run: Run, cluster: Cluster) -> None:
    topic = cluster.topic(partitions=3)
    asked: list[Any] = []

    def by_value(key: Any, every: list[int], available: list[int]) -> int:
        asked.append((key, sorted(every), sorted(available)))
        return max(every)

    async def main() -> None:
        async with producer_of(
            cluster, partitioner=by_value, key_serializer=str.encode
        ) as producer:
            assert await producer.partitions_for(topic) == {0, 1, 2}
            assert (await producer.send_and_wait(topic, b"1", "key")).partition == 2
            assert (await producer.send_and_wait(topic, b"1", "key", partition=1)).partition == 1
            await producer.send_many(topic, [("many", b"1")])

    run(main())
    assert asked == [(b"key", [0, 1, 2], [0, 1, 2]), (b"many", [0, 1, 2], [0, 1, 2])]


def test_a_partitioner_is_asked_for_a_new_topic(run: Run, cluster: Cluster) -> None:
    topics = [cluster.topic(partitions=3) for _ in range(2)]

    def last(key: Any, every: list[int], available: list[int]) -> int:
        return max(every)

    async def main() -> None:
        async with producer_of(cluster, partitioner=last) as producer:
            assert (await producer.send_and_wait(topics[0], b"1")).partition == 2
            report = await producer.send_many(topics[1], [b"1", b"2"])
            assert report.delivered == 2

    run(main())
    assert [record.partition for record in cluster.records(topics[1])] == [2, 2]


def test_serializers(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(
            cluster, key_serializer=str.encode, value_serializer=lambda value: b"%d" % value
        ) as producer:
            await producer.send_and_wait(topic, 42, "key")
            with pytest.raises(TypeError):
                await producer.send(topic, "no number", "key")
            batch = producer.create_batch()
            batch.append(key="in", value=1, timestamp=None)
            await (await producer.send_batch(batch, topic, partition=0))

    run(main())
    found = [(record.key, record.value) for record in cluster.records(topic)]
    assert found == [(b"key", b"42"), (b"in", b"1")]


@pytest.mark.parametrize(
    "settings", [{"acks": 0}, {"acks": 1}, {"enable_idempotence": True}], ids=str
)
def test_acks(settings: Any, run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster, compression_type="gzip", **settings) as producer:
            metadata = await producer.send_and_wait(topic, b"1")
            assert metadata.offset == (-1 if settings == {"acks": 0} else 0)

    run(main())
    assert values(cluster, topic) == [b"1"]


def test_flush(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster, linger_ms=LINGER_MS) as producer:
            futures = [await producer.send(topic, b"1") for _ in range(100)]
            assert not any(future.done() for future in futures)
            await producer.flush()
            assert all(future.done() for future in futures)
            await producer.flush()

    run(main())


def test_stop_delivers(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        producer = producer_of(cluster, linger_ms=LINGER_MS)
        await producer.start()
        futures = [await producer.send(topic, b"1") for _ in range(100)]
        await producer.stop()
        assert [future.result().offset for future in futures] == list(range(100))

    run(main())


def test_the_loop_goes_on_while_many_are_sent(run: Run, cluster: Cluster, topic: str) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> None:
        async with producer_of(cluster) as producer:
            await producer.send_and_wait(topic, b"first")
            counting = asyncio.create_task(count())
            # None of these has anything to wait for.
            for _ in range(3000):
                await producer.send(topic, b"1")
            assert turns >= 3
            counting.cancel()

    run(main())


# Many at a time.


def test_send_many(run: Run, cluster: Cluster) -> None:
    topic = cluster.topic()

    async def main() -> None:
        async with producer_of(cluster, linger_ms=5) as producer:
            report = await producer.send_many(topic, (b"%d" % n for n in range(5000)))
            assert isinstance(report, SendManyReport)
            assert (report.delivered, report.failures) == (5000, [])
            rows = np.arange(6, dtype=np.uint8).reshape(2, 3)
            assert (await producer.send_many(topic, rows)).delivered == 2
            assert (await producer.send_many(topic, [(b"k", b"v", [("h", b"")])])).delivered == 1
            reports = await asyncio.gather(*(producer.send_many(topic, [b"x"] * 10) for _ in "123"))
            assert [report.delivered for report in reports] == [10] * 3
            with pytest.raises(TypeError):
                await producer.send_many(topic, b"bytes")

    run(main())
    found = values(cluster, topic)
    assert found[:5000] == [b"%d" % number for number in range(5000)]
    assert found[5000:5002] == [b"\0\1\2", b"\3\4\5"]
    assert len(found) == 5033


def test_send_many_fails_record_by_record(run: Run, cluster: Cluster, topic: str) -> None:
    def raises() -> Iterator[bytes]:
        yield b"sent"
        raise LookupError("mine")

    async def main() -> None:
        async with producer_of(cluster, max_request_size=1000) as producer:
            report = await producer.send_many(topic, [b"one", b"x" * 2000])
            assert report.delivered == 1
            [(place, error)] = report.failures
            assert place == 1 and isinstance(error, MessageSizeTooLargeError)
            with pytest.raises(MessageSizeTooLargeError):
                report.raise_for_failures()
            with pytest.raises(LookupError, match="mine"):
                await producer.send_many(topic, raises())
            report = await producer.send_many(topic, [b"1"], partition=5)
            assert isinstance(report.failures[0][1], (ValueError, AssertionError))

    run(main())
    assert values(cluster, topic) == [b"one", b"sent"]


def test_cancelled_send_many_leaves_the_rest(
    run: Run, broker: EmbeddedBroker, gate: Gate
) -> None:
    taken = 0

    def records() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 1000

    async def main() -> None:
        async with producer_of(gate) as producer:
            await producer.send_and_wait("t", b"first")
            gate.hold_answers()
            # It goes on until memory is full.
            sending = asyncio.create_task(producer.send_many("t", records()))
            await until_held(gate)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            gate.let_go()
            await producer.send_and_wait("t", b"last")
            at_cancel = taken
            await producer.flush()
            assert taken == at_cancel

    run(main())
    found = [record.value for record in broker.records("t")]
    assert found[-1] == b"last" and len(found) <= taken + 2


# Batches.


def test_a_batch(run: Run, cluster: Cluster) -> None:
    topic = cluster.topic(partitions=2)

    async def main() -> None:
        async with producer_of(cluster, max_batch_size=1000) as producer:
            batch = producer.create_batch()
            assert isinstance(batch, BatchBuilder)
            assert (batch.record_count(), batch.closed) == (0, False)
            empty = batch.size()
            first = batch.append(key=b"k", value=b"v", timestamp=1234, headers=[("h", b"1")])
            assert first is not None
            assert (first.offset, first.timestamp) == (0, 1234)
            assert batch.size() == empty + first.size
            count = 1
            while (added := batch.append(key=None, value=b"x" * 20, timestamp=None)) is not None:
                assert added.offset == count
                count += 1
            assert batch.record_count() == count
            assert batch.size() <= 1000 < batch.size() + 40
            future = await producer.send_batch(batch, topic, partition=1)
            metadata = await future
            assert (metadata.partition, metadata.offset) == (1, 0)
            assert batch.closed
            assert batch.append(key=None, value=b"late", timestamp=None) is None

    run(main())
    found = cluster.records(topic)
    assert all(record.partition == 1 for record in found)
    assert (found[0].key, found[0].value, found[0].headers) == (b"k", b"v", [("h", b"1")])
    assert found[0].timestamp == 1234
    assert len(found) > 20 and {record.value for record in found[1:]} == {b"x" * 20}


def test_an_empty_batch_sends_nothing(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            batch = producer.create_batch()
            assert await (await producer.send_batch(batch, topic, partition=0)) is None
            assert batch.closed

    run(main())


def test_batches_that_cant_be_sent(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            batch = producer.create_batch()
            batch.append(key=None, value=b"1", timestamp=None)
            with pytest.raises(TypeError):
                batch.append(key=None, value="text", timestamp=None)  # type: ignore[arg-type]
            with pytest.raises(AssertionError):
                await producer.send_batch(batch, topic, partition=-1)
            for partition in (1, 100):
                with pytest.raises(AssertionError):
                    await (await producer.send_batch(batch, topic, partition=partition))
            late = producer.create_batch()
            late.append(key=None, value=b"1", timestamp=int(time.time() * 1000) + 10**9)
            future = await producer.send_batch(late, topic, partition=0)
            with pytest.raises(InvalidTimestampError):
                await future

    run(main())
    assert values(cluster, topic) == []


def test_a_closed_batch_takes_no_more(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            batch = producer.create_batch()
            batch.append(key=None, value=b"1", timestamp=None)
            batch.close()
            batch.close()
            assert batch.closed
            assert batch.append(key=None, value=b"2", timestamp=None) is None
            await (await producer.send_batch(batch, topic, partition=0))
            # A first record fits, however large it is.
            large = producer.create_batch()
            assert large.append(key=None, value=b"x" * 50_000, timestamp=None) is not None
            assert large.append(key=None, value=b"2", timestamp=None) is None

    run(main())
    assert values(cluster, topic) == [b"1"]


# Cancelling and waiting.


def test_cancelling_a_send_that_waits_takes_the_record_back(
    run: Run, broker: EmbeddedBroker, gate: Gate
) -> None:
    async def main() -> None:
        async with producer_of(gate) as producer:
            gate.hold_requests(METADATA)
            waiting = [asyncio.create_task(producer.send("t", b"cancelled")) for _ in range(3)]
            await until_held(gate)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(producer.send("t", b"timed out"), 0.01)
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)
            assert all(task.cancelled() for task in waiting)
            gate.let_go()
            await producer.send_and_wait("t", b"sent")

    run(main())
    assert [record.value for record in broker.records("t")] == [b"sent"]


def test_a_send_that_is_never_awaited_sends_nothing(
    run: Run, cluster: Cluster, topic: str
) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            producer.send(topic, b"not awaited").close()
            task = asyncio.create_task(producer.send(topic, b"cancelled before it began"))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            coroutine = producer.send(topic, b"once")
            await coroutine
            with pytest.raises(RuntimeError, match="already awaited"):
                await coroutine

    run(main())
    assert values(cluster, topic) == [b"once"]


def test_cancelling_the_future_doesnt_unsend(
    run: Run, broker: EmbeddedBroker, gate: Gate
) -> None:
    async def main() -> None:
        async with producer_of(gate) as producer:
            gate.hold_answers()
            future = await producer.send("t", b"1")
            other = await producer.send("t", b"2")
            await until_held(gate)
            future.cancel()
            gate.let_go()
            assert (await other).offset == 1
            assert future.cancelled()

    run(main())
    assert [record.value for record in broker.records("t")] == [b"1", b"2"]


def test_cancelling_send_and_wait_doesnt_unsend(
    run: Run, broker: EmbeddedBroker, gate: Gate
) -> None:
    async def main() -> None:
        async with producer_of(gate) as producer:
            gate.hold_answers()
            task = asyncio.create_task(producer.send_and_wait("t", b"1"))
            await until_held(gate)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gate.let_go()

    run(main())
    assert [record.value for record in broker.records("t")] == [b"1"]


def test_send_waits_for_memory(run: Run, broker: EmbeddedBroker, gate: Gate) -> None:
    async def main() -> None:
        # 32 MiB of records may be under way.
        async with producer_of(
            gate, enable_idempotence=True, request_timeout_ms=200
        ) as producer:
            await producer.send_and_wait("t", b"first")
            gate.hold_requests(PRODUCE)
            futures = []
            with pytest.raises(KafkaTimeoutError, match="buffer.memory"):
                for _ in range(100):
                    futures.append(await producer.send("t", b"x" * 1_000_000))
            assert 10 < len(futures) < 34
            blocked = asyncio.create_task(producer.send("t", b"x" * 1_000_000))
            gate.let_go()
            futures.append(await blocked)
            await asyncio.gather(*futures)

    run(main())


def test_cancelled_flush_and_partitions_for(run: Run, broker: EmbeddedBroker, gate: Gate) -> None:
    async def main() -> None:
        async with producer_of(gate) as producer:
            gate.hold_answers()
            future = await producer.send("t", b"1")
            await until_held(gate)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(producer.flush(), 0.01)
            gate.let_go()
            await producer.flush()
            assert future.done()

            gate.hold_requests(METADATA)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(producer.partitions_for("another"), 0.01)
            gate.let_go()
            assert await producer.partitions_for("another") == {0}

    run(main())


def test_a_cancelled_stop_leaves_no_future_pending(
    run: Run, broker: EmbeddedBroker, gate: Gate
) -> None:
    async def main() -> None:
        producer = producer_of(gate)
        await producer.start()
        gate.hold_answers()
        future = await producer.send("t", b"1")
        await until_held(gate)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(producer.stop(), 0.01)
        gate.let_go()
        # Acknowledged or failed: it was the producer's to tell.
        done, _ = await asyncio.wait([future], timeout=5)
        assert done
        await producer.stop()

    run(main())


# What goes wrong.


def test_neither_key_nor_value(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            with pytest.raises(AssertionError, match="key or value"):
                await producer.send(topic)

    run(main())


def test_wrong_arguments(run: Run, cluster: Cluster, topic: str) -> None:
    wrong: list[dict[str, Any]] = [
        {"value": "text"},
        {"value": 5},
        {"value": b"1", "key": "text"},
        {"value": b"1", "topic": None},
        {"value": b"1", "partition": "0"},
        {"value": b"1", "unknown": 1},
    ]

    async def main() -> None:
        async with producer_of(cluster) as producer:
            for arguments in wrong:
                with pytest.raises(TypeError):
                    await producer.send(**{"topic": topic} | arguments)

    run(main())
    assert values(cluster, topic) == []


def test_errors_of_records(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster, max_request_size=1000) as producer:
            with pytest.raises(MessageSizeTooLargeError):
                await producer.send(topic, b"x" * 2000)
            with pytest.raises(AssertionError):
                await producer.send(topic, b"1", partition=1)
            with pytest.raises(UnknownTopicOrPartitionError):
                await producer.send("two words", b"1")
            future = await producer.send(topic, b"1", timestamp_ms=int(time.time() * 1000) + 10**9)
            with pytest.raises(InvalidTimestampError) as raised:
                await future
            assert raised.value.may_have_been_written is False
            assert future.exception() is raised.value

    run(main())
    assert values(cluster, topic) == []


def test_a_broker_that_is_gone(run: Run) -> None:
    async def main() -> None:
        broker = EmbeddedBroker()
        async with producer_of(broker, request_timeout_ms=200) as producer:
            await producer.send_and_wait("t", b"1")
            broker.stop()
            future = await producer.send("t", b"2")
            with pytest.raises(KafkaTimeoutError) as raised:
                await future
            assert isinstance(raised.value, RequestTimedOutError)
            with pytest.raises(MetadataTimeoutError):
                await producer.send("another", b"1")
            with pytest.raises(MetadataTimeoutError):
                await producer.partitions_for("another")

    run(main())


def test_no_broker(run: Run, broker: EmbeddedBroker) -> None:
    broker.stop()

    async def main() -> None:
        producer = producer_of(broker, request_timeout_ms=50)
        with pytest.raises(KafkaConnectionError):
            await producer.start()
        with pytest.raises(ProducerClosed):
            await producer.start()
        await producer.stop()
        with pytest.raises(KafkaConnectionError):
            async with producer_of(broker, request_timeout_ms=50):
                raise AssertionError("it isn't there")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(main())


def test_a_cancelled_start(run: Run, broker: EmbeddedBroker) -> None:
    broker.stop()

    async def main() -> None:
        # Far longer than the test may take.
        producer = producer_of(broker, request_timeout_ms=10 * GENEROUS * 1000)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(producer.start(), 0.01)
        await producer.stop()

    run(main())


def test_use_before_start(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        producer = producer_of(cluster)
        with pytest.raises(IllegalOperation, match="start"):
            await producer.send(topic, b"1")
        with pytest.raises(IllegalOperation):
            await producer.send_and_wait(topic, b"1")
        with pytest.raises(IllegalOperation):
            await producer.send_many(topic, [b"1"])
        with pytest.raises(IllegalOperation):
            await producer.flush()
        with pytest.raises(IllegalOperation):
            await producer.partitions_for(topic)
        with pytest.raises(IllegalOperation):
            producer.create_batch()
        # There is nothing to stop.
        await producer.stop()

    run(main())


def test_use_after_stop(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        producer = producer_of(cluster)
        await producer.start()
        await producer.send_and_wait(topic, b"1")
        batch = producer.create_batch()
        batch.append(key=None, value=b"2", timestamp=None)
        await producer.stop()
        await producer.stop()
        with pytest.raises(ProducerClosed):
            await producer.send(topic, b"2")
        with pytest.raises(ProducerClosed):
            await producer.send_and_wait(topic, b"2")
        with pytest.raises(ProducerClosed):
            await producer.send_many(topic, [b"2"])
        with pytest.raises(ProducerClosed):
            await producer.send_batch(batch, topic, partition=0)
        with pytest.raises(ProducerClosed):
            await producer.partitions_for(topic)
        with pytest.raises(ProducerClosed):
            await producer.start()
        await producer.flush()

    run(main())
    assert values(cluster, topic) == [b"1"]


def test_stop_fails_what_waits(
    run: Run, broker: EmbeddedBroker, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        producer = producer_of(gate)
        await producer.start()
        gate.hold_requests(METADATA)
        waiting = asyncio.create_task(producer.send("t", b"waits for metadata"))
        await until_held(gate)
        await producer.stop()
        with pytest.raises(ProducerClosed):
            await waiting
        gate.let_go()

    run(main())


def test_nothing_stays_pending_over_a_stop(run: Run, cluster: Cluster, topic: str) -> None:
    def batch_of(producer: AIOKafkaProducer) -> BatchBuilder:
        batch = producer.create_batch()
        batch.append(key=None, value=b"1", timestamp=None)
        return batch

    async def one() -> None:
        producer = producer_of(cluster)
        await producer.start()
        late = batch_of(producer)
        under_way = [
            asyncio.create_task(producer.send_many(topic, [b"1"] * 1000)),
            asyncio.create_task(producer.send_batch(batch_of(producer), topic, partition=0)),
            asyncio.create_task(producer.send_and_wait(topic, b"1")),
            asyncio.create_task(producer.flush()),
            asyncio.create_task(producer.partitions_for(topic)),
        ]
        await asyncio.sleep(0)
        await producer.stop()
        after = [
            asyncio.create_task(producer.send_many(topic, [b"1"])),
            asyncio.create_task(producer.send_batch(late, topic, partition=0)),
            asyncio.create_task(producer.send_and_wait(topic, b"1")),
            asyncio.create_task(producer.flush()),
            asyncio.create_task(producer.partitions_for(topic)),
        ]
        done, pending = await asyncio.wait(under_way + after, timeout=5)
        assert {type(task.exception()) for task in done} <= {ProducerClosed, type(None)}
        assert not pending

    async def main() -> None:
        # A race that is lost once in some hundreds of rounds would show.
        for _ in range(300):
            await one()

    run(main())


def test_stop_tells_of_records_that_werent_delivered(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        broker = EmbeddedBroker()
        producer = producer_of(broker, request_timeout_ms=100)
        await producer.start()
        await producer.send_and_wait("t", b"1")
        broker.stop()
        future = await producer.send("t", b"2")
        await producer.stop()
        assert isinstance(future.exception(), KafkaError)

    with caplog.at_level(logging.WARNING, "raban"):
        run(main())


def test_twice_started(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            with pytest.raises(Exception, match="started"):
                await producer.start()
            await producer.send_and_wait(topic, b"1")

    run(main())


def test_an_exception_within_the_context(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        with pytest.raises(LookupError):
            async with producer_of(cluster, linger_ms=LINGER_MS) as producer:
                await producer.send(topic, b"1")
                raise LookupError
        with pytest.raises(ProducerClosed):
            await producer.send(topic, b"2")

    run(main())
    assert values(cluster, topic) == [b"1"]


def test_two_producers_on_one_loop(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster) as one, producer_of(cluster) as two:
            for producer in (one, two, one):
                await producer.send_and_wait(topic, b"1")

    run(main())
    assert len(values(cluster, topic)) == 3


def test_a_producer_that_is_dropped_within_the_loop(
    run: Run, cluster: Cluster, topic: str
) -> None:
    async def main() -> None:
        producer = producer_of(cluster)
        await producer.start()
        future = await producer.send(topic, b"1")
        with pytest.warns(ResourceWarning, match="Unclosed AIOKafkaProducer"):
            del producer
            gc.collect()
        # Its record is delivered, whether or not the future tells.
        await asyncio.wait([future], timeout=0)

    run(main())


def test_a_producer_that_outlives_its_loop(run: Run, cluster: Cluster, topic: str) -> None:
    producers = []

    async def main() -> None:
        producers.append(producer_of(cluster, linger_ms=LINGER_MS))
        await producers[0].start()
        await producers[0].send(topic, b"1")

    run(main())
    with pytest.warns(ResourceWarning, match="Unclosed AIOKafkaProducer"):
        producers.clear()
        gc.collect()


def test_a_producer_that_was_never_started_is_dropped_silently(cluster: Cluster) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        producer_of(cluster)
        gc.collect()


def test_settings(cluster: Cluster) -> None:
    with pytest.raises(TypeError, match="unknown_setting"):
        producer_of(cluster, unknown_setting=1)
    with pytest.raises(ValueError, match="acks"):
        producer_of(cluster, acks=2)
    with pytest.raises(ValueError, match="acks"):
        producer_of(cluster, acks=1, enable_idempotence=True)
    with pytest.raises(TypeError):
        AIOKafkaProducer("localhost:9092")  # type: ignore[misc]


def test_transactions_are_refused(run: Run, cluster: Cluster) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            for call in (
                producer.begin_transaction,
                producer.commit_transaction,
                producer.abort_transaction,
            ):
                with pytest.raises(IllegalOperation, match="transactions"):
                    await call()
            with pytest.raises(IllegalOperation, match="transactions"):
                async with producer.transaction():
                    raise AssertionError("there is none")

    run(main())


def test_metrics(run: Run, cluster: Cluster, topic: str) -> None:
    async def main() -> None:
        async with producer_of(cluster) as producer:
            for _ in range(10):
                await producer.send_and_wait(topic, b"1")
            assert producer.metrics()["producer-metrics"]["record-send-total"] == 10

    run(main())
