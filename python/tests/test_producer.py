"""`KafkaProducer` against brokers: what is sent, what comes back, what goes wrong."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
import warnings
import weakref
from typing import Any

import pytest
from conftest import Cluster, Kafka, Start
from gate import Gate

import raban
from raban import EmbeddedBroker, KafkaProducer, RecordMetadata, TopicPartition
from raban.errors import (
    IllegalStateError,
    InvalidTimestampError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
)
from raban.future import Future
from raban.partitioner import DefaultPartitioner, Partitioner, StickyPartitioner
from raban.producer.future import FutureRecordMetadata
from raban.serializer import JsonSerializer, Serializer, StringSerializer

GENEROUS = 60
"""Seconds to wait for what comes in milliseconds, unless something is broken."""

# Records that wait for company long enough for a test to end before.
LINGER_MS = 60_000

# A producer that gives up soon where there is no broker any more.
IMPATIENT = {"request_timeout_ms": 100, "delivery_timeout_ms": 200, "max_block_ms": 200}


# What is sent.


def test_a_record_and_its_metadata(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)
    before = int(time.time() * 1000)
    future = producer.send(topic, b"value", key=b"the key", headers=[("a", b"1"), ("be", b"")])
    metadata = future.get(GENEROUS)
    after = int(time.time() * 1000)

    assert isinstance(metadata, RecordMetadata)
    assert metadata.topic == topic
    assert metadata.partition == 0
    assert metadata.topic_partition == TopicPartition(topic, 0)
    assert metadata.offset == 0
    assert before <= metadata.timestamp <= after
    assert metadata.checksum is None
    assert metadata.serialized_key_size == 7
    assert metadata.serialized_value_size == 5
    assert metadata.serialized_header_size == 4

    [record] = cluster.records(topic)
    assert (record.key, record.value) == (b"the key", b"value")
    assert record.headers == [("a", b"1"), ("be", b"")]
    assert record.timestamp == metadata.timestamp


def test_metadata_is_like_a_named_tuple(cluster: Cluster, topic: str, start: Start) -> None:
    metadata = start(cluster).send(topic, b"1", timestamp_ms=5).get(GENEROUS)
    name, partition, *rest, header_size = metadata
    assert (name, partition, header_size) == (topic, 0, -1)
    assert len(metadata) == 9
    assert metadata[0] == metadata.topic and metadata[-1] == -1
    assert metadata._asdict() == dict(zip(metadata._fields, metadata, strict=True))
    assert metadata == tuple(metadata)
    assert hash(metadata) == hash(tuple(metadata))
    assert repr(metadata).startswith(f"RecordMetadata(topic='{topic}', partition=0, ")


def test_the_future_of_a_record_that_was_delivered(
    cluster: Cluster, topic: str, start: Start
) -> None:
    future = start(cluster).send(topic, b"1")
    metadata = future.get(GENEROUS)
    assert isinstance(future, Future) and isinstance(future, FutureRecordMetadata)
    assert future.is_done and future.succeeded()
    assert not future.failed() and not future.retriable()
    assert future.value == metadata and future.exception is None
    assert future.get() is future.get(0)


def test_the_future_of_a_record_that_is_under_way(
    cluster: Cluster, topic: str, start: Start
) -> None:
    future = start(cluster, linger_ms=LINGER_MS).send(topic, b"1")
    assert not future.is_done and not future.succeeded() and not future.failed()
    assert future.value is None and future.exception is None
    for timeout in (0, 0.01):
        with pytest.raises(KafkaTimeoutError, match="still under way"):
            future.get(timeout)
    with pytest.raises(ValueError, match="timeout"):
        future.get(-1)


@pytest.mark.parametrize(
    ("key", "value"), [(None, b"v"), (b"k", None), (b"", b""), (bytearray(b"k"), memoryview(b"v"))]
)
def test_keys_and_values(
    key: Any, value: Any, cluster: Cluster, topic: str, start: Start
) -> None:
    metadata = start(cluster).send(topic, value, key).get(GENEROUS)
    sizes = [-1 if part is None else len(part) for part in (key, value)]
    assert [metadata.serialized_key_size, metadata.serialized_value_size] == sizes
    [record] = cluster.records(topic)
    assert record.key == (None if key is None else bytes(key))
    assert record.value == (None if value is None else bytes(value))


def test_what_can_change_is_copied(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster, linger_ms=LINGER_MS)
    value = bytearray(b"as sent")
    future = producer.send(topic, value)
    value[:] = b"changed"
    producer.flush()
    assert future.succeeded()
    assert cluster.records(topic)[0].value == b"as sent"


def test_a_partition_and_a_timestamp(cluster: Cluster, start: Start) -> None:
    topic = cluster.topic(partitions=3)
    producer = start(cluster)
    for partition in (2, 0):
        metadata = producer.send(topic, b"1", partition=partition, timestamp_ms=1234).get(GENEROUS)
        assert (metadata.partition, metadata.timestamp) == (partition, 1234)
    found = [(record.partition, record.timestamp) for record in cluster.records(topic)]
    assert found == [(0, 1234), (2, 1234)]


def test_the_order_of_arguments_is_that_of_kafka_python(
    cluster: Cluster, topic: str, start: Start
) -> None:
    start(cluster).send(topic, b"value", b"key", [("h", b"1")], 0, 99).get(GENEROUS)
    [record] = cluster.records(topic)
    assert (record.value, record.key, record.headers) == (b"value", b"key", [("h", b"1")])
    assert (record.partition, record.timestamp) == (0, 99)


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_compression(compression: str, cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster, compression_type=compression, linger_ms=5)
    for number in range(100):
        producer.send(topic, b"the same again %d" % number)
    producer.flush()
    if isinstance(cluster, Kafka) and compression != "gzip":
        # kafka-python reads these only with further packages.
        pytest.importorskip({"snappy": "snappy", "lz4": "lz4", "zstd": "zstandard"}[compression])
    values = [record.value for record in cluster.records(topic)]
    assert values == [b"the same again %d" % number for number in range(100)]


@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_acks(acks: Any, cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster, acks=acks, enable_idempotence=False)
    metadata = producer.send(topic, b"1").get(GENEROUS)
    assert metadata.offset == (-1 if acks == 0 else 0)


# Serializers.


def test_the_line_of_every_tutorial(cluster: Cluster, topic: str) -> None:
    address = cluster.bootstrap_servers
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        producer = KafkaProducer(
            bootstrap_servers=[address],
            key_serializer=StringSerializer(),
            value_serializer=JsonSerializer(),
            acks="all",
            retries=3,
            linger_ms=5,
            batch_size=16384,
        )
    with producer:
        producer.send(topic, key="user-1", value={"name": "Ünal", "age": 3})
    [record] = cluster.records(topic)
    assert record.key == b"user-1"
    assert record.value == b'{"name": "\\u00dcnal", "age": 3}'


def test_functions_as_serializers(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(
        cluster, key_serializer=str.encode, value_serializer=lambda value: b"%d" % value
    )
    metadata = producer.send(topic, 42, "key").get(GENEROUS)
    assert (metadata.serialized_key_size, metadata.serialized_value_size) == (3, 2)
    [record] = cluster.records(topic)
    assert (record.key, record.value) == (b"key", b"42")


def test_a_serializer_sees_topic_and_headers_and_may_add_some(
    cluster: Cluster, topic: str, start: Start
) -> None:
    class Tagging(Serializer):
        def serialize(self, topic: str, headers: list[tuple[str, bytes]], data: Any) -> bytes:
            headers.append(("of", topic.encode()))
            return repr(data).encode()

    producer = start(cluster, value_serializer=Tagging())
    given = [("own", b"1")]
    metadata = producer.send(topic, 1, headers=given).get(GENEROUS)
    producer.send(topic, 2).get(GENEROUS)
    first, second = cluster.records(topic)
    assert first.headers == [("own", b"1"), ("of", topic.encode())]
    assert second.headers == [("of", topic.encode())]
    assert metadata.serialized_header_size == len("own1of") + len(topic)


def test_a_serializer_of_two_arguments(cluster: Cluster, topic: str, start: Start) -> None:
    class Old:
        def serialize(self, topic: str, data: Any) -> bytes:
            return f"{topic}: {data}".encode()

    start(cluster, key_serializer=Old(), value_serializer=Old()).send(topic, 1, 2).get(GENEROUS)
    [record] = cluster.records(topic)
    assert record.key == f"{topic}: 2".encode() and record.value == f"{topic}: 1".encode()


def test_what_serializers_raise_send_raises(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster, value_serializer=lambda value: {}[value])
    with pytest.raises(KeyError, match="missing"):
        producer.send(topic, "missing")
    producer = start(cluster, value_serializer=JsonSerializer())
    with pytest.raises(TypeError, match="JSON"):
        producer.send(topic, object())
    assert cluster.records(topic) == []


def test_serializers_are_closed_once(cluster: Cluster, start: Start) -> None:
    class Closeable(StringSerializer):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    serializer = Closeable()
    producer = start(cluster, value_serializer=serializer)
    producer.close()
    producer.close()
    assert serializer.closed == 1


# Partitioners.


class ByLength(Partitioner):
    """The partition is the value's length; notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def partition(
        self,
        topic: str,
        key: Any,
        serialized_key: bytes | None,
        value: Any,
        serialized_value: bytes | None,
        cluster: Any,
    ) -> int:
        partitions = cluster.partitions_for_topic(topic)
        assert cluster.available_partitions_for_topic(topic) == partitions
        assert topic in cluster.topics()
        self.seen.append((key, serialized_key, value, serialized_value))
        return len(serialized_value or b"") % len(partitions)


