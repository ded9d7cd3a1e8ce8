"""`AIOKafkaProducer`, with aiokafka's names and ways."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Iterable
from types import TracebackType
from typing import Any, NoReturn

from raban import _lifetime, _raban
from raban._cluster import choose
from raban._raban import BatchBuilder, SendManyReport
from raban._settings import start_with
from raban.aio._settings import translate_aio
from raban.aio.errors import IllegalOperation, ProducerClosed, from_native
from raban.aio.structs import RecordMetadata

log = logging.getLogger("raban.aio.producer")

_NO_TRANSACTIONS = "raban has no transactions yet; leave transactional_id out"


class AIOKafkaProducer(_raban.AsyncProducer):
    """A Kafka producer for asyncio, with any event loop that watches sockets (asyncio's, uvloop).

    Takes aiokafka's keywords; what becomes of each is in docs/settings.md of the package's sources.
    Nothing is connected before `start`.

    Raises:
        TypeError: for an unknown keyword.
        ValueError: for a value out of its range.
        KafkaConfigurationError: for what raban doesn't have yet: TLS, SASL, transactions.
    """

    # Also where `__init__` wasn't reached.
    _closed = True

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop | None = None, **configs: Any
    ) -> None:
        translated = translate_aio(**configs)
        for warning in translated.warnings:
            warnings.warn(warning, stacklevel=2)
        if loop is not None:
            warnings.warn(
                "the loop argument is deprecated: the producer takes the loop that it is started in",
                DeprecationWarning,
                stacklevel=2,
            )
        self._configured_loop = loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fd = -1
        self._bootstrap_ms = translated.bootstrap_timeout_ms
        self._batch_size = int(translated.properties["batch.size"])
        partitioner = choose(translated.partitioner, self, self._batch_size)
        self._start_with = start_with(translated, partitioner, from_native)
        if partitioner is not None:
            # A partitioner of one's own is asked with the topic's partitions at hand.
            self.send = self._send_partitioned  # type: ignore[method-assign]
        self._closed = False

    async def start(self) -> None:
        """Starts the producer, and waits until a broker answers.

        Raises:
            KafkaConnectionError: if none does within ``request_timeout_ms``.
        """
        loop = asyncio.get_running_loop()
        assert self._configured_loop in (None, loop), (
            "Please create objects with the same loop as running with"
        )
        self._check_open()
        self._fd, drain = self._start(self._start_with, loop, self._batch_size)
        self._loop = loop
        loop.add_reader(self._fd, drain)
        _lifetime.opened(self)
        try:
            await self._bootstrap(self._start_with, self._bootstrap_ms or 0)
        except BaseException:
            await self._end()
            raise

    async def flush(self) -> None:
        """Waits until all records sent before are acknowledged or failed, and their futures are done."""
        await self._flush()
        self._drain()

    async def stop(self) -> None:
        """Sends what was accepted, waits for its outcome, and closes. A second call does nothing."""
        if not self._closed:
            await self._end()

    async def _end(self) -> None:
        self._closed = True
        loop = self._loop
        if loop is None:
            return
        try:
            unsent, in_doubt = await self._close()
            # All is settled now; whoever waits is told in some turns of the loop.
            while not self._is_idle():
                self._drain()
                await asyncio.sleep(0)
        except BaseException:
            # Cancelled: the closing goes on, and futures are told of it.
            self._end_later()
            raise
        loop.remove_reader(self._fd)
        self._stopped()
        self._loop = None
        _lifetime.closed(self)
        if unsent or in_doubt:
            log.warning(
                "closed before all was delivered: %d records surely aren't in the log, %d may be",
                unsent,
                in_doubt,
            )

    def _close_at_exit(self) -> None:
        self._close_blocking(None)

    async def _send_partitioned(
        self,
        topic: str,
        value: Any = None,
        key: Any = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Any = None,
    ) -> asyncio.Future[RecordMetadata]:
        if partition is None:
            await self._partitions_for(topic)
        return await super().send(topic, value, key, partition, timestamp_ms, headers)

    async def send_and_wait(
        self,
        topic: str,
        value: Any = None,
        key: Any = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Any = None,
    ) -> RecordMetadata:
        """Sends a record, and waits until it is acknowledged; see `send`."""
        future = await self.send(topic, value, key, partition, timestamp_ms, headers)
        return await future

    async def send_many(
        self, topic: str, records: Iterable[Any], *, partition: int | None = None
    ) -> SendManyReport:
        """Sends many records to a topic: the way to send that costs least.

        ``records`` is an iterable of values, of (key, value) or of (key, value, headers), with
        serializers applied to each; or a numpy array whose rows are values; or a pyarrow array of
        type binary or string. Resolves when each record is acknowledged or failed, to a report of
        both. Cancelling it leaves the records that it hasn't come to unsent. An exception of the
        iterable or of a serializer ends it, and is raised once the records before it are settled.
        """
        if partition is None and self._start_with["partitioner"] is not None:
            await self._partitions_for(topic)
        self._check_open()
        return await self._send_many(topic, records, partition=partition)

    async def send_batch(
        self, batch: BatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Future[RecordMetadata]:
        """Sends a batch made by `create_batch`: resolves to a future once it is accepted.

        The future is of the batch's first record. The records go to the partition one behind the
        other, in one batch or more as ``max_batch_size`` has it; if one of them fails, so does the
        future. Of a batch without records nothing is sent, and the future's result is None.
        """
        self._check_open()
        return await self._send_batch(batch, topic, partition)

    def create_batch(self) -> BatchBuilder:
        """An empty batch, to be filled by `append` and sent by `send_batch`."""
        self._check_open()
        return super().create_batch()

    def _check_open(self) -> None:
        if self._closed:
            raise ProducerClosed("the producer was stopped; make a new one")

    async def partitions_for(self, topic: str) -> set[int]:
        """The topic's partitions, waiting for them up to ``request_timeout_ms``.

        Raises:
            ProducerClosed: if the producer was stopped.
            MetadataTimeoutError: if nobody tells them in time.
        """
        self._check_open()
        return await self._partitions_for(topic)

    async def begin_transaction(self) -> NoReturn:
        """Raises IllegalOperation: raban has no transactions yet."""
        raise IllegalOperation(_NO_TRANSACTIONS)

    async def commit_transaction(self) -> NoReturn:
        """Raises IllegalOperation: raban has no transactions yet."""
        raise IllegalOperation(_NO_TRANSACTIONS)

    async def abort_transaction(self) -> NoReturn:
        """Raises IllegalOperation: raban has no transactions yet."""
        raise IllegalOperation(_NO_TRANSACTIONS)

    async def send_offsets_to_transaction(self, offsets: Any, group_id: str) -> NoReturn:
        """Raises IllegalOperation: raban has no transactions yet."""
        raise IllegalOperation(_NO_TRANSACTIONS)

    def transaction(self) -> NoReturn:
        """Raises IllegalOperation: raban has no transactions yet."""
        raise IllegalOperation(_NO_TRANSACTIONS)

    async def __aenter__(self) -> AIOKafkaProducer:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.stop()

    def __del__(self) -> None:
        if not self._closed and self._loop is not None:
            warnings.warn(f"Unclosed AIOKafkaProducer {self!r}", ResourceWarning, source=self)
