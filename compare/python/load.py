"""What the Python programs share: the workload, its records, the clock, the outcome.

They take the arguments and print the report of the Rust programs; see ../load.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice, pairwise, repeat
from pathlib import Path
from typing import Any, Protocol

KEYS = 65_536
KEY_LEN = 16
# Futures that a sender holds; when there are so many, it awaits the older half.
HELD = 65_536
HALF = HELD // 2
# Records of one call, for clients that take many.
CHUNK = 100_000

Told = dict[str, Any]


class Failure(Exception):
    """Why a run gives no figures."""


@dataclass(frozen=True)
class Workload:
    """What to send and how, as the command line says."""

    bootstrap: str
    topic: str
    partitions: int
    warmup: int
    records: int
    size: int
    keyed: bool
    compression: str
    senders: int
    best: bool
    linger_ms: int | None
    variant: str
    values: list[bytes]
    keys: list[bytes]

    @classmethod
    def parse(cls) -> Workload:
        """Reads the arguments, and cuts values and keys from the pool."""
        parser = argparse.ArgumentParser()
        for name in ("bootstrap", "topic", "compression"):
            parser.add_argument(f"--{name}", required=True)
        for name in ("partitions", "warmup", "records", "size", "senders"):
            parser.add_argument(f"--{name}", type=int, required=True)
        parser.add_argument("--pool", type=Path, required=True)
        parser.add_argument("--settings", choices=("defaults", "best"), required=True)
        parser.add_argument("--keyed", action="store_true")
        parser.add_argument("--linger-ms", type=int)
        parser.add_argument("--variant", default="")
        given = vars(parser.parse_args())
        given["best"] = given.pop("settings") == "best"
        pool, size = given.pop("pool").read_bytes(), given["size"]
        keys = KEY_LEN * KEYS if given["keyed"] else 0
        if not 0 < max(size, keys) <= len(pool):
            raise Failure(f"--pool has {len(pool)} bytes: too few for values of {size} and keys")
        return cls(
            **given,
            values=[pool[at : at + size] for at in range(0, len(pool) - size + 1, size)],
            keys=[pool[at : at + KEY_LEN] for at in range(0, keys, KEY_LEN)],
        )

    def told(self, defaults: Told, best: Told, linger: str = "linger_ms") -> Told:
        """What a client is told: `best` too where the settings are the best-known ones."""
        told = defaults | best if self.best else defaults
        return told if self.linger_ms is None else told | {linger: self.linger_ms}

    def shares(self, records: int) -> list[Share]:
        """The records, shared out among the senders."""
        edges = [records * sender // self.senders for sender in range(self.senders + 1)]
        return [Share(self, *edge) for edge in pairwise(edges)]


class Share:
    """One sender's records.

    Their bytes are cut before the clock starts, as they are in the other languages' programs: what
    is measured is the client.
    """

    def __init__(self, work: Workload, first: int, end: int) -> None:
        self.records = end - first
        self.keyed = work.keyed
        self._values = _beginning_at(first, work.values)
        self._keys = _beginning_at(first, work.keys) if work.keyed else repeat(None)

    def __iter__(self) -> Iterator[tuple[bytes | None, bytes]]:
        """Each record's key and value."""
        return islice(zip(self._keys, self._values), self.records)

    def chunks(self) -> Iterator[list[Any]]:
        """Many at once: with keys as `__iter__` gives them, without keys as values alone."""
        records = iter(self) if self.keyed else islice(self._values, self.records)
        return iter(lambda: list(islice(records, CHUNK)), [])


def _beginning_at(first: int, items: list[bytes]) -> Iterator[bytes]:
    return islice(cycle(items), first % len(items), None)


class Tally:
    """What callbacks tell of one sender's records."""

    def __init__(self) -> None:
        self.delivered = 0
        self.error: object = None

    def succeeded(self, _metadata: object) -> None:
        # The interpreter changes threads at calls and jumps only, so none comes in between.
        self.delivered += 1

    def failed(self, error: object) -> None:
        self.error = error

    def wait(self, records: int) -> int:
        """Returns when all are delivered: a client may tell after its flush has returned."""
        while self.delivered < records:
            if self.error is not None:
                raise Failure(self.error)
            time.sleep(0.001)
        return self.delivered


class Client(Protocol):
    """A producer under load."""

    told: Told

    def send(self, share: Share) -> int:
        """Sends a share and returns how many records were confirmed; called by a thread a share."""

    def close(self) -> None: ...


def run(connect: Callable[[Workload], Client]) -> None:
    """Runs the workload of the command line."""
    work = Workload.parse()
    client = connect(work)
    with ThreadPoolExecutor(work.senders) as threads:
        measure(work, client.told, lambda shares: sum(threads.map(client.send, shares)))
    client.close()


def measure(work: Workload, told: Told, send_all: Callable[[list[Share]], int]) -> None:
    """Sends what comes first, then what is measured, and prints the report."""
    _confirmed(work, work.warmup, send_all)
    cpu, start = time.process_time(), time.perf_counter()
    _confirmed(work, work.records, send_all)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    report = {
        "settings": {key: str(value) for key, value in told.items()},
        "records": work.records,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_kib": status_kib("VmHWM"),
    }
    print(json.dumps(report))


def _confirmed(work: Workload, records: int, send_all: Callable[[list[Share]], int]) -> None:
    confirmed = send_all(work.shares(records))
    if confirmed != records:
        raise Failure(f"of {records} records {confirmed} were delivered")


def status_kib(field: str) -> int:
    """A figure of this process's memory, in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise Failure(f"/proc/self/status has no {field}")
