"""Partitioners choose a record's partition: those of kafka-python.

Without one raban chooses by itself, as Kafka's Java client does, at less cost than a call into
Python for each record.
"""

from __future__ import annotations

from raban._raban import murmur2
from raban.partitioner.abc import Cluster, Partitioner
from raban.partitioner.default import DefaultPartitioner
from raban.partitioner.sticky import StickyPartitioner

__all__ = ["Cluster", "DefaultPartitioner", "Partitioner", "StickyPartitioner", "murmur2"]