def test_a_partitioner(cluster: Cluster, start: Start) -> None:
    topic = cluster.topic(partitions=3)
    partitioner = ByLength()
    producer = start(
        cluster,
        partitioner=partitioner,
        key_serializer=StringSerializer(),
        value_serializer=StringSerializer(),
    )
    chosen = [producer.send(topic, "x" * size, "k").get(GENEROUS).partition for size in range(1, 5)]
    assert chosen == [1, 2, 0, 1]
    assert partitioner.seen[0] == ("k", b"k", "x", b"x")
    # Who names a partition isn't asked.
    assert producer.send(topic, "x", partition=2).get(GENEROUS).partition == 2
    assert len(partitioner.seen) == 4


def test_partitioners_of_kafka_python_2(cluster: Cluster, start: Start) -> None:
    topic = cluster.topic(partitions=3)
    asked: list[Any] = []

    def last(key: Any, every: list[int], available: list[int]) -> int:
        asked.append((key, sorted(every), sorted(available)))
        return max(available)

    assert start(cluster, partitioner=last).send(topic, b"1", b"k").get(GENEROUS).partition == 2
    assert asked == [(b"k", [0, 1, 2], [0, 1, 2])]

    class Old:
        def partition(self, topic: str, key: Any, cluster: Any) -> int:
            return max(cluster.partitions_for_topic(topic)) - 1

    assert start(cluster, partitioner=Old()).send(topic, b"1").get(GENEROUS).partition == 1


