"""Serializers: what they make of keys and values, beside those of kafka-python."""

from __future__ import annotations

import json
from array import array
from typing import Any

import pytest

from raban.serializer import (
    DefaultSerializer,
    Deserializer,
    DeserializeWrapper,
    JsonSerializer,
    Serializer,
    SerializeWrapper,
    StringSerializer,
)

VALUES = [None, "", "käse", b"raw", bytearray(b"raw"), memoryview(b"raw")]
JSON_VALUES = [None, "text", "käse", 1, 1.5, True, [1, "a"], {"a": {"b": None}}, float("nan")]


@pytest.mark.parametrize("value", VALUES)
def test_the_default_is_kafka_pythons(value: Any) -> None:
    theirs = pytest.importorskip("kafka.serializer").DefaultSerializer()
    ours = DefaultSerializer().serialize("t", [], value)
    assert ours == theirs.serialize("t", [], value) and type(ours) is type(
        theirs.serialize("t", [], value)
    )


@pytest.mark.parametrize("value", JSON_VALUES)
def test_json_is_kafka_pythons(value: Any) -> None:
    theirs = pytest.importorskip("kafka.serializer").JsonSerializer()
    assert JsonSerializer().serialize("t", [], value) == theirs.serialize("t", [], value)


def test_buffers_are_not_copied() -> None:
    numbers = array("i", [1, 2])
    view = DefaultSerializer().serialize("t", [], numbers)
    numbers[0] = 7
    assert bytes(view) == numbers.tobytes()
    raw = bytearray(b"raw")
    assert DefaultSerializer().serialize("t", [], raw) is raw


def test_other_types_are_refused_with_a_remedy() -> None:
    with pytest.raises(TypeError, match="takes str, bytes or None, not int; convert it first"):
        DefaultSerializer().serialize("t", [], 1)
    with pytest.raises(TypeError, match="takes str or None, not bytes; .*DefaultSerializer"):
        StringSerializer().serialize("t", [], b"x")
    with pytest.raises(TypeError, match="not JSON serializable"):
        JsonSerializer().serialize("t", [], b"x")


def test_text_is_encoded_as_asked() -> None:
    assert StringSerializer().serialize("t", [], "ä") == "ä".encode()
    assert StringSerializer("utf-16-le").serialize("t", [], "ä") == b"\xe4\x00"
    assert StringSerializer(encoding="latin-1").serialize("t", [], "ä") == b"\xe4"
    assert StringSerializer().serialize("t", [], None) is None
    with pytest.raises(UnicodeEncodeError):
        StringSerializer("ascii").serialize("t", [], "ä")


@pytest.mark.parametrize("serializer", [DefaultSerializer(), StringSerializer("utf-16")])
def test_text_comes_back(serializer: DefaultSerializer) -> None:
    for text in ["", "käse", None]:
        data = serializer.serialize("t", [], text)
        assert serializer.deserialize("t", [], data) == text
    assert serializer.deserialize("t", [], memoryview("x".encode(serializer.encoding))) == "x"


def test_json_comes_back() -> None:
    for value in [None, 1, {"a": ["ä", None]}]:
        data = JsonSerializer("utf-16").serialize("t", [], value)
        assert JsonSerializer("utf-16").deserialize("t", [], data) == value
    with pytest.raises(json.JSONDecodeError):
        JsonSerializer().deserialize("t", [], b"{")


def test_functions_become_serializers() -> None:
    assert SerializeWrapper(str.encode).serialize("t", [], "x") == b"x"
    assert SerializeWrapper(None).serialize("t", [], b"x") == b"x"
    assert DeserializeWrapper(bytes.decode).deserialize("t", [], b"x") == "x"
    assert DeserializeWrapper(None).deserialize("t", [], b"x") == b"x"


def test_a_serializer_needs_its_method_only() -> None:
    class Upper(Serializer, Deserializer):
        def serialize(self, topic: str, headers: Any, data: Any) -> bytes:
            headers.append(("topic", topic.encode()))
            return bytes(data.upper(), "ascii")

        def deserialize(self, topic: str, headers: Any, data: Any) -> str:
            return str(data, "ascii").lower()

    headers: list[tuple[str, bytes]] = []
    assert Upper().serialize("t", headers, "x") == b"X" and headers == [("topic", b"t")]
    Upper().close()
    for abstract in [Serializer, Deserializer]:
        with pytest.raises(TypeError, match="abstract"):
            abstract()
