"""The pytest fixture `kafka_broker`: a Kafka broker in the test's process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from raban._raban import EmbeddedBroker


@pytest.fixture
def kafka_broker() -> Iterator[EmbeddedBroker]:
    """A broker of this test's own, on a free port of the loopback interface, with no topics yet.

    ``kafka_broker.bootstrap_servers`` is where clients find it, of any library;
    ``kafka_broker.records(topic)`` is what they wrote.
    """
    with EmbeddedBroker() as broker:
        yield broker
