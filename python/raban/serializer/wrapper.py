"""Functions as serializers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from raban.serializer.abstract import Deserializer, Headers, Serializer


class SerializeWrapper(Serializer):
    """Has `fn(data)` serialize; without `fn`, data is left as it is."""

    def __init__(self, fn: Callable[[Any], Any] | None) -> None:
        self.fn = fn

    def serialize(self, topic: str, headers: Headers, data: Any) -> Any:
        """What the function makes of `data`."""
        return data if self.fn is None else self.fn(data)


class DeserializeWrapper(Deserializer):
    """Has `fn(data)` deserialize; without `fn`, data is left as it is."""

    def __init__(self, fn: Callable[[Any], Any] | None) -> None:
        self.fn = fn

    def deserialize(self, topic: str, headers: Headers, data: Any) -> Any:
        """What the function makes of `data`."""
        return data if self.fn is None else self.fn(data)
