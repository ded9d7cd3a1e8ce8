"""`KafkaProducer`, with kafka-python's names and ways."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar

from raban import _lifetime, _raban
from raban._cluster import batch_size, choose
from raban._settings import (
    DEFAULT_CONFIG,
    DEPRECATED_CONFIGS,
    from_properties,
    start_with,
    translate,
)
from raban.errors import IllegalStateError, KafkaConfigurationError, from_native

log = logging.getLogger("raban.producer.kafka")

_NO_TRANSACTIONS = (
    "raban has no transactions yet; leave transactional_id out, and the transactional calls"
)


class NoTransactionsError(KafkaConfigurationError, IllegalStateError):
    """raban has no transactions yet; kafka-python raises the latter without transactional_id."""


class KafkaProducer(_raban.Producer):
    """A Kafka producer for threads, and thread-safe; for asyncio see `raban.aio`.

    Takes kafka-python's keywords, or a dict of Kafka's own settings, such as
    ``KafkaProducer({"bootstrap.servers": "localhost:9092", "linger.ms": 5})``. What becomes of each
    keyword is in docs/settings.md of the package's sources.

    It waits until a broker answers, up to ``bootstrap_timeout_ms``, unless ``api_version`` is given.
    With ``bootstrap_servers="embedded:"`` it speaks to a broker in this process.

    Raises:
        ValueError: for an unknown keyword or a value out of its range.
        KafkaConfigurationError: for settings that contradict each other, and for what raban doesn't
            have yet: TLS, SASL, transactions, proxies.
        NoBrokersAvailable: (a KafkaTimeoutError) if no broker answers in time.
    """

    DEFAULT_CONFIG: ClassVar[dict[str, Any]] = DEFAULT_CONFIG
    DEPRECATED_CONFIGS: ClassVar[tuple[str, ...]] = DEPRECATED_CONFIGS

    config: dict[str, Any]
    """The settings in force, by keyword."""

    def __init__(self, properties: Mapping[str, Any] | None = None, /, **configs: Any) -> None:
        self._closed = True
        if properties is not None and configs:
            raise TypeError(
                "settings are given as a dict and as keywords; put them all into one of the two"
            )
        if properties is not None and not isinstance(properties, Mapping):
            raise TypeError(
                f"settings are given as keywords or as a dict, not as {properties!r}; for an "
                "address write KafkaProducer(bootstrap_servers=…)"
            )
        translated = translate(configs) if properties is None else from_properties(properties)
        for warning in translated.warnings:
            warnings.warn(warning, stacklevel=2)
        self.config = translated.config
        partitioner = choose(translated.partitioner, self, batch_size(translated.properties))
        start = start_with(translated, partitioner, from_native)
        self._start(start, translated.bootstrap_timeout_ms)
        self._serializers = (translated.key_serializer, translated.value_serializer)
        self._closed = False
        _lifetime.opened(self)

    def close(self, timeout: float | None = None, null_logger: bool = False) -> None:
        """Sends what was accepted, waits for its outcome and its callbacks, and closes.

        What isn't delivered within ``timeout`` seconds fails; with None each record has its
        ``delivery_timeout_ms``. A second call does nothing. Called in a callback it doesn't wait.
        """
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"Invalid timeout: {timeout}; give seconds, 0 or more, or None")
        if self._closed:
            return
        self._closed = True
        _lifetime.closed(self)
        unsent, in_doubt = self._close(timeout)
        if (unsent or in_doubt) and not null_logger:
            log.warning(
                "%s: closed before all was delivered: %d records surely aren't in the log, %d may "
                "be; a longer timeout for close gives them more time",
                self,
                unsent,
                in_doubt,
            )
        for serializer in self._serializers:
            if callable(close := getattr(serializer, "close", None)):
                close()

    def _close_at_exit(self) -> None:
        self.close()

    def __enter__(self) -> KafkaProducer:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    def metrics(self, raw: bool = False) -> dict[str, dict[str, float]] | None:
        """What the producer tells of itself, under Kafka's names: {group: {name: value}}.

        Groups are ``producer-metrics``, ``producer-node-metrics.node-N`` and
        ``producer-topic-metrics.TOPIC``. None with ``metrics_enabled=False``. ``raw`` makes no
        difference here.
        """
        if not self.config.get("metrics_enabled", True):
            return None
        return self._metrics()

    def bootstrap_connected(self) -> bool:
        """Whether a broker was reached, and the producer isn't closed."""
        return not self._closed and self._reached()

    @classmethod
    def max_usable_produce_magic(cls, api_version: tuple[int, ...]) -> int:
        """The newest record format that brokers of a version know; raban always writes 2."""
        if api_version >= (0, 11):
            return 2
        return 1 if api_version >= (0, 10) else 0

    def init_transactions(self) -> None:
        """Raises NoTransactionsError: raban has no transactions yet."""
        raise NoTransactionsError(_NO_TRANSACTIONS)

    begin_transaction = commit_transaction = abort_transaction = init_transactions

    def send_offsets_to_transaction(self, offsets: Any, group_metadata: Any) -> None:
        """Raises NoTransactionsError: raban has no transactions yet."""
        raise NoTransactionsError(_NO_TRANSACTIONS)

    def __str__(self) -> str:
        client_id = self.config.get("client_id", self.config.get("client.id"))
        return f"<KafkaProducer client_id={client_id} transactional_id=None>"

    __repr__ = __str__
