"""The keywords of both producers: what becomes of each, and that the page tells the same."""

from __future__ import annotations

import inspect
import json
import selectors
import socket
from pathlib import Path
from typing import Any

import pytest

from raban import _settings
from raban._keywords import INT32_MAX, INT64_MAX, UNSET, Keyword, table_as_markdown
from raban._settings import (
    DEFAULT_CONFIG,
    DEPRECATED_CONFIGS,
    from_properties,
    serializer_call,
    translate,
)
from raban.aio import _settings as aio
from raban.aio._settings import translate_aio
from raban.errors import KafkaConfigurationError
from raban.partitioner import DefaultPartitioner, StickyPartitioner
from raban.serializer import JsonSerializer, SerializeWrapper, Serializer

TABLES = {"KafkaProducer": _settings.TABLE, "AIOKafkaProducer": aio.TABLE}


def properties(**configs: Any) -> dict[str, str]:
    return translate(configs).properties


class TestTables:
    def test_kafka_pythons_keywords_and_defaults(self) -> None:
        kafka = pytest.importorskip("kafka")
        theirs = dict(kafka.KafkaProducer.DEFAULT_CONFIG)
        ours = dict(DEFAULT_CONFIG)
        assert len(theirs) == 55
        assert ours.keys() == theirs.keys()
        # Classes of its own, which nobody shares.
        for name in ("partitioner", "kafka_client"):
            del theirs[name], ours[name]
        assert ours == theirs
        assert kafka.KafkaProducer.DEPRECATED_CONFIGS == DEPRECATED_CONFIGS

    def test_aiokafkas_keywords_and_defaults(self) -> None:
        aiokafka = pytest.importorskip("aiokafka")
        theirs = {
            name: parameter.default
            for name, parameter in inspect.signature(aiokafka.AIOKafkaProducer).parameters.items()
        }
        ours = {row.name: row.default for row in aio.TABLE}
        assert list(ours) == list(theirs)
        for name in ("acks", "partitioner"):
            del theirs[name], ours[name]
        assert ours == theirs

    @pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
    def test_rows_have_what_their_treatment_needs(self, table: tuple[Keyword, ...]) -> None:
        assert len({row.name for row in table}) == len(table)
        for row in table:
            is_setting = row.treatment == "setting"
            assert bool(row.setting) is is_setting, row.name
            assert bool(row.convert) is is_setting, row.name
            assert is_setting or row.note, row.name
            assert not row.note.endswith("."), row.name

    def test_settings_are_kafkas(self) -> None:
        # All that either table can set; raban's own table is checked when a producer is made.
        names = {row.setting for table in TABLES.values() for row in table if row.setting}
        assert all("_" not in name for name in names)
        assert {"linger.ms", "batch.size", "buffer.memory", "client.id"} <= names

    def test_defaults_are_never_refused_nor_warned_of(self) -> None:
        given = {row.name: row.default for row in _settings.TABLE}
        assert translate(given).warnings == []
        assert translate_aio(**{row.name: row.default for row in aio.TABLE}).warnings == []

    @pytest.mark.parametrize(
        ("table", "client"), [(_settings.TABLE, "kafka-python's"), (aio.TABLE, "aiokafka's")]
    )
    def test_the_page_has_the_table(self, table: tuple[Keyword, ...], client: str) -> None:
        page = Path(__file__).parents[1] / "docs" / "settings.md"
        expected = table_as_markdown(table, client)
        assert expected in page.read_text(encoding="utf-8"), f"put this table there:\n{expected}"


