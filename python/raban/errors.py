"""What can go wrong: the errors of kafka-python 3, under its names, with the broker's codes.

`KafkaError` is the base of all. Below it are the errors that arise on this side, and
`BrokerResponseError` with one class for each code that a broker can answer with; `for_code` finds
the class. `RetriableError` and the attribute `retriable` say that the same call may succeed later.

Each error of a record has `may_have_been_written`: false means that the record is surely not in
the log, so that sending it again makes no duplicate.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar


class KafkaError(RuntimeError):
    """The base of all of raban's errors."""

    retriable: ClassVar[bool] = False
    """Whether the same call may succeed later."""
    invalid_metadata: ClassVar[bool] = False
    """Whether what was known about brokers and leaders is out of date."""
    may_have_been_written: bool = False
    """Whether the record may be in the log all the same."""

    def __str__(self) -> str:
        name = type(self).__name__
        return f"{name}: {super().__str__()}" if self.args else name

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.args == getattr(other, "args", None)

    def __hash__(self) -> int:
        # Arguments may be sets or dicts, which have no hash.
        return hash((type(self), len(self.args)))


class RetriableError(KafkaError):
    """The same call may succeed later."""

    retriable = True


class InvalidMetadataError(RetriableError):
    """Metadata is out of date; it is fetched anew before the next attempt."""

    invalid_metadata = True


# Errors that arise on this side.


class Cancelled(RetriableError):
    """The request was given up before it was answered."""


class CommitFailedError(KafkaError):
    """The group gave the partitions to another member; poll more often, or process less a time."""

    def __init__(self, *args: Any) -> None:
        super().__init__(
            *args
            or (
                "offsets can't be committed: the group has given the partitions to another member;"
                " poll more often, or process fewer records a time",
            )
        )


class IllegalArgumentError(KafkaError):
    """An argument has a value that isn't allowed; correct the call."""


class IllegalStateError(KafkaError):
    """The call isn't possible now, for instance because the producer is closed."""


class KafkaConfigurationError(KafkaError):
    """Settings contradict each other or need what isn't there; correct them."""


class KafkaConnectionError(InvalidMetadataError):
    """No connection to a broker, or it was lost; see that the broker runs and can be reached."""


class KafkaProtocolError(KafkaError):
    """The other side doesn't speak Kafka's protocol; check address and port."""


class CorrelationIdError(RetriableError, KafkaProtocolError):
    """An answer belongs to no request that was sent."""


class InvalidReceiveError(KafkaProtocolError):
    """An answer has an impossible length; is it a Kafka broker that listens there?"""


class KafkaTimeoutError(RetriableError):
    """It wasn't done within the time that the call or a setting allows."""


class NoBrokersAvailable(KafkaTimeoutError):
    """No broker in bootstrap_servers could be reached; check the addresses, and that one runs."""

    invalid_metadata = True


class DeliveryInDoubtError(KafkaTimeoutError):
    """It can't be told whether the record is in the log; look for it before sending it again."""

    # A kind of timeout, so that programs that don't know it catch it; but who sends the record
    # again without looking may make a duplicate.
    retriable = False
    may_have_been_written = True


class MetadataEmptyBrokerList(RetriableError):
    """The cluster's metadata names no broker."""


class NoOffsetForPartitionError(KafkaError):
    """No offset is committed for the partition, and auto_offset_reset names none."""


class LogTruncationError(KafkaError):
    """The log was cut behind the consumer's position; seek to where it goes on.

    `divergent_offsets` maps each partition to the offset where its log goes on, or to None where
    the broker doesn't know.
    """

    def __init__(self, divergent_offsets: Any, *args: Any) -> None:
        self.divergent_offsets = divergent_offsets
        super().__init__(*args or (f"the logs of these partitions were cut: {divergent_offsets}",))


class NodeNotReadyError(RetriableError):
    """There is no connection to this broker yet."""


class UnknownBrokerIdError(KafkaError):
    """The metadata has no broker of this id."""


class QuotaViolationError(KafkaError):
    """A metric went past its quota."""


class StaleMetadata(InvalidMetadataError):
    """The metadata is older than what is asked of it."""


class TooManyInFlightRequests(RetriableError):
    """The broker hasn't answered max_in_flight_requests_per_connection requests yet."""


