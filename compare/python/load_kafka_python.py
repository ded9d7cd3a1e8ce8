"""kafka-python."""

from __future__ import annotations

from kafka import KafkaProducer

from as_kafka_python import KafkaStyle
from load import Workload, run


def connect(work: Workload) -> KafkaStyle:
    compression = None if work.compression == "none" else work.compression
    # acks=all and idempotence are its defaults.
    best = {"batch_size": 131_072, "linger_ms": 5}
    told = work.told({"compression_type": compression}, best)
    producer = KafkaProducer(bootstrap_servers=work.bootstrap, **told)
    return KafkaStyle(producer, work, told)


if __name__ == "__main__":
    run(connect)
