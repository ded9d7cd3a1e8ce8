//! What a broker's error code means for a batch: pure, so that a table can test it.

use raban_protocol::error_code::ErrorCode;

/// What happens to the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is in the log.
    Acknowledge,
    /// Send it again; first ask for metadata where the code says that it is old.
    Retry { refresh: bool },
    /// Send it again, in order behind its predecessors: the broker judged a gap, not the batch.
    Rewind,
    /// The broker doesn't take the sequence of the oldest batch, or has it without saying where: find
    /// out, then acknowledge it or send it again, under a new epoch where it isn't in the log.
    Resolve,
    /// It is too large: send its records again in smaller ones.
    Split,
    /// Some of its records are refused: send the others again.
    Separate,
    /// It failed for good.
    Fail,
}

/// What the code is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    pub(crate) idempotent: bool,
    /// No batch of the partition before this one waits for its outcome.
    pub(crate) oldest: bool,
}

pub(crate) fn verdict(code: ErrorCode, situation: Situation) -> Verdict {
    match code {
        ErrorCode::NONE => Verdict::Acknowledge,
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER if situation.idempotent => Verdict::Resolve,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        | ErrorCode::UNKNOWN_PRODUCER_ID
        | ErrorCode::INVALID_PRODUCER_EPOCH
        | ErrorCode::PRODUCER_FENCED
            if situation.idempotent =>
        {
            if situation.oldest {
                Verdict::Resolve
            } else {
                Verdict::Rewind
            }
        }
        code if is_too_large(code) => Verdict::Split,
        code if is_of_records(code) => Verdict::Separate,
        code if code.is_invalid_metadata() => Verdict::Retry { refresh: true },
        code if code.is_retriable() => Verdict::Retry { refresh: false },
        _ => Verdict::Fail,
    }
}

fn is_too_large(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE
    )
}

/// Whether single records may be the cause (KIP-467).
fn is_of_records(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::INVALID_RECORD | ErrorCode::INVALID_TIMESTAMP
    )
}

/// Whether the batch's records, or some of them, may be taken in other batches.
pub(crate) fn may_be_taken_apart(code: ErrorCode) -> bool {
    is_too_large(code) || is_of_records(code)
}

/// Whether the broker may have appended the batch although it answered with this error.
pub(crate) fn leaves_doubt(code: ErrorCode, base_offset: i64) -> bool {
    let after_append = matches!(
        code,
        ErrorCode::REQUEST_TIMED_OUT
            | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
            | ErrorCode::UNKNOWN_SERVER_ERROR
            | ErrorCode::KAFKA_STORAGE_ERROR
            | ErrorCode::DUPLICATE_SEQUENCE_NUMBER
    );
    !code.is_none() && (after_append || base_offset >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        use ErrorCode as E;
        use Verdict::{Acknowledge, Fail, Resolve, Retry, Rewind, Separate, Split};
        let oldest = Situation {
            idempotent: true,
            oldest: true,
        };
        let later = Situation {
            oldest: false,
            ..oldest
        };
        let plain = Situation {
            idempotent: false,
            oldest: true,
        };
        let table = [
            (E::NONE, plain, Acknowledge),
            (E::DUPLICATE_SEQUENCE_NUMBER, later, Resolve),
            (E::DUPLICATE_SEQUENCE_NUMBER, plain, Fail),
            (E::OUT_OF_ORDER_SEQUENCE_NUMBER, oldest, Resolve),
            (E::OUT_OF_ORDER_SEQUENCE_NUMBER, later, Rewind),
            (E::OUT_OF_ORDER_SEQUENCE_NUMBER, plain, Fail),
            (E::UNKNOWN_PRODUCER_ID, oldest, Resolve),
            (E::INVALID_PRODUCER_EPOCH, oldest, Resolve),
            (E::NOT_LEADER_OR_FOLLOWER, oldest, Retry { refresh: true }),
            (
                E::UNKNOWN_TOPIC_OR_PARTITION,
                plain,
                Retry { refresh: true },
            ),
            (E::UNKNOWN_TOPIC_ID, plain, Retry { refresh: true }),
            (E::NOT_ENOUGH_REPLICAS, oldest, Retry { refresh: false }),
            (E::REQUEST_TIMED_OUT, oldest, Retry { refresh: false }),
            (E::MESSAGE_TOO_LARGE, oldest, Split),
            (E::RECORD_LIST_TOO_LARGE, plain, Split),
            (E::TOPIC_AUTHORIZATION_FAILED, oldest, Fail),
            (E::INVALID_RECORD, oldest, Separate),
            (E::INVALID_TIMESTAMP, plain, Separate),
            (E::UNKNOWN_SERVER_ERROR, oldest, Fail),
            (E(999), oldest, Fail),
        ];
        for (code, situation, expected) in table {
            assert_eq!(verdict(code, situation), expected, "{code} {situation:?}");
        }
    }

    #[test]
    fn doubt_is_left_by_answers_that_can_follow_an_append() {
        assert!(leaves_doubt(
            ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            -1
        ));
        assert!(leaves_doubt(ErrorCode::NOT_LEADER_OR_FOLLOWER, 1));
        assert!(!leaves_doubt(ErrorCode::NOT_LEADER_OR_FOLLOWER, -1));
        assert!(!leaves_doubt(ErrorCode::NONE, 5));
    }
}
