//! What a proxy saw go by.

use std::collections::BTreeMap;
use std::time::Duration;

use super::frame::ApiKey;

/// What went through a [`Proxy`](super::Proxy) since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// Connections accepted.
    pub connections_accepted: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// Requests that arrived, by API and version, whatever then happened to them.
    pub requests: BTreeMap<(ApiKey, i16), u64>,
    /// Responses passed on to clients, by API.
    pub responses: BTreeMap<ApiKey, u64>,
    /// Requests that no broker got.
    pub swallowed_requests: BTreeMap<ApiKey, u64>,
    /// Responses that no client got.
    pub swallowed_responses: BTreeMap<ApiKey, u64>,
    /// The most Produce requests without an answer yet at one time on one connection, acks=0 aside. A request counts
    /// from its arrival at the proxy to just before its response is passed on, so that a client never had fewer.
    pub max_produce_in_flight: usize,
    /// Bytes passed on to brokers.
    pub request_bytes: u64,
    /// Bytes passed on to clients.
    pub response_bytes: u64,
}

impl Observed {
    /// Requests of an API that arrived, of all versions.
    pub fn requests(&self, api: ApiKey) -> u64 {
        self.requests
            .iter()
            .filter(|((key, _), _)| *key == api)
            .map(|(_, count)| count)
            .sum()
    }

    /// Responses of an API that clients got.
    pub fn responses(&self, api: ApiKey) -> u64 {
        self.responses.get(&api).copied().unwrap_or(0)
    }

    /// Requests of an API that no broker got.
    pub fn swallowed_requests(&self, api: ApiKey) -> u64 {
        self.swallowed_requests.get(&api).copied().unwrap_or(0)
    }

    /// Responses of an API that no client got.
    pub fn swallowed_responses(&self, api: ApiKey) -> u64 {
        self.swallowed_responses.get(&api).copied().unwrap_or(0)
    }
}

/// What was waited for did not happen in time.
#[derive(Clone, Debug, thiserror::Error)]
#[error("not seen within {timeout:?}; up to then: {observed:?}")]
pub struct WaitTimeout {
    /// The time allowed.
    pub timeout: Duration,
    /// What was seen up to its end.
    pub observed: Box<Observed>,
}
