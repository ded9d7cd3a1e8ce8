"""The tuples beside those of kafka-python and aiokafka, and what stands in for TLS contexts."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
from typing import Any

import pytest

from raban import structs
from raban.aio import structs as aio_structs
from raban.aio.abc import AbstractTokenProvider
from raban.aio.helpers import SSLSettings, create_ssl_context


def tuples(module: Any) -> dict[str, Any]:
    """A module's own named tuples."""
    return {
        name: struct
        for name, struct in vars(module).items()
        if hasattr(struct, "_fields") and struct.__module__ == module.__name__
    }


@pytest.mark.parametrize(
    ("package", "ours"), [("kafka", structs), ("aiokafka", aio_structs)], ids=["kafka", "aiokafka"]
)
def test_fields_and_defaults_are_theirs(package: str, ours: Any) -> None:
    theirs = tuples(pytest.importorskip(f"{package}.structs"))
    assert len(theirs) >= 5
    for name, struct in theirs.items():
        mine = getattr(ours, name)
        assert mine._fields == struct._fields, name
        assert mine._field_defaults == struct._field_defaults, name


def test_a_members_states_are_kafka_pythons() -> None:
    theirs = pytest.importorskip("kafka.structs").MemberState
    for state in ["UNJOINED", "REBALANCING", "STABLE"]:
        assert getattr(structs.MemberState, state) == getattr(theirs, state)


def test_a_records_fields_are_aiokafkas() -> None:
    theirs = pytest.importorskip("aiokafka.structs").ConsumerRecord
    assert [field.name for field in dataclasses.fields(aio_structs.ConsumerRecord)] == [
        field.name for field in dataclasses.fields(theirs)
    ]


def test_a_partition_is_the_same_in_both_worlds() -> None:
    assert aio_structs.TopicPartition is structs.TopicPartition
    assert structs.TopicPartition("t", 1) == ("t", 1)


def test_tls_settings_are_remembered_and_secrets_not_shown() -> None:
    settings = create_ssl_context(cafile="ca.pem", password="secret", cadata="-----BEGIN")
    assert isinstance(settings, SSLSettings)
    assert (settings.cafile, settings.password, settings.keyfile) == ("ca.pem", "secret", None)
    assert "ca.pem" in repr(settings)
    assert "secret" not in repr(settings) and "BEGIN" not in repr(settings)
    theirs = pytest.importorskip("aiokafka.helpers").create_ssl_context
    assert set(inspect.signature(theirs).parameters) <= set(
        inspect.signature(create_ssl_context).parameters
    )


def test_a_token_provider_needs_its_token_only() -> None:
    class Fixed(AbstractTokenProvider):
        async def token(self) -> str:
            return "t"

    assert asyncio.run(Fixed().token()) == "t" and Fixed().extensions() == {}
    with pytest.raises(TypeError, match="abstract"):
        AbstractTokenProvider()  # type: ignore[abstract]
