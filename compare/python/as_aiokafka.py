"""How a producer is driven that has aiokafka's names."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from load import HALF, HELD, Share, Told, Workload


class AioStyle:
    """Each record's future awaited, or each batch's (variant `batch`)."""

    def __init__(self, producer: Any, work: Workload, told: Told) -> None:
        self.producer = producer
        self.topic = work.topic
        self.told = told
        self.partitions = cycle(range(work.partitions))
        self.variant = work.variant

    async def send(self, share: Share) -> int:
        return await (self._batches(share) if self.variant == "batch" else self._records(share))

    async def _records(self, share: Share) -> int:
        topic, send = self.topic, self.producer.send
        confirmed, held = 0, []
        for key, value in share:
            held.append(await send(topic, value, key))
            if len(held) == HELD:
                for future in held[:HALF]:
                    await future
                del held[:HALF]
                confirmed += HALF
        for future in held:
            await future
        return confirmed + len(held)

    async def _batches(self, share: Share) -> int:
        """To one partition after another: with batches the choice is the application's."""
        confirmed = 0
        # Futures, and the records of each.
        held: deque[tuple[Any, int]] = deque()
        for batch in self._filled(share):
            partition, records = next(self.partitions), batch.record_count()
            future = await self.producer.send_batch(batch, self.topic, partition=partition)
            held.append((future, records))
            while len(held) * records > HELD:
                future, oldest = held.popleft()
                await future
                confirmed += oldest
        for future, records in held:
            await future
            confirmed += records
        return confirmed

    def _filled(self, share: Share) -> Iterator[Any]:
        batch = self.producer.create_batch()
        for key, value in share:
            if batch.append(timestamp=None, key=key, value=value) is None:
                yield batch
                batch = self.producer.create_batch()
                batch.append(timestamp=None, key=key, value=value)
        yield batch

    async def close(self) -> None:
        await self.producer.stop()
