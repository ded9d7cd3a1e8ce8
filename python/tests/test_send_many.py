"""`send_many`: where records may come from, how they are reported, what stops it."""

from __future__ import annotations

import array
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from conftest import Cluster, Start

from raban import EmbeddedBroker, KafkaProducer, SendManyReport
from raban.errors import (
    IllegalStateError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
)
from raban.serializer import JsonSerializer, Serializer, StringSerializer

VALUES = [b"one", b"", b"three"]


@pytest.fixture
def producer(cluster: Cluster, start: Start) -> KafkaProducer:
    return start(cluster, linger_ms=5)


def values(cluster: Cluster, topic: str) -> list[bytes | None]:
    return [record.value for record in cluster.records(topic)]


def sent(cluster: Cluster, producer: KafkaProducer, topic: str, records: Any) -> list[bytes | None]:
    """What arrives of records that all are delivered."""
    report = producer.send_many(topic, records)
    found = values(cluster, topic)
    assert (report.delivered, report.failures, report.is_ok) == (len(found), [], True)
    return found


# Iterables.


def test_lists_tuples_and_iterators(
    cluster: Cluster, topic: str, producer: KafkaProducer
) -> None:
    producer.send_many(topic, VALUES)
    producer.send_many(topic, tuple(VALUES))
    producer.send_many(topic, iter(VALUES))
    producer.send_many(topic, (value for value in VALUES))
    producer.send_many(topic, dict.fromkeys(VALUES))
    assert values(cluster, topic) == VALUES * 5


def test_nothing_at_all(cluster: Cluster, topic: str, producer: KafkaProducer) -> None:
    empty: list[Any] = [[], (), iter(()), np.empty((0, 3), np.uint8), pa.array([], pa.binary())]
    for records in empty:
        report = producer.send_many(topic, records)
        assert (report.delivered, report.failures, report.is_ok) == (0, [], True)
        report.raise_for_failures()
    assert values(cluster, topic) == []


def test_keys_and_headers(cluster: Cluster, topic: str, producer: KafkaProducer) -> None:
    records = [
        b"value alone",
        (b"k", b"v"),
        (None, b"no key"),
        (b"tombstone", None),
        (b"k", b"v", [("h", b"1"), ("h", b"2")]),
        (b"k", b"no headers", None),
    ]
    assert producer.send_many(topic, records).delivered == 6
    found = [(record.key, record.value, record.headers) for record in cluster.records(topic)]
    assert found == [
        (None, b"value alone", []),
        (b"k", b"v", []),
        (None, b"no key", []),
        (b"tombstone", None, []),
        (b"k", b"v", [("h", b"1"), ("h", b"2")]),
        (b"k", b"no headers", []),
    ]


def test_many_records_over_all_partitions(cluster: Cluster, producer: KafkaProducer) -> None:
    topic = cluster.topic(partitions=3)
    report = producer.send_many(topic, (b"%d" % number for number in range(20_000)))
    assert report.delivered == 20_000
    assert repr(report) == "SendManyReport(delivered=20000, failed=0)"
    found = cluster.records(topic)
    for partition in range(3):
        numbers = [int(record.value or b"") for record in found if record.partition == partition]
        assert numbers == sorted(numbers)
    assert sorted(int(record.value or b"") for record in found) == list(range(20_000))


def test_a_partition_for_all(cluster: Cluster, producer: KafkaProducer) -> None:
    topic = cluster.topic(partitions=3)
    producer.send_many(topic, VALUES, partition=2)
    producer.send_many(topic, [(b"key", b"value")], partition=1)
    producer.send_many(topic, np.zeros((2, 3), np.uint8), partition=0)
    places = [record.partition for record in cluster.records(topic)]
    assert places == [0, 0, 1, 2, 2, 2]
    for partition in (-1, "0"):
        with pytest.raises((ValueError, TypeError), match="partition|integer"):
            producer.send_many(topic, VALUES, partition=partition)  # type: ignore[arg-type]
    report = producer.send_many(topic, VALUES, partition=3)
    assert report.delivered == 0 and len(report.failures) == 3
    assert all(isinstance(error, ValueError) for _, error in report.failures)


