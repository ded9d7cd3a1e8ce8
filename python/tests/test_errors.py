"""The trees of errors beside kafka-python's and aiokafka's, and what native errors become."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType
from typing import Any

import pytest

from raban import errors
from raban.aio import errors as aio_errors

# These put words of their own into what they print.
OWN_WORDS = {"CommitFailedError", "LogTruncationError"}

# aiokafka knows no producer's error as an IllegalStateError; here kafka-python's clauses catch it.
EXTRA_IN_AIO = {("ProducerClosed", "IllegalStateError")}


def classes(module: ModuleType) -> dict[str, Any]:
    """A module's own errors by each of their names."""
    return {
        name: error
        for name, error in vars(module).items()
        if isinstance(error, type)
        and issubclass(error, Exception)
        and error.__module__ == module.__name__
    }


def traits(error: Any) -> tuple[Any, ...]:
    """What programs read of a class."""
    names = ["retriable", "invalid_metadata", "errno", "message"]
    return tuple(getattr(error, name, None) for name in names)


def differing_relations(theirs: dict[str, Any], ours: ModuleType) -> set[tuple[str, str]]:
    """Pairs of names of which one is a kind of the other here but not there, or the reverse."""
    return {
        (name, base)
        for name in theirs
        for base in theirs
        if issubclass(theirs[name], theirs[base])
        != issubclass(getattr(ours, name), getattr(ours, base))
    }


def test_the_tree_is_that_of_kafka_python() -> None:
    kafka = pytest.importorskip("kafka.errors")
    theirs = classes(kafka)
    assert len(theirs) > 150
    for name, error in theirs.items():
        ours = getattr(errors, name)
        assert traits(ours) == traits(error), name
        assert ours.__name__ == error.__name__
        if name != "KafkaError":
            bases = [base.__name__ for base in ours.__bases__]
            assert bases == [base.__name__ for base in error.__bases__], name
    assert differing_relations(theirs, errors) == set()
    assert issubclass(errors.KafkaError, RuntimeError)


def test_codes_are_those_of_kafka_python() -> None:
    kafka = pytest.importorskip("kafka.errors")
    # AuthorizationError, which has no code, is listed there too.
    theirs = {code: error for code, error in kafka.kafka_errors.items() if code is not None}
    assert {code: error.__name__ for code, error in errors.kafka_errors.items()} == {
        code: error.__name__ for code, error in theirs.items()
    }
    for code in [*theirs, 128, 9999, -2]:
        ours, there = errors.for_code(code), kafka.for_code(code)
        assert (ours.__name__, traits(ours)) == (there.__name__, traits(there))
        assert str(ours("x")) == str(there("x"))


def test_errors_print_and_compare_as_in_kafka_python() -> None:
    kafka = pytest.importorskip("kafka.errors")
    for name, error in classes(kafka).items():
        ours = getattr(errors, name)
        for args in [("one",), ("one", 2), ({"one"},), (None,)]:
            if name != "LogTruncationError":
                assert str(ours(*args)) == str(error(*args)), name
            assert ours(*args) == ours(*args)
            assert ours(*args) != ours("other")
        if name not in OWN_WORDS:
            assert str(ours()) == str(error()), name


def test_the_tree_is_that_of_aiokafka() -> None:
    aiokafka = pytest.importorskip("aiokafka.errors")
    theirs = classes(aiokafka)
    assert len(theirs) > 100
    for name, error in theirs.items():
        ours = getattr(aio_errors, name)
        assert traits(ours) == traits(error), name
        assert ours.__name__ == error.__name__
        # Without a code aiokafka's base class can't be printed.
        if name not in OWN_WORDS | {"BrokerResponseError"}:
            assert str(ours("x")) == str(error("x"))
    assert differing_relations(theirs, aio_errors) == EXTRA_IN_AIO
    assert set(aiokafka.__all__) <= set(aio_errors.__all__)
    assert {code: error.__name__ for code, error in aio_errors.kafka_errors.items()} == {
        code: error.__name__ for code, error in aiokafka.kafka_errors.items()
    }


def test_aiokafkas_clauses_catch_codes_that_aiokafka_does_not_know() -> None:
    aiokafka = pytest.importorskip("aiokafka.errors")
    for code in [*range(-1, 140), 9999]:
        ours = aio_errors.for_code(code)
        assert issubclass(ours, getattr(aio_errors, aiokafka.for_code(code).__name__)), code
        assert ours.errno == code
        assert aio_errors.for_code(code) is ours


def test_kafka_pythons_clauses_catch_aio_errors() -> None:
    for name, error in classes(aio_errors).items():
        if issubclass(error, errors.KafkaError) and hasattr(errors, name):
            assert issubclass(error, getattr(errors, name)) or name == "IncompatibleBrokerVersion"
    for code, error in errors.kafka_errors.items():
        assert issubclass(aio_errors.for_code(code), error), code


@pytest.mark.parametrize(
    "name",
    [
        "AuthenticationFailedError",
        "AuthenticationMethodNotSupported",
        "BrokerNotAvailableError",
        "CorruptRecordException",
        "FailedPayloadsError",
        "GroupCoordinatorNotAvailableError",
        "GroupLoadInProgressError",
        "InvalidMessageError",
        "KafkaUnavailableError",
        "NoBrokersAvailable",
        "NotCoordinatorForGroupError",
        "NotLeaderForPartitionError",
        "ProtocolError",
        "RequestTimedOutError",
        "StaleLeaderEpochCodeError",
    ],
)
def test_names_of_kafka_python_2_are_there(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.KafkaError)


