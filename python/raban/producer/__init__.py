"""The producer for threads."""

from __future__ import annotations

from raban.producer.kafka import KafkaProducer

__all__ = ["KafkaProducer"]
