"""The keywords of AIOKafkaProducer: one table, and how they become raban's settings."""

from __future__ import annotations

from typing import Any

from raban._keywords import (
    INT32_MAX,
    INT64_MAX,
    LONGEST_BACKOFF_MS,
    UNSET,
    Keyword,
    Milliseconds,
    Number,
    Translated,
    boolean,
    bootstrap_servers,
    compression,
    invalid,
    longest_backoff,
    new_client_id,
    or_none,
    properties_of,
    reject,
    text,
    warnings_of,
)
from raban._settings import (
    NO_SASL,
    NO_SECURITY,
    NO_SSL_CONTEXT,
    NO_TRANSACTIONS,
    ONLY_TRANSACTIONS,
    settled,
)

_LONG_MS = Milliseconds()
_BYTES = Number(0, INT32_MAX, "bytes")

IDEMPOTENT_DELIVERY_TIMEOUT_MS = 120_000


_ACKS = {-1: "all", 0: "0", 1: "1", "all": "all"}


def _acks(name: str, value: Any) -> str | None:
    if value is UNSET:
        return None
    if not isinstance(value, (int, str)) or value not in _ACKS:
        raise invalid(name, value, "0, 1, or 'all', which is also -1")
    return _ACKS[value]


def _setting(name: str, default: Any, setting: str, convert: Any, note: str = "") -> Keyword:
    return Keyword(
        name=name,
        default=default,
        treatment="setting",
        setting=setting,
        convert=convert,
        note=note,
    )


def _refused(name: str, default: Any, note: str) -> Keyword:
    return Keyword(name=name, default=default, treatment="refused", note=note)


TABLE: tuple[Keyword, ...] = (
    Keyword(
        name="loop",
        default=None,
        treatment="warned",
        note="a producer belongs to the event loop that it is started in. Leave it out",
    ),
    _setting(
        "bootstrap_servers",
        "localhost",
        "bootstrap.servers",
        bootstrap_servers,
        "a port that is left out is 9092; `embedded:` is a broker in this process",
    ),
    Keyword(
        name="client_id",
        default=None,
        treatment="setting",
        setting="client.id",
        convert=text,
        note="N counts this process's producers",
        own="raban-producer-N",
    ),
    _setting("metadata_max_age_ms", 300000, "metadata.max.age.ms", _LONG_MS),
    _setting(
        "request_timeout_ms",
        40000,
        "request.timeout.ms",
        Milliseconds(INT32_MAX),
        "it is also how long `start` waits for the first broker, and `send` for metadata and "
        "memory (`max.block.ms`). Accepted records fail after it and `linger_ms` "
        "(`delivery.timeout.ms`), so that all in all a failure takes at most twice as long; with "
        f"idempotence after {IDEMPOTENT_DELIVERY_TIMEOUT_MS} ms at the soonest, where aiokafka "
        "tries for ever",
    ),
    Keyword(
        name="api_version",
        default=None,
        treatment="warned",
        note="raban asks each broker what it speaks, and aiokafka ignores it too. Leave it out",
    ),
    _setting(
        "acks",
        UNSET,
        "acks",
        _acks,
        "0, 1, -1 or `'all'`; unset is 1, and `'all'` with idempotence",
    ),
    Keyword(
        name="key_serializer",
        default=None,
        treatment="handled",
        note="a function of the key",
    ),
    Keyword(
        name="value_serializer",
        default=None,
        treatment="handled",
        note="a function of the value",
    ),
    _setting(
        "compression_type",
        None,
        "compression.type",
        compression,
        "None, `'gzip'`, `'snappy'`, `'lz4'` or `'zstd'`; no further package is needed",
    ),
    _setting(
        "max_batch_size",
        16384,
        "batch.size",
        _BYTES,
        "`send` waits when `buffer.memory`, 32 MiB, is full, not when a partition's batch is",
    ),
    Keyword(
        name="partitioner",
        default=None,
        treatment="handled",
        note="a function of (key, all partitions, available ones). Without one, raban's own: "
        "murmur2 of the key; records without a key fill a batch's worth of one partition after "
        "another, instead of a random one each",
        shown="DefaultPartitioner()",
        whose="raban's",
    ),
    _setting("max_request_size", 1048576, "max.request.size", _BYTES),
    _setting("linger_ms", 0, "linger.ms", _LONG_MS, "raban's own default, Java's, is 5"),
    _setting(
        "retry_backoff_ms",
        100,
        "retry.backoff.ms",
        _LONG_MS,
        f"doubles with each further failure up to {LONGEST_BACKOFF_MS}, unless it is longer itself",
    ),
    _refused("security_protocol", "PLAINTEXT", NO_SECURITY),
    _refused("ssl_context", None, NO_SSL_CONTEXT),
    _setting(
        "connections_max_idle_ms",
        540000,
        "connections.max.idle.ms",
        or_none("-1", Milliseconds(least=-INT64_MAX)),
        "None: never",
    ),
    _setting(
        "enable_idempotence",
        False,
        "enable.idempotence",
        boolean,
        "without it one request per broker is in flight "
        "(`max.in.flight.requests.per.connection=1`), as in aiokafka, so that retries reorder "
        "nothing",
    ),
    _refused("transactional_id", None, NO_TRANSACTIONS),
    Keyword(
        name="transaction_timeout_ms",
        default=60000,
        treatment="ignored",
        note=ONLY_TRANSACTIONS,
    ),
    _refused("sasl_mechanism", "PLAIN", NO_SASL),
    _refused("sasl_plain_password", None, NO_SASL),
    _refused("sasl_plain_username", None, NO_SASL),
    _refused("sasl_kerberos_service_name", "kafka", NO_SASL),
    _refused("sasl_kerberos_domain_name", None, NO_SASL),
    _refused("sasl_oauth_token_provider", None, NO_SASL),
)
"""A row per keyword of aiokafka 0.14."""


