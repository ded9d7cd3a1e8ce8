"""aiokafka."""

from __future__ import annotations

from aiokafka import AIOKafkaProducer

from as_aiokafka import AioStyle
from load import Workload
from load_async import run


async def connect(work: Workload) -> AioStyle:
    compression = None if work.compression == "none" else work.compression
    best = {
        "acks": "all",
        "enable_idempotence": True,
        "max_batch_size": 131_072 if work.variant == "batch" else 32_768,
        "linger_ms": 5,
    }
    told = work.told({"compression_type": compression}, best)
    producer = AIOKafkaProducer(bootstrap_servers=work.bootstrap, **told)
    await producer.start()
    return AioStyle(producer, work, told)


if __name__ == "__main__":
    run(connect)
