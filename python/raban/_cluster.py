"""What partitioners written in Python see of the cluster."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from raban.errors import KafkaError
from raban.partitioner import Partitioner

Choose = Callable[[str, Any, bytes | None, Any, bytes | None], int | None]


class _Knowing(Protocol):
    def _partitions(self, topic: str, /) -> list[tuple[int, bool]]: ...


class ClusterMetadata:
    """Topics and partitions, as a producer knows them."""

    def __init__(self, producer: _Knowing) -> None:
        # The producer holds the partitioner, which holds this.
        self._producer = weakref.ref(producer)
        self._topics: set[str] = set()

    def _partitions(self, topic: str) -> list[tuple[int, bool]]:
        producer = self._producer()
        if producer is None:
            raise RuntimeError("the producer of this cluster metadata is gone")
        partitions = producer._partitions(topic)
        self._topics.add(topic)
        return partitions

    def topics(self) -> set[str]:
        """The topics that were asked for."""
        return set(self._topics)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """All partitions of a topic; None if it isn't known."""
        try:
            return {partition for partition, _ in self._partitions(topic)}
        except KafkaError:
            return None

    def available_partitions_for_topic(self, topic: str) -> set[int] | None:
        """Those that have a leader; None if the topic isn't known."""
        try:
            return {partition for partition, has_leader in self._partitions(topic) if has_leader}
        except KafkaError:
            return None


def batch_size(properties: Mapping[str, str]) -> int:
    """`batch.size`, if it is a number; raban's default otherwise."""
    size = properties.get("batch.size", "")
    return int(size) if size.isascii() and size.isdigit() else 16384


class _Sticking:
    """Tells a sticky partitioner when a batch's worth of records without keys went to a partition.

    Which batch a record goes to is raban's to say, so this counts their bytes.
    """

    def __init__(self, partitioner: Any, cluster: ClusterMetadata, size: int) -> None:
        self._on_new_batch = partitioner.on_new_batch
        self._cluster = cluster
        self._size = size
        self._filled: dict[str, tuple[int, int]] = {}

    def before(self, topic: str, value: bytes | None) -> None:
        filled = self._filled.get(topic)
        if filled is not None and filled[1] + len(value or b"") > self._size:
            del self._filled[topic]
            self._on_new_batch(topic, self._cluster, filled[0])

    def after(self, topic: str, partition: int | None, value: bytes | None) -> None:
        if partition is not None:
            _, bytes_so_far = self._filled.get(topic, (partition, 0))
            self._filled[topic] = (partition, bytes_so_far + len(value or b""))


def choose(partitioner: Any, producer: _Knowing, batch_size: int) -> Choose | None:
    """How a partitioner is asked that `raban._settings.partitioner_of` has judged; None for none.

    It is a `Partitioner`, another object with `partition(topic, serialized_key, cluster)`, or, as
    in kafka-python 2 and aiokafka, a function of (key, all partitions, available partitions).
    """
    if partitioner is None:
        return None
    cluster = ClusterMetadata(producer)
    if isinstance(partitioner, Partitioner):
        ask = partitioner.partition
        sticks = callable(getattr(partitioner, "on_new_batch", None))
        sticking = _Sticking(partitioner, cluster, batch_size) if sticks else None

        def by_partitioner(
            topic: str, key: Any, key_bytes: bytes | None, value: Any, value_bytes: bytes | None
        ) -> int | None:
            # Waits for metadata, and raises what stands in the way.
            cluster._partitions(topic)
            if sticking is None or key_bytes is not None:
                return ask(topic, key, key_bytes, value, value_bytes, cluster)
            sticking.before(topic, value_bytes)
            chosen = ask(topic, key, key_bytes, value, value_bytes, cluster)
            sticking.after(topic, chosen, value_bytes)
            return chosen

        return by_partitioner
    if hasattr(partitioner, "partition"):

        def by_object(
            topic: str, key: Any, key_bytes: bytes | None, value: Any, value_bytes: bytes | None
        ) -> int | None:
            cluster._partitions(topic)
            chosen: int | None = partitioner.partition(topic, key_bytes, cluster)
            return chosen

        return by_object

    def by_function(
        topic: str, key: Any, key_bytes: bytes | None, value: Any, value_bytes: bytes | None
    ) -> int | None:
        partitions = cluster._partitions(topic)
        every = [partition for partition, _ in partitions]
        available = [partition for partition, has_leader in partitions if has_leader]
        chosen: int | None = partitioner(key_bytes, every, available)
        return chosen

    return by_function
