"""Hears of each record's outcome by a call: `python callbacks.py [HOST:PORT]`.

Without an address a broker in this process takes the records.
"""

from __future__ import annotations

import sys

from raban import KafkaProducer, RecordMetadata

servers = sys.argv[1] if len(sys.argv) > 1 else "embedded:"
delivered: list[RecordMetadata] = []
failed: list[str] = []


# Both are called on a thread of the producer's, or at once where the outcome is there already:
# what they share with others has to bear that, as a list does. Be quick: the next ones wait.
def on_success(metadata: RecordMetadata) -> None:
    delivered.append(metadata)


def on_error(name: str, error: Exception) -> None:
    failed.append(name)
    print(f"{name}: {error}", file=sys.stderr)
    if getattr(error, "may_have_been_written", False):
        print("sending it again could write it twice", file=sys.stderr)


with KafkaProducer(bootstrap_servers=servers) as producer:
    for number in range(1000):
        future = producer.send("callbacks", value=b"record %d" % number)
        # What is given besides the function comes before the outcome.
        future.add_callback(on_success).add_errback(on_error, f"record {number}")

# `close`, which `with` calls, waits for all outcomes and callbacks.
print(f"{len(delivered)} delivered, {len(failed)} failed")