class TestKafkaPythonsDefaults:
    def test_properties(self) -> None:
        translated = translate({"client_id": "me"})
        assert translated.properties == {
            "acks": "all",
            "allow.auto.create.topics": "true",
            "batch.size": "16384",
            "bootstrap.servers": "localhost:9092",
            "client.dns.lookup": "use_all_dns_ips",
            "client.id": "me",
            "compression.type": "none",
            "connections.max.idle.ms": "540000",
            "delivery.timeout.ms": "120000",
            "enable.idempotence": "true",
            "linger.ms": "0",
            "max.block.ms": "60000",
            "max.in.flight.requests.per.connection": "5",
            "max.request.size": "1048576",
            "metadata.max.age.ms": "300000",
            "metrics.num.samples": "2",
            "metrics.sample.window.ms": "30000",
            "receive.buffer.bytes": "-1",
            "reconnect.backoff.max.ms": "1000",
            "reconnect.backoff.ms": "50",
            "request.timeout.ms": "30000",
            "retry.backoff.max.ms": "1000",
            "retry.backoff.ms": "100",
            "send.buffer.bytes": "-1",
        }
        assert translated.bootstrap_timeout_ms == 30000
        assert translated.warnings == []
        assert translated.key_serializer is None
        assert translated.value_serializer is None
        assert translated.partitioner is None

    def test_config_shows_what_is_in_force(self) -> None:
        config = translate({"linger_ms": 7, "acks": "all"}).config
        assert config.keys() == DEFAULT_CONFIG.keys()
        assert config["linger_ms"] == 7
        assert config["acks"] == -1
        assert config["reconnect_backoff_max_ms"] == 1000
        assert DEFAULT_CONFIG["linger_ms"] == 0

    def test_client_ids_are_counted(self) -> None:
        first, second = (translate({}) for _ in range(2))
        for translated in (first, second):
            assert translated.config["client_id"] == translated.properties["client.id"]
        number = int(first.config["client_id"].removeprefix("raban-producer-"))
        assert second.config["client_id"] == f"raban-producer-{number + 1}"

    def test_the_tutorials_example(self) -> None:
        serializer = JsonSerializer()
        translated = translate(
            {
                "bootstrap_servers": ["broker1:9092"],
                "value_serializer": serializer,
                "acks": "all",
                "retries": 3,
                "linger_ms": 5,
                "batch_size": 16384,
            }
        )
        assert translated.value_serializer is serializer
        assert translated.properties["bootstrap.servers"] == "broker1:9092"
        assert translated.properties["retries"] == "3"
        assert translated.properties["linger.ms"] == "5"
        assert translated.warnings == []


