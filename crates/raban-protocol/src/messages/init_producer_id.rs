//! InitProducerId: gives an idempotent or transactional producer its id and epoch (KIP-98).

use super::definition::message;
use crate::error_code::ErrorCode;

message! {
    InitProducerId: InitProducerIdRequest => InitProducerIdResponse, versions 0..=5, flexible 2..;

    /// Asks for a producer id. Without transactional id any broker answers.
    pub struct InitProducerIdRequest {
        /// The transactional id; null for a producer without transactions.
        transactional_id: Option<String>,
        /// After which time without activity a transaction is aborted, in milliseconds. Of no meaning without
        /// transactional id.
        transaction_timeout_ms: i32,
        /// The id that the producer has, if it wants its epoch bumped (KIP-360); else -1.
        producer_id: i64 [3..] = -1,
        /// The epoch that the producer has; -1 if it has none.
        producer_epoch: i16 [3..] = -1,
    }

    /// A producer id and epoch.
    pub struct InitProducerIdResponse {
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32,
        /// The error, or none.
        error_code: ErrorCode,
        /// The producer id; -1 if there was an error.
        producer_id: i64 = -1,
        /// The epoch.
        producer_epoch: i16,
    }
}
