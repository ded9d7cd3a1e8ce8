//! Pushes metrics to a broker that subscribed to them (KIP-714), on a connection of its own: whatever
//! becomes of that, records don't notice.

use std::time::Duration;

use bytes::BytesMut;
use raban_protocol::compression::Codec;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::{
    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse, PushTelemetryRequest,
    PushTelemetryResponse,
};

use super::Sender;
use super::timers::Timer;
use crate::accumulator::instance_id::Known;
use crate::backoff::backoff;
use crate::config::Address;
use crate::connection::{Connection, ConnectionId, RequestKind, Role};
use crate::error::Cause;
use crate::event::Event;
use crate::telemetry::{DEFAULT_INTERVAL, Phase, Subscription, wait_after};
use crate::time::Instant;

/// A close waits no longer for its last push: enough for a broker far away, hardly noticed with a silent one.
const LAST_PUSH_WAIT: Duration = Duration::from_millis(500);

/// The first push comes after half an interval to one and a half, so that clients started together don't push together.
const FIRST_PUSH: f64 = 0.5;

impl Sender {
    /// Says what is due. Without a broker that collects this is one comparison.
    pub(super) fn pump_telemetry(&mut self, now: Instant) {
        let phase = self.telemetry.phase;
        match phase {
            Phase::Subscribe(at) | Phase::Push(at) if at <= now => {}
            Phase::LastPush(_) => {}
            _ => return,
        }
        let Some(conn) = self.telemetry_connection(now) else {
            return;
        };
        if !self.connections[&conn].is_ready(now) {
            return;
        }
        match phase {
            Phase::Subscribe(_) => self.ask_subscription(now, conn),
            Phase::LastPush(until) => self.push_metrics(now, conn, Phase::LastPushing(until)),
            _ => self.push_metrics(now, conn, Phase::Pushing),
        }
    }

    fn set_telemetry_phase(&mut self, phase: Phase) {
        self.telemetry.phase = phase;
        match phase {
            Phase::Subscribe(at) | Phase::Push(at) | Phase::LastPush(at) => {
                self.timers.arm(Timer::Telemetry, at);
            }
            Phase::LastPushing(_) => {}
            _ => self.timers.disarm(Timer::Telemetry),
        }
    }

    /// A connection is ready: its broker may be one that collects.
    pub(super) fn find_collector(&mut self, now: Instant, conn: ConnectionId) {
        let connection = &self.connections[&conn];
        let collects = connection.collects_metrics();
        if connection.role == Role::Telemetry {
            if collects {
                self.telemetry.failures = 0;
            } else {
                // Its address now leads to another broker than the one that was seen to collect.
                self.telemetry.not_before = now + DEFAULT_INTERVAL;
                self.telemetry.broker = None;
                self.close_idle(conn);
                self.no_collector();
            }
            return;
        }
        if self.telemetry.phase != Phase::Unasked {
            return;
        }
        if collects {
            self.accumulator.set_instance_id(Known::NotYet);
            let at = self.telemetry.not_before.max(now);
            self.set_telemetry_phase(Phase::Subscribe(at));
        } else {
            self.accumulator.set_instance_id(Known::NotCollected);
        }
    }

    /// Somebody waits for the client instance id: a connection will tell whether there is one to be had.
    pub(super) fn want_instance_id(&mut self) {
        if self.telemetry.phase == Phase::Unasked && self.connections.is_empty() {
            self.metadata.want();
        }
    }

    fn no_collector(&mut self) {
        let last = matches!(self.telemetry.phase, Phase::LastPush(_));
        self.set_telemetry_phase(if last { Phase::Ended } else { Phase::Unasked });
    }

    fn telemetry_connection(&mut self, now: Instant) -> Option<ConnectionId> {
        if let Some(conn) = self.telemetry.connection {
            return Some(conn);
        }
        let Some((address, expects)) = self.collector() else {
            self.no_collector();
            return None;
        };
        self.telemetry.broker = Some((address.clone(), expects));
        let conn = self.connect(now, Role::Telemetry, address, expects);
        self.telemetry.connection = Some(conn);
        Some(conn)
    }