class UnrecognizedBrokerVersion(KafkaError):
    """The broker's version can't be told; is it a Kafka broker?"""


class UnsupportedCodecError(KafkaError):
    """The records can't be compressed or decompressed; choose another compression_type."""


class TransactionAbortedError(KafkaError):
    """The record wasn't sent, because its transaction was aborted; begin another one."""

    message: ClassVar[str] = "Failing batch since transaction was aborted"


# Names of kafka-python 2 and 1 that kafka-python 3 doesn't have. raban never raises them.


class AuthenticationMethodNotSupported(KafkaError):
    """The broker doesn't offer this SASL mechanism."""


class AuthenticationFailedError(KafkaError):
    """The broker doesn't accept these credentials."""


class KafkaUnavailableError(KafkaError):
    """No broker can be reached."""


class FailedPayloadsError(KafkaError):
    """Some requests weren't answered."""


class ProtocolError(KafkaError):
    """A message can't be encoded or decoded."""


class AsyncProducerQueueFull(KafkaError):
    """The queue of records to be sent is full."""


# Errors that a broker answers with.


class BrokerResponseError(KafkaError):
    """A broker answered with an error.

    The class has the broker's code (`errno`), its name (`message`), and what it means or what to
    do (`description`).
    """

    errno: ClassVar[int | None] = None
    message: ClassVar[str | None] = None
    description: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__doc__ is None:
            cls.__doc__ = cls.description

    def __str__(self) -> str:
        return f"[Error {self.errno}] {super().__str__()}"


class AuthorizationError(BrokerResponseError):
    """The client may not do this; grant it with kafka-acls, or use other credentials."""


class NoError(BrokerResponseError):
    errno, message = 0, "NO_ERROR"
    description = "No error."


class UnknownError(BrokerResponseError):
    errno, message = -1, "UNKNOWN"
    description = "The broker met an error that it has no code for; its log tells more."


class OffsetOutOfRangeError(BrokerResponseError):
    errno, message = 1, "OFFSET_OUT_OF_RANGE"
    description = "The partition has no such offset; seek to one between its log's start and end."


class CorruptRecordError(BrokerResponseError):
    errno, message = 2, "CORRUPT_MESSAGE"
    description = "The broker found the records damaged, or without a key in a compacted topic."


class UnknownTopicOrPartitionError(InvalidMetadataError, BrokerResponseError):
    errno, message = 3, "UNKNOWN_TOPIC_OR_PARTITION"
    description = "The broker doesn't know the topic or partition; check the name, or create it."


class InvalidFetchRequestError(BrokerResponseError):
    errno, message = 4, "INVALID_FETCH_SIZE"
    description = "The size to fetch is not allowed; ask for more than 0 bytes."


class LeaderNotAvailableError(InvalidMetadataError, BrokerResponseError):
    errno, message = 5, "LEADER_NOT_AVAILABLE"
    description = "The partition has no leader at the moment; one is being elected."


class NotLeaderForPartitionError(InvalidMetadataError, BrokerResponseError):
    errno, message = 6, "NOT_LEADER_FOR_PARTITION"
    description = "Another broker leads the partition now; metadata is fetched anew."


class RequestTimedOutError(RetriableError, BrokerResponseError):
    errno, message = 7, "REQUEST_TIMED_OUT"
    description = "The broker couldn't finish within the request's timeout; replicas may be slow."


class BrokerNotAvailableError(BrokerResponseError):
    errno, message = 8, "BROKER_NOT_AVAILABLE"
    description = "The broker is not running; tools get this, not producers."


class ReplicaNotAvailableError(InvalidMetadataError, BrokerResponseError):
    errno, message = 9, "REPLICA_NOT_AVAILABLE"
    description = "A replica is missing; brokers and tools bear with that."


class MessageSizeTooLargeError(BrokerResponseError):
    errno, message = 10, "MESSAGE_SIZE_TOO_LARGE"
    description = "The topic doesn't take so large a record; raise max.message.bytes or send less."


class StaleControllerEpochError(BrokerResponseError):
    errno, message = 11, "STALE_CONTROLLER_EPOCH"
    description = "The controller has moved to another broker."


