"""The small tuples that calls take and give, with the fields of kafka-python's."""

from __future__ import annotations

from typing import Final, NamedTuple


class TopicPartition(NamedTuple):
    """A partition of a topic."""

    topic: str
    """The topic's name."""
    partition: int
    """The partition's number, from 0."""


class TopicPartitionReplica(NamedTuple):
    """A copy of a partition on one broker."""

    topic: str
    """The topic's name."""
    partition: int
    """The partition's number, from 0."""
    broker_id: int
    """The broker that has the copy."""


class OffsetAndMetadata(NamedTuple):
    """A group's offset in a partition, as it is committed."""

    offset: int | None = None
    """The offset of the next record to be read."""
    metadata: str = ""
    """Any text to be kept beside it."""
    leader_epoch: int = -1
    """The leader epoch of the record before, -1 if not known."""


class OffsetAndTimestamp(NamedTuple):
    """A record's place and time."""

    offset: int
    """Its offset in the partition."""
    timestamp: int
    """Milliseconds since 1970 (UTC)."""
    leader_epoch: int
    """The leader epoch that it was written in, -1 if not known."""


class MemberState:
    """How far a consumer is with joining its group."""

    UNJOINED: Final = "<unjoined>"
    """Not part of the group."""
    REBALANCING: Final = "<rebalancing>"
    """About to join; it may not have its partitions yet."""
    STABLE: Final = "<stable>"
    """Joined, with its partitions."""


class ConsumerGroupMetadata(NamedTuple):
    """A consumer's place in its group, by which brokers tell it from one that was replaced."""

    group_id: str | None = None
    """The group's id, None for a consumer without a group."""
    generation_id: int = -1
    """The group's generation, -1 for a consumer that hasn't joined."""
    member_id: str = ""
    """The id that the coordinator gave it."""
    group_instance_id: str | None = None
    """The id of a static member."""
    state: str = MemberState.UNJOINED
    """One of `MemberState`'s values; brokers don't look at it."""


class ConsumerRecord(NamedTuple):
    """A record as it is in a topic; `EmbeddedBroker.records` returns them."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970 (UTC)."""
    key: bytes | None
    value: bytes | None
    """None is a tombstone."""
    headers: list[tuple[str, bytes | None]]
    """In order; names may repeat."""
