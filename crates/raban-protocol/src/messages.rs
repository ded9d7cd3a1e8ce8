//! Kafka's messages, one file per API with both directions.
//!
//! A file states the versions at its top and then lists the fields, each with the versions that
//! have it: see `message!` in `messages/definition.rs`. Names and defaults are those of Kafka 4.4's
//! schemas, but a field that may be null in every version defaults to null.
//!
//! Requests and responses are re-exported here; the structs inside them stay in their modules, as
//! some have the same name.

mod definition;
mod field;
#[cfg(test)]
mod tests;

pub mod api_versions;
pub mod create_topics;
pub mod delete_topics;
pub mod describe_producers;
pub mod fetch;
pub mod get_telemetry_subscriptions;
pub mod init_producer_id;
pub mod list_offsets;
pub mod metadata;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod push_telemetry;
pub mod sasl_authenticate;
pub mod sasl_handshake;

pub use api_versions::{ApiVersionsRequest, ApiVersionsResponse};
pub use create_topics::{CreateTopicsRequest, CreateTopicsResponse};
pub use delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse};
pub use describe_producers::{DescribeProducersRequest, DescribeProducersResponse};
pub use fetch::{FetchRequest, FetchResponse};
pub use get_telemetry_subscriptions::{
    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse,
};
pub use init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
pub use list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
pub use metadata::{MetadataRequest, MetadataResponse};
pub use offset_for_leader_epoch::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
pub use produce::{ProduceRequest, ProduceResponse};
pub use push_telemetry::{PushTelemetryRequest, PushTelemetryResponse};
pub use sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
pub use sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