    /// The broker that metrics go to for as long as it works; then any other that collects.
    fn collector(&mut self) -> Option<(Address, Option<i32>)> {
        if let Some(broker) = &self.telemetry.broker {
            return Some(broker.clone());
        }
        let others: Vec<&Connection> = self
            .connections
            .values()
            .filter(|connection| connection.collects_metrics())
            .collect();
        let chosen = self.random.next() as usize % others.len().max(1);
        let chosen = others.get(chosen)?;
        Some((chosen.address.clone(), chosen.expects))
    }

    fn ask_subscription(&mut self, now: Instant, conn: ConnectionId) {
        let request = GetTelemetrySubscriptionsRequest {
            client_instance_id: self.telemetry.instance_id,
        };
        self.set_telemetry_phase(Phase::Subscribing);
        self.ask_collector(now, conn, RequestKind::Subscription, &request);
    }

    fn push_metrics(&mut self, now: Instant, conn: ConnectionId, next: Phase) {
        let Some(subscription) = self.telemetry.subscription.clone() else {
            return;
        };
        let wall_ms = self.now.wall_ms;
        let metrics = self.accumulator.metrics(self.now);
        let exporter = &mut self.telemetry.exporter;
        let terminating = matches!(next, Phase::LastPushing(_));
        let exported = exporter.export(&metrics, &subscription, wall_ms);
        let bytes = match exported {
            Ok(bytes) => bytes,
            // The last push says at least that it is the last one.
            Err(_) if terminating => Vec::new(),
            Err(size) => {
                let limit = subscription.max_bytes;
                self.event(Event::TelemetryTooLarge { size, limit });
                // By then the subscription may be for less.
                self.set_telemetry_phase(Phase::Subscribe(now + subscription.interval));
                return;
            }
        };
        let (codec, metrics) = compressed(&subscription.codec, bytes);
        let request = PushTelemetryRequest {
            client_instance_id: self.telemetry.instance_id,
            subscription_id: subscription.id,
            terminating,
            compression_type: codec.compression() as i8,
            metrics: metrics.into(),
        };
        self.set_telemetry_phase(next);
        let kind = RequestKind::Push { last: terminating };
        self.ask_collector(now, conn, kind, &request);
    }

    fn ask_collector<R: raban_protocol::api::Request>(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        kind: RequestKind,
        request: &R,
    ) {
        let deadline = now + self.config.request_timeout;
        let connection = self.connections.get_mut(&conn).expect("it is ready");
        match connection.version::<R>(i16::MAX) {
            Ok(version) => {
                let frame = connection.send(kind, version, &self.client_id, request, deadline);
                self.write(now, conn, frame);
            }
            Err(cause) => self.disconnect(now, conn, cause),
        }
    }

    pub(super) fn subscription_answered(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        response: &GetTelemetrySubscriptionsResponse,
    ) -> Result<(), String> {
        // A close may have come in between.
        if self.telemetry.phase != Phase::Subscribing {
            return Ok(());
        }
        if !response.error_code.is_none() {
            self.collector_refused(now, conn, "GetTelemetrySubscriptions", response.error_code);
            return Ok(());
        }
        // The schema says that an id is told once only; Kafka's brokers always tell it.
        if !response.client_instance_id.is_zero() {
            self.telemetry.instance_id = response.client_instance_id;
        }
        let id = self.telemetry.instance_id;
        if id.is_zero() {
            return Err("it gives no client instance id".to_owned());
        }
        let subscription = Subscription::new(response);
        let before = self.telemetry.subscription.as_ref();
        if before.is_some_and(|before| before.delta != subscription.delta) {
            self.telemetry.exporter.reset();
        }
        let interval = subscription.interval;
        let first_push = interval.mul_f64(FIRST_PUSH + self.random.fraction());
        let phase = if subscription.wants_any() {
            Phase::Push(now + first_push)
        } else {
            Phase::Subscribe(now + interval)
        };
        self.event(Event::TelemetrySubscribed {
            client_instance_id: id.to_string(),
            interval,
        });
        self.telemetry.subscription = Some(subscription);
        self.set_telemetry_phase(phase);
        self.accumulator.set_instance_id(Known::Given(id));
        Ok(())
    }

