"""Producers come and go, and nothing of them stays: no thread, no socket, no memory."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
import uvloop
from conftest import Start

from raban import EmbeddedBroker, KafkaProducer
from raban.aio import AIOKafkaProducer
from raban.errors import KafkaTimeoutError

GENEROUS = 60
"""Seconds to wait for what comes in milliseconds, unless something is broken."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="threads and sockets are counted in /proc"
)


@dataclass
class Elsewhere:
    """A broker in another process, whose threads and sockets aren't counted here."""

    bootstrap_servers: str


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    program = """
import sys
from raban import EmbeddedBroker

with EmbeddedBroker() as broker:
    print(broker.bootstrap_servers, flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        yield Elsewhere(process.stdout.readline().strip())
        process.stdin.close()


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("/proc/self/status has no VmRSS")


def falls_to(count: Callable[[], int], most: int) -> bool:
    """Whether a count is so small, or soon is: what nobody closed ends by itself."""
    pause = threading.Event()
    for _ in range(100):
        gc.collect()
        if count() <= most:
            return True
        pause.wait(GENEROUS / 100)
    return False


def check_rounds(rounds: int, warm_up: int, one: Callable[[], None]) -> None:
    """Runs `one` so often; behind the warm-up nothing may grow, but memory by a few pages."""
    before = threads(), files()
    for _ in range(warm_up):
        one()
    memory = resident_kib()
    for _ in range(rounds):
        one()
    assert falls_to(threads, before[0]), f"{threads()} threads, before {before[0]}"
    assert falls_to(files, before[1]), f"{files()} files, before {before[1]}"
    grown = resident_kib() - memory
    print(f"{rounds} rounds: {grown} KiB more")
    assert grown < 8192


def test_rounds_of_a_producer(elsewhere: Elsewhere) -> None:
    def one() -> None:
        producer = KafkaProducer(bootstrap_servers=elsewhere.bootstrap_servers)
        producer.send("t", b"1").add_callback(lambda _: None)
        producer.close()

    check_rounds(1000, 100, one)


def test_rounds_of_a_producer_that_nobody_closes(elsewhere: Elsewhere) -> None:
    def one() -> None:
        producer = KafkaProducer(bootstrap_servers=elsewhere.bootstrap_servers)
        producer.send("t", b"1").add_callback(lambda _: None).get()

    check_rounds(200, 100, one)


def test_rounds_without_a_broker() -> None:
    def one() -> None:
        with pytest.raises(KafkaTimeoutError):
            KafkaProducer(bootstrap_servers="127.0.0.1:1", bootstrap_timeout_ms=0)
        KafkaProducer(bootstrap_servers="127.0.0.1:1", api_version=(2,)).close()

    check_rounds(200, 100, one)


@pytest.mark.parametrize(
    "make", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_rounds_of_an_asyncio_producer(make: Any, elsewhere: Elsewhere) -> None:
    async def one() -> None:
        async with AIOKafkaProducer(bootstrap_servers=elsewhere.bootstrap_servers) as producer:
            await producer.send_and_wait("t", b"1")

    with asyncio.Runner(loop_factory=make) as runner:
        check_rounds(300, 100, lambda: runner.run(one()))


def test_rounds_of_loops(elsewhere: Elsewhere) -> None:
    async def one() -> None:
        async with AIOKafkaProducer(bootstrap_servers=elsewhere.bootstrap_servers) as producer:
            await producer.send_and_wait("t", b"1")

    check_rounds(200, 100, lambda: asyncio.run(one()))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_rounds_of_an_asyncio_producer_that_nobody_stops(elsewhere: Elsewhere) -> None:
    async def one() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=elsewhere.bootstrap_servers)
        await producer.start()
        await producer.send_and_wait("t", b"1")

    # Each on a loop of its own, which takes its producers with it.
    check_rounds(200, 100, lambda: asyncio.run(one()))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_rounds_of_an_asyncio_producer_that_is_interrupted(elsewhere: Elsewhere) -> None:
    async def one() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=elsewhere.bootstrap_servers)
        await producer.start()
        sending = asyncio.create_task(producer.send(f"t{len(names)}", b"1"))
        names.append(sending.get_name())
        # What it waits for comes too late: the loop ends.
        await asyncio.sleep(0)

    names: list[str] = []
    check_rounds(200, 100, lambda: asyncio.run(one()))


def test_rounds_of_an_embedded_broker() -> None:
    def one() -> None:
        with EmbeddedBroker() as broker:
            with KafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
                producer.send("t", b"1").get()

    check_rounds(200, 100, one)


def test_memory_of_many_records(elsewhere: Elsewhere, start: Start) -> None:
    producer = start(elsewhere, linger_ms=5)

    def one() -> None:
        for _ in range(1000):
            producer.send("t", b"value", b"key").add_callback(lambda _: None)
        producer.flush()
        producer.send_many("t", [b"value"] * 1000)

    one()
    check_rounds(100, 100, one)


# References.


def test_what_was_sent_is_let_go(broker: EmbeddedBroker, start: Start) -> None:
    producer = start(broker)

    def callback(metadata: Any) -> None:
        called.append(metadata.offset)

    called: list[int] = []
    value, header = bytearray(b"v"), b"header of its own"
    references = sys.getrefcount(header)
    future = producer.send("t", value, headers=[("h", header)])
    future.add_callback(callback).add_errback(callback)
    seen = weakref.ref(callback)
    del callback
    producer.flush()
    assert called == [0]
    assert seen() is None
    assert sys.getrefcount(header) == references
    # An exported buffer couldn't grow.
    value.extend(b"more")

    gone = weakref.ref(future)
    del future
    assert gone() is None


def test_a_future_nobody_holds_is_let_go_after_its_callbacks(
    broker: EmbeddedBroker, start: Start
) -> None:
    producer = start(broker, linger_ms=60_000)
    called: list[Any] = []
    without = weakref.ref(producer.send("t", b"1"))
    assert without() is None
    gone = weakref.ref(producer.send("t", b"1").add_callback(called.append))
    assert gone() is not None
    producer.close()
    assert gone() is None and len(called) == 1


def test_a_future_keeps_no_producer(broker: EmbeddedBroker) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    future = producer.send("t", b"1")
    gone = weakref.ref(producer)
    del producer
    assert gone() is None
    assert future.get(GENEROUS).offset == 0


def test_serializers_and_partitioners_keep_no_producer(broker: EmbeddedBroker) -> None:
    def last(key: Any, every: list[int], available: list[int]) -> int:
        return every[-1]

    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap_servers,
        partitioner=last,
        value_serializer=lambda value: value,
    )
    producer.send("t", b"1").get()
    producer.close()
    gone = weakref.ref(producer), weakref.ref(last)
    del producer, last
    gc.collect()
    assert gone[0]() is None
    assert gone[1]() is None


def test_an_exception_keeps_no_future(broker: EmbeddedBroker, start: Start) -> None:
    producer = start(broker, request_timeout_ms=50, delivery_timeout_ms=100)
    producer.send("t", b"1").get()
    broker.stop()
    future = producer.send("t", b"2")
    with pytest.raises(KafkaTimeoutError):
        future.get(GENEROUS)
    gone = weakref.ref(future)
    del future
    gc.collect()
    assert gone() is None


def test_asyncio_lets_go_of_what_was_sent(broker: EmbeddedBroker) -> None:
    async def main() -> None:
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
            value = bytearray(b"v")
            future = await producer.send("t", value)
            await future
            # The call of this task's that it woke refers to it until the next one.
            await asyncio.sleep(0)
            value.extend(b"more")
            gone = weakref.ref(future)
            del future
            gc.collect()
            assert gone() is None

            # What isn't awaited, too.
            coroutine = producer.send("t", value)
            coroutine.close()
            del coroutine
            value.extend(b"more")
            report = await producer.send_many("t", [value])
            assert report.delivered == 1
            value.extend(b"more")
        stopped = weakref.ref(producer)
        del producer
        gc.collect()
        assert stopped() is None

    asyncio.run(main())


def test_send_many_lets_go_of_its_records(broker: EmbeddedBroker, start: Start) -> None:
    producer = start(broker)
    value = bytearray(b"v")
    own = b"bytes of their own"
    references = sys.getrefcount(own)
    records: list[Any] = [value, (own, value), own]
    count = sys.getrefcount(records)
    assert producer.send_many("t", records).delivered == 3
    assert sys.getrefcount(records) == count
    value.extend(b"more")
    records.clear()
    assert sys.getrefcount(own) == references