def test_a_partitioner_that_fails(cluster: Cluster, start: Start) -> None:
    topic = cluster.topic(partitions=3)

    def fails(key: Any, every: list[int], available: list[int]) -> int:
        raise LookupError("no idea")

    with pytest.raises(LookupError, match="no idea"):
        start(cluster, partitioner=fails).send(topic, b"1")

    def none(key: Any, every: list[int], available: list[int]) -> Any:
        return None

    with pytest.raises(ValueError, match="did not assign a partition"):
        start(cluster, partitioner=none).send(topic, b"1")

    def far(key: Any, every: list[int], available: list[int]) -> int:
        return 3

    with pytest.raises(ValueError, match="3"):
        start(cluster, partitioner=far).send(topic, b"1")


def test_keys_choose_the_partitions_of_the_default_partitioner(
    cluster: Cluster, start: Start
) -> None:
    topic = cluster.topic(partitions=7)
    keys = [b"key %d" % number for number in range(50)]
    by_python = DefaultPartitioner()
    expected = [by_python(key, list(range(7)), list(range(7))) for key in keys]

    class InPython(DefaultPartitioner):
        pass

    for partitioner in (DefaultPartitioner(), StickyPartitioner(), InPython()):
        producer = start(cluster, partitioner=partitioner)
        futures = [producer.send(topic, b"1", key) for key in keys]
        assert [future.get(GENEROUS).partition for future in futures] == expected


# Callbacks.


