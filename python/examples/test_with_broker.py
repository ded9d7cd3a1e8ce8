"""How to test code that produces, with nothing installed: `pytest test_with_broker.py`.

The fixture `kafka_broker` comes with raban: a broker in the test's process, for any Kafka client.
"""

from __future__ import annotations

from raban import EmbeddedBroker, KafkaProducer


def greet(producer: KafkaProducer, names: list[str]) -> None:
    """The code to be tested."""
    for name in names:
        producer.send("greetings", key=name.encode(), value=f"Hello, {name}!".encode())
    producer.flush()


def test_everybody_is_greeted(kafka_broker: EmbeddedBroker) -> None:
    with KafkaProducer(bootstrap_servers=kafka_broker.bootstrap_servers) as producer:
        greet(producer, ["Ada", "Grace"])
    records = kafka_broker.records("greetings")
    assert [record.key for record in records] == [b"Ada", b"Grace"]
    assert [record.value for record in records] == [b"Hello, Ada!", b"Hello, Grace!"]


def test_each_test_has_a_broker_of_its_own(kafka_broker: EmbeddedBroker) -> None:
    with KafkaProducer(bootstrap_servers=kafka_broker.bootstrap_servers) as producer:
        greet(producer, ["Linus"])
    assert len(kafka_broker.records("greetings")) == 1
