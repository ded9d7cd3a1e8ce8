"""Sends text and JSON: `python json_serializers.py [HOST:PORT]`.

Without an address a broker in this process takes the records.
"""

from __future__ import annotations

import sys

from raban import KafkaProducer
from raban.serializer import JsonSerializer, StringSerializer

producer = KafkaProducer(
    bootstrap_servers=[sys.argv[1] if len(sys.argv) > 1 else "embedded:"],
    key_serializer=StringSerializer(),
    value_serializer=JsonSerializer(),
    acks="all",
    retries=3,
    linger_ms=5,
    batch_size=16384,
)

futures = [
    producer.send("orders", key="alice", value={"item": "tea", "count": 2}),
    producer.send("orders", key="bob", value=["coffee", None, 1.5]),
    # None is no text and no JSON, but a null: a tombstone.
    producer.send("orders", key="alice", value=None),
]
producer.flush()
for future in futures:
    metadata = future.get()
    print(f"offset {metadata.offset}, {metadata.serialized_value_size} bytes")

try:
    producer.send("orders", key="carol", value={1, 2})
except TypeError as error:
    print(f"not sent: {error}")

producer.close()
