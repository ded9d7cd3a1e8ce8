"""`StickyPartitioner`: one partition after another, a batch each (KIP-480)."""

from __future__ import annotations

import random
import threading
from typing import Any

from raban.partitioner.abc import Cluster
from raban.partitioner.default import DefaultPartitioner, in_order, partitions_of


class StickyPartitioner(DefaultPartitioner):
    """Records without a key stay in one partition until a new batch begins; then in another one.

    Records with a key go by its hash. Thread-safe.
    """

    def __init__(self) -> None:
        self._chosen: dict[str, int] = {}
        self._lock = threading.Lock()

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
        if serialized_key is not None:
            return self(serialized_key, every, available)
        candidates = available or every
        with self._lock:
            chosen = self._chosen.get(topic)
            # It may have lost its leader, or be gone with an older topic of this name.
            if chosen is None or chosen not in candidates:
                chosen = self._chosen[topic] = random.choice(candidates)
            return chosen

    def on_new_batch(self, topic: str, cluster: Cluster, prev_partition: int) -> None:
        """A new batch begins in `prev_partition`: choose another one, if there is."""
        candidates = in_order(cluster.available_partitions_for_topic(topic)) or in_order(
            cluster.partitions_for_topic(topic)
        )
        if not candidates:
            return
        with self._lock:
            # Another thread may have gone on already.
            if self._chosen.get(topic) == prev_partition:
                others = [partition for partition in candidates if partition != prev_partition]
                self._chosen[topic] = random.choice(others or candidates)