    pub(super) fn push_answered(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        last: bool,
        response: &PushTelemetryResponse,
    ) {
        let code = response.error_code;
        match self.telemetry.phase {
            Phase::LastPushing(_) if last => self.set_telemetry_phase(Phase::Ended),
            Phase::Pushing => {
                self.telemetry.exporter.taken(code.is_none());
                if code.is_none() {
                    let at = now + self.telemetry.interval();
                    self.set_telemetry_phase(Phase::Push(at));
                } else {
                    self.collector_refused(now, conn, "PushTelemetry", code);
                }
            }
            // A close came in between.
            _ => {}
        }
    }

    fn collector_refused(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        api: &'static str,
        code: ErrorCode,
    ) {
        let cause = Cause::Broker {
            address: self.connections[&conn].address.to_string(),
            api,
            code,
        };
        let wait = wait_after(code, self.telemetry.interval());
        let stopped = wait.is_none();
        self.event(Event::TelemetryTrouble { cause, stopped });
        match wait {
            Some(wait) => {
                // A question that is refused isn't asked again without a pause, whatever is said of it.
                let asked = self.telemetry.phase == Phase::Subscribing;
                let least = if asked {
                    self.config.retry_backoff
                } else {
                    Duration::ZERO
                };
                self.set_telemetry_phase(Phase::Subscribe(now + wait.max(least)));
            }
            None => {
                self.set_telemetry_phase(Phase::Off);
                self.close_idle(conn);
                if self.telemetry.instance_id.is_zero() {
                    self.accumulator.set_instance_id(Known::Refused(code));
                }
            }
        }
    }

    /// The connection failed; `connected`: after the broker had told its versions.
    pub(super) fn telemetry_lost(&mut self, now: Instant, connected: bool, cause: Cause) {
        self.telemetry.broker = None;
        self.telemetry.exporter.taken(true);
        let wait = if connected {
            DEFAULT_INTERVAL
        } else {
            self.telemetry.failures += 1;
            let (base, failures) = (self.config.reconnect_backoff, self.telemetry.failures);
            backoff(base, DEFAULT_INTERVAL, failures, &mut self.random)
        };
        let at = now + wait;
        match self.telemetry.phase {
            Phase::Subscribing | Phase::Pushing => self.set_telemetry_phase(Phase::Subscribe(at)),
            Phase::Subscribe(due) if !connected => {
                self.set_telemetry_phase(Phase::Subscribe(due.max(at)));
            }
            Phase::Push(due) if !connected => self.set_telemetry_phase(Phase::Push(due.max(at))),
            Phase::LastPush(_) | Phase::LastPushing(_) => self.set_telemetry_phase(Phase::Ended),
            // Nothing was under way: the next broker is chosen when there is something to say.
            _ => {}
        }
        let stopped = false;
        self.event(Event::TelemetryTrouble { cause, stopped });
    }

    /// All records are settled and the producer closes: `true` once nothing more is to be said of metrics.
    pub(super) fn end_telemetry(&mut self, now: Instant) -> bool {
        if self.telemetry.owes_last_push() {
            let deadline = self.accumulator.closing.deadline().unwrap_or(now);
            let until = deadline.min(now + LAST_PUSH_WAIT);
            // What is under way comes before, and isn't told twice.
            self.telemetry.exporter.taken(true);
            self.set_telemetry_phase(Phase::LastPush(until));
            self.pump_telemetry(now);
        }
        match self.telemetry.phase {
            Phase::LastPush(until) | Phase::LastPushing(until) => until <= now,
            _ => true,
        }
    }
}

/// Not compressed, where a codec fails.
fn compressed(codec: &Codec, bytes: Vec<u8>) -> (Codec, BytesMut) {
    let mut out = BytesMut::new();
    match codec.compress(&bytes, &mut out) {
        Ok(()) => (codec.clone(), out),
        Err(_) => (Codec::NONE, BytesMut::from(bytes.as_slice())),
    }
}