class TestKafkaPythonsValues:
    @pytest.mark.parametrize(
        ("servers", "expected"),
        [
            ("host", "host:9092"),
            ("host:1", "host:1"),
            (" a:1 , b:2,", "a:1,b:2"),
            (["a:1", "b"], "a:1,b:9092"),
            (("a:1", "b:2"), "a:1,b:2"),
            ({"a:1"}, "a:1"),
            ([("a", 1), ("::1", 2), ["b", 3]], "a:1,[::1]:2,b:3"),
            (("a", 1), "a:1"),
            (["a:1,b:2"], "a:1,b:2"),
            ("::1", "[::1]:9092"),
            ("[::1]", "[::1]:9092"),
            ("[::1]:1", "[::1]:1"),
            ("PLAINTEXT://a", "PLAINTEXT://a:9092"),
            ("kafka://a:1", "kafka://a:1"),
            ("embedded:", "embedded:"),
            ("embedded:./a,b", "embedded:./a,b"),
            (["embedded:"], "embedded:"),
        ],
    )
    def test_servers(self, servers: Any, expected: str) -> None:
        assert properties(bootstrap_servers=servers)["bootstrap.servers"] == expected

    @pytest.mark.parametrize("servers", [None, "", " , ", [], [1], 9092, b"a:1", {"a": 1}])
    def test_servers_that_are_none(self, servers: Any) -> None:
        with pytest.raises(ValueError, match="`bootstrap_servers=.*host:port"):
            translate({"bootstrap_servers": servers})

    @pytest.mark.parametrize(
        ("acks", "expected", "shown"),
        [
            (0, "0", 0),
            (1, "1", 1),
            (-1, "all", -1),
            ("all", "all", -1),
            ("0", "0", 0),
            ("1", "1", 1),
            ("-1", "all", -1),
        ],
    )
    def test_acks(self, acks: Any, expected: str, shown: int) -> None:
        translated = translate({"acks": acks, "enable_idempotence": False})
        assert translated.properties["acks"] == expected
        assert translated.config["acks"] == shown
        assert translated.warnings == []

    @pytest.mark.parametrize(
        ("name", "value", "setting", "expected"),
        [
            ("linger_ms", 4.6, "linger.ms", "5"),
            ("linger_ms", "10", "linger.ms", "10"),
            ("batch_size", 0, "batch.size", "0"),
            ("batch_size", 1024.0, "batch.size", "1024"),
            ("max_block_ms", float("inf"), "max.block.ms", str(INT64_MAX)),
            ("delivery_timeout_ms", float("inf"), "delivery.timeout.ms", str(INT32_MAX)),
            ("connections_max_idle_ms", -1, "connections.max.idle.ms", "-1"),
            ("buffer_memory", 2**40, "buffer.memory", str(2**40)),
            ("receive_buffer_bytes", 65536, "receive.buffer.bytes", "65536"),
            ("send_buffer_bytes", None, "send.buffer.bytes", "-1"),
            ("compression_type", None, "compression.type", "none"),
            ("compression_type", "zstd", "compression.type", "zstd"),
            ("retries", "3", "retries", "3"),
            ("retries", float("inf"), "retries", None),
            ("max_request_size", 5_000_000, "max.request.size", "5000000"),
            ("retry_backoff_ms", 5000, "retry.backoff.max.ms", "5000"),
            ("reconnect_backoff_ms", 2000, "reconnect.backoff.max.ms", "2000"),
            ("reconnect_backoff_max_ms", 30000, "reconnect.backoff.max.ms", "30000"),
            ("allow_auto_create_topics", False, "allow.auto.create.topics", "false"),
            ("metrics_enabled", False, "enable.metrics.push", "false"),
            ("enable_idempotence", False, "enable.idempotence", "false"),
            ("enable_idempotence", "true", "enable.idempotence", "true"),
        ],
    )
    def test_values(self, name: str, value: Any, setting: str, expected: str | None) -> None:
        assert properties(**{name: value}).get(setting) == expected

    @pytest.mark.parametrize(
        ("name", "value", "valid"),
        [
            ("linger_ms", -1, f"0 to {INT64_MAX}, in milliseconds"),
            ("linger_ms", "5ms", "a whole number"),
            ("linger_ms", None, "a whole number"),
            ("linger_ms", float("nan"), "a whole number"),
            ("linger_ms", float("-inf"), "a whole number"),
            ("batch_size", 0.5, f"0 to {INT32_MAX}, in bytes"),
            ("batch_size", 2**31, f"0 to {INT32_MAX}, in bytes"),
            ("batch_size", True, "a whole number"),
            ("request_timeout_ms", 2**31, f"0 to {INT32_MAX}, in milliseconds"),
            ("retries", -1, f"0 to {INT32_MAX}"),
            ("max_in_flight_requests_per_connection", 0, f"1 to {INT32_MAX}"),
            ("acks", 2, "0, 1, or 'all'"),
            ("acks", [], "0, 1, or 'all'"),
            ("acks", None, "0, 1, or 'all'"),
            ("compression_type", "none", "None, 'gzip', 'snappy', 'lz4', 'zstd'"),
            ("compression_type", 1, "None, 'gzip'"),
            ("client_dns_lookup", "default", "'use_all_dns_ips'"),
            ("client_id", 7, "a str"),
            ("enable_idempotence", "perhaps", "True or False"),
            ("metrics_enabled", 2, "True or False"),
            ("api_version", "newest", "(2, 5)"),
            ("bootstrap_timeout_ms", "soon", "a whole number"),
        ],
    )
    def test_invalid_values_say_what_is_valid(self, name: str, value: Any, valid: str) -> None:
        with pytest.raises(ValueError) as caught:
            translate({name: value})
        message = str(caught.value)
        assert message.startswith(f"`{name}={value!r}` is invalid. Valid: "), message
        assert valid in message

    @pytest.mark.parametrize(
        ("configs", "expected"),
        [
            ({}, 30000),
            ({"bootstrap_timeout_ms": 1500}, 1500),
            ({"bootstrap_timeout_ms": None}, INT32_MAX),
            ({"api_version_auto_timeout_ms": 700}, 700),
            ({"api_version_auto_timeout_ms": 700, "bootstrap_timeout_ms": 800}, 800),
            ({"api_version": "auto"}, 30000),
            ({"api_version": (0, 10, 1)}, None),
            ({"api_version": "2.5.0"}, None),
        ],
    )
    def test_how_long_the_constructor_waits(
        self, configs: dict[str, Any], expected: float | None
    ) -> None:
        assert translate(configs).bootstrap_timeout_ms == expected

    def test_api_versions_in_words(self) -> None:
        assert translate({"api_version": "2.5.0"}).config["api_version"] == (2, 5, 0)
        assert translate({"api_version": "auto"}).config["api_version"] is None

    @pytest.mark.parametrize(
        "configs",
        [
            {"delivery_timeout_ms": 30000, "linger_ms": 1},
            {"request_timeout_ms": 130000},
            {"linger_ms": 100000},
            {"linger_ms": float("inf")},
        ],
    )
    def test_a_delivery_takes_as_long_as_a_request(self, configs: dict[str, Any]) -> None:
        with pytest.raises(KafkaConfigurationError, match="Set delivery_timeout_ms to [0-9]+"):
            translate(configs)

    def test_partitioners(self) -> None:
        def third(key: bytes, partitions: list[int], available: list[int]) -> int:
            return partitions[2]

        class Own(DefaultPartitioner):
            pass

        builtin: list[Any] = [None, DefaultPartitioner(), StickyPartitioner()]
        foreign: list[Any] = [third, Own()]
        neither: list[Any] = ["murmur2", DefaultPartitioner, 7]
        for partitioner in builtin:
            assert translate({"partitioner": partitioner}).partitioner is None
        for partitioner in foreign:
            assert translate({"partitioner": partitioner}).partitioner is partitioner
        for partitioner in neither:
            with pytest.raises(TypeError, match="`partitioner="):
                translate({"partitioner": partitioner})


