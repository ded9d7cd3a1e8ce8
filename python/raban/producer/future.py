"""What `send` returns, and what that resolves to."""

from __future__ import annotations

from raban._raban import FutureRecordMetadata, RecordMetadata
from raban.future import Future

# `isinstance(producer.send(…), Future)` holds, as in kafka-python.
Future.register(FutureRecordMetadata)

__all__ = ["FutureRecordMetadata", "RecordMetadata"]