def test_the_same_key_goes_to_the_same_partition_as_with_send(
    cluster: Cluster, producer: KafkaProducer
) -> None:
    topic = cluster.topic(partitions=7)
    keys = [b"key %d" % number for number in range(50)]
    one_by_one = [producer.send(topic, b"", key).get().partition for key in keys]
    producer.send_many(topic, [(key, b"many") for key in keys])
    found = {r.key: r.partition for r in cluster.records(topic) if r.value == b"many"}
    assert [found[key] for key in keys] == one_by_one


# Buffers.


@pytest.mark.parametrize(
    "value",
    [
        bytearray(b"abc"),
        memoryview(b"abc"),
        memoryview(b"abcde")[1:4],
        memoryview(b"a-b-c")[::2],
        np.frombuffer(b"abc", np.uint8),
        array.array("b", b"abc"),
    ],
    ids=["bytearray", "memoryview", "part", "strided", "numpy", "array"],
)
def test_values_that_are_buffers(
    value: Any, cluster: Cluster, topic: str, producer: KafkaProducer
) -> None:
    expected = bytes(value)
    producer.send(topic, value).get()
    producer.send_many(topic, [value, (value, value)])
    found = cluster.records(topic)
    assert [record.value for record in found] == [expected] * 3
    assert found[2].key == expected


def test_rows_of_numpy(cluster: Cluster, producer: KafkaProducer) -> None:
    rows = np.arange(12, dtype=np.uint8).reshape(4, 3)
    expected = [bytes(row) for row in rows]
    assert sent(cluster, producer, cluster.topic(), rows) == expected
    # Neither of these lies in one piece.
    assert sent(cluster, producer, cluster.topic(), rows[::2]) == expected[::2]
    assert sent(cluster, producer, cluster.topic(), rows[:, 1:]) == [row[1:] for row in expected]
    turned = np.asfortranarray(rows)
    assert sent(cluster, producer, cluster.topic(), turned) == expected
    # Rows of other numbers, and of more than one dimension, are their bytes.
    numbers = np.arange(6, dtype="<i4").reshape(2, 3)
    assert sent(cluster, producer, cluster.topic(), numbers) == [row.tobytes() for row in numbers]
    cubes = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert sent(cluster, producer, cluster.topic(), cubes) == [row.tobytes() for row in cubes]
    rows.flags.writeable = False
    assert sent(cluster, producer, cluster.topic(), rows) == expected


def test_byte_strings_of_numpy(cluster: Cluster, producer: KafkaProducer) -> None:
    texts = np.array([b"one", b"", b"three", b"a\0b"])
    assert sent(cluster, producer, cluster.topic(), texts) == [b"one", b"", b"three", b"a\0b"]
    assert sent(cluster, producer, cluster.topic(), texts[::-2]) == [b"a\0b", b""]
    records = np.array([b"ab", b"cd"], dtype="V2")
    assert sent(cluster, producer, cluster.topic(), records) == [b"ab", b"cd"]
    objects = np.array([b"one", b"two"], dtype=object)
    assert sent(cluster, producer, cluster.topic(), objects) == [b"one", b"two"]


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.string(), pa.large_binary(), pa.large_string()], ids=str
)
def test_columns_of_pyarrow(kind: Any, cluster: Cluster, producer: KafkaProducer) -> None:
    expected = [b"%d" % number * (number % 5) for number in range(100)]
    column = pa.array([value.decode() for value in expected], pa.string()).cast(kind)
    assert sent(cluster, producer, cluster.topic(), column) == expected
    part = column.slice(33, 21)
    assert sent(cluster, producer, cluster.topic(), part) == expected[33:54]
    chunks = pa.chunked_array([column.slice(90), column.slice(0, 0), column.slice(0, 10)])
    ends = expected[90:] + expected[:10]
    assert sent(cluster, producer, cluster.topic(), chunks) == ends
    table = pa.table({"column": chunks})
    assert sent(cluster, producer, cluster.topic(), table["column"]) == ends


def test_a_column_with_a_null(cluster: Cluster, topic: str, producer: KafkaProducer) -> None:
    column = pa.array([b"one", b"two", None, b"four"], pa.binary())
    with pytest.raises(ValueError, match="key or value") as raised:
        producer.send_many(topic, column)
    assert "record 2 of send_many" in raised.value.__notes__[0]
    assert values(cluster, topic) == [b"one", b"two"]
    producer.send_many(topic, column.slice(3))
    assert values(cluster, topic) == [b"one", b"two", b"four"]