class TestIdempotence:
    CONFLICTS = (
        {"acks": 1},
        {"acks": "0"},
        {"retries": 0},
        {"max_in_flight_requests_per_connection": 6},
    )

    @pytest.mark.parametrize("configs", CONFLICTS)
    def test_others_turn_it_off_aloud(self, configs: dict[str, Any]) -> None:
        translated = translate(configs)
        assert translated.properties["enable.idempotence"] == "false"
        assert translated.config["enable_idempotence"] is False
        [warning] = translated.warnings
        assert warning.startswith(f"`{next(iter(configs))}=")
        assert "turns idempotence off" in warning

    @pytest.mark.parametrize("configs", CONFLICTS)
    def test_not_if_it_was_asked_for(self, configs: dict[str, Any]) -> None:
        with pytest.raises(KafkaConfigurationError, match=next(iter(configs))):
            translate(configs | {"enable_idempotence": True})

    @pytest.mark.parametrize("configs", CONFLICTS)
    def test_quietly_if_it_was_turned_off(self, configs: dict[str, Any]) -> None:
        assert translate(configs | {"enable_idempotence": False}).warnings == []

    def test_all_reasons_are_named(self) -> None:
        [warning] = translate({"acks": 1, "retries": 0}).warnings
        assert "`acks=1` and `retries=0` turn idempotence off" in warning


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value", "missing"),
        [
            ("transactional_id", "t", "no transactions yet"),
            ("security_protocol", "SSL", "neither TLS nor SASL"),
            ("security_protocol", "SASL_PLAINTEXT", "neither TLS nor SASL"),
            ("ssl_context", object(), "SSLContext"),
            ("ssl_check_hostname", False, "no TLS yet"),
            ("ssl_password", "secret", "no TLS yet"),
            ("sasl_mechanism", "PLAIN", "no SASL yet"),
            ("sasl_plain_password", "secret", "no SASL yet"),
            ("proxy_url", "socks5://secret@proxy/", "no proxies yet"),
            ("socks5_proxy", "socks5://secret@proxy/", "no proxies yet"),
            ("kafka_client", object, "its own client"),
            ("selector", selectors.SelectSelector, "no selector"),
        ],
    )
    def test_by_name_without_value(self, name: str, value: Any, missing: str) -> None:
        with pytest.raises(KafkaConfigurationError) as caught:
            translate({name: value})
        message = str(caught.value)
        assert f"`{name}` is refused: " in message
        assert missing in message
        assert "secret" not in message

    def test_all_are_told_at_once(self) -> None:
        with pytest.raises(KafkaConfigurationError) as caught:
            translate({"ssl_cafile": "ca", "ssl_keyfile": "key", "sasl_mechanism": "PLAIN"})
        message = str(caught.value)
        assert "`ssl_cafile`, `ssl_keyfile` are refused: raban has no TLS yet." in message
        assert "`sasl_mechanism` is refused: raban has no SASL yet." in message

    @pytest.mark.parametrize("name", ["ssl_cafile", "transactional_id", "sasl_plain_username"])
    @pytest.mark.parametrize("value", [None, ""])
    def test_what_asks_for_nothing_passes(self, name: str, value: Any) -> None:
        assert translate({name: value}).warnings == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("socket_options", [(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)]),
            ("metric_reporters", [object]),
        ],
    )
    def test_warnings_name_the_keyword(self, name: str, value: Any) -> None:
        [warning] = translate({name: value}).warnings
        assert warning.startswith(f"`{name}` has no effect: ")
        assert warning.endswith(".")

    def test_socket_options_that_raban_sets_anyway(self) -> None:
        options = [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        ]
        assert translate({"socket_options": options}).warnings == []

    def test_what_is_ignored_is_ignored_quietly(self) -> None:
        ignored = {row.name: 7 for row in _settings.TABLE if row.treatment == "ignored"}
        translated = translate(ignored)
        assert translated.warnings == []
        assert translated.properties.keys() == properties().keys()

    @pytest.mark.parametrize(
        ("name", "nearest"),
        [
            ("linger", "linger_ms"),
            ("linger.ms", "linger_ms"),
            ("bootstrap_server", "bootstrap_servers"),
            ("compressionType", "compression_type"),
            ("max_in_flight_requests", "max_in_flight_requests_per_connection"),
        ],
    )
    def test_unknown_keywords_suggest_the_nearest(self, name: str, nearest: str) -> None:
        with pytest.raises(ValueError) as caught:
            translate({name: "secret"})
        message = str(caught.value)
        assert message.startswith(f"`{name}` is no keyword of KafkaProducer: ")
        assert f"did you mean `{nearest}`?" in message
        assert "KafkaProducer({'bootstrap.servers'" in message
        assert "secret" not in message

    def test_unknown_keywords_like_nothing(self) -> None:
        with pytest.raises(ValueError, match=r"`xyz` is no keyword.*remove it"):
            translate({"xyz": 1})


