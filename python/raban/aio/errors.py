"""What can go wrong, under aiokafka's names.

The tree is flat, as there: all are a `KafkaError`, those with a broker's code a
`BrokerResponseError`. Each class is that of `raban.errors` or derives from it, so that `except`
clauses written for kafka-python catch these errors, too. A class of its own has another name in
aiokafka, or another value of `retriable`.
"""

from __future__ import annotations

import functools
from typing import Any

from raban import errors
from raban.errors import (
    _ANSWERS,
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    BrokerNotAvailableError,
    BrokerResponseError,
    Cancelled,
    ClusterAuthorizationFailedError,
    CommitFailedError,
    GroupAuthorizationFailedError,
    IllegalArgumentError,
    IllegalGenerationError,
    IllegalSaslStateError,
    IllegalStateError,
    InconsistentGroupProtocolError,
    InvalidCommitOffsetSizeError,
    InvalidConfigurationError,
    InvalidFetchRequestError,
    InvalidGroupIdError,
    InvalidPartitionsError,
    InvalidReplicationAssignmentError,
    InvalidReplicationFactorError,
    InvalidRequestError,
    InvalidRequiredAcksError,
    InvalidSessionTimeoutError,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaConfigurationError,
    KafkaConnectionError,
    KafkaError,
    KafkaStorageError,
    KafkaUnavailableError,
    LeaderNotAvailableError,
    MessageSizeTooLargeError,
    MetadataEmptyBrokerList,
    NoBrokersAvailable,
    NodeNotReadyError,
    NoError,
    NoOffsetForPartitionError,
    NotControllerError,
    NotEnoughReplicasAfterAppendError,
    NotEnoughReplicasError,
    NotLeaderForPartitionError,
    OffsetMetadataTooLargeError,
    OffsetOutOfRangeError,
    PolicyViolationError,
    QuotaViolationError,
    RebalanceInProgressError,
    RecordListTooLargeError,
    RequestTimedOutError,
    StaleControllerEpochError,
    StaleMetadata,
    TooManyInFlightRequests,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownError,
    UnknownMemberIdError,
    UnknownTopicOrPartitionError,
    UnrecognizedBrokerVersion,
    UnsupportedCodecError,
    UnsupportedForMessageFormatError,
    UnsupportedSaslMechanismError,
    UnsupportedVersionError,
)

__all__ = [
    "AuthenticationFailedError",
    "AuthenticationMethodNotSupported",
    "BrokerNotAvailableError",
    "BrokerResponseError",
    "Cancelled",
    "ClusterAuthorizationFailedError",
    "CommitFailedError",
    "ConcurrentTransactions",
    "ConsumerStoppedError",
    "CoordinatorLoadInProgressError",
    "CoordinatorNotAvailableError",
    "CorrelationIdError",
    "CorruptRecordException",
    "DelegationTokenAuthDisabled",
    "DelegationTokenAuthorizationFailed",
    "DelegationTokenExpired",
    "DelegationTokenNotFound",
    "DelegationTokenOwnerMismatch",
    "DelegationTokenRequestNotAllowed",
    "DeliveryInDoubtError",
    "DeliveryTimeoutError",
    "DuplicateSequenceNumber",
    "FetchSessionIdNotFound",
    "GroupAuthorizationFailedError",
    "GroupCoordinatorNotAvailableError",
    "GroupIdNotFound",
    "GroupLoadInProgressError",
    "IllegalArgumentError",
    "IllegalGenerationError",
    "IllegalOperation",
    "IllegalSaslStateError",
    "IllegalStateError",
    "IllegalTopicNameError",
    "IncompatibleBrokerVersion",
    "InconsistentGroupProtocolError",
    "InvalidCommitOffsetSizeError",
    "InvalidConfigurationError",
    "InvalidFetchRequestError",
    "InvalidFetchSessionEpoch",
    "InvalidGroupIdError",
    "InvalidMessageError",
    "InvalidPartitionError",
    "InvalidPartitionsError",
    "InvalidPrincipalType",
    "InvalidProducerEpoch",
    "InvalidProducerIdMapping",
    "InvalidReplicationAssignmentError",
    "InvalidReplicationFactorError",
    "InvalidRequestError",
    "InvalidRequiredAcksError",
    "InvalidSessionTimeoutError",
    "InvalidTimestampError",
    "InvalidTopicError",
    "InvalidTransactionTimeout",
    "InvalidTxnState",
    "KafkaConfigurationError",
    "KafkaConnectionError",
    "KafkaError",
    "KafkaProtocolError",
    "KafkaStorageError",
    "KafkaTimeoutError",
    "KafkaUnavailableError",
    "LeaderNotAvailableError",
    "ListenerNotFound",
    "LogDirNotFound",
    "MemberIdRequired",
    "MessageSizeTooLargeError",
    "MetadataEmptyBrokerList",
    "MetadataTimeoutError",
    "NoBrokersAvailable",
    "NoError",
    "NoOffsetForPartitionError",
    "NodeNotReadyError",
    "NonEmptyGroup",
    "NotControllerError",
    "NotCoordinatorError",
    "NotCoordinatorForGroupError",
    "NotEnoughReplicasAfterAppendError",
    "NotEnoughReplicasError",
    "NotLeaderForPartitionError",
    "OffsetMetadataTooLargeError",
    "OffsetOutOfRangeError",
    "OperationNotAttempted",
    "OutOfOrderSequenceNumber",
    "PolicyViolationError",
    "ProducerClosed",
    "ProducerFenced",
    "QuotaViolationError",
    "ReassignmentInProgress",
    "RebalanceInProgressError",
    "RecordListTooLargeError",
    "RecordTooLargeError",
    "ReplicaNotAvailableError",
    "RequestTimedOutError",
    "SaslAuthenticationFailed",
    "SecurityDisabled",
    "StaleControllerEpochError",
    "StaleLeaderEpochCodeError",
    "StaleMetadata",
    "TooManyInFlightRequests",
    "TopicAlreadyExistsError",
    "TopicAuthorizationFailedError",
    "TransactionCoordinatorFenced",
    "TransactionalIdAuthorizationFailed",
    "UnknownError",
    "UnknownMemberIdError",
    "UnknownProducerId",
    "UnknownTopicOrPartitionError",
    "UnrecognizedBrokerVersion",
    "UnsupportedCodecError",
    "UnsupportedForMessageFormatError",
    "UnsupportedSaslMechanismError",
    "UnsupportedVersionError",
    "for_code",
    "from_native",
    "kafka_errors",
]


