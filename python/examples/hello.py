"""Sends a record, and tells where it lies: `python hello.py [HOST:PORT]`.

Without an address a broker in this process takes it.
"""

from __future__ import annotations

import sys

from raban import KafkaProducer

servers = sys.argv[1] if len(sys.argv) > 1 else "embedded:"

with KafkaProducer(bootstrap_servers=servers) as producer:
    # `send` returns once the record is accepted, `get` once it is acknowledged.
    future = producer.send("hello", key=b"greeting", value=b"Hello!")
    metadata = future.get()
    print(f"topic {metadata.topic}, partition {metadata.partition}, offset {metadata.offset}")
