"""`JsonSerializer`: anything that the module json can write."""

from __future__ import annotations

import json
from typing import Any

from raban.serializer.abstract import Headers
from raban.serializer.default import DefaultSerializer


class JsonSerializer(DefaultSerializer):
    """Writes JSON as `json.dumps` does; None is a null (a tombstone), not the text `null`."""

    def serialize(self, topic: str, headers: Headers, data: Any) -> Any:
        """`data` as JSON; `TypeError` or `ValueError` if json can't write it."""
        return None if data is None else json.dumps(data).encode(self.encoding)

    def deserialize(self, topic: str, headers: Headers, data: Any) -> Any:
        """What the JSON in `data` says; `json.JSONDecodeError` if it isn't JSON."""
        return None if data is None else json.loads(str(data, self.encoding))