def test_callbacks_get_arguments_of_ones_own(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)
    called: list[Any] = []
    future = producer.send(topic, b"1")
    chained: Future[RecordMetadata] = Future()
    returned = (
        future.add_callback(lambda *args, **kwargs: called.append((args, kwargs)), 1, two=2)
        .add_errback(called.append)
        .add_both(called.append)
        .chain(chained)
    )
    assert returned is future
    producer.flush()
    metadata = future.value
    assert called == [((1, metadata), {"two": 2}), metadata]
    assert chained.value == metadata
    # They are called at once when the outcome is there.
    future.add_callback(called.append).add_errback(called.append)
    assert called[2:] == [metadata]


def test_callbacks_of_a_partition_come_in_order_and_before_flush_returns(
    cluster: Cluster, start: Start
) -> None:
    topic = cluster.topic(partitions=3)
    producer = start(cluster, linger_ms=LINGER_MS)
    called: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for round in range(1, 4):
        for number in range(1500):
            future = producer.send(topic, b"%d" % number, partition=number % 3)
            future.add_callback(lambda metadata: called[metadata.partition].append(metadata.offset))
        producer.flush()
        assert [called[partition] for partition in range(3)] == [list(range(500 * round))] * 3


def test_callbacks_of_many_batches_come_in_order(
    broker: EmbeddedBroker, gate: Gate, start: Start
) -> None:
    producer = start(gate, batch_size=1000)
    # No outcome is there before its callback is.
    gate.hold_answers()
    called: list[int] = []
    for number in range(3000):
        future = producer.send("t", b"%d" % number)
        future.add_callback(lambda metadata: called.append(metadata.offset))
    gate.let_go()
    producer.close()
    assert called == list(range(3000))


def test_methods_are_called_on_their_own_objects_which_arent_held(
    broker: EmbeddedBroker, gate: Gate, start: Start
) -> None:
    class Counter:
        def __init__(self) -> None:
            self.told = [0, 0]

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

        def delivered(self, _: object) -> None:
            self.told[0] += 1

        def failed(self, _: object) -> None:
            self.told[1] += 1

    producer = start(gate)
    counters = [Counter(), Counter(), Counter()]
    gate.hold_answers()
    for number in range(300):
        counter = counters[number % 3]
        producer.send("t", b"1").add_callback(counter.delivered).add_errback(counter.failed)
    gate.let_go()
    producer.flush()
    assert [counter.told for counter in counters] == [[100, 0]] * 3
    # And where the outcome is there already.
    future = producer.send("t", b"1")
    future.get()
    future.add_both(counters[0].delivered)
    assert counters[0].told == [101, 0]
    held = [weakref.ref(counter) for counter in counters]
    del counter, counters
    assert [reference() for reference in held] == [None] * 3


def test_callbacks_run_on_one_thread_that_isnt_the_senders(
    cluster: Cluster, topic: str, start: Start
) -> None:
    producer = start(cluster, linger_ms=5)
    threads: set[int] = set()
    for _ in range(100):
        producer.send(topic, b"1").add_both(lambda _: threads.add(threading.get_ident()))
    producer.flush()
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_a_callbacks_exception_is_logged_and_harmless(
    cluster: Cluster, topic: str, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Any) -> None:
        raise LookupError("mine")

    producer = start(cluster, linger_ms=LINGER_MS)
    called: list[Any] = []
    first = producer.send(topic, b"1").add_callback(fails).add_callback(called.append)
    second = producer.send(topic, b"2").add_callback(called.append)
    with caplog.at_level(logging.ERROR, "raban"):
        producer.flush()
    assert called == [first.value, second.value]
    [logged] = caplog.records
    assert "LookupError" in logged.getMessage()
    assert logged.exc_info is not None and isinstance(logged.exc_info[1], LookupError)

    # Called at once it is logged, too, and raised only where a test asks for that.
    caplog.clear()
    first.add_callback(fails)
    assert len(caplog.records) == 1


def test_error_on_callbacks(
    cluster: Cluster, topic: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Any) -> None:
        raise LookupError("mine")

    future = start(cluster).send(topic, b"1")
    future.get(GENEROUS)
    monkeypatch.setattr(FutureRecordMetadata, "error_on_callbacks", True)
    with pytest.raises(LookupError, match="mine"):
        future.add_callback(fails)


