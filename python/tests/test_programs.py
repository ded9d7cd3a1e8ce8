"""Programs written for kafka-python and aiokafka run with nothing changed but their imports.

They do what the examples of those packages' documentation do. Each runs with the original too, so
that it is known to be one of its programs. Their `except` clauses catch the same situations.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from conftest import Cluster
from gate import METADATA, Gate

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LIBRARIES = ["original", "raban"]

OURS = {"kafka": "raban", "aiokafka": "raban.aio"}


def with_our_imports(program: str) -> str:
    """The program with other imports, and nothing else changed."""
    program = re.sub(
        r"^(\s*)from (kafka|aiokafka)\b", lambda m: f"{m[1]}from {OURS[m[2]]}", program, flags=re.M
    )
    return re.sub(
        r"^(\s*)import (kafka|aiokafka)$",
        lambda m: f"{m[1]}import {OURS[m[2]]} as {m[2]}",
        program,
        flags=re.M,
    )


def run(program: str, library: str, **given: Any) -> dict[str, Any]:
    """Runs it as a main module with these names given; what it has at its end."""
    if library == "raban":
        program = with_our_imports(program)
        assert not re.search(r"^\s*(from|import) (aio)?kafka", program, flags=re.M)
    names: dict[str, Any] = {"__name__": "__main__"} | given
    exec(compile(program, "<program>", "exec"), names)
    return names


def test_nothing_but_imports_is_changed() -> None:
    program = """from kafka import KafkaProducer
import kafka
from kafka.errors import KafkaError
    from aiokafka.errors import KafkaError
import kafka_of_mine
# from kafka to kafka
"""
    assert with_our_imports(program) == """from raban import KafkaProducer
import raban as kafka
from raban.errors import KafkaError
    from raban.aio.errors import KafkaError
import kafka_of_mine
# from kafka to kafka
"""


# The programs.


@dataclass
class Program:
    """A program, and what it is to do."""

    name: str
    text: str
    topics: dict[str, list[bytes | None]]
    """The topics that it writes to, by their names there, and the values that are in them then."""
    partitions: int = 1
    printed: str = ""
    """A regular expression of what it prints."""
    keys: dict[str, list[bytes | None]] = field(default_factory=dict)
    headers: dict[str, list[Any]] = field(default_factory=dict)


PROGRAMS = [
    Program(
        "kafka-python, README: fire and forget",
        """
from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers='localhost:1234')
for _ in range(100):
    producer.send('foobar', b'some_message_bytes')
producer.flush()
""",
        {"foobar": [b"some_message_bytes"] * 100},
    ),
    Program(
        "kafka-python, README: get",
        """
from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers='localhost:1234')
future = producer.send('foobar', b'another_message')
result = future.get(timeout=60)
print(result.topic, result.partition, result.offset)
""",
        {"foobar": [b"another_message"]},
        printed=r"\S+ 0 0\n",
    ),
    Program(
        "kafka-python, README: keys",
        """
from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers='localhost:1234')
for number in range(3):
    producer.send('foobar', key=b'foo', value=b'bar')
producer.flush()
""",
        {"foobar": [b"bar"] * 3},
        partitions=3,
        keys={"foobar": [b"foo"] * 3},
    ),
    Program(
        "kafka-python, README: JsonSerializer",
        """
from kafka import KafkaProducer, JsonSerializer

producer = KafkaProducer(bootstrap_servers='localhost:1234', value_serializer=JsonSerializer())
producer.send('fizzbuzz', {'foo': 'bar'})
producer.close()
""",
        {"fizzbuzz": [b'{"foo": "bar"}']},
    ),
    Program(
        "kafka-python, README: DefaultSerializer",
        """
from kafka import KafkaProducer, DefaultSerializer

producer = KafkaProducer(bootstrap_servers='localhost:1234', key_serializer=DefaultSerializer())
producer.send('flipflap', key='ping', value=b'1234')
producer.close()
""",
        {"flipflap": [b"1234"]},
        keys={"flipflap": [b"ping"]},
    ),
    Program(
        "kafka-python, README: compression",
        """
from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers='localhost:1234', compression_type='gzip')
for i in range(1000):
    producer.send('foobar', b'msg %d' % i)