def test_columns_of_other_types_go_item_by_item_or_not_at_all(
    cluster: Cluster, topic: str, producer: KafkaProducer
) -> None:
    for column in (pa.array([1, 2]), pa.array([[b"list"]]), pa.array([None])):
        with pytest.raises((TypeError, ValueError)):
            producer.send_many(topic, column)
    assert values(cluster, topic) == []


def test_buffers_with_serializers(cluster: Cluster, start: Start) -> None:
    topic = cluster.topic()
    kinds = set()

    def note(value: Any) -> bytes:
        kinds.add(type(value))
        return bytes(value) + b"!"

    producer = start(cluster, value_serializer=note)
    producer.send_many(topic, np.array([[97, 98]], np.uint8))
    producer.send_many(topic, pa.array([b"cd"], pa.binary()))
    assert values(cluster, topic) == [b"ab!", b"cd!"]
    assert kinds == {bytes}


# Serializers and partitioners.


def test_serializers(cluster: Cluster, topic: str, start: Start) -> None:
    class Tagging(Serializer):
        def serialize(self, topic: str, headers: list[tuple[str, bytes]], data: Any) -> bytes:
            headers.append(("tag", b"%d" % len(headers)))
            return bytes(JsonSerializer().serialize(topic, headers, data))

    producer = start(cluster, key_serializer=StringSerializer(), value_serializer=Tagging())
    producer.send_many(topic, [{"a": 1}, ("k", [2]), ("k", 3, [("own", b"")])])
    found = [(record.key, record.value, record.headers) for record in cluster.records(topic)]
    assert found == [
        (None, b'{"a": 1}', [("tag", b"0")]),
        (b"k", b"[2]", [("tag", b"0")]),
        (b"k", b"3", [("own", b""), ("tag", b"1")]),
    ]


def test_a_partitioner(cluster: Cluster, start: Start) -> None:
    topic = cluster.topic(partitions=3)

    def by_key(key: Any, every: list[int], available: list[int]) -> int:
        return int(key or b"2")

    producer = start(cluster, partitioner=by_key)
    producer.send_many(topic, [(b"1", b"a"), (b"0", b"b"), b"c"])
    assert [(record.partition, record.value) for record in cluster.records(topic)] == [
        (0, b"b"),
        (1, b"a"),
        (2, b"c"),
    ]


# What goes wrong.


@pytest.mark.parametrize(
    "records",
    [b"bytes", bytearray(b"bytes"), "text", 5, None, object(), np.arange(3), array.array("i", [1])],
    ids=lambda records: type(records).__name__,
)
def test_what_isnt_many_records(
    records: Any, cluster: Cluster, topic: str, producer: KafkaProducer
) -> None:
    with pytest.raises(TypeError):
        producer.send_many(topic, records)
    assert values(cluster, topic) == []


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ("text", TypeError),
        (5, TypeError),
        (None, ValueError),
        ((None, None), ValueError),
        ((), ValueError),
        ((b"1",), ValueError),
        ((b"k", b"v", [], 0), ValueError),
        ((b"k", b"v", {"h": b""}), TypeError),
        ((b"k", b"v", [("h", "text")]), TypeError),
        ((b"k", "text"), TypeError),
    ],
    ids=str,
)
def test_a_wrong_record_ends_it(
    wrong: Any, error: type[Exception], cluster: Cluster, topic: str, producer: KafkaProducer
) -> None:
    with pytest.raises(error) as raised:
        producer.send_many(topic, [b"one", b"two", wrong, b"four"])
    assert "record 2 of send_many" in raised.value.__notes__[0]
    assert values(cluster, topic) == [b"one", b"two"]


def test_an_iterator_that_raises(cluster: Cluster, topic: str, producer: KafkaProducer) -> None:
    def records() -> Iterator[bytes]:
        yield b"one"
        yield b"two"
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as raised:
        producer.send_many(topic, records())
    assert "record 2 of send_many" in raised.value.__notes__[0]
    assert values(cluster, topic) == [b"one", b"two"]
    assert producer.send_many(topic, [b"three"]).delivered == 1


