"""What `RecordMetadata` becomes when it is pickled or changed: named tuples with the same fields."""

from __future__ import annotations

from typing import NamedTuple

from raban.structs import TopicPartition


class RecordMetadata(NamedTuple):
    """A copy of `raban.RecordMetadata`."""

    topic: str
    partition: int
    topic_partition: TopicPartition
    offset: int
    timestamp: int
    checksum: None
    serialized_key_size: int
    serialized_value_size: int
    serialized_header_size: int


class AioRecordMetadata(NamedTuple):
    """A copy of `raban.aio.RecordMetadata`."""

    topic: str
    partition: int
    topic_partition: TopicPartition
    offset: int
    timestamp: int
    timestamp_type: int
    log_start_offset: None