def translate_aio(**configs: Any) -> Translated:
    """Sorts the keyword arguments of AIOKafkaProducer by who needs them.

    `acks` may be UNSET, which is the same as not given.

    Raises:
        ValueError: a value is invalid, or `acks` contradicts `enable_idempotence`.
        TypeError: a keyword doesn't exist, or a serializer or the partitioner can't be called.
        KafkaConfigurationError: raban can't do what a keyword asks for.
    """
    reject(configs, TABLE, "AIOKafkaProducer", unknown_error=TypeError)
    warnings = warnings_of(configs, TABLE)
    config = {row.name: row.in_force for row in TABLE} | configs
    if configs.get("client_id") is None:
        config["client_id"] = new_client_id()

    properties = properties_of(config, TABLE)
    properties["retry.backoff.max.ms"] = longest_backoff(properties["retry.backoff.ms"])
    _settle_acks(properties, config["acks"])
    _settle_timeouts(properties)

    return settled(properties, config, warnings, float(properties["request.timeout.ms"]))


def _settle_acks(properties: dict[str, str], given: Any) -> None:
    """What acks are, and how many requests may be in flight, goes by idempotence."""
    if properties["enable.idempotence"] == "true":
        if properties.setdefault("acks", "all") != "all":
            raise ValueError(
                f"`acks={given!r}` and `enable_idempotence=True` contradict each other: "
                f"idempotence needs acks='all'. Leave out one or the other."
            )
    else:
        properties.setdefault("acks", "1")
        properties["max.in.flight.requests.per.connection"] = "1"


def _settle_timeouts(properties: dict[str, str]) -> None:
    """In aiokafka, request_timeout_ms bounds each of the things that a record waits for."""
    request = int(properties["request.timeout.ms"])
    delivery = request + int(properties["linger.ms"])
    if properties["enable.idempotence"] == "true":
        delivery = max(delivery, IDEMPOTENT_DELIVERY_TIMEOUT_MS)
    properties["delivery.timeout.ms"] = str(min(delivery, INT32_MAX))
    properties["max.block.ms"] = str(request)
