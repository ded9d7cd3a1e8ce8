"""The keywords of KafkaProducer: one table, and how they become raban's settings."""

from __future__ import annotations

import inspect
import operator
import selectors
import socket
from collections.abc import Callable, Mapping
from typing import Any, Literal

from raban._keywords import (
    INT32_MAX,
    INT64_MAX,
    LONGEST_BACKOFF_MS,
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
    one_of,
    or_none,
    properties_of,
    reject,
    text,
    warnings_of,
)
from raban.errors import KafkaConfigurationError
from raban.partitioner import DefaultPartitioner, StickyPartitioner
from raban.serializer import SerializeWrapper

MAX_IN_FLIGHT = "max_in_flight_requests_per_connection"

DICT_HINT = "Kafka's own names go into a dict: KafkaProducer({'bootstrap.servers': …})."

# Why keywords are refused; the asyncio producer says the same.
NO_SECURITY = (
    "raban has neither TLS nor SASL yet. Connect to a listener of the brokers that speaks "
    "PLAINTEXT, and set security_protocol='PLAINTEXT' or leave it out"
)
NO_TLS = (
    "raban has no TLS yet. Connect to a listener of the brokers that speaks PLAINTEXT, and "
    "leave out all of ssl_*"
)
NO_SSL_CONTEXT = (
    "raban has no TLS yet, and an SSLContext is of Python's OpenSSL, which raban doesn't use. "
    "Connect to a listener of the brokers that speaks PLAINTEXT, and leave out all of ssl_*"
)
NO_SASL = (
    "raban has no SASL yet. Connect to a listener of the brokers that asks for no login, and "
    "leave out all of sasl_*"
)
NO_TRANSACTIONS = (
    "raban has no transactions yet, and records would be visible at once. Leave it out: "
    "idempotence keeps retries from duplicating records within this producer's life"
)
NO_PROXY = (
    "raban has no proxies yet. Leave it out, and name brokers that this machine reaches itself"
)
ONLY_TRANSACTIONS = "it is only read along with transactional_id"

_OWN_SOCKET_OPTIONS = {
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
}


def _set_anyway(options: Any) -> bool:
    """Whether raban's sockets have these options without being told."""
    return all(tuple(option) in _OWN_SOCKET_OPTIONS for option in options)


def _setting(
    name: str, default: Any, setting: str, convert: Any, note: str = "", **more: Any
) -> Keyword:
    return Keyword(
        name=name,
        default=default,
        treatment="setting",
        setting=setting,
        convert=convert,
        note=note,
        **more,
    )


def _handled(name: str, default: Any, note: str, **more: Any) -> Keyword:
    return Keyword(name=name, default=default, treatment="handled", note=note, **more)


def _ignored(name: str, default: Any, note: str, **more: Any) -> Keyword:
    return Keyword(name=name, default=default, treatment="ignored", note=note, **more)


def _warned(name: str, default: Any, note: str, **more: Any) -> Keyword:
    return Keyword(name=name, default=default, treatment="warned", note=note, **more)


def _refused(name: str, default: Any, note: str, **more: Any) -> Keyword:
    return Keyword(name=name, default=default, treatment="refused", note=note, **more)


_LONG_MS = Milliseconds()
_INT_MS = Milliseconds(INT32_MAX)
_BYTES = Number(0, INT32_MAX, "bytes")
_SOCKET_BUFFER = or_none("-1", Number(-1, INT32_MAX, "bytes"))

_ACKS = {-1: "all", 0: "0", 1: "1", "all": "all", "-1": "all", "0": "0", "1": "1"}


def _acks(name: str, value: Any) -> str:
    if not isinstance(value, (int, str)) or value not in _ACKS:
        raise invalid(name, value, "0, 1, or 'all', which is also -1")
    return _ACKS[value]


def _retries(name: str, value: Any) -> str | None:
    # Kafka has no infinity; its default is as many as there can be.
    return None if value == float("inf") else Number(0, INT32_MAX)(name, value)


