//! PushTelemetry: gives a broker the metrics that it subscribed to (KIP-714).

use bytes::Bytes;

use super::definition::message;
use crate::error_code::ErrorCode;
use crate::primitives::Uuid;

message! {
    PushTelemetry: PushTelemetryRequest => PushTelemetryResponse, versions 0..=0, flexible 0..;

    /// Metrics of one moment.
    pub struct PushTelemetryRequest {
        /// The client's id.
        client_instance_id: Uuid,
        /// The subscription that is followed.
        subscription_id: i32,
        /// Whether this is the client's last push.
        terminating: bool,
        /// The compression of `metrics`.
        compression_type: i8,
        /// `MetricsData` of OpenTelemetry's metrics v1, as protobuf.
        metrics: Bytes,
    }

    /// Whether they were taken.
    pub struct PushTelemetryResponse {
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32,
        /// The error, or none.
        error_code: ErrorCode,
    }
}
