"""Sends many records at a time, which costs least: `python send_many.py [HOST:PORT]`.

Without an address a broker in this process takes them.
"""

from __future__ import annotations

import sys
from array import array

from raban import KafkaProducer

servers = sys.argv[1] if len(sys.argv) > 1 else "embedded:"

with KafkaProducer(bootstrap_servers=servers) as producer:
    # Values from a generator: they are made as they are sent.
    report = producer.send_many("many", (b"line %d" % number for number in range(100_000)))
    print(report)

    # Keys and values, and headers.
    report = producer.send_many("many", [(b"k", b"v"), (b"k", None), (b"k", b"v", [("h", b"1")])])
    # Raises the first failure, if there is one.
    report.raise_for_failures()
    print(report)

    # A buffer of two dimensions: each row is a value. So are those of a numpy array.
    samples = memoryview(array("d", range(3000))).cast("B", (1000, 24))
    report = producer.send_many("samples", samples)
    for place, error in report.failures:
        print(f"row {place}: {error}", file=sys.stderr)
    print(report)
