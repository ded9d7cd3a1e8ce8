"""confluent-kafka, which wraps librdkafka: one delivery callback for each record."""

from __future__ import annotations

from confluent_kafka import KafkaError, Message, Producer

from load import Share, Tally, Workload, run


class Telling(Tally):
    def told(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self.failed(error)


class Confluent:
    """Records one by one, or in lists for `produce_batch` (variant `batch`)."""

    def __init__(self, work: Workload) -> None:
        # acks=all is its default. Best: as librdkafka's own performance tests and the Rust program,
        # and the idempotence that the others have.
        best = {
            "enable.idempotence": True,
            "batch.size": 1_000_000,
            "batch.num.messages": 100_000,
            "queue.buffering.max.messages": 1_000_000,
        }
        self.told = work.told({"compression.type": work.compression}, best, "linger.ms")
        self.producer = Producer({"bootstrap.servers": work.bootstrap, **self.told})
        self.topic = work.topic
        self.variant = work.variant

    def send(self, share: Share) -> int:
        return self._lists(share) if self.variant == "batch" else self._records(share)

    def _records(self, share: Share) -> int:
        tally = Telling()
        tell = tally.told
        topic, produce, poll = self.topic, self.producer.produce, self.producer.poll
        for key, value in share:
            while True:
                try:
                    produce(topic, value, key, on_delivery=tell)
                    break
                except BufferError:
                    poll(0.1)
            poll(0)
        self.producer.flush()
        return tally.wait(share.records)

    def _lists(self, share: Share) -> int:
        tally = Telling()
        for records in share.chunks():
            if share.keyed:
                messages = [{"key": key, "value": value} for key, value in records]
            else:
                messages = [{"value": value} for value in records]
            while messages:
                self.producer.produce_batch(self.topic, messages, on_delivery=tally.told)
                # What isn't taken has an error; what a full queue doesn't take, it takes later.
                messages = [m for m in messages if m.pop("_error", None) is not None]
                self.producer.poll(0.1 if messages else 0)
        self.producer.flush()
        return tally.wait(share.records)

    def close(self) -> None:
        self.producer.flush()


if __name__ == "__main__":
    run(Confluent)
