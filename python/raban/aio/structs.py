"""The small tuples that asyncio calls give, with the fields of aiokafka's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from raban._raban import AioRecordMetadata as RecordMetadata
from raban.errors import KafkaError
from raban.structs import TopicPartition

__all__ = [
    "BrokerMetadata",
    "ConsumerRecord",
    "OffsetAndMetadata",
    "OffsetAndTimestamp",
    "PartitionMetadata",
    "RecordMetadata",
    "TopicPartition",
]

K = TypeVar("K")
V = TypeVar("V")


class BrokerMetadata(NamedTuple):
    """A broker and its address."""

    nodeId: int | str
    """The broker's id."""
    host: str
    """Its host name."""
    port: int
    """Its port."""
    rack: str | None
    """Its rack, if it has one."""


class PartitionMetadata(NamedTuple):
    """A partition and where its copies are."""

    topic: str
    """The topic's name."""
    partition: int
    """The partition's number."""
    leader: int
    """The id of the broker that leads it, -1 for none."""
    replicas: list[int]
    """The ids of the brokers that have a copy."""
    isr: list[int]
    """Those whose copies are in sync."""
    error: KafkaError | None
    """What the brokers say is wrong with it, if anything."""


class OffsetAndMetadata(NamedTuple):
    """A group's offset in a partition, as it is committed."""

    offset: int
    """The offset of the next record to be read."""
    metadata: str
    """Any text to be kept beside it."""


class OffsetAndTimestamp(NamedTuple):
    """A record's place and time."""

    offset: int
    """Its offset in the partition."""
    timestamp: int | None
    """Milliseconds since 1970 (UTC)."""


@dataclass
class ConsumerRecord(Generic[K, V]):
    """A record as it is read."""

    topic: str
    """The topic's name."""
    partition: int
    """The partition's number."""
    offset: int
    """Its offset in the partition."""
    timestamp: int
    """Milliseconds since 1970 (UTC)."""
    timestamp_type: int
    """0 for the producer's time (CreateTime), 1 for the broker's (LogAppendTime)."""
    key: K | None
    """The key, None for a record without one."""
    value: V | None
    """The value, None for a tombstone."""
    checksum: int | None
    """None: records have no checksum of their own any more."""
    serialized_key_size: int
    """The key's bytes, -1 for none."""
    serialized_value_size: int
    """The value's bytes, -1 for none."""
    headers: Sequence[tuple[str, bytes]]
    """The headers in their order."""