def test_a_callback_may_send(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)
    done = threading.Event()
    left = 100

    def again(_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.set()
        else:
            producer.send(topic, b"again").add_both(again)

    producer.send(topic, b"first").add_both(again)
    assert done.wait(GENEROUS)
    producer.close()
    assert len(cluster.records(topic)) == 100


def test_a_callback_may_wait_for_another_record(
    cluster: Cluster, topic: str, start: Start
) -> None:
    producer = start(cluster)
    offsets: list[int] = []

    def and_another(metadata: RecordMetadata) -> None:
        offsets.append(producer.send(topic, b"2").get(GENEROUS).offset)

    producer.send(topic, b"1").add_callback(and_another)
    producer.flush()
    assert offsets == [1]


def test_a_callback_may_flush_and_close(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)
    closed = threading.Event()
    raised: list[BaseException] = []

    def flush_and_close(_: Any) -> None:
        try:
            producer.send(topic, b"2")
            producer.flush()
            producer.close()
            producer.close()
        except BaseException as error:
            raised.append(error)
        closed.set()

    producer.send(topic, b"1").add_callback(flush_and_close)
    assert closed.wait(GENEROUS)
    assert raised == []
    with pytest.raises(IllegalStateError):
        producer.send(topic, b"3")
    assert [record.value for record in cluster.records(topic)] == [b"1", b"2"]


def test_all_callbacks_were_called_when_close_returns(
    cluster: Cluster, topic: str, start: Start
) -> None:
    producer = start(cluster, linger_ms=LINGER_MS)
    called: list[Any] = []
    futures = [producer.send(topic, b"1").add_both(called.append) for _ in range(1000)]
    producer.close()
    assert called == [future.value for future in futures]


# Threads.


def test_many_threads_send_every_record_once(cluster: Cluster, start: Start) -> None:
    topic = cluster.topic(partitions=3)
    producer = start(cluster, linger_ms=5)
    delivered: list[int] = []

    def run(name: int) -> None:
        for number in range(500):
            future = producer.send(topic, b"%d %d" % (name, number), key=b"%d" % name)
            future.add_callback(lambda _: delivered.append(1))

    threads = [threading.Thread(target=run, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    producer.flush()
    assert len(delivered) == 4000
    found: dict[bytes | None, list[int]] = {}
    for record in cluster.records(topic):
        assert record.value is not None
        name, number = record.value.split()
        assert record.key == name
        found.setdefault(name, []).append(int(number))
    # Each thread's records, which have one key, are in its order.
    assert found == {b"%d" % name: list(range(500)) for name in range(8)}


def test_many_threads_wait_for_one_record(broker: EmbeddedBroker, gate: Gate, start: Start) -> None:
    producer = start(gate)
    gate.hold_answers()
    future = producer.send("t", b"1")
    called: list[Any] = []
    future.add_both(called.append)
    got: list[Any] = []
    threads = [
        threading.Thread(target=lambda: got.append(future.get(GENEROUS))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    gate.wait_until_held()
    with pytest.raises(KafkaTimeoutError):
        future.get(0.01)
    assert not future.is_done and called == []
    gate.let_go()
    for thread in threads:
        thread.join()
    producer.flush()
    assert got == [future.value] * 8 and called == [future.value]


def test_another_thread_runs_while_one_waits(
    broker: EmbeddedBroker, gate: Gate, start: Start
) -> None:
    producer = start(gate)
    gate.hold_answers()
    future = producer.send("t", b"1")
    # Who waits in `flush` would keep the gate's threads, and this one, from running.
    thread = threading.Thread(target=producer.flush)
    thread.start()
    gate.wait_until_held()
    gate.let_go()
    thread.join()
    assert future.succeeded()


# asyncio.


def test_a_future_may_be_awaited(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)

    async def main() -> None:
        assert (await producer.send(topic, b"1")).offset == 0
        metadata = await asyncio.gather(*(_await(producer.send(topic, b"2")) for _ in range(10)))
        assert [found.offset for found in metadata] == list(range(1, 11))
        future = producer.send(topic, b"3", timestamp_ms=2**62)
        with pytest.raises(KafkaError):
            await future

    asyncio.run(main())


async def _await(future: FutureRecordMetadata) -> RecordMetadata:
    return await future


def test_cancelling_who_awaits_leaves_the_record_alone(
    cluster: Cluster, topic: str, start: Start
) -> None:
    producer = start(cluster, linger_ms=LINGER_MS)

    async def main() -> None:
        future = producer.send(topic, b"1")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(_await(future), 0.01)
        assert not future.is_done
        producer.flush()
        assert (await future).offset == 0

    asyncio.run(main())


# What goes wrong.


def test_neither_key_nor_value(cluster: Cluster, topic: str, start: Start) -> None:
    with pytest.raises(ValueError, match="Need at least one: key or value"):
        start(cluster).send(topic)


@pytest.mark.parametrize("name", ["", ".", "..", "two words", "ä", "x" * 250])
def test_an_illegal_topic(name: str, cluster: Cluster, start: Start) -> None:
    with pytest.raises(ValueError):
        start(cluster).send(name, b"1")


@pytest.mark.parametrize("partition", [-1, 1, 1000])
def test_a_partition_that_there_isnt(
    partition: int, cluster: Cluster, topic: str, start: Start
) -> None:
    producer = start(cluster)
    producer.send(topic, b"1").get(GENEROUS)
    with pytest.raises(ValueError, match=str(partition)):
        producer.send(topic, b"1", partition=partition)


@pytest.mark.parametrize(
    "arguments",
    [
        {"value": "text"},
        {"value": 1},
        {"value": b"1", "key": "text"},
        {"value": b"1", "headers": (("a", b"1"),)},
        {"value": b"1", "headers": {"a": b"1"}},
        {"value": b"1", "headers": [("a", "1")]},
        {"value": b"1", "headers": [(b"a", b"1")]},
        {"value": b"1", "headers": [("a", b"1", b"2")]},
        {"value": b"1", "headers": [["a", b"1"]]},
        {"value": b"1", "partition": "0"},
        {"value": b"1", "timestamp_ms": "now"},
        {"value": b"1", "topic": b"bytes"},
        {"value": b"1", "topic": None},
        {"value": b"1", "unknown": 1},
    ],
    ids=str,
)
def test_wrong_types(arguments: Any, cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)
    with pytest.raises(TypeError):
        producer.send(**{"topic": topic} | arguments)
    producer.flush()
    assert cluster.records(topic) == []


def test_text_says_which_serializer_helps(cluster: Cluster, topic: str, start: Start) -> None:
    with pytest.raises(TypeError, match="value_serializer=.*StringSerializer"):
        start(cluster).send(topic, "text")


def test_a_record_too_large_for_the_producer(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster, max_request_size=1000)
    with pytest.raises(MessageSizeTooLargeError, match="max.request.size"):
        producer.send(topic, b"x" * 1001)
    assert producer.send(topic, b"x" * 900).get(GENEROUS).offset == 0


def test_a_record_that_the_broker_refuses(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)
    failures: list[BaseException] = []
    future = producer.send(topic, b"1", timestamp_ms=int(time.time() * 1000) + 10**9)
    future.add_callback(failures.append).add_errback(failures.append)
    with pytest.raises(InvalidTimestampError) as raised:
        future.get(GENEROUS)
    assert raised.value.errno == 32 and raised.value.may_have_been_written is False
    producer.flush()
    assert failures == [raised.value]
    assert future.failed() and not future.succeeded() and not future.retriable()
    assert future.exception is raised.value and future.value is None

    large = start(cluster, max_request_size=4_000_000, buffer_memory=40_000_000)
    with pytest.raises(MessageSizeTooLargeError):
        large.send(topic, b"x" * 2_000_000).get(GENEROUS)
    assert cluster.records(topic) == []


def test_a_failed_future_raises_the_same_exception_each_time(
    cluster: Cluster, topic: str, start: Start
) -> None:
    future = start(cluster).send(topic, b"1", timestamp_ms=int(time.time() * 1000) + 10**9)
    raised = []
    for _ in range(2):
        with pytest.raises(InvalidTimestampError) as found:
            future.get(GENEROUS)
        raised.append(found.value)
    assert raised[0] is raised[1]


def test_use_after_close(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)
    assert producer.bootstrap_connected()
    producer.close()
    producer.close(timeout=1)
    assert not producer.bootstrap_connected()
    with pytest.raises(IllegalStateError, match="closed"):
        producer.send(topic, b"1")
    with pytest.raises(IllegalStateError, match="closed"):
        producer.partitions_for(topic)
    with pytest.raises(IllegalStateError, match="closed"):
        producer.send_many(topic, [b"1"])
    producer.flush()
    assert isinstance(producer.metrics(), dict)


def test_flush_within_a_time(broker: EmbeddedBroker, gate: Gate, start: Start) -> None:
    producer = start(gate)
    gate.hold_answers()
    future = producer.send("t", b"1")
    with pytest.raises(KafkaTimeoutError, match="still under way"):
        producer.flush(timeout=0.01)
    assert not future.is_done
    gate.let_go()
    producer.flush(timeout=GENEROUS)
    assert future.succeeded()
    with pytest.raises(ValueError, match="timeout"):
        producer.flush(timeout=-1)


def test_flush_sends_at_once(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster, linger_ms=LINGER_MS)
    futures = [producer.send(topic, b"1") for _ in range(10)]
    producer.flush()
    assert all(future.succeeded() for future in futures)
    producer.flush()


def test_close_within_a_time(
    broker: EmbeddedBroker, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    producer = start(broker)
    producer.send("t", b"1").get(GENEROUS)
    broker.stop()
    future = producer.send("t", b"2")
    called: list[Any] = []
    future.add_errback(called.append)
    with caplog.at_level(logging.WARNING, "raban.producer.kafka"):
        producer.close(timeout=0.05)
    assert future.failed() and called == [future.exception]
    assert isinstance(future.exception, KafkaError)
    logged = [line for line in caplog.records if line.name == "raban.producer.kafka"]
    # It may have been on its way when the broker went.
    either = "(1 records surely .* 0 may|0 records surely .* 1 may)"
    assert re.search(either, logged[0].getMessage())


def test_close_with_a_record_in_doubt(
    broker: EmbeddedBroker, gate: Gate, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    producer = start(gate)
    gate.hold_answers()
    future = producer.send("t", b"1")
    gate.wait_until_held()
    with caplog.at_level(logging.WARNING, "raban.producer.kafka"):
        producer.close(timeout=0.05)
    assert future.failed() and future.exception is not None
    assert future.exception.may_have_been_written is True
    assert "0 records surely aren't in the log, 1 may be" in caplog.text


def test_a_wrong_timeout_of_close(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)
    with pytest.raises(ValueError, match="timeout"):
        producer.close(timeout=-1)
    assert producer.send(topic, b"1").get(GENEROUS).offset == 0


def test_records_fail_after_the_delivery_timeout(broker: EmbeddedBroker, start: Start) -> None:
    producer = start(broker, **IMPATIENT)
    producer.send("t", b"1").get(GENEROUS)
    broker.stop()
    future = producer.send("t", b"2")
    with pytest.raises(KafkaTimeoutError):
        future.get(GENEROUS)
    assert future.failed() and future.retriable()
    producer.flush()


def test_metadata_that_doesnt_come(broker: EmbeddedBroker, start: Start) -> None:
    producer = start(broker, **IMPATIENT)
    broker.stop()
    with pytest.raises(KafkaTimeoutError):
        producer.send("t", b"1")
    with pytest.raises(KafkaTimeoutError):
        producer.partitions_for("t")


def test_memory_is_bounded(broker: EmbeddedBroker, start: Start) -> None:
    producer = start(broker, buffer_memory=100_000, max_block_ms=100)
    producer.send("t", b"1").get(GENEROUS)
    broker.stop()
    futures = []
    with pytest.raises(KafkaTimeoutError, match="buffer.memory"):
        for _ in range(1000):
            futures.append(producer.send("t", b"x" * 1000))
    assert 0 < len(futures) <= 100
    assert not any(future.is_done for future in futures)
    producer.close(timeout=0, null_logger=True)
    assert all(future.failed() for future in futures)


def test_memory_comes_back(broker: EmbeddedBroker, gate: Gate, start: Start) -> None:
    producer = start(gate, buffer_memory=100_000, max_block_ms=GENEROUS * 1000)
    gate.hold_answers()
    blocked = threading.Thread(
        target=lambda: [producer.send("t", b"x" * 1000) for _ in range(300)]
    )
    blocked.start()
    gate.wait_until_held()
    gate.let_go()
    blocked.join()
    producer.flush()
    assert len(broker.records("t")) == 300


# The constructor, and what a producer tells of itself.


def test_kafkas_own_names(cluster: Cluster, topic: str) -> None:
    settings = {
        "bootstrap.servers": cluster.bootstrap_servers,
        "linger.ms": 5,
        "acks": "all",
        "value.serializer": JsonSerializer(),
        "client.id": "mine",
    }
    with KafkaProducer(settings) as producer:
        assert producer.send(topic, [1, 2]).get(GENEROUS).offset == 0
        assert "mine" in str(producer)
    assert cluster.records(topic)[0].value == b"[1, 2]"
    with pytest.raises(TypeError, match="settings"):
        KafkaProducer(settings, linger_ms=5)


def test_an_address_instead_of_settings() -> None:
    with pytest.raises(TypeError, match="bootstrap"):
        address: Any = "localhost:9092"
        KafkaProducer(address)


def test_a_wrong_setting_tells_its_name(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="linger"):
        KafkaProducer(bootstrap_servers=cluster.bootstrap_servers, lingerms=5)
    with pytest.raises(KafkaError, match="linger.ms"):
        KafkaProducer({"bootstrap.servers": cluster.bootstrap_servers, "linger.ms": "soon"})


def test_a_context_manager(cluster: Cluster, topic: str) -> None:
    address = cluster.bootstrap_servers
    with KafkaProducer(bootstrap_servers=address, linger_ms=LINGER_MS) as producer:
        future = producer.send(topic, b"1")
    assert future.succeeded()
    with pytest.raises(LookupError), KafkaProducer(bootstrap_servers=address) as producer:
        raise LookupError
    assert not producer.bootstrap_connected()


def test_the_config(cluster: Cluster, start: Start) -> None:
    producer = start(cluster, linger_ms=7)
    assert producer.config["linger_ms"] == 7
    assert producer.config["batch_size"] == 16384
    assert producer.config["client_id"] in str(producer)
    assert set(producer.config) == set(KafkaProducer.DEFAULT_CONFIG)
    assert KafkaProducer.max_usable_produce_magic((4, 0)) == 2


def test_partitions_for(cluster: Cluster, start: Start) -> None:
    topic = cluster.topic(partitions=3)
    partitions = start(cluster).partitions_for(topic)
    assert partitions == {0, 1, 2} and isinstance(partitions, set)


def test_metrics(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)
    for _ in range(10):
        producer.send(topic, b"1").get(GENEROUS)
    metrics = producer.metrics()
    assert metrics is not None
    assert metrics["producer-metrics"]["record-send-total"] == 10
    assert metrics[f"producer-topic-metrics.{topic}"]["record-send-total"] == 10
    assert start(cluster, metrics_enabled=False).metrics() is None


def test_api_version_given_means_no_wait_for_a_broker() -> None:
    with KafkaProducer(bootstrap_servers="127.0.0.1:1", api_version=(2, 5)) as producer:
        assert not producer.bootstrap_connected()


def test_no_broker(broker: EmbeddedBroker) -> None:
    address = broker.bootstrap_servers
    broker.stop()
    with pytest.raises(KafkaTimeoutError) as raised:
        KafkaProducer(bootstrap_servers=address, bootstrap_timeout_ms=50)
    assert isinstance(raised.value, raban.errors.NoBrokersAvailable)


def test_one_address_of_several_is_enough(cluster: Cluster, topic: str) -> None:
    addresses = ["127.0.0.1:1", cluster.bootstrap_servers]
    for servers in (addresses, ",".join(addresses)):
        with KafkaProducer(bootstrap_servers=servers) as producer:
            producer.send(topic, b"1").get(GENEROUS)


def test_a_producer_that_is_dropped_delivers(cluster: Cluster, topic: str, start: Start) -> None:
    def send() -> FutureRecordMetadata:
        producer = KafkaProducer(bootstrap_servers=cluster.bootstrap_servers, linger_ms=0)
        return producer.send(topic, b"1")

    assert send().get(GENEROUS).offset == 0


def test_transactions_are_refused_by_name(cluster: Cluster, start: Start) -> None:
    producer = start(cluster)
    for call in (
        producer.init_transactions,
        producer.begin_transaction,
        producer.commit_transaction,
        producer.abort_transaction,
        lambda: producer.send_offsets_to_transaction({}, None),
    ):
        with pytest.raises(raban.errors.KafkaConfigurationError, match="transactions"):
            call()


def test_embedded_is_a_broker_in_this_process() -> None:
    with KafkaProducer(bootstrap_servers="embedded:") as producer:
        assert producer.send("embedded", b"1").get(GENEROUS).topic == "embedded"