def test_no_broker_is_what_both_versions_of_kafka_python_say() -> None:
    with pytest.raises(errors.KafkaTimeoutError):
        raise errors.NoBrokersAvailable
    assert errors.NoBrokersAvailable().retriable and errors.NoBrokersAvailable().invalid_metadata


def test_each_code_tells_what_it_means() -> None:
    for error in errors.kafka_errors.values():
        assert error.description and error.description.endswith("."), error
        assert error.__doc__ == error.description
    described = [error.description for error in errors.kafka_errors.values()]
    assert len(set(described)) == len(described)


KINDS = {
    "RecordTooLarge": (errors.MessageSizeTooLargeError, aio_errors.MessageSizeTooLargeError),
    "InvalidTimestamp": (ValueError, ValueError),
    "InvalidTopic": (ValueError, aio_errors.InvalidTopicError),
    "InvalidPartition": (ValueError, AssertionError),
    "MetadataTimeout": (errors.KafkaTimeoutError, aio_errors.UnknownTopicOrPartitionError),
    "BootstrapUnresolved": (errors.NoBrokersAvailable, aio_errors.KafkaConnectionError),
    "NotConnected": (errors.NoBrokersAvailable, aio_errors.KafkaConnectionError),
    "TopicRefused": (errors.KafkaError, aio_errors.KafkaError),
    "MemoryTimeout": (errors.KafkaTimeoutError, aio_errors.KafkaTimeoutError),
    "Closed": (errors.IllegalStateError, aio_errors.ProducerClosed),
    "DeliveryTimeout": (errors.KafkaTimeoutError, aio_errors.KafkaTimeoutError),
    "Rejected": (errors.KafkaError, aio_errors.KafkaError),
    "RetriesExhausted": (errors.KafkaTimeoutError, aio_errors.KafkaTimeoutError),
    "Aborted": (errors.IllegalStateError, aio_errors.ProducerClosed),
    "Purged": (errors.IllegalStateError, aio_errors.IllegalStateError),
    "Unresolved": (errors.DeliveryInDoubtError, aio_errors.DeliveryInDoubtError),
    "Serialize": (ValueError, ValueError),
    "InCallback": (errors.IllegalStateError, aio_errors.IllegalStateError),
    "Compression": (errors.UnsupportedCodecError, aio_errors.UnsupportedCodecError),
    "Timeout": (errors.KafkaTimeoutError, aio_errors.KafkaTimeoutError),
    "Forked": (errors.IllegalStateError, aio_errors.IllegalStateError),
    "SomethingNew": (errors.KafkaError, aio_errors.KafkaError),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("written", [False, True])
def test_native_errors_become_the_libraries_errors(kind: str, written: bool) -> None:
    for from_native, expected in zip(
        [errors.from_native, aio_errors.from_native], KINDS[kind], strict=True
    ):
        error = from_native(kind, None, "why, and what to do", written)
        assert isinstance(error, expected)
        assert "why, and what to do" in str(error)
        assert getattr(error, "may_have_been_written") is written
        for twin in [copy.copy(error), pickle.loads(pickle.dumps(error))]:
            assert type(twin) is type(error) and twin.args == error.args
            assert getattr(twin, "may_have_been_written") is written


def test_in_aio_too_kafka_pythons_clause_catches_each_kind() -> None:
    for kind, (expected, _) in KINDS.items():
        error = aio_errors.from_native(kind, None, "why", False)
        # There start() can't reach a broker with another error than the constructor here.
        if expected is not errors.NoBrokersAvailable:
            assert isinstance(error, expected), kind


@pytest.mark.parametrize("kind", ["TopicRefused", "Rejected", "RetriesExhausted"])
def test_a_brokers_answer_becomes_the_class_of_its_code(kind: str) -> None:
    for module in [errors, aio_errors]:
        error = module.from_native(kind, 29, "topic t is refused: grant WRITE", False)
        assert type(error) is errors.TopicAuthorizationFailedError
        assert str(error) == (
            "[Error 29] TopicAuthorizationFailedError: topic t is refused: grant WRITE"
        )
        unknown = module.from_native(kind, 9999, "why", False)
        assert isinstance(unknown, errors.UnknownError) and "[Error 9999]" in str(unknown)


def test_a_code_counts_only_where_the_broker_answered_the_record() -> None:
    assert type(errors.from_native("DeliveryTimeout", 19, "why", True)) is errors.KafkaTimeoutError


@pytest.mark.parametrize("code", [47, 90])
def test_in_aio_a_newer_producer_fences_this_one(code: int) -> None:
    error = aio_errors.from_native("Rejected", code, "why", False)
    assert type(error) is aio_errors.ProducerFenced and "why" in str(error)


def test_errors_have_a_hash_though_their_arguments_have_none() -> None:
    one, other = errors.TopicAuthorizationFailedError({"t"}), errors.KafkaError({"t"})
    assert len({one, other, errors.TopicAuthorizationFailedError({"t"})}) == 2


def test_what_is_in_doubt_is_a_timeout_that_must_not_be_repeated_blindly() -> None:
    for error in [errors.DeliveryInDoubtError("x"), aio_errors.DeliveryInDoubtError("x")]:
        assert isinstance(error, errors.KafkaTimeoutError)
        assert error.may_have_been_written and not error.retriable
    assert isinstance(aio_errors.DeliveryInDoubtError("x"), aio_errors.KafkaTimeoutError)
    assert not errors.KafkaError("x").may_have_been_written
