//! Asking clients to pause (KIP-219): every response of a throttled node says for how long.
use raban_protocol::messages::{
    ApiVersionsResponse, CreateTopicsResponse, DeleteTopicsResponse, DescribeProducersResponse,
    FetchResponse, InitProducerIdResponse, ListOffsetsResponse, MetadataResponse,
    OffsetForLeaderEpochResponse, ProduceResponse, SaslAuthenticateResponse, SaslHandshakeResponse,
};

use super::old_produce::OldProduceResponse;

/// A response, which may say for how long to pause.
pub(super) trait Throttle {
    /// Sets the pause in milliseconds, where there is a place for it.
    fn throttle(&mut self, ms: i32);
}

macro_rules! throttled {
    ($($response:ident),*) => {
        $(impl Throttle for $response {
            fn throttle(&mut self, ms: i32) {
                self.throttle_time_ms = ms;
            }
        })*
    };
}

throttled!(
    ApiVersionsResponse,
    CreateTopicsResponse,
    DeleteTopicsResponse,
    DescribeProducersResponse,
    FetchResponse,
    InitProducerIdResponse,
    ListOffsetsResponse,
    MetadataResponse,
    OffsetForLeaderEpochResponse,
    ProduceResponse
);

impl Throttle for OldProduceResponse {
    fn throttle(&mut self, _ms: i32) {}
}

impl Throttle for SaslAuthenticateResponse {
    fn throttle(&mut self, _ms: i32) {}
}

impl Throttle for SaslHandshakeResponse {
    fn throttle(&mut self, _ms: i32) {}
}
