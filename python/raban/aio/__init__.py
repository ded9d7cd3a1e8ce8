"""The producer for asyncio, drop-in for aiokafka.

    async with AIOKafkaProducer(bootstrap_servers="localhost:9092") as producer:
        metadata = await producer.send_and_wait("hello", b"world")
"""

from __future__ import annotations

from raban._raban import BatchBuilder, SendManyReport
from raban.aio.errors import ConsumerStoppedError, IllegalOperation
from raban.aio.producer import AIOKafkaProducer
from raban.aio.structs import (
    ConsumerRecord,
    OffsetAndMetadata,
    OffsetAndTimestamp,
    RecordMetadata,
    TopicPartition,
)

__all__ = [
    "AIOKafkaProducer",
    "BatchBuilder",
    "ConsumerRecord",
    "ConsumerStoppedError",
    "IllegalOperation",
    "OffsetAndMetadata",
    "OffsetAndTimestamp",
    "RecordMetadata",
    "SendManyReport",
    "TopicPartition",
]