class OffsetMetadataTooLargeError(BrokerResponseError):
    errno, message = 12, "OFFSET_METADATA_TOO_LARGE"
    description = "The metadata beside the committed offset is too long; shorten it."


class NetworkExceptionError(InvalidMetadataError, BrokerResponseError):
    errno, message = 13, "NETWORK_EXCEPTION"
    description = "The broker was disconnected before it answered."


class CoordinatorLoadInProgressError(RetriableError, BrokerResponseError):
    errno, message = 14, "COORDINATOR_LOAD_IN_PROGRESS"
    description = "The coordinator is still loading; try again soon."


class CoordinatorNotAvailableError(RetriableError, BrokerResponseError):
    errno, message = 15, "COORDINATOR_NOT_AVAILABLE"
    description = "There is no coordinator yet; try again soon."


class NotCoordinatorError(RetriableError, BrokerResponseError):
    errno, message = 16, "NOT_COORDINATOR"
    description = "Another broker is the coordinator now."


class InvalidTopicError(BrokerResponseError):
    errno, message = 17, "INVALID_TOPIC"
    description = "The topic's name is not allowed, or clients may not write to it; choose another."


class RecordListTooLargeError(BrokerResponseError):
    errno, message = 18, "RECORD_LIST_TOO_LARGE"
    description = "The batch is larger than the topic's segment.bytes; lower batch_size."


class NotEnoughReplicasError(RetriableError, BrokerResponseError):
    errno, message = 19, "NOT_ENOUGH_REPLICAS"
    description = "Fewer replicas are in sync than min.insync.replicas; bring brokers up."


class NotEnoughReplicasAfterAppendError(RetriableError, BrokerResponseError):
    errno, message = 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND"
    description = "The records are in the log, but in too few replicas; bring brokers up."


class InvalidRequiredAcksError(BrokerResponseError):
    errno, message = 21, "INVALID_REQUIRED_ACKS"
    description = "acks must be 0, 1 or all."


class IllegalGenerationError(BrokerResponseError):
    errno, message = 22, "ILLEGAL_GENERATION"
    description = "The consumer group has moved on to another generation; join it anew."


class InconsistentGroupProtocolError(BrokerResponseError):
    errno, message = 23, "INCONSISTENT_GROUP_PROTOCOL"
    description = "The group's members have no assignor in common; align their settings."


class InvalidGroupIdError(BrokerResponseError):
    errno, message = 24, "INVALID_GROUP_ID"
    description = "The group's id must not be empty."


class UnknownMemberIdError(BrokerResponseError):
    errno, message = 25, "UNKNOWN_MEMBER_ID"
    description = "The coordinator doesn't know this member; join the group anew."


class InvalidSessionTimeoutError(BrokerResponseError):
    errno, message = 26, "INVALID_SESSION_TIMEOUT"
    description = "session_timeout_ms is outside of what the broker allows; change it."


class RebalanceInProgressError(BrokerResponseError):
    errno, message = 27, "REBALANCE_IN_PROGRESS"
    description = "The group is being rebalanced; join it anew."


class InvalidCommitOffsetSizeError(BrokerResponseError):
    errno, message = 28, "INVALID_COMMIT_OFFSET_SIZE"
    description = "The offset and its metadata take too many bytes; shorten the metadata."


class TopicAuthorizationFailedError(AuthorizationError):
    errno, message = 29, "TOPIC_AUTHORIZATION_FAILED"
    description = "The client may not use this topic; grant it with kafka-acls."


class GroupAuthorizationFailedError(AuthorizationError):
    errno, message = 30, "GROUP_AUTHORIZATION_FAILED"
    description = "The client may not use this group; grant it with kafka-acls."


class ClusterAuthorizationFailedError(AuthorizationError):
    errno, message = 31, "CLUSTER_AUTHORIZATION_FAILED"
    description = "The client may not do this in the cluster; grant it with kafka-acls."


class InvalidTimestampError(BrokerResponseError):
    errno, message = 32, "INVALID_TIMESTAMP"
    description = "The timestamp is too far from the broker's clock; correct one of them."


class UnsupportedSaslMechanismError(BrokerResponseError):
    errno, message = 33, "UNSUPPORTED_SASL_MECHANISM"
    description = "The broker doesn't offer this SASL mechanism; choose one that it has."


