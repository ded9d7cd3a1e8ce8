"""raban, by aiokafka's names, or many records in one call (variant `many`)."""

from __future__ import annotations

from raban.aio import AIOKafkaProducer

from as_aiokafka import AioStyle
from load import Share, Workload
from load_async import run


class RabanAio(AioStyle):
    async def send(self, share: Share) -> int:
        if self.variant != "many":
            return await super().send(share)
        confirmed = 0
        for records in share.chunks():
            report = await self.producer.send_many(self.topic, records)
            report.raise_for_failures()
            confirmed += report.delivered
        return confirmed


async def connect(work: Workload) -> RabanAio:
    compression = None if work.compression == "none" else work.compression
    # What docs/tuning.md says.
    best = {
        "acks": "all",
        "enable_idempotence": True,
        "max_batch_size": 131_072 if compression == "gzip" else 262_144,
        "linger_ms": 5,
    }
    told = work.told({"compression_type": compression}, best)
    producer = AIOKafkaProducer(bootstrap_servers=work.bootstrap, **told)
    await producer.start()
    return RabanAio(producer, work, told)


if __name__ == "__main__":
    run(connect)
