"""Partitioners: the Java client's choices, and when a sticky one goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from raban.partitioner import DefaultPartitioner, Partitioner, StickyPartitioner, murmur2

GOLDEN = Path(__file__).parents[2] / "crates/raban-core/tests/golden/murmur2.tsv"


class Topics:
    """A cluster: each topic's partitions, and whether they have a leader."""

    def __init__(self, **topics: dict[int, bool]) -> None:
        self.known = topics

    def topics(self) -> set[str]:
        return set(self.known)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(self.known[topic]) if topic in self.known else None

    def available_partitions_for_topic(self, topic: str) -> set[int] | None:
        if topic not in self.known:
            return None
        return {partition for partition, leader in self.known[topic].items() if leader}


def all_up(count: int) -> dict[int, bool]:
    return dict.fromkeys(range(count), True)


def chosen(
    partitioner: Partitioner, cluster: Topics, key: bytes | None = None, topic: str = "t"
) -> int:
    return partitioner.partition(topic, key, key, None, b"value", cluster)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the Java client's choices are in the repository")
def test_keys_go_where_the_java_client_sends_them() -> None:
    # Each line has a key in hexadecimal, and its partition of 1, 3, 7 and 100.
    lines = GOLDEN.read_text().splitlines()
    assert len(lines) > 100
    for line in lines:
        key, *expected = line.split("\t")
        for count, partition in zip([1, 3, 7, 100], expected, strict=True):
            data = bytes.fromhex(key)
            assert chosen(DefaultPartitioner(), Topics(t=all_up(count)), data) == int(partition)
            assert chosen(StickyPartitioner(), Topics(t=all_up(count)), data) == int(partition)


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        (b"abc", 479_470_107),
    ],
)
def test_the_hash_is_javas_without_its_sign(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


def test_the_hash_is_kafka_pythons() -> None:
    theirs = pytest.importorskip("kafka.partitioner").murmur2
    for length in range(40):
        key = bytes(range(250 - length, 250))
        assert murmur2(key) == theirs(key)


def test_a_keys_partition_needs_no_leader_and_keeps_gaps() -> None:
    cluster = Topics(t={7: False, 3: False, 5: True})
    index = (murmur2(b"k") & 0x7FFFFFFF) % 3
    assert chosen(DefaultPartitioner(), cluster, b"k") == [3, 5, 7][index]


@pytest.mark.parametrize("partitioner", [DefaultPartitioner(), StickyPartitioner()])
def test_without_a_key_a_partition_with_a_leader_is_chosen(partitioner: Partitioner) -> None:
    cluster = Topics(t={0: False, 1: True, 2: False})
    assert {chosen(partitioner, cluster) for _ in range(20)} == {1}
    none_up = Topics(t={0: False, 1: False})
    assert {chosen(partitioner, none_up) for _ in range(20)} <= {0, 1}


@pytest.mark.parametrize("partitioner", [DefaultPartitioner(), StickyPartitioner()])
@pytest.mark.parametrize("key", [None, b"k"])
def test_an_unknown_topic_is_refused(partitioner: Partitioner, key: bytes | None) -> None:
    for cluster in [Topics(), Topics(t={})]:
        with pytest.raises(ValueError, match="topic t is not in the cluster's metadata"):
            chosen(partitioner, cluster, key)


def test_the_default_can_be_called_as_in_kafka_python_2_and_aiokafka() -> None:
    theirs: Any = pytest.importorskip("aiokafka.partitioner").DefaultPartitioner()
    ours = DefaultPartitioner()
    for number in range(50):
        key = str(number).encode()
        assert ours(key, [0, 1, 2], [1]) == theirs(key, [0, 1, 2], [1])
    assert ours(None, [0, 1, 2], [1]) == 1
    assert ours(None, [4], []) == 4


def test_a_sticky_one_goes_on_with_each_new_batch() -> None:
    partitioner, cluster = StickyPartitioner(), Topics(t=all_up(3), u=all_up(3))
    first = chosen(partitioner, cluster)
    other_topic = chosen(partitioner, cluster, topic="u")
    assert {chosen(partitioner, cluster) for _ in range(20)} == {first}
    partitioner.on_new_batch("t", cluster, first)
    second = chosen(partitioner, cluster)
    assert second != first
    # What another thread tells late changes nothing.
    for _ in range(20):
        partitioner.on_new_batch("t", cluster, first)
    assert chosen(partitioner, cluster) == second
    assert chosen(partitioner, cluster, topic="u") == other_topic


def test_a_sticky_one_leaves_partitions_that_are_gone() -> None:
    partitioner = StickyPartitioner()
    assert chosen(partitioner, Topics(t={0: True, 1: False})) == 0
    assert chosen(partitioner, Topics(t={0: False, 1: True})) == 1
    assert chosen(partitioner, Topics(t={0: False})) == 0
    partitioner.on_new_batch("t", Topics(), 0)
    partitioner.on_new_batch("t", Topics(t={0: False}), 0)
    assert chosen(partitioner, Topics(t={0: True})) == 0