class IllegalSaslStateError(BrokerResponseError):
    errno, message = 34, "ILLEGAL_SASL_STATE"
    description = "The request came at the wrong point of the authentication."


class UnsupportedVersionError(BrokerResponseError):
    errno, message = 35, "UNSUPPORTED_VERSION"
    description = "The broker doesn't have this version of the request; upgrade it."


class IncompatibleBrokerVersion(UnsupportedVersionError):
    description = "The broker is too old for this call; upgrade it."


class TopicAlreadyExistsError(BrokerResponseError):
    errno, message = 36, "TOPIC_ALREADY_EXISTS"
    description = "There is a topic of this name already."


class InvalidPartitionsError(BrokerResponseError):
    errno, message = 37, "INVALID_PARTITIONS"
    description = "The number of partitions must be 1 or more, and can't be lowered."


class InvalidReplicationFactorError(BrokerResponseError):
    errno, message = 38, "INVALID_REPLICATION_FACTOR"
    description = "There must be at least one replica, and no more than there are brokers."


class InvalidReplicationAssignmentError(BrokerResponseError):
    errno, message = 39, "INVALID_REPLICATION_ASSIGNMENT"
    description = "The assignment of replicas to brokers is not valid; correct it."


class InvalidConfigurationError(BrokerResponseError):
    errno, message = 40, "INVALID_CONFIG"
    description = "A setting of the topic or broker is not valid; correct it."


class NotControllerError(RetriableError, BrokerResponseError):
    errno, message = 41, "NOT_CONTROLLER"
    description = "Another broker is the controller now."


class InvalidRequestError(BrokerResponseError):
    errno, message = 42, "INVALID_REQUEST"
    description = "The broker doesn't accept the request as it is; its log tells why."


class UnsupportedForMessageFormatError(BrokerResponseError):
    errno, message = 43, "UNSUPPORTED_FOR_MESSAGE_FORMAT"
    description = "The topic's message format is too old for this request; upgrade the format."


class PolicyViolationError(BrokerResponseError):
    errno, message = 44, "POLICY_VIOLATION"
    description = "The request breaks a policy of the cluster; ask its operators."


class OutOfOrderSequenceNumberError(BrokerResponseError):
    errno, message = 45, "OUT_OF_ORDER_SEQUENCE_NUMBER"
    description = "The sequence number doesn't follow: a batch before this one is not in the log."


class DuplicateSequenceNumberError(BrokerResponseError):
    errno, message = 46, "DUPLICATE_SEQUENCE_NUMBER"
    description = "The broker has this batch already."


class InvalidProducerEpochError(BrokerResponseError):
    errno, message = 47, "INVALID_PRODUCER_EPOCH"
    description = "A newer producer of the same id has taken over, or the transaction timed out."


class InvalidTxnStateError(BrokerResponseError):
    errno, message = 48, "INVALID_TXN_STATE"
    description = "The transaction's state doesn't allow this call; mind the order of the calls."


class InvalidProducerIdMappingError(BrokerResponseError):
    errno, message = 49, "INVALID_PRODUCER_ID_MAPPING"
    description = "The producer's id isn't the one that belongs to its transactional id."


class InvalidTransactionTimeoutError(BrokerResponseError):
    errno, message = 50, "INVALID_TRANSACTION_TIMEOUT"
    description = "transaction_timeout_ms is above the broker's transaction.max.timeout.ms."


class ConcurrentTransactionsError(RetriableError, BrokerResponseError):
    errno, message = 51, "CONCURRENT_TRANSACTIONS"
    description = "The transaction before this one isn't finished yet; try again soon."


class TransactionCoordinatorFencedError(BrokerResponseError):
    errno, message = 52, "TRANSACTION_COORDINATOR_FENCED"
    description = "Another broker is the transaction's coordinator now."


class TransactionalIdAuthorizationFailedError(AuthorizationError):
    errno, message = 53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"
    description = "The client may not use this transactional id; grant it with kafka-acls."


class SecurityDisabledError(BrokerResponseError):
    errno, message = 54, "SECURITY_DISABLED"
    description = "The broker has no security features turned on."