producer.close()
""",
        {"foobar": [b"msg %d" % number for number in range(1000)]},
    ),
    Program(
        "kafka-python, README: headers",
        """
from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers='localhost:1234')
producer.send('foobar', value=b'c29tZQ==', headers=[('content-encoding', b'base64')])
producer.close()
""",
        {"foobar": [b"c29tZQ=="]},
        headers={"foobar": [[("content-encoding", b"base64")]]},
    ),
    Program(
        "kafka-python, README: metrics",
        """
from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers='localhost:1234')
producer.send('foobar', b'1').get()
metrics = producer.metrics()
print(metrics['producer-metrics']['record-send-rate'] >= 0)
producer.close()
""",
        {"foobar": [b"1"]},
        printed=r"True\n",
    ),
    Program(
        "kafka-python, documentation: usage of KafkaProducer",
        """
import json
import logging
import pickle

from kafka import KafkaProducer
from kafka.errors import KafkaError

log = logging.getLogger('program')
SERVERS = ['localhost:1234']
producer = KafkaProducer(bootstrap_servers=SERVERS)

# Synchronously.
future = producer.send('my-topic', b'raw_bytes')
try:
    record_metadata = future.get(timeout=10)
except KafkaError:
    log.exception('not sent')
else:
    print(record_metadata.partition, record_metadata.offset)

# By key.
producer.send('my-topic', key=b'foo', value=b'bar')
producer.flush()

# Objects.
pickling = KafkaProducer(bootstrap_servers=SERVERS, value_serializer=pickle.dumps)
pickling.send('pickle-topic', {'key': 'value'})
pickling.flush()
writing = KafkaProducer(
    bootstrap_servers=SERVERS, value_serializer=lambda m: json.dumps(m).encode('ascii')
)
writing.send('json-topic', {'key': 'value'})
writing.flush()

# Asynchronously.
for _ in range(100):
    producer.send('my-topic', b'msg')


def on_send_success(record_metadata):
    print('sent to', record_metadata.partition, record_metadata.offset)


def on_send_error(excp):
    log.error('not sent', exc_info=excp)


producer.send('my-topic', b'last').add_callback(on_send_success).add_errback(on_send_error)
producer.flush()

persistent = KafkaProducer(bootstrap_servers=SERVERS, retries=5)
for each in (producer, pickling, writing, persistent):
    each.close()
""",
        {
            "my-topic": [b"raw_bytes", b"bar", *[b"msg"] * 100, b"last"],
            "json-topic": [b'{"key": "value"}'],
            # A protocol of pickle may come after the one of today.
            "pickle-topic": [],
        },
        printed=r"0 0\nsent to 0 102\n",
    ),
    Program(
        "kafka-python: in a with block, with arguments for callbacks",
        """
import kafka

delivered = []


def note(order, metadata):
    delivered.append((order, metadata.offset))


with kafka.KafkaProducer(bootstrap_servers='localhost:1234', acks=1, linger_ms=10,
                         enable_idempotence=False) as producer:
    for order in range(3):
        producer.send('orders', b'%d' % order).add_callback(note, order)
print(delivered)
print(isinstance(delivered[0], tuple), kafka.TopicPartition('orders', 0).partition)
""",
        {"orders": [b"0", b"1", b"2"]},
        printed=r"\[\(0, 0\), \(1, 1\), \(2, 2\)\]\nTrue 0\n",
    ),
    Program(
        "kafka-python: a partitioner and a serializer of one's own",
        """
from kafka import KafkaProducer
from kafka.partitioner import Partitioner
from kafka.serializer import Serializer


class ByRegion(Partitioner):
    def partition(self, topic, key, serialized_key, value, serialized_value, cluster):
        partitions = sorted(cluster.partitions_for_topic(topic))
        return partitions[len(value['region']) % len(partitions)]


class Reprs(Serializer):
    def serialize(self, topic, headers, data):
        return repr(data).encode()


producer = KafkaProducer(bootstrap_servers='localhost:1234', partitioner=ByRegion(),
                         value_serializer=Reprs())
for region in ('a', 'bb', 'ccc'):
    print(producer.send('regions', {'region': region}).get(timeout=10).partition)