class TestFromProperties:
    def test_values_become_kafkas_texts(self) -> None:
        translated = from_properties(
            {
                "bootstrap.servers": ["a:1", "b:2"],
                "linger.ms": 5,
                "acks": -1,
                "enable.idempotence": True,
                "partitioner.rack.aware": False,
                "batch.size": 16384.0,
                "sasl.login.refresh.window.factor": 0.8,
                "compression.type": None,
                "queue.buffering.max.ms": "7",
                "partitioner": "murmur2_random",
                "client.id": "me",
            }
        )
        assert translated.properties == {
            "bootstrap.servers": "a:1,b:2",
            "linger.ms": "5",
            "acks": "-1",
            "enable.idempotence": "true",
            "partitioner.rack.aware": "false",
            "batch.size": "16384",
            "sasl.login.refresh.window.factor": "0.8",
            "queue.buffering.max.ms": "7",
            "partitioner": "murmur2_random",
            "client.id": "me",
        }
        assert translated.bootstrap_timeout_ms == 30000
        assert translated.partitioner is None

    def test_what_can_be_called(self) -> None:
        def first(key: bytes, partitions: list[int], available: list[int]) -> int:
            return 0

        serializer = JsonSerializer()
        translated = from_properties(
            {
                "bootstrap.servers": "a:1",
                "key.serializer": str.encode,
                "value.serializer": serializer,
                "partitioner": first,
            }
        )
        assert translated.key_serializer is str.encode
        assert translated.value_serializer is serializer
        assert translated.partitioner is first
        assert translated.properties.keys() == {"bootstrap.servers", "client.id"}

    def test_javas_serializers_are_left_to_raban(self) -> None:
        name = "org.apache.kafka.common.serialization.StringSerializer"
        translated = from_properties({"key.serializer": name})
        assert translated.properties["key.serializer"] == name
        assert translated.key_serializer is None

    def test_config_has_kafkas_names(self) -> None:
        config = from_properties({"linger.ms": 5}).config
        assert config.keys() == {"linger.ms", "client.id"}
        assert config["linger.ms"] == 5
        assert config["client.id"].startswith("raban-producer-")

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({"error_cb": print}, "`error_cb` is of type builtin_function_or_method"),
            ({"client.id": b"me"}, "`client.id` is of type bytes"),
            ({"key.serializer": 7}, "`key.serializer=7` is no serializer"),
            ({7: "x"}, "but not 7"),
        ],
    )
    def test_values_of_other_types(self, given: dict[Any, Any], named: str) -> None:
        with pytest.raises(TypeError) as caught:
            from_properties(given)
        assert named in str(caught.value)

    def test_how_long_the_constructor_waits(self) -> None:
        assert from_properties({}, bootstrap_timeout_ms=5).bootstrap_timeout_ms == 5


