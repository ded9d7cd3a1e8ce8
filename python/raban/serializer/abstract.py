"""What a serializer is, and the way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

Headers: TypeAlias = list[tuple[str, bytes]]
"""A record's headers, in their order; a name may come more than once."""


class Serializer(ABC):
    """Turns a key or a value into bytes. Give it as `key_serializer` or `value_serializer`."""

    @abstractmethod
    def serialize(self, topic: str, headers: Headers, data: Any) -> Any:
        """The bytes (or bytearray, memoryview) for `data`; None is a null.

        `headers` are those of the record; what is added to the list is sent with it. Whatever this
        raises, `send` raises.
        """

    def close(self) -> None:
        """Called once when the producer is closed."""


class Deserializer(ABC):
    """Turns bytes into a key or a value again."""

    @abstractmethod
    def deserialize(self, topic: str, headers: Headers, data: Any) -> Any:
        """What `data`, bytes or None, stands for."""

    def close(self) -> None:
        """Called once when its user is closed."""