producer.close()
""",
        {"regions": [b"{'region': 'ccc'}", b"{'region': 'a'}", b"{'region': 'bb'}"]},
        partitions=3,
        printed=r"1\n2\n0\n",
    ),
    Program(
        "aiokafka, README: send_one",
        """
from aiokafka import AIOKafkaProducer
import asyncio


async def send_one():
    producer = AIOKafkaProducer(bootstrap_servers='localhost:9092')
    await producer.start()
    try:
        await producer.send_and_wait("my_topic", b"Super message")
    finally:
        await producer.stop()

asyncio.run(send_one())
""",
        {"my_topic": [b"Super message"]},
    ),
    Program(
        "aiokafka, documentation: what send returns",
        """
import asyncio
from aiokafka import AIOKafkaProducer


async def main():
    producer = AIOKafkaProducer(bootstrap_servers='localhost:9092', acks='all')
    await producer.start()
    try:
        future = await producer.send("my_topic", b"value", key=b"key", timestamp_ms=1234)
        found = await future
        print(found.partition, found.offset, found.timestamp, found.timestamp_type)
    finally:
        await producer.stop()

asyncio.run(main())
""",
        {"my_topic": [b"value"]},
        printed=r"0 0 1234 0\n",
        keys={"my_topic": [b"key"]},
    ),
    Program(
        "aiokafka, documentation: a context manager, with idempotence",
        """
import asyncio
from aiokafka import AIOKafkaProducer


async def main():
    async with AIOKafkaProducer(bootstrap_servers='localhost:9092',
                                enable_idempotence=True) as producer:
        waits = [producer.send_and_wait("my_topic", b"%d" % number) for number in range(10)]
        metadata = await asyncio.gather(*waits)
    print(sorted(found.offset for found in metadata) == list(range(10)))

asyncio.run(main())
""",
        {"my_topic": [b"%d" % number for number in range(10)]},
        printed=r"True\n",
    ),
    Program(
        "aiokafka, documentation: JSON and compression",
        """
import asyncio
import json
from aiokafka import AIOKafkaProducer


def serializer(value):
    return json.dumps(value).encode()


async def produce():
    producer = AIOKafkaProducer(bootstrap_servers='localhost:9092', value_serializer=serializer,
                                compression_type="gzip")
    await producer.start()
    for data in ({"a": 123.45, "b": "some string"}, [1, 2, 3]):
        await producer.send('foobar', data)
    await producer.stop()

asyncio.run(produce())
""",
        {"foobar": [b'{"a": 123.45, "b": "some string"}', b"[1, 2, 3]"]},
    ),
    Program(
        "aiokafka, documentation: batches",
        """
import asyncio
import random
from aiokafka.producer import AIOKafkaProducer


async def send_many(producer, topic, count):
    batch = producer.create_batch()
    number = 0
    while number < count:
        metadata = batch.append(key=None, value=b"Test message %d" % number, timestamp=None)
        if metadata is None:
            partition = random.choice(tuple(await producer.partitions_for(topic)))
            await producer.send_batch(batch, topic, partition=partition)
            print("%d messages sent to partition %d" % (batch.record_count(), partition))
            batch = producer.create_batch()
            continue
        number += 1
    partition = random.choice(tuple(await producer.partitions_for(topic)))
    await producer.send_batch(batch, topic, partition=partition)
    print("%d messages sent to partition %d" % (batch.record_count(), partition))


async def main():
    producer = AIOKafkaProducer(bootstrap_servers='localhost:9092')
    await producer.start()
    try:
        await send_many(producer, 'my_topic', 2000)
    finally:
        await producer.stop()

asyncio.run(main())
""",
        {"my_topic": [b"Test message %d" % number for number in range(2000)]},
        printed=r"(\d+ messages sent to partition 0\n){3,}",
    ),
    Program(
        "aiokafka, documentation: errors of send",
        """
import asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError


async def main():
    producer = AIOKafkaProducer(bootstrap_servers='localhost:9092', max_request_size=1000)
    await producer.start()
    try:
        for value in (b'1', b'x' * 2000, b'3'):
            try:
                future = await producer.send('foobar', value)
                print('sent', (await future).offset)
            except KafkaTimeoutError:
                print('too late')
            except KafkaError as error:
                print('failed', type(error).__name__)
    finally:
        await producer.stop()

