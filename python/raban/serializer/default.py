"""`DefaultSerializer`: text is encoded, bytes are left as they are."""

from __future__ import annotations

from typing import Any

from raban.serializer.abstract import Deserializer, Headers, Serializer


class DefaultSerializer(Serializer, Deserializer):
    """Encodes str; leaves bytes, other buffers and None as they are.

    `encoding` is any that Python knows.
    """

    def __init__(self, encoding: str = "utf-8") -> None:
        self.encoding = encoding

    def serialize(self, topic: str, headers: Headers, data: Any) -> Any:
        """`data`, encoded if it is a str; `TypeError` if it is neither str nor buffer nor None."""
        if data is None or isinstance(data, (bytes, bytearray, memoryview)):
            return data
        if isinstance(data, str):
            return data.encode(self.encoding)
        try:
            return memoryview(data)
        except TypeError:
            raise TypeError(
                f"{type(self).__name__} takes str, bytes or None, not {type(data).__name__}; "
                "convert it first, or use a serializer for its type"
            ) from None

    def deserialize(self, topic: str, headers: Headers, data: Any) -> Any:
        """The text in `data`; None for None. `UnicodeDecodeError` if it isn't in `encoding`."""
        return None if data is None else str(data, self.encoding)
