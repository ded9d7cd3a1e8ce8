"""`StringSerializer`: text, and nothing else."""

from __future__ import annotations

from typing import Any

from raban.serializer.abstract import Headers
from raban.serializer.default import DefaultSerializer


class StringSerializer(DefaultSerializer):
    """Encodes str, in UTF-8 unless told otherwise; None stays None.

    Unlike `DefaultSerializer` it refuses bytes, so that a mistake shows where it is made.
    """

    def serialize(self, topic: str, headers: Headers, data: Any) -> Any:
        """`data` encoded; `TypeError` if it is neither str nor None."""
        if data is None:
            return None
        if isinstance(data, str):
            return data.encode(self.encoding)
        raise TypeError(
            f"{type(self).__name__} takes str or None, not {type(data).__name__}; "
            "convert it first, or use DefaultSerializer for bytes"
        )
