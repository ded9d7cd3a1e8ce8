//! GetTelemetrySubscriptions: asks which metrics a broker wants from this client (KIP-714).

use super::definition::message;
use crate::error_code::ErrorCode;
use crate::primitives::Uuid;

message! {
    GetTelemetrySubscriptions: GetTelemetrySubscriptionsRequest => GetTelemetrySubscriptionsResponse,
    versions 0..=0, flexible 0..;

    /// Asks for the subscription of this client.
    pub struct GetTelemetrySubscriptionsRequest {
        /// The id that a broker gave this client; zero in the first request.
        client_instance_id: Uuid,
    }

    /// What to push, how often and how.
    pub struct GetTelemetrySubscriptionsResponse {
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32,
        /// The error, or none.
        error_code: ErrorCode,
        /// The client's id. The schema allows zero where the request had one already.
        client_instance_id: Uuid,
        /// Names this subscription.
        subscription_id: i32,
        /// The compressions of a push, the broker's favourite first.
        accepted_compression_types: Vec<i8>,
        /// The time between pushes in milliseconds.
        push_interval_ms: i32,
        /// How many bytes of metrics a push may have.
        telemetry_max_bytes: i32,
        /// Whether sums tell what came since the last push, in place of all since the start.
        delta_temporality: bool,
        /// Prefixes of metrics' names; none: no metrics; a first one that is empty: all metrics.
        requested_metrics: Vec<String>,
    }
}
