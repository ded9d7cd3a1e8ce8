//! Brokers that collect metrics (KIP-714), or don't.

use std::collections::VecDeque;

use bytes::Bytes;
use raban_core::{ConnectionId, Now};
use raban_protocol::api::{ApiKey, Message, Request};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::frame::encode_response;
use raban_protocol::messages::{
    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse, PushTelemetryRequest,
    PushTelemetryResponse,
};
use raban_protocol::primitives::{Reader, Uuid};

pub(crate) const INSTANCE_ID: Uuid = Uuid([9; 16]);

#[derive(Debug)]
pub(crate) struct Collector {
    /// Brokers tell that they know the two APIs.
    pub(crate) collects: bool,
    /// Nothing is answered.
    pub(crate) silent: bool,
    pub(crate) subscription: GetTelemetrySubscriptionsResponse,
    /// Answers in place of good ones.
    pub(crate) errors: VecDeque<ErrorCode>,
    pub(crate) throttle_time_ms: i32,
    pub(crate) asked: Vec<Asked>,
    pub(crate) pushed: Vec<Pushed>,
}

/// A subscription was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) at: Now,
    pub(crate) client_instance_id: Uuid,
}

#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) at: Now,
    pub(crate) conn: ConnectionId,
    pub(crate) request: PushTelemetryRequest,
}

impl Default for Collector {
    fn default() -> Self {
        Self {
            collects: false,
            silent: false,
            subscription: GetTelemetrySubscriptionsResponse {
                client_instance_id: INSTANCE_ID,
                subscription_id: 77,
                push_interval_ms: 10_000,
                telemetry_max_bytes: 1 << 20,
                requested_metrics: vec!["*".to_owned()],
                ..GetTelemetrySubscriptionsResponse::default()
            },
            errors: VecDeque::new(),
            throttle_time_ms: 0,
            asked: Vec::new(),
            pushed: Vec::new(),
        }
    }
}

impl Collector {
    pub(crate) fn answer(
        &mut self,
        at: Now,
        conn: ConnectionId,
        api: ApiKey,
        id: i32,
        reader: &mut Reader,
    ) -> Option<Bytes> {
        if api == ApiKey::GetTelemetrySubscriptions {
            let request = GetTelemetrySubscriptionsRequest::decode(0, reader).unwrap();
            let client_instance_id = request.client_instance_id;
            self.asked.push(Asked {
                at,
                client_instance_id,
            });
        } else {
            let request = PushTelemetryRequest::decode(0, reader).unwrap();
            self.pushed.push(Pushed { at, conn, request });
        }
        if self.silent {
            return None;
        }
        let code = self.errors.pop_front().unwrap_or(ErrorCode::NONE);
        Some(if api == ApiKey::PushTelemetry {
            let response = PushTelemetryResponse {
                throttle_time_ms: self.throttle_time_ms,
                error_code: code,
            };
            content::<PushTelemetryRequest>(id, &response)
        } else if code.is_none() {
            content::<GetTelemetrySubscriptionsRequest>(id, &self.subscription)
        } else {
            let response = GetTelemetrySubscriptionsResponse {
                error_code: code,
                ..GetTelemetrySubscriptionsResponse::default()
            };
            content::<GetTelemetrySubscriptionsRequest>(id, &response)
        })
    }
}

fn content<R: Request>(id: i32, response: &R::Response) -> Bytes {
    let frame = encode_response::<R>(0, id, response).unwrap();
    frame.to_bytes().slice(4..)
}