class OperationNotAttemptedError(BrokerResponseError):
    errno, message = 55, "OPERATION_NOT_ATTEMPTED"
    description = "The broker left this part of the request out, because another part failed."


class KafkaStorageError(InvalidMetadataError, BrokerResponseError):
    errno, message = 56, "KAFKA_STORAGE_ERROR"
    description = "The leader's disk failed; another replica takes over."


class LogDirNotFoundError(BrokerResponseError):
    errno, message = 57, "LOG_DIR_NOT_FOUND"
    description = "The broker has no such log directory; see its log.dirs."


class SaslAuthenticationFailedError(BrokerResponseError):
    errno, message = 58, "SASL_AUTHENTICATION_FAILED"
    description = "The broker doesn't accept these credentials; check user and password."


class UnknownProducerIdError(BrokerResponseError):
    errno, message = 59, "UNKNOWN_PRODUCER_ID"
    description = "The broker has forgotten this producer: its records were deleted from the log."


class ReassignmentInProgressError(BrokerResponseError):
    errno, message = 60, "REASSIGNMENT_IN_PROGRESS"
    description = "The partition's replicas are being moved already; wait until that is done."


class DelegationTokenAuthDisabledError(BrokerResponseError):
    errno, message = 61, "DELEGATION_TOKEN_AUTH_DISABLED"
    description = "The broker has no delegation tokens turned on."


class DelegationTokenNotFoundError(BrokerResponseError):
    errno, message = 62, "DELEGATION_TOKEN_NOT_FOUND"
    description = "The broker has no such delegation token; create one."


class DelegationTokenOwnerMismatchError(BrokerResponseError):
    errno, message = 63, "DELEGATION_TOKEN_OWNER_MISMATCH"
    description = "Only the token's owner or renewer may do this."


class DelegationTokenRequestNotAllowedError(BrokerResponseError):
    errno, message = 64, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED"
    description = "Delegation tokens can't be asked for on such a connection; use TLS or SASL."


class DelegationTokenAuthorizationFailedError(AuthorizationError):
    errno, message = 65, "DELEGATION_TOKEN_AUTHORIZATION_FAILED"
    description = "The client may not use this delegation token; grant it with kafka-acls."


class DelegationTokenExpiredError(BrokerResponseError):
    errno, message = 66, "DELEGATION_TOKEN_EXPIRED"
    description = "The delegation token has expired; create another one."


class InvalidPrincipalTypeError(BrokerResponseError):
    errno, message = 67, "INVALID_PRINCIPAL_TYPE"
    description = "The broker doesn't know this type of principal; use User."


class NonEmptyGroupError(BrokerResponseError):
    errno, message = 68, "NON_EMPTY_GROUP"
    description = "The group still has members; stop them first."


class GroupIdNotFoundError(BrokerResponseError):
    errno, message = 69, "GROUP_ID_NOT_FOUND"
    description = "There is no such group."


class FetchSessionIdNotFoundError(RetriableError, BrokerResponseError):
    errno, message = 70, "FETCH_SESSION_ID_NOT_FOUND"
    description = "The broker has forgotten the fetch session; another one is begun."


class InvalidFetchSessionEpochError(RetriableError, BrokerResponseError):
    errno, message = 71, "INVALID_FETCH_SESSION_EPOCH"
    description = "The fetch session has moved on; another one is begun."


class ListenerNotFoundError(InvalidMetadataError, BrokerResponseError):
    errno, message = 72, "LISTENER_NOT_FOUND"
    description = "The leader has no listener of the name used here; correct its listeners."


class TopicDeletionDisabledError(BrokerResponseError):
    errno, message = 73, "TOPIC_DELETION_DISABLED"
    description = "Topics can't be deleted here; set delete.topic.enable on the brokers."


class FencedLeaderEpochError(InvalidMetadataError, BrokerResponseError):
    errno, message = 74, "FENCED_LEADER_EPOCH"
    description = "The leader is newer than the client knows; metadata is fetched anew."


class UnknownLeaderEpochError(InvalidMetadataError, BrokerResponseError):
    errno, message = 75, "UNKNOWN_LEADER_EPOCH"
    description = "The client knows a newer leader than this broker does; try again soon."


class UnsupportedCompressionTypeError(BrokerResponseError):
    errno, message = 76, "UNSUPPORTED_COMPRESSION_TYPE"
    description = "The broker doesn't take this compression_type in this version of the request."


