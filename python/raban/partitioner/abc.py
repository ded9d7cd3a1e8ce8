"""What a partitioner is, and what it is told of the cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Set
from typing import Any, Protocol


class Cluster(Protocol):
    """What is known of the cluster's topics when a partition is chosen."""

    def topics(self) -> Set[str]:
        """The topics that are known."""

    def partitions_for_topic(self, topic: str) -> Set[int] | None:
        """All partitions of a topic; None if it isn't known."""

    def available_partitions_for_topic(self, topic: str) -> Set[int] | None:
        """Those that have a leader; None if the topic isn't known."""


class Partitioner(ABC):
    """Chooses the partition of records that are sent without one. Give it as `partitioner`.

    One that has `on_new_batch(topic, cluster, prev_partition)` is told by it when a batch's worth
    of records without keys went to its latest choice for the topic.
    """

    @abstractmethod
    def partition(
        self,
        topic: str,
        key: Any,
        serialized_key: bytes | None,
        value: Any,
        serialized_value: bytes | None,
        cluster: Cluster,
    ) -> int:
        """One of the topic's partitions. Key and value come as given, and as bytes.

        Whatever this raises, `send` raises.
        """