class ConsumerStoppedError(Exception):
    """The consumer was stopped while it was read from."""


class IllegalOperation(Exception):
    """The settings don't allow this call, for instance a transaction without transactional_id."""


class KafkaProtocolError(errors.KafkaProtocolError):
    """The other side doesn't speak Kafka's protocol; check address and port."""

    retriable = True


class CorrelationIdError(errors.CorrelationIdError, KafkaProtocolError):
    """An answer belongs to no request that was sent."""


class IncompatibleBrokerVersion(KafkaError):
    """The broker is too old for this call; upgrade it."""


class KafkaTimeoutError(errors.KafkaTimeoutError):
    """It wasn't done within the time that the call or a setting allows."""

    retriable = False


class DeliveryInDoubtError(KafkaTimeoutError, errors.DeliveryInDoubtError):
    """It can't be told whether the record is in the log; look for it before sending it again."""


class RecordTooLargeError(KafkaError):
    """A record is larger than max_partition_fetch_bytes; a consumer's error."""


class ProducerClosed(IllegalStateError):
    """The producer is stopped; start another one."""


class ProducerFenced(KafkaError):
    """A newer producer has the same transactional_id, or the transaction timed out."""

    def __init__(
        self,
        msg: str = (
            "a newer producer has the same transactional_id, or the transaction took longer than "
            "transaction_timeout_ms; stop this producer, and start another one if it was the time"
        ),
    ) -> None:
        super().__init__(msg)


# Those with a broker's code that have another name or another flag than in raban.errors.


class CorruptRecordException(errors.CorruptRecordError):
    pass


class ReplicaNotAvailableError(errors.ReplicaNotAvailableError):
    retriable = False
    invalid_metadata = False


class StaleLeaderEpochCodeError(errors.NetworkExceptionError):
    message = "STALE_LEADER_EPOCH_CODE"
    retriable = False
    invalid_metadata = False


class GroupLoadInProgressError(errors.CoordinatorLoadInProgressError):
    pass


class GroupCoordinatorNotAvailableError(errors.CoordinatorNotAvailableError):
    pass


class NotCoordinatorForGroupError(errors.NotCoordinatorError):
    pass


class OutOfOrderSequenceNumber(errors.OutOfOrderSequenceNumberError):
    pass


class DuplicateSequenceNumber(errors.DuplicateSequenceNumberError):
    pass


class InvalidProducerEpoch(errors.InvalidProducerEpochError):
    pass


class InvalidTxnState(errors.InvalidTxnStateError):
    pass


class InvalidProducerIdMapping(errors.InvalidProducerIdMappingError):
    pass


class InvalidTransactionTimeout(errors.InvalidTransactionTimeoutError):
    pass


class ConcurrentTransactions(errors.ConcurrentTransactionsError):
    retriable = False


class TransactionCoordinatorFenced(errors.TransactionCoordinatorFencedError):
    pass


class TransactionalIdAuthorizationFailed(errors.TransactionalIdAuthorizationFailedError):
    pass


class SecurityDisabled(errors.SecurityDisabledError):
    pass


class OperationNotAttempted(errors.OperationNotAttemptedError):
    pass


class LogDirNotFound(errors.LogDirNotFoundError):
    pass


class SaslAuthenticationFailed(errors.SaslAuthenticationFailedError):
    pass