class TestSerializers:
    def test_none(self) -> None:
        assert serializer_call(None) is None
        assert serializer_call(SerializeWrapper(None)) is None

    def test_functions(self) -> None:
        def dumps(value: Any) -> bytes:
            return json.dumps(value).encode()

        for function in (dumps, str.encode, bytes, lambda value: value):
            assert serializer_call(function) == ("plain", function)
            assert serializer_call(SerializeWrapper(function)) == ("plain", function)

    def test_objects(self) -> None:
        class Two:
            def serialize(self, topic: str, data: Any) -> bytes:
                return b""

        class Any3(Serializer):
            def serialize(self, *args: Any) -> bytes:
                return b""

        class Callable2:
            def __call__(self, data: Any, context: Any = None) -> bytes:
                return b""

        json_serializer, two, any3, callable2 = JsonSerializer(), Two(), Any3(), Callable2()
        assert serializer_call(json_serializer) == ("object3", json_serializer.serialize)
        assert serializer_call(two) == ("object2", two.serialize)
        assert serializer_call(any3) == ("object3", any3.serialize)
        assert serializer_call(callable2) == ("plain", callable2)

    @pytest.mark.parametrize("serializer", [7, "utf-8", JsonSerializer, lambda a, b: a, object()])
    def test_neither(self, serializer: Any) -> None:
        for name in ("key_serializer", "value_serializer"):
            with pytest.raises(TypeError, match=f"`{name}=.* is no serializer"):
                translate({name: serializer})


