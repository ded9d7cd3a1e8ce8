"""What the tests of behaviour share: a cluster, and ways to hold it up."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from gate import Gate
from kafka import KafkaConsumer
from kafka import TopicPartition as TheirTopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

import raban
from raban import ConsumerRecord, EmbeddedBroker

REAL_KAFKA = "RABAN_PYTEST_KAFKA"
"""The environment variable with the address, host:port, of an Apache Kafka to test with."""


class Cluster(Protocol):
    """Brokers to send to."""

    @property
    def bootstrap_servers(self) -> str: ...

    def topic(self, partitions: int = 1) -> str:
        """A new topic's name; the topic is there."""

    def records(self, topic: str) -> list[ConsumerRecord]:
        """All that was written to it, partition by partition."""


class _Cluster:
    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)

    def topic(self, partitions: int = 1) -> str:
        name = f"test-{uuid.uuid4().hex}"
        self._admin.create_topics([NewTopic(name, partitions, 1)])
        return name

    def close(self) -> None:
        self._admin.close()


class Embedded(_Cluster):
    """raban's own broker."""

    def __init__(self) -> None:
        self._broker = EmbeddedBroker()
        super().__init__(self._broker.bootstrap_servers)

    def records(self, topic: str) -> list[ConsumerRecord]:
        return self._broker.records(topic)

    def close(self) -> None:
        super().close()
        self._broker.stop()


class Kafka(_Cluster):
    """Apache Kafka, read back by kafka-python."""

    def records(self, topic: str) -> list[ConsumerRecord]:
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap_servers)
        try:
            partitions = [
                TheirTopicPartition(topic, partition)
                for partition in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            found: dict[TheirTopicPartition, list[ConsumerRecord]] = {tp: [] for tp in partitions}
            while any(consumer.position(tp) < ends[tp] for tp in partitions):
                for tp, records in consumer.poll(timeout_ms=1000).items():
                    found[tp] += map(_as_ours, records)
            return [record for tp in partitions for record in found[tp]]
        finally:
            consumer.close(autocommit=False)


def _as_ours(record: Any) -> ConsumerRecord:
    fields = {name: getattr(record, name) for name in ConsumerRecord._fields}
    return ConsumerRecord(**fields | {"headers": list(record.headers)})


@pytest.fixture(
    scope="session",
    params=[
        "embedded",
        pytest.param(
            "kafka",
            marks=pytest.mark.skipif(
                REAL_KAFKA not in os.environ,
                reason=f"{REAL_KAFKA}=host:port names no Apache Kafka to test with",
            ),
        ),
    ],
)
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Each of the clusters that there are, for the whole run: topics are new for each test."""
    if request.param == "embedded":
        found: Embedded | Kafka = Embedded()
    else:
        found = Kafka(os.environ[REAL_KAFKA])
    yield found
    found.close()


@pytest.fixture
def topic(cluster: Cluster) -> str:
    """A new topic with one partition."""
    return cluster.topic()


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """An embedded broker of the test's own, which may stop it."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture
def gate(broker: EmbeddedBroker) -> Iterator[Gate]:
    """The way to that broker, which may be held up."""
    with Gate(broker.bootstrap_servers) as gate:
        yield gate


class Reachable(Protocol):
    """A cluster, a broker or a gate."""

    @property
    def bootstrap_servers(self) -> str: ...


Start = Callable[..., raban.KafkaProducer]


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(cluster, **configs)` makes a producer that is closed after the test."""
    producers: list[raban.KafkaProducer] = []

    def start(at: Reachable, **configs: Any) -> raban.KafkaProducer:
        producers.append(raban.KafkaProducer(bootstrap_servers=at.bootstrap_servers, **configs))
        return producers[-1]

    yield start
    for producer in producers:
        producer.close(timeout=0, null_logger=True)
