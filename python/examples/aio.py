"""Sends records from tasks of asyncio: `python aio.py [HOST:PORT]`.

Without an address a broker in this process takes them.
"""

from __future__ import annotations

import asyncio
import sys

from raban.aio import AIOKafkaProducer


async def main(servers: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        # Acknowledged when it returns.
        metadata = await producer.send_and_wait("aio", b"first", headers=[("lang", b"en")])
        print(f"the first one has offset {metadata.offset}")

        # Accepted when it returns: many records are under way at a time.
        futures = [await producer.send("aio", b"record %d" % number) for number in range(1000)]
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        failed = sum(isinstance(outcome, BaseException) for outcome in outcomes)
        print(f"{len(outcomes) - failed} delivered, {failed} failed")

        # All at once, which costs least.
        report = await producer.send_many("aio", (b"line %d" % number for number in range(1000)))
        print(f"{report.delivered} delivered, {len(report.failures)} failed")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "embedded:"))