class StaleBrokerEpochError(BrokerResponseError):
    errno, message = 77, "STALE_BROKER_EPOCH"
    description = "The broker was started anew meanwhile."


class OffsetNotAvailableError(RetriableError, BrokerResponseError):
    errno, message = 78, "OFFSET_NOT_AVAILABLE"
    description = "The new leader doesn't know yet which offsets are safe to read; try again soon."


class MemberIdRequiredError(BrokerResponseError):
    errno, message = 79, "MEMBER_ID_REQUIRED"
    description = "The member has to join with the id that the coordinator gave it."


class PreferredLeaderNotAvailableError(InvalidMetadataError, BrokerResponseError):
    errno, message = 80, "PREFERRED_LEADER_NOT_AVAILABLE"
    description = "The preferred leader is not available."


class GroupMaxSizeReachedError(BrokerResponseError):
    errno, message = 81, "GROUP_MAX_SIZE_REACHED"
    description = "The group has as many members as group.max.size allows."


class FencedInstanceIdError(BrokerResponseError):
    errno, message = 82, "FENCED_INSTANCE_ID"
    description = "Another consumer has the same group.instance.id; give each its own."


class EligibleLeadersNotAvailableError(InvalidMetadataError, BrokerResponseError):
    errno, message = 83, "ELIGIBLE_LEADERS_NOT_AVAILABLE"
    description = "No replica can become leader; bring up one that is in sync."


class ElectionNotNeededError(InvalidMetadataError, BrokerResponseError):
    errno, message = 84, "ELECTION_NOT_NEEDED"
    description = "The partition has the leader that is wanted."


class NoReassignmentInProgressError(BrokerResponseError):
    errno, message = 85, "NO_REASSIGNMENT_IN_PROGRESS"
    description = "No replicas of this partition are being moved."


class GroupSubscribedToTopicError(BrokerResponseError):
    errno, message = 86, "GROUP_SUBSCRIBED_TO_TOPIC"
    description = "The group still reads this topic; stop its consumers first."


class InvalidRecordError(BrokerResponseError):
    errno, message = 87, "INVALID_RECORD"
    description = "The broker refuses this record; its own words say why."


class UnstableOffsetCommitError(RetriableError, BrokerResponseError):
    errno, message = 88, "UNSTABLE_OFFSET_COMMIT"
    description = "A transaction hasn't committed the offsets yet; try again soon."


class ThrottlingQuotaExceededError(RetriableError, BrokerResponseError):
    errno, message = 89, "THROTTLING_QUOTA_EXCEEDED"
    description = "The client has used up its quota; try again later."


class ProducerFencedError(BrokerResponseError):
    errno, message = 90, "PRODUCER_FENCED"
    description = "A newer producer has the same transactional_id; close this one."


class ResourceNotFoundError(BrokerResponseError):
    errno, message = 91, "RESOURCE_NOT_FOUND"
    description = "There is no such resource."


class DuplicateResourceError(BrokerResponseError):
    errno, message = 92, "DUPLICATE_RESOURCE"
    description = "The request names the same resource twice."


class UnacceptableCredentialError(BrokerResponseError):
    errno, message = 93, "UNACCEPTABLE_CREDENTIAL"
    description = "The new credentials don't meet the broker's demands."


class InconsistentVoterSetError(BrokerResponseError):
    errno, message = 94, "INCONSISTENT_VOTER_SET"
    description = "The request came from a node that doesn't vote, or went to one."


class InvalidUpdateVersionError(BrokerResponseError):
    errno, message = 95, "INVALID_UPDATE_VERSION"
    description = "The metadata's version to be written doesn't follow the present one."


class FeatureUpdateFailedError(BrokerResponseError):
    errno, message = 96, "FEATURE_UPDATE_FAILED"
    description = "The cluster's features couldn't be updated; the controller's log tells why."


class PrincipalDeserializationFailureError(BrokerResponseError):
    errno, message = 97, "PRINCIPAL_DESERIALIZATION_FAILURE"
    description = "The broker couldn't read a principal passed on by another; check their security."