class UnknownProducerId(errors.UnknownProducerIdError):
    pass


class ReassignmentInProgress(errors.ReassignmentInProgressError):
    pass


class DelegationTokenAuthDisabled(errors.DelegationTokenAuthDisabledError):
    pass


class DelegationTokenNotFound(errors.DelegationTokenNotFoundError):
    pass


class DelegationTokenOwnerMismatch(errors.DelegationTokenOwnerMismatchError):
    pass


class DelegationTokenRequestNotAllowed(errors.DelegationTokenRequestNotAllowedError):
    pass


class DelegationTokenAuthorizationFailed(errors.DelegationTokenAuthorizationFailedError):
    pass


class DelegationTokenExpired(errors.DelegationTokenExpiredError):
    pass


class InvalidPrincipalType(errors.InvalidPrincipalTypeError):
    pass


class NonEmptyGroup(errors.NonEmptyGroupError):
    pass


class GroupIdNotFound(errors.GroupIdNotFoundError):
    pass


class FetchSessionIdNotFound(errors.FetchSessionIdNotFoundError):
    retriable = False


class InvalidFetchSessionEpoch(errors.InvalidFetchSessionEpochError):
    retriable = False


class ListenerNotFound(errors.ListenerNotFoundError):
    retriable = False
    invalid_metadata = False


class MemberIdRequired(errors.MemberIdRequiredError):
    pass


# Other names that programs know these errors by.
InvalidMessageError = CorruptRecordException
CoordinatorLoadInProgressError = GroupLoadInProgressError
CoordinatorNotAvailableError = GroupCoordinatorNotAvailableError
NotCoordinatorError = NotCoordinatorForGroupError


kafka_errors: dict[int, type[BrokerResponseError]] = {
    error.errno: error
    for error in list(globals().values())
    if isinstance(error, type)
    and issubclass(error, BrokerResponseError)
    and error.errno is not None
}
"""The class for each code that aiokafka knows."""


@functools.cache
def for_code(error_code: int) -> type[BrokerResponseError]:
    """The class for a broker's code.

    For a code that isn't in `kafka_errors` it is a subclass of `UnknownError` and of what
    `raban.errors` has for the code.
    """
    known = kafka_errors.get(error_code)
    if known is not None:
        return known
    error = errors.for_code(error_code)
    if issubclass(error, UnknownError):
        return error
    return type(error.__name__, (error, UnknownError), {})


# What aiokafka meets with an assertion, or with another error after a wait. These derive from
# that, and from what it is.


class InvalidPartitionError(ValueError, AssertionError):
    """The topic has no such partition; choose one of those it has."""


class MetadataTimeoutError(UnknownTopicOrPartitionError, errors.KafkaTimeoutError):
    """The topic's partitions weren't known in time; does the topic exist, is a broker reached?"""


class DeliveryTimeoutError(RequestTimedOutError, KafkaTimeoutError):
    """The record wasn't acknowledged in time, for all attempts; does a broker take it?"""

    retriable = True


class IllegalTopicNameError(InvalidTopicError, UnknownTopicOrPartitionError, ValueError):
    """Kafka doesn't allow such a topic's name; choose another one."""

    retriable = False
    invalid_metadata = False


_FROM_NATIVE: dict[str, type[Exception]] = {
    "RecordTooLarge": MessageSizeTooLargeError,
    "InvalidTimestamp": ValueError,
    "InvalidTopic": IllegalTopicNameError,
    "InvalidPartition": InvalidPartitionError,
    "MetadataTimeout": MetadataTimeoutError,
    "MemoryTimeout": KafkaTimeoutError,
    "DeliveryTimeout": DeliveryTimeoutError,
    "Timeout": KafkaTimeoutError,
    "RetriesExhausted": KafkaTimeoutError,
    "BootstrapUnresolved": KafkaConnectionError,
    "NotConnected": KafkaConnectionError,
    "Closed": ProducerClosed,
    "Aborted": ProducerClosed,
    "Purged": IllegalStateError,
    "InCallback": IllegalStateError,
    "Forked": IllegalStateError,
    "Unresolved": DeliveryInDoubtError,
    "Serialize": ValueError,
    "Compression": UnsupportedCodecError,
}

_FENCED = {errors.InvalidProducerEpochError.errno, errors.ProducerFencedError.errno}
"""The codes of a newer producer's taking over."""


def from_native(
    kind: str, code: int | None, message: str, may_have_been_written: bool
) -> BaseException:
    """The exception for an error of the native module, as `raban.errors.from_native` says."""
    error: Exception
    if code in _FENCED and kind in _ANSWERS:
        error = ProducerFenced(message)
    elif code and kind in _ANSWERS:
        error = for_code(code)(message)
    else:
        error = _FROM_NATIVE.get(kind, KafkaError)(message)
    setattr(error, "may_have_been_written", may_have_been_written)
    return error
