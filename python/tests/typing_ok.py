"""A program as users write it, for mypy: nothing in it is run. What it must refuse is marked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, assert_type

from raban import (
    ConsumerRecord,
    EmbeddedBroker,
    FutureRecordMetadata,
    KafkaProducer,
    RecordMetadata,
    SendManyReport,
    TopicPartition,
)
from raban.aio import AIOKafkaProducer, BatchBuilder
from raban.aio import RecordMetadata as AioRecordMetadata
from raban.future import Future
from raban.serializer import JsonSerializer, StringSerializer


def threads(producer: KafkaProducer, headers: list[tuple[str, bytes]]) -> None:
    future = producer.send("t", b"value", b"key", headers, 0, 1735689600000)
    assert_type(future, FutureRecordMetadata)
    assert_type(future.get(timeout=1.5), RecordMetadata)
    assert_type(future.value, RecordMetadata | None)
    assert_type(future.exception, Exception | None)
    assert_type(future.is_done, bool)
    assert_type(future.add_callback(print, "delivered").add_errback(print), FutureRecordMetadata)
    future.add_both(lambda outcome: None).chain(Future[RecordMetadata]())

    producer.send("t", {"any": "thing"}, headers=[])
    producer.send("t", key=memoryview(b"k"), headers=[("a", b"1"), ("b", None), ("c", bytearray())])
    producer.send("t", b"v", headers=[("a", "text")])  # type: ignore[type-var]
    producer.send("t", b"v", headers=(("a", b"1"),))  # type: ignore[arg-type]
    producer.send(b"t", b"v")  # type: ignore[arg-type]
    producer.send("t", b"v", timestamp_ms="now")  # type: ignore[arg-type]

    producer.flush()
    producer.flush(timeout=10)
    assert_type(producer.partitions_for("t"), set[int])
    assert_type(producer.metrics(), dict[str, dict[str, float]] | None)
    producer.close(timeout=10)


def settings() -> Iterator[KafkaProducer]:
    yield KafkaProducer(
        bootstrap_servers=["localhost:9092"],
        key_serializer=StringSerializer(),
        value_serializer=JsonSerializer(),
        acks="all",
    )
    yield KafkaProducer(value_serializer=lambda value: str(value).encode())
    yield KafkaProducer({"bootstrap.servers": "localhost:9092", "linger.ms": 5})
    yield KafkaProducer("localhost:9092")  # type: ignore[arg-type]


def many(producer: KafkaProducer, lines: Iterator[str]) -> None:
    report = producer.send_many("t", (line.encode() for line in lines), partition=1)
    assert_type(report, SendManyReport)
    assert_type(report.delivered, int)
    for place, error in report.failures:
        assert_type(place, int)
        assert_type(error, Exception)
    producer.send_many("t", [(b"k", b"v"), (b"k", None, [("h", b"1")])])
    producer.send_many("t", [{"for": "a serializer"}])
    producer.send_many("t", memoryview(bytes(12)).cast("B", (3, 4)))
    producer.send_many("t", 3)  # type: ignore[arg-type]
    report.delivered = 3  # type: ignore[misc]


def place(metadata: RecordMetadata) -> tuple[str, int, int]:
    assert_type(metadata.topic_partition, TopicPartition)
    assert_type(metadata.serialized_key_size, int)
    assert_type(metadata[:2], tuple[Any, ...])
    assert_type(metadata._asdict(), dict[str, Any])
    topic, partition, *_ = metadata
    assert len(metadata) == len(RecordMetadata._fields) and metadata == (topic, partition)
    metadata.offset = 3  # type: ignore[misc]
    return metadata.topic, metadata.partition, metadata.offset


async def tasks(threaded: KafkaProducer) -> None:
    async with AIOKafkaProducer(bootstrap_servers="localhost:9092") as producer:
        assert_type(producer, AIOKafkaProducer)
        future = await producer.send("t", b"value", b"key", 0, None, [("h", b"1")])
        assert_type(future, asyncio.Future[AioRecordMetadata])
        assert_type((await future).timestamp_type, int)
        assert_type(await producer.send_and_wait("t", b"v"), AioRecordMetadata)
        task = asyncio.create_task(producer.send("t", b"v"))
        assert_type(await task, asyncio.Future[AioRecordMetadata])
        assert_type(await producer.send_many("t", [b"v"]), SendManyReport)
        batch = producer.create_batch()
        assert_type(batch, BatchBuilder)
        added = batch.append(timestamp=None, key=None, value=b"v", headers=(("h", b"1"),))
        assert added is None or added.size > 0
        assert_type(await (await producer.send_batch(batch, "t", partition=0)), AioRecordMetadata)
        assert_type(await producer.partitions_for("t"), set[int])
    assert_type(await threaded.send("t", b"v"), RecordMetadata)
    assert_type(await asyncio.gather(threaded.send("t", b"v")), tuple[RecordMetadata])


def broker(kafka_broker: EmbeddedBroker) -> None:
    assert_type(kafka_broker.bootstrap_servers, str)
    assert_type(kafka_broker.records("t"), list[ConsumerRecord])
    with EmbeddedBroker(data_dir="folder") as another:
        assert_type(another, EmbeddedBroker)