class SnapshotNotFoundError(BrokerResponseError):
    errno, message = 98, "SNAPSHOT_NOT_FOUND"
    description = "There is no such snapshot."


class PositionOutOfRangeError(BrokerResponseError):
    errno, message = 99, "POSITION_OUT_OF_RANGE"
    description = "The position is outside of the snapshot."


class UnknownTopicIdError(InvalidMetadataError, BrokerResponseError):
    errno, message = 100, "UNKNOWN_TOPIC_ID"
    description = "The broker doesn't have a topic of this id; it may be a new one, or deleted."


class DuplicateBrokerRegistrationError(BrokerResponseError):
    errno, message = 101, "DUPLICATE_BROKER_REGISTRATION"
    description = "Another broker runs under this id; give each its own."


class BrokerIdNotRegisteredError(BrokerResponseError):
    errno, message = 102, "BROKER_ID_NOT_REGISTERED"
    description = "No broker of this id is registered."


class InconsistentTopicIdError(InvalidMetadataError, BrokerResponseError):
    errno, message = 103, "INCONSISTENT_TOPIC_ID"
    description = "The topic's id isn't the one in the log; the topic was made anew."


class InconsistentClusterIdError(BrokerResponseError):
    errno, message = 104, "INCONSISTENT_CLUSTER_ID"
    description = "The request is for another cluster."


class TransactionalIdNotFoundError(BrokerResponseError):
    errno, message = 105, "TRANSACTIONAL_ID_NOT_FOUND"
    description = "There is no such transactional id."


class FetchSessionTopicIdError(RetriableError, BrokerResponseError):
    errno, message = 106, "FETCH_SESSION_TOPIC_ID_ERROR"
    description = "The fetch session mixes topics with and without id; another one is begun."


class IneligibleReplicaError(BrokerResponseError):
    errno, message = 107, "INELIGIBLE_REPLICA"
    description = "The replica may not be among those in sync."


class NewLeaderElectedError(BrokerResponseError):
    errno, message = 108, "NEW_LEADER_ELECTED"
    description = "The change was made, and the partition has another leader now."


class OffsetMovedToTieredStorageError(BrokerResponseError):
    errno, message = 109, "OFFSET_MOVED_TO_TIERED_STORAGE"
    description = "The offset has been moved to tiered storage."


class FencedMemberEpochError(BrokerResponseError):
    errno, message = 110, "FENCED_MEMBER_EPOCH"
    description = "The group has moved on without this member; join it anew."


class UnreleasedInstanceIdError(BrokerResponseError):
    errno, message = 111, "UNRELEASED_INSTANCE_ID"
    description = "The group.instance.id is still in use; stop its consumer first."


class UnsupportedAssignorError(BrokerResponseError):
    errno, message = 112, "UNSUPPORTED_ASSIGNOR"
    description = "The group's coordinator doesn't have this assignor; choose another one."


class StaleMemberEpochError(BrokerResponseError):
    errno, message = 113, "STALE_MEMBER_EPOCH"
    description = "The member's epoch is out of date; send the next heartbeat first."


class MismatchedEndpointTypeError(BrokerResponseError):
    errno, message = 114, "MISMATCHED_ENDPOINT_TYPE"
    description = "The request went to a broker instead of a controller, or the other way round."


class UnsupportedEndpointTypeError(BrokerResponseError):
    errno, message = 115, "UNSUPPORTED_ENDPOINT_TYPE"
    description = "The other side doesn't know this type of endpoint yet."


class UnknownControllerIdError(BrokerResponseError):
    errno, message = 116, "UNKNOWN_CONTROLLER_ID"
    description = "There is no controller of this id."


class UnknownSubscriptionIdError(BrokerResponseError):
    errno, message = 117, "UNKNOWN_SUBSCRIPTION_ID"
    description = "The client's telemetry subscription is out of date; it is fetched anew."


class TelemetryTooLargeError(BrokerResponseError):
    errno, message = 118, "TELEMETRY_TOO_LARGE"
    description = "The client's metrics are larger than the broker takes."


class InvalidRegistrationError(BrokerResponseError):
    errno, message = 119, "INVALID_REGISTRATION"
    description = "The controller doesn't accept the broker's registration."