asyncio.run(main())
""",
        {"foobar": [b"1", b"3"]},
        printed=r"sent 0\nfailed MessageSizeTooLargeError\nsent 1\n",
    ),
    Program(
        "aiokafka, documentation: a partitioner of one's own",
        """
import asyncio
from aiokafka import AIOKafkaProducer


def by_length(key, all_partitions, available_partitions):
    return sorted(all_partitions)[len(key) % len(all_partitions)]


async def main():
    async with AIOKafkaProducer(bootstrap_servers='localhost:9092', partitioner=by_length,
                                key_serializer=str.encode) as producer:
        for key in ('a', 'bb', 'ccc'):
            print((await producer.send_and_wait('foobar', b'1', key=key)).partition)

asyncio.run(main())
""",
        {"foobar": [b"1"] * 3},
        partitions=3,
        printed=r"1\n2\n0\n",
        keys={"foobar": [b"ccc", b"a", b"bb"]},
    ),
]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program(
    program: Program, library: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    text = re.sub(r"localhost:\d+", cluster.bootstrap_servers, program.text)
    topics = {name: cluster.topic(program.partitions) for name in program.topics}
    for name, topic in topics.items():
        text = re.sub(f"(['\"]){name}(['\"])", rf"\1{topic}\2", text)
    names = run(text, library)
    producer = names.get("producer")
    if producer is not None:
        producer.close()

    assert re.fullmatch(program.printed, capsys.readouterr().out)
    for name, values in program.topics.items():
        records = cluster.records(topics[name])
        if values:
            assert [record.value for record in records] == values
        else:
            assert len(records) == 1
        if name in program.keys:
            assert [record.key for record in records] == program.keys[name]
        if name in program.headers:
            assert [record.headers for record in records] == program.headers[name]


# The situations.


@dataclass
class Situation:
    """Something that goes wrong, and the `except` clauses that meet it."""

    name: str
    code: str
    clauses: str
    """The errors to be caught, the narrowest first."""
    configs: str = ""
    prepare: Callable[[Gate], None] | None = None
    """What happens to the cluster once the producer has sent a record."""


CONFIGURED = """
from kafka import KafkaProducer
from kafka.errors import *
from kafka.errors import KafkaError

caught = []
try:
    {code}
{clauses}
"""

STARTED = """
import time
from kafka import KafkaProducer
from kafka.errors import *
from kafka.errors import KafkaError

