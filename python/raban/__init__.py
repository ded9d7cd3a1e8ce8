"""raban: a Kafka producer, drop-in for kafka-python; `raban.aio` is drop-in for aiokafka.

>>> from raban import KafkaProducer
>>> producer = KafkaProducer(bootstrap_servers="embedded:")  # a broker in this process
>>> producer.send("hello", b"world").get().offset
0
>>> producer.close()
"""

from __future__ import annotations

from raban._raban import EmbeddedBroker, SendManyReport, __version__
from raban.producer.future import FutureRecordMetadata, RecordMetadata
from raban.producer.kafka import KafkaProducer
from raban.serializer import DefaultSerializer, Deserializer, JsonSerializer, Serializer
from raban.structs import (
    ConsumerGroupMetadata,
    ConsumerRecord,
    OffsetAndMetadata,
    TopicPartition,
    TopicPartitionReplica,
)

__all__ = [
    "ConsumerGroupMetadata",
    "ConsumerRecord",
    "DefaultSerializer",
    "Deserializer",
    "EmbeddedBroker",
    "FutureRecordMetadata",
    "JsonSerializer",
    "KafkaProducer",
    "OffsetAndMetadata",
    "RecordMetadata",
    "SendManyReport",
    "Serializer",
    "TopicPartition",
    "TopicPartitionReplica",
    "__version__",
]
