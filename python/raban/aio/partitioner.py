"""Partitioners, under aiokafka's names."""

from __future__ import annotations

from raban.partitioner import DefaultPartitioner, murmur2

__all__ = ["DefaultPartitioner", "murmur2"]
