"""`DefaultPartitioner`: by the key's hash, as Kafka's Java client."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from raban._raban import murmur2
from raban.partitioner.abc import Cluster, Partitioner


class DefaultPartitioner(Partitioner):
    """Records of one key go to one partition, by murmur2 of the serialized key.

    Those without a key go to any partition that has a leader, or to any at all if none has.
    It can also be called with `(key, all_partitions, available)`, the way of kafka-python 2 and
    aiokafka.
    """

    def partition(
        self,
        topic: str,
        key: Any,
        serialized_key: bytes | None,
        value: Any,
        serialized_value: bytes | None,
        cluster: Cluster,
    ) -> int:
        """The partition; `ValueError` if the topic isn't in `cluster`."""
        every, available = partitions_of(topic, cluster)
        return self(serialized_key, every, available)

    def __call__(
        self, key: bytes | None, all_partitions: Sequence[int], available: Sequence[int]
    ) -> int:
        """One of `all_partitions`, which are in ascending order, for a serialized key."""
        if key is None:
            return random.choice(available or all_partitions)
        # Java's hash has a sign, and Kafka drops it.
        return all_partitions[(murmur2(key) & 0x7FFFFFFF) % len(all_partitions)]


def partitions_of(topic: str, cluster: Cluster) -> tuple[list[int], list[int]]:
    """All of the topic's partitions and those with a leader, each in ascending order.

    `ValueError` if the topic isn't known or has none.
    """
    every = in_order(cluster.partitions_for_topic(topic))
    if not every:
        raise ValueError(
            f"topic {topic} is not in the cluster's metadata; check its name, or create it"
        )
    return every, in_order(cluster.available_partitions_for_topic(topic))


def in_order(partitions: Iterable[int] | None) -> list[int]:
    """The partitions in ascending order; none for None."""
    return sorted(partitions or ())