caught = []
producer = KafkaProducer(bootstrap_servers=ADDRESS, {configs})
producer.send('t', b'first').get(timeout=60)
prepare()
try:
    {code}
{clauses}
"""


def clauses_of(names: str, indent: str) -> str:
    """An `except` clause for each of the names, all of which the error passes through."""
    lines = ["except Exception as error:"]
    for name in names.split(", "):
        lines += [
            "    try:",
            "        raise error",
            f"    except {name}:",
            f"        caught.append({name!r})",
        ]
    return "\n".join(indent + line for line in lines)


QUICK = "request_timeout_ms=200, delivery_timeout_ms=400, max_block_ms=200"

SITUATIONS = [
    Situation("get in vain", "producer.send('t', b'1').get(timeout=0.05)",
              "KafkaTimeoutError, RetriableError, KafkaError", "", Gate.hold_answers),
    Situation("flush in vain", "producer.send('t', b'1'); producer.flush(timeout=0.05)",
              "KafkaTimeoutError, KafkaError", "", Gate.hold_answers),
    Situation("a record isn't acknowledged in time", "producer.send('t', b'1').get(timeout=60)",
              "KafkaTimeoutError, RetriableError, KafkaError", QUICK, Gate.hold_answers),
    Situation("the broker is gone", "producer.send('t', b'1').get(timeout=60)",
              "KafkaTimeoutError, RetriableError, KafkaError", QUICK, Gate.close),
    Situation("no metadata", "producer.send('another', b'1')",
              "KafkaTimeoutError, RetriableError, KafkaError", QUICK,
              lambda gate: gate.hold_requests(METADATA)),
    Situation("partitions_for without metadata", "producer.partitions_for('another')",
              "KafkaTimeoutError, KafkaError", QUICK, lambda gate: gate.hold_requests(METADATA)),
    Situation("too large for the producer", "producer.send('t', b'x' * 2000)",
              "MessageSizeTooLargeError, BrokerResponseError, KafkaError", "max_request_size=1000"),
    Situation("too large for the broker", "producer.send('t', b'x' * 2_000_000).get(timeout=60)",
              "MessageSizeTooLargeError, BrokerResponseError, KafkaError",
              "max_request_size=4_000_000"),
    Situation("refused by the broker",
              "producer.send('t', b'1', timestamp_ms=int(time.time() * 1000) + 10**9).get(60)",
              "InvalidTimestampError, BrokerResponseError, KafkaError"),
    Situation("closed", "producer.close(); producer.send('t', b'1')",
              "IllegalStateError, KafkaError"),
    Situation("unknown partition", "producer.send('t', b'1', partition=7)", "ValueError"),
    Situation("negative partition", "producer.send('t', b'1', partition=-1)", "ValueError"),
    Situation("illegal topic", "producer.send('two words', b'1')", "ValueError"),
    Situation("no topic", "producer.send('', b'1')", "ValueError"),
    Situation("neither key nor value", "producer.send('t')", "ValueError"),
    Situation("text", "producer.send('t', 'text')", "TypeError"),
    Situation("headers in a tuple", "producer.send('t', b'1', headers=(('a', b'1'),))",
              "TypeError"),
    Situation("a header of text", "producer.send('t', b'1', headers=[('a', '1')])", "TypeError"),
    Situation("negative timeout of close", "producer.close(timeout=-1)", "ValueError"),
    Situation("a transaction without an id", "producer.begin_transaction()",
              "IllegalStateError, KafkaError"),
]

WITHOUT_PRODUCER = [
    Situation("no broker", "KafkaProducer(bootstrap_servers=NOBODY, bootstrap_timeout_ms=200)",
              "KafkaTimeoutError, RetriableError, KafkaError"),
    Situation("unknown keyword", "KafkaProducer(bootstrap_servers=ADDRESS, nonsense=1)",
              "ValueError"),
    Situation("unknown compression",
              "KafkaProducer(bootstrap_servers=ADDRESS, compression_type='rar')", "ValueError"),
    Situation("idempotence without acks",
              "KafkaProducer(bootstrap_servers=ADDRESS, enable_idempotence=True, acks=0)",
              "KafkaConfigurationError, KafkaError"),
    Situation("a short time for delivery",
              "KafkaProducer(bootstrap_servers=ADDRESS, delivery_timeout_ms=10)",
              "KafkaConfigurationError, KafkaError"),
]


ASYNC_CONFIGURED = """
import asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.errors import *
from aiokafka.errors import KafkaError

caught = []

async def main():
    try:
        {code}
{clauses}

asyncio.run(main())
"""

ASYNC_STARTED = """
import asyncio
import time
from aiokafka import AIOKafkaProducer
from aiokafka.errors import *
from aiokafka.errors import IllegalOperation, KafkaError

caught = []

async def main():
    producer = AIOKafkaProducer(bootstrap_servers=ADDRESS, {configs})
    await producer.start()
    await producer.send_and_wait('t', b'first')
    await asyncio.to_thread(prepare)
    try:
        {code}
{clauses}
    await asyncio.to_thread(let_go)
    await producer.stop()

