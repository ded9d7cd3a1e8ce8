"""raban, by kafka-python's names, or many records in one call (variant `many`)."""

from __future__ import annotations

from raban import KafkaProducer

from as_kafka_python import KafkaStyle
from load import Share, Workload, run


class Raban(KafkaStyle):
    def send(self, share: Share) -> int:
        if self.variant != "many":
            return super().send(share)
        confirmed = 0
        for records in share.chunks():
            report = self.producer.send_many(self.topic, records)
            report.raise_for_failures()
            confirmed += report.delivered
        return confirmed


def connect(work: Workload) -> Raban:
    compression = None if work.compression == "none" else work.compression
    # acks=all and idempotence are its defaults; the rest is what docs/tuning.md says.
    best = {"batch_size": 131_072 if compression == "gzip" else 262_144, "linger_ms": 5}
    told = work.told({"compression_type": compression}, best)
    producer = KafkaProducer(bootstrap_servers=work.bootstrap, **told)
    return Raban(producer, work, told)


if __name__ == "__main__":
    run(connect)