class TestAiokafka:
    def test_defaults(self) -> None:
        translated = translate_aio(client_id="me", acks=UNSET)
        assert translated.properties == {
            "acks": "1",
            "batch.size": "16384",
            "bootstrap.servers": "localhost:9092",
            "client.id": "me",
            "compression.type": "none",
            "connections.max.idle.ms": "540000",
            "delivery.timeout.ms": "40000",
            "enable.idempotence": "false",
            "linger.ms": "0",
            "max.block.ms": "40000",
            "max.in.flight.requests.per.connection": "1",
            "max.request.size": "1048576",
            "metadata.max.age.ms": "300000",
            "request.timeout.ms": "40000",
            "retry.backoff.max.ms": "1000",
            "retry.backoff.ms": "100",
        }
        assert translated.bootstrap_timeout_ms == 40000
        assert translated.config["acks"] == 1
        assert translated.warnings == []

    @pytest.mark.parametrize(
        ("configs", "expected"),
        [
            ({"acks": 0}, "0"),
            ({"acks": 1}, "1"),
            ({"acks": -1}, "all"),
            ({"acks": "all"}, "all"),
            ({"enable_idempotence": True}, "all"),
            ({"enable_idempotence": True, "acks": -1}, "all"),
        ],
    )
    def test_acks(self, configs: dict[str, Any], expected: str) -> None:
        translated = translate_aio(**configs)
        assert translated.properties["acks"] == expected
        in_flight = translated.properties.get("max.in.flight.requests.per.connection")
        assert in_flight == (None if "enable_idempotence" in configs else "1")

    @pytest.mark.parametrize(
        ("configs", "named"),
        [
            ({"acks": 2}, "acks=2"),
            ({"acks": "1"}, "acks='1'"),
            ({"acks": 1, "enable_idempotence": True}, "acks=1"),
            ({"compression_type": "brotli"}, "compression_type='brotli'"),
            ({"bootstrap_servers": "localhost:port"}, "bootstrap_servers='localhost:port'"),
            ({"bootstrap_servers": ["a:9092", "b:99999"]}, "bootstrap_servers=['a:9092', 'b:99999']"),
        ],
    )
    def test_value_errors(self, configs: dict[str, Any], named: str) -> None:
        with pytest.raises(ValueError) as caught:
            translate_aio(**configs)
        assert named in str(caught.value)
        assert "bootstrap.servers" not in str(caught.value)

    @pytest.mark.parametrize(
        ("name", "remedy"),
        [("max_batch_sise", "did you mean `max_batch_size`"), ("retries", "remove it")],
    )
    def test_unknown_keywords_are_type_errors(self, name: str, remedy: str) -> None:
        """As Python has it, and so aiokafka."""
        with pytest.raises(TypeError, match=f"`{name}` is no keyword of AIOKafkaProducer: {remedy}"):
            translate_aio(**{name: 3})

    @pytest.mark.parametrize(
        ("configs", "delivery", "block"),
        [
            ({"request_timeout_ms": 1000}, "1000", "1000"),
            ({"request_timeout_ms": 1000, "linger_ms": 5.4}, "1005", "1000"),
            ({"request_timeout_ms": INT32_MAX, "linger_ms": 5}, str(INT32_MAX), str(INT32_MAX)),
            ({"request_timeout_ms": 1000, "enable_idempotence": True}, "120000", "1000"),
            ({"request_timeout_ms": 300000, "enable_idempotence": True}, "300000", "300000"),
        ],
    )
    def test_one_timeout_bounds_all(
        self, configs: dict[str, Any], delivery: str, block: str
    ) -> None:
        translated = translate_aio(**configs)
        assert translated.properties["delivery.timeout.ms"] == delivery
        assert translated.properties["max.block.ms"] == block
        assert translated.properties["request.timeout.ms"] == block
        assert translated.bootstrap_timeout_ms == int(block)

    def test_connections_that_are_never_idle(self) -> None:
        translated = translate_aio(connections_max_idle_ms=None)
        assert translated.properties["connections.max.idle.ms"] == "-1"

    @pytest.mark.parametrize(
        "configs",
        [
            {"security_protocol": "SASL_SSL"},
            {"ssl_context": object()},
            {"transactional_id": "t"},
            {"sasl_mechanism": "OAUTHBEARER"},
            {"sasl_plain_username": "user"},
        ],
    )
    def test_refusals(self, configs: dict[str, Any]) -> None:
        with pytest.raises(KafkaConfigurationError, match=f"`{next(iter(configs))}` is refused"):
            translate_aio(**configs)

    @pytest.mark.parametrize("configs", [{"loop": object()}, {"api_version": "auto"}])
    def test_warnings(self, configs: dict[str, Any]) -> None:
        [warning] = translate_aio(**configs).warnings
        assert warning.startswith(f"`{next(iter(configs))}` has no effect: ")

    def test_functions(self) -> None:
        def first(key: bytes, partitions: list[int], available: list[int]) -> int:
            return 0

        translated = translate_aio(partitioner=first, key_serializer=str.encode)
        assert translated.partitioner is first
        assert translated.key_serializer is str.encode
        with pytest.raises(TypeError, match="`value_serializer=7` is no serializer"):
            translate_aio(value_serializer=7)