asyncio.run(main())
"""

QUICK_TOO = "request_timeout_ms=300"

ASYNC_SITUATIONS = [
    Situation("a record isn't acknowledged in time", "await producer.send_and_wait('t', b'1')",
              "RequestTimedOutError, KafkaError", QUICK_TOO, Gate.hold_answers),
    Situation("the broker is gone", "await producer.send_and_wait('t', b'1')",
              "KafkaError", QUICK_TOO, Gate.close),
    Situation("no metadata", "await producer.send('another', b'1')",
              "UnknownTopicOrPartitionError, KafkaError", QUICK_TOO,
              lambda gate: gate.hold_requests(METADATA)),
    Situation("partitions_for without metadata", "await producer.partitions_for('another')",
              "UnknownTopicOrPartitionError, KafkaError", QUICK_TOO,
              lambda gate: gate.hold_requests(METADATA)),
    Situation("waiting in vain", "await asyncio.wait_for(producer.send_and_wait('t', b'1'), 0.05)",
              "asyncio.TimeoutError", "", Gate.hold_answers),
    Situation("too large for the producer", "await producer.send('t', b'x' * 2000)",
              "MessageSizeTooLargeError, BrokerResponseError, KafkaError", "max_request_size=1000"),
    Situation("too large for the broker", "await producer.send_and_wait('t', b'x' * 2_000_000)",
              "MessageSizeTooLargeError, BrokerResponseError, KafkaError",
              "max_request_size=4_000_000, max_batch_size=4_000_000"),
    Situation("refused by the broker",
              "late = int(time.time() * 1000) + 10**9;"
              " await producer.send_and_wait('t', b'1', timestamp_ms=late)",
              "InvalidTimestampError, BrokerResponseError, KafkaError"),
    Situation("closed", "await producer.stop(); await producer.send('t', b'1')",
              "ProducerClosed, KafkaError"),
    Situation("unknown partition", "await producer.send('t', b'1', partition=7)",
              "AssertionError"),
    Situation("negative partition", "await producer.send('t', b'1', partition=-1)",
              "AssertionError"),
    Situation("illegal topic", "await producer.send('two words', b'1')",
              "UnknownTopicOrPartitionError, KafkaError", QUICK_TOO),
    Situation("neither key nor value", "await producer.send('t')", "AssertionError"),
    Situation("text", "await producer.send('t', 'text')", "TypeError"),
    Situation("a key of text", "await producer.send('t', b'1', key='text')", "TypeError"),
    Situation("a header of text", "await producer.send('t', b'1', headers=[('a', '1')])",
              "TypeError"),
    Situation("a transaction without an id", "await producer.begin_transaction()",
              "IllegalOperation"),
    Situation("an unknown partition of a batch",
              "batch = producer.create_batch();"
              " batch.append(key=None, value=b'1', timestamp=None);"
              " await producer.send_batch(batch, 't', partition=7)",
              "AssertionError"),
]

ASYNC_WITHOUT_PRODUCER = [
    Situation("no broker",
              "await AIOKafkaProducer(bootstrap_servers=NOBODY, request_timeout_ms=200).start()",
              "KafkaConnectionError, KafkaError"),
    Situation("unknown acks", "AIOKafkaProducer(bootstrap_servers=ADDRESS, acks=5)", "ValueError"),
    Situation("unknown compression",
              "AIOKafkaProducer(bootstrap_servers=ADDRESS, compression_type='rar')", "ValueError"),
    Situation("idempotence without acks",
              "AIOKafkaProducer(bootstrap_servers=ADDRESS, enable_idempotence=True, acks=1)",
              "ValueError"),
]


def check(situation: Situation, template: str, library: str, gate: Gate) -> dict[str, Any]:
    """Runs the situation's program; the error must pass each of its clauses."""
    indent = "    " if "async def" in template else ""
    program = template.format(
        code=situation.code,
        clauses=clauses_of(situation.clauses, indent),
        configs=situation.configs,
    )
    prepare = situation.prepare or (lambda gate: None)
    names = run(
        program,
        library,
        ADDRESS=gate.bootstrap_servers,
        # Nobody listens there.
        NOBODY="127.0.0.1:1",
        prepare=lambda: prepare(gate),
        let_go=gate.let_go,
    )
    assert names["caught"] == situation.clauses.split(", ")
    return names


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_clauses_of_kafka_python(situation: Situation, library: str, gate: Gate) -> None:
    names = check(situation, STARTED, library, gate)
    gate.let_go()
    # The original raises if there is something left.
    with contextlib.suppress(Exception):
        names["producer"].close(timeout=0)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("situation", WITHOUT_PRODUCER, ids=lambda situation: situation.name)
def test_clauses_of_kafka_pythons_constructor(
    situation: Situation, library: str, gate: Gate
) -> None:
    check(situation, CONFIGURED, library, gate)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("situation", ASYNC_SITUATIONS, ids=lambda situation: situation.name)
def test_clauses_of_aiokafka(situation: Situation, library: str, gate: Gate) -> None:
    check(situation, ASYNC_STARTED, library, gate)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("situation", ASYNC_WITHOUT_PRODUCER, ids=lambda situation: situation.name)
def test_clauses_of_aiokafkas_start(situation: Situation, library: str, gate: Gate) -> None:
    check(situation, ASYNC_CONFIGURED, library, gate)