class TransactionAbortableError(BrokerResponseError):
    errno, message = 120, "TRANSACTION_ABORTABLE"
    description = "The transaction can't go on; abort it, then begin another one."


class InvalidRecordStateError(BrokerResponseError):
    errno, message = 121, "INVALID_RECORD_STATE"
    description = "The record can't be acknowledged in the state that it is in."


class ShareSessionNotFoundError(RetriableError, BrokerResponseError):
    errno, message = 122, "SHARE_SESSION_NOT_FOUND"
    description = "The broker has forgotten the share session; another one is begun."


class InvalidShareSessionEpochError(RetriableError, BrokerResponseError):
    errno, message = 123, "INVALID_SHARE_SESSION_EPOCH"
    description = "The share session has moved on; another one is begun."


class FencedStateEpochError(BrokerResponseError):
    errno, message = 124, "FENCED_STATE_EPOCH"
    description = "The share group's state has moved on."


class InvalidVoterKeyError(BrokerResponseError):
    errno, message = 125, "INVALID_VOTER_KEY"
    description = "The voter's key isn't the receiving replica's."


class DuplicateVoterError(BrokerResponseError):
    errno, message = 126, "DUPLICATE_VOTER"
    description = "The voter is one already."


class VoterNotFoundError(BrokerResponseError):
    errno, message = 127, "VOTER_NOT_FOUND"
    description = "There is no such voter."


# Other names that programs know these errors by.
CorruptRecordException = CorruptRecordError
InvalidMessageError = CorruptRecordError
StaleLeaderEpochCodeError = NetworkExceptionError
GroupLoadInProgressError = CoordinatorLoadInProgressError
GroupCoordinatorNotAvailableError = CoordinatorNotAvailableError
NotCoordinatorForGroupError = NotCoordinatorError


def _by_code(base: type[BrokerResponseError]) -> dict[int, type[BrokerResponseError]]:
    """The classes below `base` that bring a code of their own, by code."""
    found: dict[int, type[BrokerResponseError]] = {}
    for error in base.__subclasses__():
        if "errno" in vars(error) and error.errno is not None:
            found[error.errno] = error
        found |= _by_code(error)
    return found


kafka_errors: dict[int, type[BrokerResponseError]] = _by_code(BrokerResponseError)
"""The class for each code."""


@functools.cache
def for_code(error_code: int) -> type[BrokerResponseError]:
    """The class for a broker's code.

    For a code that isn't in `kafka_errors`, which a newer broker may answer with, it is a subclass
    of `UnknownError` that has the code as its `errno`.
    """
    known = kafka_errors.get(error_code)
    return known or type("UnrecognizedBrokerError", (UnknownError,), {"errno": error_code})


_FROM_NATIVE: dict[str, type[Exception]] = {
    "RecordTooLarge": MessageSizeTooLargeError,
    "InvalidTimestamp": ValueError,
    "InvalidTopic": ValueError,
    "InvalidPartition": ValueError,
    "MetadataTimeout": KafkaTimeoutError,
    "MemoryTimeout": KafkaTimeoutError,
    "DeliveryTimeout": KafkaTimeoutError,
    "Timeout": KafkaTimeoutError,
    "RetriesExhausted": KafkaTimeoutError,
    "BootstrapUnresolved": NoBrokersAvailable,
    "NotConnected": NoBrokersAvailable,
    "Closed": IllegalStateError,
    "Aborted": IllegalStateError,
    "Purged": IllegalStateError,
    "InCallback": IllegalStateError,
    "Forked": IllegalStateError,
    "Unresolved": DeliveryInDoubtError,
    "Serialize": ValueError,
    "Compression": UnsupportedCodecError,
}

_ANSWERS = frozenset({"TopicRefused", "Rejected", "RetriesExhausted"})
"""The kinds whose class is that of the broker's code."""


def from_native(
    kind: str, code: int | None, message: str, may_have_been_written: bool
) -> BaseException:
    """The exception for an error of the native module.

    `kind` is the error's name there, `code` the broker's code if it answered with one, and
    `message` tells cause and remedy.
    """
    if code and kind in _ANSWERS:
        error: Exception = for_code(code)(message)
    else:
        error = _FROM_NATIVE.get(kind, KafkaError)(message)
    setattr(error, "may_have_been_written", may_have_been_written)
    return error