def test_an_iterator_may_send(cluster: Cluster, topic: str, producer: KafkaProducer) -> None:
    def records() -> Iterator[bytes]:
        for number in range(3):
            producer.send(topic, b"alone %d" % number).get()
            assert producer.send_many(topic, [b"within"]).is_ok
            yield b"many"

    assert producer.send_many(topic, records()).delivered == 3
    found = values(cluster, topic)
    alone = [b"alone 0", b"alone 1", b"alone 2"]
    assert sorted(value or b"" for value in found) == [*alone, *[b"many"] * 3, *[b"within"] * 3]


def test_a_serializer_that_raises(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster, value_serializer=lambda value: {1: b"one"}[value])
    with pytest.raises(KeyError) as raised:
        producer.send_many(topic, [1, 2])
    assert "record 1 of send_many" in raised.value.__notes__[0]
    assert values(cluster, topic) == [b"one"]


def test_records_that_are_too_large_are_in_the_report(
    cluster: Cluster, topic: str, start: Start
) -> None:
    producer = start(cluster, max_request_size=1000)
    large = b"x" * 2000
    report = producer.send_many(topic, [b"one", large, b"three", large])
    assert (report.delivered, report.is_ok) == (2, False)
    assert [place for place, _ in report.failures] == [1, 3]
    assert all(isinstance(error, MessageSizeTooLargeError) for _, error in report.failures)
    assert repr(report) == "SendManyReport(delivered=2, failed=2)"
    for _ in range(2):
        with pytest.raises(MessageSizeTooLargeError) as raised:
            report.raise_for_failures()
        notes = raised.value.__notes__
        assert notes == ["record 1 of send_many; 2 failed, 2 were delivered"]
    assert values(cluster, topic) == [b"one", b"three"]


def test_records_that_arent_delivered_are_in_the_report(
    broker: EmbeddedBroker, start: Start
) -> None:
    producer = start(broker, request_timeout_ms=100, delivery_timeout_ms=200)
    producer.send("t", b"1").get()
    broker.stop()
    report = producer.send_many("t", [b"x"] * 100)
    assert isinstance(report, SendManyReport)
    assert report.delivered == 0
    assert [place for place, _ in report.failures] == list(range(100))
    assert all(isinstance(error, KafkaTimeoutError) for _, error in report.failures)


def test_metadata_that_doesnt_come(broker: EmbeddedBroker, start: Start) -> None:
    producer = start(broker, max_block_ms=100)
    broker.stop()
    report = producer.send_many("t", [b"1", b"2"])
    assert report.delivered == 0
    assert [type(error) for _, error in report.failures] == [KafkaTimeoutError] * 2


def test_an_illegal_topic(cluster: Cluster, producer: KafkaProducer) -> None:
    report = producer.send_many("two words", [b"1"])
    [(place, error)] = report.failures
    assert place == 0 and isinstance(error, ValueError)
    with pytest.raises(TypeError):
        producer.send_many(b"bytes", [b"1"])  # type: ignore[arg-type]


def test_after_close(cluster: Cluster, topic: str, start: Start) -> None:
    producer = start(cluster)
    producer.close()
    with pytest.raises(IllegalStateError):
        producer.send_many(topic, [b"1"])


# Waiting.


def test_many_threads(cluster: Cluster, producer: KafkaProducer) -> None:
    topic = cluster.topic(partitions=3)
    reports: list[SendManyReport] = []
    threads = [
        threading.Thread(
            target=lambda: reports.append(producer.send_many(topic, [b"x"] * 5000))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.delivered for report in reports] == [5000] * 4
    assert len(cluster.records(topic)) == 20_000


def test_more_than_there_is_memory_for(broker: EmbeddedBroker, start: Start) -> None:
    producer = start(broker, buffer_memory=100_000)
    assert producer.send_many("t", [b"x" * 1000] * 2000).delivered == 2000


def test_a_signal_ends_it(broker: EmbeddedBroker, start: Start) -> None:
    def records() -> Iterator[bytes]:
        yield b"one"
        yield b"two"
        # Its handler is run before the generator goes on.
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            yield b"three or more"

    producer = start(broker)
    with pytest.raises(KeyboardInterrupt):
        producer.send_many("t", records())
    assert producer.send("t", b"after it").get().offset >= 2
