"""How a producer is driven that has kafka-python's names."""

from __future__ import annotations

from typing import Any

from load import HALF, HELD, Share, Tally, Told, Workload


class KafkaStyle:
    """Two callbacks for each record, or its future waited for (variant `future`)."""

    def __init__(self, producer: Any, work: Workload, told: Told) -> None:
        self.producer = producer
        self.topic = work.topic
        self.told = told
        self.variant = work.variant

    def send(self, share: Share) -> int:
        return self._futures(share) if self.variant == "future" else self._callbacks(share)

    def _callbacks(self, share: Share) -> int:
        tally = Tally()
        topic, send = self.topic, self.producer.send
        for key, value in share:
            send(topic, value, key).add_callback(tally.succeeded).add_errback(tally.failed)
        self.producer.flush()
        return tally.wait(share.records)

    def _futures(self, share: Share) -> int:
        topic, send = self.topic, self.producer.send
        confirmed, held = 0, []
        for key, value in share:
            held.append(send(topic, value, key))
            if len(held) == HELD:
                for future in held[:HALF]:
                    future.get()
                del held[:HALF]
                confirmed += HALF
        for future in held:
            future.get()
        return confirmed + len(held)

    def close(self) -> None:
        self.producer.close()
