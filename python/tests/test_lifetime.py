"""Ctrl-C, forks and the interpreter's exit, each in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator

import pytest
from conftest import Reachable
from gate import METADATA, PRODUCE, Gate

from raban import EmbeddedBroker

GENEROUS = 60
"""Seconds to wait for what comes in milliseconds, unless something is broken."""

# Each program begins with this. `early` comes before raban, so that what is registered there for
# the exit comes after raban's part of it.
BEGIN = """
import atexit, sys, threading, time
ADDRESS = sys.argv[1]
{early}
from raban import EmbeddedBroker, KafkaProducer

def producer(**configs):
    return KafkaProducer(bootstrap_servers=ADDRESS, **configs)

def say(*words):
    print(*words, flush=True)
"""


class Child:
    """A Python program that runs beside the test, with the address of a broker."""

    def __init__(self, program: str, at: Reachable, early: str, *options: str) -> None:
        source = BEGIN.format(early=textwrap.dedent(early)) + textwrap.dedent(program)
        self.process = subprocess.Popen(
            [sys.executable, *options, "-c", source, at.bootstrap_servers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """The next line of its output."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"it ended: {self.process.communicate()[1]}")
        return line.rstrip("\n")

    def go_on(self) -> None:
        """Gives it a line to read."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ends(self, returncode: int = 0) -> tuple[str, str]:
        """What else it writes to its output and to its errors until it ends."""
        out, err = self.process.communicate(timeout=GENEROUS)
        assert self.process.returncode == returncode, err
        return out, err


Run = Callable[..., Child]


@pytest.fixture
def child() -> Iterator[Run]:
    """`child(program, at)` runs a program."""
    children: list[Child] = []

    def run(program: str, at: Reachable, early: str = "", options: tuple[str, ...] = ()) -> Child:
        children.append(Child(program, at, early, *options))
        return children[-1]

    yield run
    for started in children:
        started.process.kill()
        started.process.communicate()


# Ctrl-C.

# What a program may wait in, and what the gate holds meanwhile.
WAITS: dict[str, tuple[str, str]] = {
    "get": ("answers", "p.send('t', b'1').get()"),
    "get with a timeout": ("answers", "p.send('t', b'1').get(1000)"),
    "flush": ("answers", "p.send('t', b'1'); p.flush()"),
    "close": ("answers", "p.send('t', b'1'); p.close()"),
    "send, for metadata": ("metadata", "p.send('another', b'1')"),
    "send, for memory": ("answers", "while True: p.send('t', b'x' * 100_000)"),
    "send, for the partitioner": ("metadata", "by_function.send('another', b'1')"),
    "send_many": ("answers", "p.send_many('t', [b'1'] * 10)"),
    "send_many, for memory": ("answers", "p.send_many('t', [b'x' * 1000] * 100_000)"),
    "send_many, for metadata": ("metadata", "p.send_many('another', [b'1'])"),
    "send_many, in the iterable": ("answers", "p.send_many('t', stops_after_one())"),
    "partitions_for": ("metadata", "p.partitions_for('another')"),
    "the constructor": ("everything", "producer()"),
}


@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c(wait: str, gate: Gate, child: Run) -> None:
    holds, call = WAITS[wait]
    program = f"""
        import os
        p = producer(
            buffer_memory=1_000_000, request_timeout_ms=10_000, delivery_timeout_ms=20_000
        )
        p.send('t', b'first').get()
        by_function = producer(partitioner=lambda key, every, available: 0)

        def stops_after_one():
            yield b'1'
            threading.Event().wait()

        say('ready')
        sys.stdin.readline()
        try:
            {call}
        except KeyboardInterrupt:
            say(time.monotonic())
            # Without the exit's wait for what was sent.
            os._exit(0)
        say('not interrupted')
    """
    started = child(program, gate)
    assert started.line() == "ready"
    if holds == "answers":
        gate.hold_answers()
    else:
        gate.hold_requests(*[METADATA][: holds == "metadata"])
    started.go_on()
    gate.wait_until_held()
    sent = time.monotonic()
    started.process.send_signal(signal.SIGINT)
    # CLOCK_MONOTONIC is the same for all processes.
    seconds = float(started.line()) - sent
    print(f"{wait}: KeyboardInterrupt after {seconds:.3f} s")
    # Before anything that it waits for would have ended by itself.
    assert seconds < 5
    started.ends()


def test_ctrl_c_at_the_end_of_a_with_block(gate: Gate, child: Run) -> None:
    program = """
        import os
        p = producer(request_timeout_ms=10_000, delivery_timeout_ms=20_000)

        def tell():
            while p.bootstrap_connected():
                threading.Event().wait(0.001)
            say('closing')

        p.send('t', b'first').get()
        threading.Thread(target=tell, daemon=True).start()
        say('ready')
        sys.stdin.readline()
        try:
            with p:
                p.send('t', b'1')
        except KeyboardInterrupt:
            say(time.monotonic())
            os._exit(0)
        say('not interrupted')
    """
    started = child(program, gate)
    assert started.line() == "ready"
    gate.hold_answers()
    started.go_on()
    assert started.line() == "closing"
    sent = time.monotonic()
    started.process.send_signal(signal.SIGINT)
    seconds = float(started.line()) - sent
    print(f"KeyboardInterrupt after {seconds:.3f} s")
    assert seconds < 5
    started.ends()


@pytest.mark.parametrize(
    "records", ["itertools.repeat(b'1' * 100)", "[b'1' * 100] * 5_000_000"], ids=["endless", "list"]
)
def test_ctrl_c_while_many_are_sent(records: str, gate: Gate, child: Run) -> None:
    program = f"""
        import itertools, os
        p = producer()
        say('ready')
        try:
            p.send_many('t', {records})
        except KeyboardInterrupt:
            say(time.monotonic())
            os._exit(0)
        say('not interrupted')
    """
    started = child(program, gate)
    gate.wait_for(PRODUCE, 50)
    assert started.line() == "ready"
    sent = time.monotonic()
    started.process.send_signal(signal.SIGINT)
    seconds = float(started.line()) - sent
    print(f"KeyboardInterrupt after {seconds:.3f} s")
    assert seconds < 5
    started.ends()


def test_ctrl_c_in_asyncio(gate: Gate, child: Run) -> None:
    program = """
        import asyncio
        from raban.aio import AIOKafkaProducer

        async def main():
            async with AIOKafkaProducer(bootstrap_servers=ADDRESS) as producer:
                await producer.send_and_wait('t', b'1')
                say('ready')
                try:
                    await producer.send_and_wait('t', b'2')
                except asyncio.CancelledError:
                    say('cancelled')
                    raise

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            say('interrupted')
    """
    started = child(program, gate)
    assert started.line() == "ready"
    gate.hold_requests(PRODUCE)
    gate.wait_until_held()
    started.process.send_signal(signal.SIGINT)
    assert started.line() == "cancelled"
    # Its context is left, which waits for the record.
    gate.let_go()
    assert started.line() == "interrupted"
    started.ends()


def test_ctrl_c_at_the_exit(gate: Gate, child: Run) -> None:
    program = """
        p = producer()
        p.send('t', b'first').get()
        say('ready')
        sys.stdin.readline()
        p.send('t', b'1')
    """
    started = child(program, gate)
    assert started.line() == "ready"
    gate.hold_answers()
    started.go_on()
    gate.wait_until_held()
    started.process.send_signal(signal.SIGINT)
    _, err = started.ends()
    assert "may be lost" in err


# Forks.


def test_a_forked_child_is_told_and_ends(gate: Gate, child: Run) -> None:
    program = """
        import os
        from raban.errors import IllegalStateError

        p = producer()
        p.send('t', b'before').add_callback(lambda _: None).get()
        say('ready')
        sys.stdin.readline()
        future = p.send('t', b'under way')
        pid = os.fork()
        if pid == 0:
            for call in (
                lambda: p.send('t', b'in the child'),
                lambda: p.send_many('t', [b'in the child']),
                lambda: p.partitions_for('t'),
                p.flush,
                future.get,
            ):
                try:
                    call()
                except IllegalStateError as error:
                    assert 'fork' in str(error), error
                else:
                    raise AssertionError(call)
            p.close()
            say('told')
            # By the long way: all objects are dropped.
            sys.exit(0)
        _, status = os.waitpid(pid, 0)
        say('ended', status)
        sys.stdin.readline()
        say('under way', future.get(60).offset)
        p.send('t', b'after').get()
    """
    started = child(program, gate, options=("-X", "dev"))
    assert started.line() == "ready"
    gate.hold_requests(PRODUCE)
    started.go_on()
    assert [started.line(), started.line()] == ["told", "ended 0"]
    gate.let_go()
    started.go_on()
    assert started.line() == "under way 1"
    assert started.ends() == ("", "")


def test_multiprocessing_with_fork(broker: EmbeddedBroker, child: Run) -> None:
    program = """
        import multiprocessing
        from raban.errors import IllegalStateError

        def work(number):
            try:
                p.send('t', b'by the one before the fork')
            except IllegalStateError:
                with producer() as own:
                    own.send('t', b'by its own').get()
            return number

        p = producer()
        p.send('t', b'before').get()
        with multiprocessing.get_context('fork').Pool(2) as pool:
            assert pool.map(work, range(4)) == [0, 1, 2, 3]
        p.send('t', b'after').get()
    """
    assert child(program, broker).ends() == ("", "")
    values = [record.value for record in broker.records("t")]
    assert values == [b"before", *[b"by its own"] * 4, b"after"]


def test_a_fork_while_other_threads_send(broker: EmbeddedBroker, child: Run) -> None:
    program = """
        import os
        p = producer()
        stop = threading.Event()

        def send():
            while not stop.is_set():
                p.send('t', b'1').add_callback(lambda _: None).get()

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            pid = os.fork()
            if pid == 0:
                with producer() as own:
                    own.send('t', b'child').get()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
    """
    assert child(program, broker).ends() == ("", "")
    values = [record.value for record in broker.records("t")]
    assert values.count(b"child") == 30


def test_a_forked_child_leaves_the_parents_broker_alone(
    broker: EmbeddedBroker, child: Run
) -> None:
    program = """
        import os
        mine = EmbeddedBroker()
        with KafkaProducer(bootstrap_servers=mine.bootstrap_servers) as p:
            p.send('t', b'1').get()
        pid = os.fork()
        if pid == 0:
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        with KafkaProducer(bootstrap_servers=mine.bootstrap_servers) as p:
            p.send('t', b'2').get()
        assert len(mine.records('t')) == 2
    """
    assert child(program, broker).ends() == ("", "")


def test_asyncio_in_a_forked_child(broker: EmbeddedBroker, child: Run) -> None:
    program = """
        import asyncio, os
        from raban.aio import AIOKafkaProducer
        from raban.aio.errors import IllegalStateError

        async def main():
            async with AIOKafkaProducer(bootstrap_servers=ADDRESS) as p:
                await p.send_and_wait('t', b'1')
                pid = os.fork()
                if pid == 0:
                    try:
                        p.send('t', b'2').send(None)
                    except IllegalStateError as error:
                        assert 'fork' in str(error)
                        os._exit(7)
                    os._exit(1)
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
                await p.send_and_wait('t', b'3')

        asyncio.run(main())
    """
    assert child(program, broker).ends() == ("", "")
    assert [record.value for record in broker.records("t")] == [b"1", b"3"]


# The interpreter's exit.


@pytest.mark.parametrize(
    "end",
    ["", "sys.exit(0)", "del p", "p = None; import gc; gc.collect()", "future = None; del p"],
    ids=["the program's end", "sys.exit", "dropped", "collected", "dropped with its future"],
)
def test_exit_without_close_delivers_all(end: str, broker: EmbeddedBroker, child: Run) -> None:
    program = f"""
        p = producer(linger_ms=60_000, batch_size=1000)
        for number in range(5000):
            future = p.send('t', b'%d' % number)
        {end}
    """
    assert child(program, broker).ends() == ("", "")
    assert len(broker.records("t")) == 5000


def test_exit_calls_the_callbacks(broker: EmbeddedBroker, child: Run) -> None:
    program = """
        p = producer(linger_ms=60_000)
        for number in range(100):
            p.send('t', b'1').add_callback(lambda metadata: called.append(metadata.offset))
    """
    early = "called = []; atexit.register(lambda: print(called == list(range(100))))"
    assert child(program, broker, early).ends() == ("True\n", "")


@pytest.mark.parametrize(
    "make",
    ["p = producer(**quick); future = p.send('t', b'2')", "future = drop()"],
    ids=["producer", "future alone"],
)
def test_exit_waits_no_longer_than_records_may_take(make: str, gate: Gate, child: Run) -> None:
    program = f"""
        quick = dict(request_timeout_ms=500, delivery_timeout_ms=1500)

        def drop():
            return producer(**quick).send('t', b'2')

        {make}
        say('sent')
    """
    # What is registered first is called last.
    early = "atexit.register(lambda: print(type(future.exception).__name__))"
    gate.hold_requests(PRODUCE)
    started = child(program, gate, early)
    assert started.line() == "sent"
    out, err = started.ends()
    assert out in ("KafkaTimeoutError\n", "DeliveryInDoubtError\n"), err


def test_exit_with_futures_alone(gate: Gate, child: Run) -> None:
    program = """
        def drop():
            return producer().send('t', b'1')

        futures = [drop() for _ in range(3)]
        say('sent')
    """
    early = "atexit.register(lambda: print([future.succeeded() for future in futures]))"
    assert child(program, gate, early).ends() == ("sent\n[True, True, True]\n", "")


def test_exit_of_asyncio_without_stop_delivers_all(broker: EmbeddedBroker, child: Run) -> None:
    program = """
        import asyncio
        from raban.aio import AIOKafkaProducer

        async def main():
            global p
            p = AIOKafkaProducer(bootstrap_servers=ADDRESS, linger_ms=60_000)
            await p.start()
            for number in range(1000):
                await p.send('t', b'1')

        asyncio.run(main())
    """
    assert child(program, broker).ends() == ("", "")
    assert len(broker.records("t")) == 1000


# What daemon threads do while the interpreter exits.
DAEMONS = {
    "send": "p.send('t', b'1')",
    "send with callbacks": "p.send('t', b'1').add_both(lambda _: None)",
    "get": "p.send('t', b'1').get()",
    "flush": "p.send('t', b'1'); p.flush()",
    "send_many": "p.send_many('t', [b'1'] * 100)",
    "send_many of an iterable": "p.send_many('t', (b'1' for _ in range(100)))",
    "serialize": "slow.send('t', 1)",
    "close": "producer(api_version=(2,)).close()",
}


@pytest.mark.parametrize("daemon", DAEMONS)
def test_daemon_threads_at_the_exit(daemon: str, broker: EmbeddedBroker, child: Run) -> None:
    program = f"""
        p = producer()
        slow = producer(value_serializer=lambda value: str(list(range(300))).encode())
        p.send('t', b'1').get()

        def run():
            while True:
                try:
                    {DAEMONS[daemon]}
                except Exception:
                    # As programs do that go on whatever happens.
                    pass

        for _ in range(4):
            threading.Thread(target=run, daemon=True).start()
        p.send('t', b'1').get()
    """
    # It doesn't happen each time.
    children = [child(program, broker) for _ in range(3)]
    assert [started.ends() for started in children] == [("", "")] * 3


def test_a_daemon_thread_with_a_loop_at_the_exit(broker: EmbeddedBroker, child: Run) -> None:
    program = """
        import asyncio
        from raban.aio import AIOKafkaProducer

        async def main():
            async with AIOKafkaProducer(bootstrap_servers=ADDRESS) as p:
                while True:
                    await p.send_and_wait('t', b'1')
                    sent.set()

        sent = threading.Event()
        threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
        sent.wait()
    """
    children = [child(program, broker) for _ in range(3)]
    for started in children:
        started.ends()


def test_callbacks_that_send_at_the_exit(broker: EmbeddedBroker, child: Run) -> None:
    program = """
        p = producer()

        def again(_):
            p.send('t', b'1').add_both(again)

        again(None)
        p.send('t', b'1').get()
    """
    # The last one comes too late, which is logged.
    _, err = child(program, broker).ends()
    assert err.startswith("a callback raised IllegalStateError") or err == ""


# What it logs.


def test_warnings_go_to_logging(child: Run) -> None:
    with EmbeddedBroker() as broker:
        program = """
            import logging

            class Tell(logging.Handler):
                def emit(self, record):
                    say(record.name, record.levelname, record.getMessage())
                    told.set()

            told = threading.Event()
            logging.getLogger('raban').addHandler(Tell())
            p = producer(request_timeout_ms=100, delivery_timeout_ms=200)
            p.send('t', b'1').get()
            say('ready')
            sys.stdin.readline()
            p.send('t', b'2')
            p.flush()
            told.wait()
        """
        started = child(program, broker)
        assert started.line() == "ready"
        broker.stop()
        started.go_on()
        out, err = started.ends()
    assert err == ""
    assert out.startswith("raban WARNING 1 records failed whose outcome nobody awaits"), out


def test_nothing_is_logged_that_is_turned_off(child: Run) -> None:
    with EmbeddedBroker() as broker:
        program = """
            import logging
            logging.getLogger('raban').setLevel(logging.CRITICAL)
            p = producer(request_timeout_ms=100, delivery_timeout_ms=200)
            p.send('t', b'1').get()
            say('ready')
            sys.stdin.readline()
            p.send('t', b'2')
        """
        started = child(program, broker)
        assert started.line() == "ready"
        broker.stop()
        started.go_on()
        assert started.ends() == ("", "")