TABLE: tuple[Keyword, ...] = (
    # Basic.
    _setting(
        "bootstrap_servers",
        "localhost",
        "bootstrap.servers",
        bootstrap_servers,
        "a port that is left out is 9092; `embedded:` is a broker in this process",
    ),
    _setting(
        "client_id",
        None,
        "client.id",
        text,
        "N counts this process's producers",
        own="raban-producer-N",
    ),
    _handled(
        "key_serializer",
        None,
        "a function of the key, or an object with `serialize(topic, headers, data)` or "
        "`serialize(topic, data)`",
    ),
    _handled("value_serializer", None, "as `key_serializer`, of the value"),
    _setting(
        "enable_idempotence",
        True,
        "enable.idempotence",
        boolean,
        "unless set, other settings that forbid it turn it off, with a warning; if set, they are "
        "a KafkaConfigurationError",
    ),
    _refused("transactional_id", None, NO_TRANSACTIONS),
    _ignored("transaction_timeout_ms", 60000, ONLY_TRANSACTIONS),
    _setting(
        "delivery_timeout_ms",
        120000,
        "delivery.timeout.ms",
        _INT_MS,
        "at least `linger_ms` + `request_timeout_ms`, or else a KafkaConfigurationError",
    ),
    _setting("acks", -1, "acks", _acks, "0, 1, -1 or `'all'`, also as texts"),
    _setting(
        "compression_type",
        None,
        "compression.type",
        compression,
        "None, `'gzip'`, `'snappy'`, `'lz4'` or `'zstd'`; no further package is needed",
    ),
    _setting(
        "retries",
        float("inf"),
        "retries",
        _retries,
        "infinity is raban's default, 2147483647",
        shown="float('inf')",
    ),
    _setting(
        "batch_size", 16384, "batch.size", _BYTES, "0 gives every record a batch of its own"
    ),
    _setting("linger_ms", 0, "linger.ms", _LONG_MS, "raban's own default, Java's, is 5"),
    _handled(
        "partitioner",
        DefaultPartitioner(),
        "the default and StickyPartitioner() are raban's own partitioner: murmur2 of the key; "
        "records without a key fill a batch's worth of one partition after another, instead of a "
        "random one each",
        shown="DefaultPartitioner()",
        whose="raban's",
    ),
    _setting(
        "connections_max_idle_ms",
        540000,
        "connections.max.idle.ms",
        Milliseconds(least=-INT64_MAX),
        "a negative number: never",
    ),
    _setting(
        "max_block_ms",
        60000,
        "max.block.ms",
        _LONG_MS,
        "of `send`, for metadata and memory together",
    ),
    _setting("max_request_size", 1048576, "max.request.size", _BYTES),
    _setting("allow_auto_create_topics", True, "allow.auto.create.topics", boolean),
    # Network.
    _setting("metadata_max_age_ms", 300000, "metadata.max.age.ms", _LONG_MS),
    _setting(
        "client_dns_lookup",
        "use_all_dns_ips",
        "client.dns.lookup",
        one_of("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"),
    ),
    _setting(
        "retry_backoff_ms",
        100,
        "retry.backoff.ms",
        _LONG_MS,
        f"doubles with each further failure up to {LONGEST_BACKOFF_MS}, unless it is longer itself",
    ),
    _setting("request_timeout_ms", 30000, "request.timeout.ms", _INT_MS),
    _ignored(
        "receive_message_max_bytes",
        100_000_000,
        "raban refuses answers of more than 100 MiB",
        shown="100_000_000",
    ),
    _setting(
        "receive_buffer_bytes",
        None,
        "receive.buffer.bytes",
        _SOCKET_BUFFER,
        "None leaves it to the operating system",
    ),
    _setting(
        "send_buffer_bytes",
        None,
        "send.buffer.bytes",
        _SOCKET_BUFFER,
        "None leaves it to the operating system",
    ),
    _warned(
        "socket_options",
        [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        "raban sets TCP_NODELAY and SO_KEEPALIVE on its sockets, and no others. For their buffers "
        "there are receive_buffer_bytes and send_buffer_bytes",
        shown="[(IPPROTO_TCP, TCP_NODELAY, 1)]",
        harmless=_set_anyway,
    ),
    _setting("reconnect_backoff_ms", 50, "reconnect.backoff.ms", _LONG_MS),
    _setting(
        "reconnect_backoff_max_ms",
        30000,
        "reconnect.backoff.max.ms",
        _LONG_MS,
        "or `reconnect_backoff_ms` where that is longer; as kafka-python 2.0 and Java, so that "
        "brokers are found again soon",
        own=LONGEST_BACKOFF_MS,
    ),
    _setting(
        MAX_IN_FLIGHT,
        5,
        "max.in.flight.requests.per.connection",
        Number(1, INT32_MAX),
        "at most 5 with idempotence; without it, more than 1 may reorder records",
    ),
    _handled(
        "api_version",
        None,
        "if given, the constructor doesn't wait for a broker. That is its only effect: raban asks "
        "each broker what it speaks",
    ),
    _handled(
        "bootstrap_timeout_ms",
        30000,
        "how long the constructor waits for the first broker, unless `api_version` is given",
    ),
    _refused(
        "selector",
        selectors.DefaultSelector,
        "raban waits for its sockets in Rust, and calls no selector of Python's. Leave it out",
        shown="selectors.DefaultSelector",
    ),
    _refused("proxy_url", None, NO_PROXY),
    _refused("socks5_proxy", None, NO_PROXY),
    _refused(
        "kafka_client",
        None,
        "raban is its own client, and other ones would not be asked. Leave it out; for tests there "
        "is raban.EmbeddedBroker",
        shown="KafkaNetClient",
    ),
    _warned(
        "metric_reporters",
        [],
        "raban calls no reporters. Read the metrics from metrics()",
    ),
    _handled(
        "metrics_enabled",
        True,
        "if False, metrics() is None, and none are pushed to brokers that ask for them",
    ),
    _setting("metrics_num_samples", 2, "metrics.num.samples", Number(1, INT32_MAX)),
    _setting("metrics_sample_window_ms", 30000, "metrics.sample.window.ms", _LONG_MS),
    # Security.
    _refused("security_protocol", "PLAINTEXT", NO_SECURITY),
    _refused("ssl_context", None, NO_SSL_CONTEXT),
    _refused("ssl_check_hostname", True, NO_TLS),
    _refused("ssl_cafile", None, NO_TLS),
    _refused("ssl_certfile", None, NO_TLS),
    _refused("ssl_keyfile", None, NO_TLS),
    _refused("ssl_crlfile", None, NO_TLS),
    _refused("ssl_password", None, NO_TLS),
    _refused("ssl_ciphers", None, NO_TLS),
    _refused("sasl_mechanism", None, NO_SASL),
    _refused("sasl_plain_username", None, NO_SASL),
    _refused("sasl_plain_password", None, NO_SASL),
    _refused("sasl_kerberos_name", None, NO_SASL),
    _refused("sasl_kerberos_service_name", "kafka", NO_SASL),
    _refused("sasl_kerberos_domain_name", None, NO_SASL),
    _refused("sasl_oauth_token_provider", None, NO_SASL),
    # What kafka-python 2 had besides.
    _setting(
        "buffer_memory",
        33554432,
        "buffer.memory",
        Number(0, INT64_MAX, "bytes"),
        "a hard bound; later versions of 2 ignored it",
        own=33554432,
        old=True,
    ),
    _ignored(
        "bootstrap_topics_filter",
        set(),
        "raban asks for the topics in use alone",
        old=True,
    ),
    _ignored("sock_chunk_bytes", 4096, "raban sizes its reads itself", old=True),
    _ignored("sock_chunk_buffer_count", 1000, "raban sizes its reads itself", old=True),
    _handled(
        "api_version_auto_timeout_ms",
        2000,
        "if given without `bootstrap_timeout_ms`, it is taken for that",
        old=True,
    ),
)
"""A row per keyword: the 55 of kafka-python 3.0.12, and those that only 2.x had."""

DEFAULT_CONFIG: dict[str, Any] = {row.name: row.default for row in TABLE if not row.old}
"""The keywords of kafka-python 3 with its defaults."""

DEPRECATED_CONFIGS: tuple[str, ...] = ()


def translate(configs: Mapping[str, Any]) -> Translated:
    """Sorts the keyword arguments of KafkaProducer by who needs them.

    Raises:
        ValueError: a keyword doesn't exist, or its value is invalid.
        TypeError: a serializer or a partitioner can't be called.
        KafkaConfigurationError: raban can't do what a keyword asks for, or two contradict each
            other.
    """
    reject(configs, TABLE, "KafkaProducer", DICT_HINT)
    warnings = warnings_of(configs, TABLE)
    config = {row.name: row.in_force for row in TABLE if not row.old} | dict(configs)
    if configs.get("client_id") is None:
        config["client_id"] = new_client_id()
    config["api_version"] = _api_version(config["api_version"])
    config["metrics_enabled"] = boolean("metrics_enabled", config["metrics_enabled"]) == "true"

    properties = properties_of(config, TABLE)
    properties["retry.backoff.max.ms"] = longest_backoff(properties["retry.backoff.ms"])
    if "reconnect_backoff_max_ms" not in configs:
        longest = longest_backoff(properties["reconnect.backoff.ms"])
        properties["reconnect.backoff.max.ms"] = longest
        config["reconnect_backoff_max_ms"] = int(longest)
    if not config["metrics_enabled"]:
        properties["enable.metrics.push"] = "false"
    _settle_idempotence(properties, configs, warnings)
    _check_delivery_timeout(properties)

    return settled(properties, config, warnings, _bootstrap_timeout(config, configs))


def settled(
    properties: dict[str, str],
    config: dict[str, Any],
    warnings: list[str],
    bootstrap_timeout_ms: float | None,
) -> Translated:
    """What both producers' keywords come to; `config` shows what is in force.

    Raises:
        TypeError: a serializer or the partitioner can't be called.
    """
    config["acks"] = -1 if properties["acks"] == "all" else int(properties["acks"])
    config["enable_idempotence"] = properties["enable.idempotence"] == "true"
    for name in ("key_serializer", "value_serializer"):
        serializer_call(config[name], name)
    return Translated(
        properties=properties,
        config=config,
        key_serializer=config["key_serializer"],
        value_serializer=config["value_serializer"],
        partitioner=partitioner_of(config["partitioner"]),
        bootstrap_timeout_ms=bootstrap_timeout_ms,
        warnings=warnings,
    )


def from_properties(
    properties: Mapping[str, Any], *, bootstrap_timeout_ms: float | None = 30000
) -> Translated:
    """Takes Kafka's own names, as in `KafkaProducer({'bootstrap.servers': …})`.

    Defaults are raban's, that is the Java client's. Values may be str, numbers, bool, lists and
    None, which leaves a setting out. `key.serializer` and `value.serializer` may also be what
    `key_serializer` may be, and `partitioner` what the keyword may be. Whether names exist and
    values are valid, raban tells later.

    Raises:
        TypeError: a name is no str, or a value none of these.
    """
    callables: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for name, value in properties.items():
        if not isinstance(name, str):
            raise TypeError(f"The name of a setting is a str, as 'linger.ms', but not {name!r}.")
        if name in _CALLABLES and value is not None and not isinstance(value, str):
            callables[_CALLABLES[name]] = value
        elif value is not None:
            texts[name] = _kafka_text(name, value)
    for name in ("key.serializer", "value.serializer"):
        serializer_call(callables.get(_CALLABLES[name]), name)
    texts.setdefault("client.id", new_client_id())
    return Translated(
        properties=texts,
        config=dict(properties) | {"client.id": texts["client.id"]},
        key_serializer=callables.get("key_serializer"),
        value_serializer=callables.get("value_serializer"),
        partitioner=partitioner_of(callables.get("partitioner")),
        bootstrap_timeout_ms=_milliseconds("bootstrap_timeout_ms", bootstrap_timeout_ms),
        warnings=[],
    )


_CALLABLES = {
    "key.serializer": "key_serializer",
    "value.serializer": "value_serializer",
    "partitioner": "partitioner",
    "partitioner.class": "partitioner",
}


def _kafka_text(name: str, value: Any) -> str:
    """The value as Kafka's properties files have it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(_kafka_text(name, entry) for entry in value)
    try:
        return str(operator.index(value))
    except TypeError:
        what = type(value).__name__
        raise TypeError(
            f"The value of `{name}` is of type {what}, which is no setting's. Give a str, a "
            f"number, a bool or a list, or leave the setting out."
        ) from None


def _settle_idempotence(
    properties: dict[str, str], configs: Mapping[str, Any], warnings: list[str]
) -> None:
    """Other settings may forbid idempotence: then it goes, unless it was asked for."""
    if properties["enable.idempotence"] == "false":
        return
    forbidding = []
    if properties["acks"] != "all":
        forbidding.append("acks")
    if properties.get("retries") == "0":
        forbidding.append("retries")
    if int(properties["max.in.flight.requests.per.connection"]) > 5:
        forbidding.append(MAX_IN_FLIGHT)
    if not forbidding:
        return
    culprits = " and ".join(f"`{name}={configs[name]!r}`" for name in forbidding)
    needs = "idempotence needs acks='all', retries above 0 and at most 5 requests in flight"
    if "enable_idempotence" in configs:
        raise KafkaConfigurationError(
            f"{culprits} and `enable_idempotence=True` contradict each other: {needs}. Leave out "
            f"one or the other."
        )
    properties["enable.idempotence"] = "false"
    verb = "turns" if len(forbidding) == 1 else "turn"
    warnings.append(
        f"{culprits} {verb} idempotence off: {needs}. Set enable_idempotence=False to say that "
        f"this is meant."
    )


def _check_delivery_timeout(properties: Mapping[str, str]) -> None:
    linger = min(int(properties["linger.ms"]), INT32_MAX)
    request = int(properties["request.timeout.ms"])
    least = min(linger + request, INT32_MAX)
    delivery = int(properties["delivery.timeout.ms"])
    if delivery < least:
        raise KafkaConfigurationError(
            f"`delivery_timeout_ms={delivery}` is less than `linger_ms={linger}` + "
            f"`request_timeout_ms={request}`, so that records could expire before their "
            f"first request does. Set delivery_timeout_ms to {least} or more, or lower the others."
        )


def _api_version(value: Any) -> tuple[int, ...] | None:
    """A tuple; kafka-python 2 also took '2.5.0', and 'auto' for none."""
    if value is None or value == "auto":
        return None
    try:
        return tuple(int(part) for part in (value.split(".") if isinstance(value, str) else value))
    except (TypeError, ValueError):
        raise invalid("api_version", value, "None, or a tuple such as (2, 5)") from None


def _bootstrap_timeout(config: Mapping[str, Any], configs: Mapping[str, Any]) -> float | None:
    if config["api_version"] is not None:
        return None
    name = "bootstrap_timeout_ms"
    if name not in configs and "api_version_auto_timeout_ms" in configs:
        name = "api_version_auto_timeout_ms"
    return _milliseconds(name, config[name])


def _milliseconds(name: str, value: Any) -> float:
    """None, in kafka-python, waits for ever; here 24 days must do."""
    return float(_INT_MS(name, float("inf") if value is None else value))


def partitioner_of(partitioner: Any) -> Any:
    """The partitioner to call; None where raban's own does the same.

    Raises:
        TypeError: it is neither a function nor an object with `partition`.
    """
    if partitioner is None or type(partitioner) in (DefaultPartitioner, StickyPartitioner):
        return None
    has_method = callable(getattr(partitioner, "partition", None))
    # A class needs an instance; and text has a `partition` of another kind.
    wrong = isinstance(partitioner, (str, bytes)) or (has_method and isinstance(partitioner, type))
    if wrong or not (has_method or callable(partitioner)):
        raise TypeError(
            f"`partitioner={partitioner!r}` can't choose partitions. Give a "
            f"raban.partitioner.Partitioner, an object with partition(topic, serialized_key, "
            f"cluster), or a function of (key, all_partitions, available_partitions)."
        )
    return partitioner


SerializerCall = tuple[Literal["plain", "object3", "object2"], Callable[..., Any]]


def serializer_call(serializer: Any, keyword: str = "serializer") -> SerializerCall | None:
    """How a serializer is called; None for none.

    `("plain", f)`: `f(data)`. `("object3", f)`: `f(topic, headers, data)`.
    `("object2", f)`: `f(topic, data)`.

    Raises:
        TypeError: it can be called in none of these ways; the message names `keyword`.
    """
    if type(serializer) is SerializeWrapper:
        serializer = serializer.fn
    if serializer is None:
        return None
    serialize = getattr(serializer, "serialize", None)
    if callable(serialize) and not isinstance(serializer, type):
        three = _takes(serialize, 3) or not _takes(serialize, 2)
        return ("object3" if three else "object2", serialize)
    if callable(serializer) and not callable(serialize) and _takes(serializer, 1):
        return ("plain", serializer)
    raise TypeError(
        f"`{keyword}={serializer!r}` is no serializer. Give a function of one argument, or an "
        f"object (not its class) with serialize(topic, headers, data)."
    )


def start_with(
    translated: Translated, partitioner: Callable[..., Any] | None, from_native: Callable[..., Any]
) -> dict[str, Any]:
    """What the native producers are started with."""
    return {
        "properties": translated.properties,
        "key_serializer": serializer_call(translated.key_serializer),
        "value_serializer": serializer_call(translated.value_serializer),
        "partitioner": partitioner,
        "from_native": from_native,
    }


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Whether it can be called with so many arguments; True where nothing is known of it."""
    try:
        inspect.signature(function).bind(*(None,) * count)
    except TypeError:
        return False
    except ValueError:
        return True
    return True
