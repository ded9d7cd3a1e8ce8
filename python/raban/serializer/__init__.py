"""Serializers turn keys and values into bytes: those of kafka-python, and `StringSerializer`."""

from __future__ import annotations

from raban.serializer.abstract import Deserializer, Headers, Serializer
from raban.serializer.default import DefaultSerializer
from raban.serializer.json import JsonSerializer
from raban.serializer.string import StringSerializer
from raban.serializer.wrapper import DeserializeWrapper, SerializeWrapper

__all__ = [
    "DefaultSerializer",
    "DeserializeWrapper",
    "Deserializer",
    "Headers",
    "JsonSerializer",
    "SerializeWrapper",
    "Serializer",
    "StringSerializer",
]
