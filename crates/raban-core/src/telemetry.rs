//! Client telemetry (KIP-714): what a broker subscribed to, and when what is said next.
//!
//! ```text
//!            a broker collects         answered, metrics are wanted
//!  Unasked ────────────────▶ Subscribe ──────────────────────────▶ Push ⟲ each interval
//!     ▲                        ▲  ⟲ answered, none is wanted        │
//!     └─ no such broker left ──┤◀──────────── refused, lost ────────┤
//!                              ▼ refused for good                   ▼ close
//!                             Off                     LastPush ──▶ Ended
//! ```

#[cfg_attr(not(feature = "telemetry"), path = "telemetry/without.rs")]
mod export;
#[cfg(feature = "telemetry")]
mod otlp;

use std::time::Duration;

use raban_protocol::compression::{Codec, Compression};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::GetTelemetrySubscriptionsResponse;
use raban_protocol::primitives::Uuid;

pub(crate) use self::export::Exporter;
use crate::config::Address;
use crate::connection::ConnectionId;
use crate::time::Instant;

/// Java's interval where no broker told one, and its wait after a request without an answer.
pub(crate) const DEFAULT_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `enable.metrics.push=false`, or a broker refused for good.
    Off,
    /// No broker is known to collect metrics.
    Unasked,
    /// The subscription is to be asked for.
    Subscribe(Instant),
    /// It was asked for.
    Subscribing,
    /// Metrics are to be pushed.
    Push(Instant),
    /// They were pushed; the answer is awaited.
    Pushing,
    /// The producer closes: the last push leaves as soon as it can, or not at all after this time.
    LastPush(Instant),
    /// It left; its answer is awaited until then.
    LastPushing(Instant),
    /// Nothing more will be said.
    Ended,
}

/// What the sender knows about telemetry.
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) phase: Phase,
    /// Of its own: a slow collector delays nothing else.
    pub(crate) connection: Option<ConnectionId>,
    /// The broker that it leads to, with its id as far as that is known; kept for as long as it works.
    pub(crate) broker: Option<(Address, Option<i32>)>,
    /// Attempts in a row by which no connection came about.
    pub(crate) unconnected: u32,
    /// Connections in a row that ended before the broker had told its versions.
    pub(crate) failures: u32,
    /// No new subscription is asked for earlier.
    pub(crate) not_before: Instant,
    /// Zero until a broker gave one.
    pub(crate) instance_id: Uuid,
    pub(crate) subscription: Option<Subscription>,
    pub(crate) exporter: Exporter,
}

impl Telemetry {
    pub(crate) fn new(enabled: bool, exporter: Exporter) -> Self {
        Self {
            phase: if enabled { Phase::Unasked } else { Phase::Off },
            connection: None,
            broker: None,
            unconnected: 0,
            failures: 0,
            not_before: Instant::default(),
            instance_id: Uuid::ZERO,
            subscription: None,
            exporter,
        }
    }

    /// The time between pushes.
    pub(crate) fn interval(&self) -> Duration {
        let told = self.subscription.as_ref().map(|held| held.interval);
        told.unwrap_or(DEFAULT_INTERVAL)
    }

    /// Whether a broker awaits a last push.
    pub(crate) fn owes_last_push(&self) -> bool {
        let awaited = matches!(
            self.phase,
            Phase::Push(_) | Phase::Pushing | Phase::Subscribing
        );
        awaited
            && self
                .subscription
                .as_ref()
                .is_some_and(Subscription::wants_any)
    }
}

/// What a broker wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subscription {
    pub(crate) id: i32,
    pub(crate) interval: Duration,
    /// Bytes of metrics, before and after compression.
    pub(crate) max_bytes: usize,
    pub(crate) delta: bool,
    pub(crate) codec: Codec,
    wanted: Wanted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    All,
    /// Those whose names begin with one of these.
    Prefixes(Vec<String>),
}

impl Subscription {
    pub(crate) fn new(response: &GetTelemetrySubscriptionsResponse) -> Self {
        let told = u64::try_from(response.push_interval_ms).unwrap_or(0);
        let max_bytes = usize::try_from(response.telemetry_max_bytes).unwrap_or(0);
        Self {
            id: response.subscription_id,
            interval: match told {
                0 => DEFAULT_INTERVAL,
                told => Duration::from_millis(told),
            },
            max_bytes: match max_bytes {
                0 => usize::MAX,
                max_bytes => max_bytes,
            },
            delta: response.delta_temporality,
            codec: preferred_codec(&response.accepted_compression_types),
            // Kafka's brokers say `*` for all, the KIP an empty prefix.
            wanted: match response.requested_metrics.as_slice() {
                [all] if all == "*" => Wanted::All,
                prefixes => Wanted::Prefixes(prefixes.to_vec()),
            },
        }
    }

    /// Whether there are metrics to push at all.
    pub(crate) fn wants_any(&self) -> bool {
        self.wanted != Wanted::Prefixes(Vec::new())
    }

    /// Whether the metric of this name is wanted.
    #[cfg_attr(not(feature = "telemetry"), allow(dead_code))]
    pub(crate) fn wants(&self, name: &str) -> bool {
        match &self.wanted {
            Wanted::All => true,
            Wanted::Prefixes(prefixes) => prefixes.iter().any(|prefix| name.starts_with(prefix)),
        }
    }
}

/// The broker's favourite among the compressions that this build has.
fn preferred_codec(accepted: &[i8]) -> Codec {
    let known = accepted.iter().filter_map(|id| {
        let compression = Compression::from_id(u8::try_from(*id).ok()?)?;
        Codec::new(compression, None).ok()
    });
    known.into_iter().next().unwrap_or(Codec::NONE)
}

/// How long to wait after an error before the subscription is asked for again; `None`: for ever.
pub(crate) fn wait_after(code: ErrorCode, interval: Duration) -> Option<Duration> {
    match code {
        ErrorCode::UNKNOWN_SUBSCRIPTION_ID | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE => {
            Some(Duration::ZERO)
        }
        ErrorCode::TELEMETRY_TOO_LARGE | ErrorCode::THROTTLING_QUOTA_EXCEEDED => Some(interval),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(requested: &[&str], accepted: &[i8]) -> Subscription {
        Subscription::new(&GetTelemetrySubscriptionsResponse {
            requested_metrics: requested.iter().map(|name| (*name).to_owned()).collect(),
            accepted_compression_types: accepted.to_vec(),
            ..GetTelemetrySubscriptionsResponse::default()
        })
    }

    #[test]
    fn metrics_are_wanted_by_prefix() {
        let name = "org.apache.kafka.producer.record.send.rate";
        let wants = |requested: &[&str]| subscription(requested, &[]).wants(name);
        assert!(wants(&["*"]) && wants(&[""]));
        assert!(wants(&["x", "org.apache.kafka.producer.record."]));
        assert!(!wants(&[]) && !wants(&["org.apache.kafka.consumer."]));
        assert!(
            !wants(&["*", "x"]),
            "it is a pattern only where it is alone"
        );
        assert!(!subscription(&[], &[]).wants_any());
        assert!(subscription(&["x"], &[]).wants_any());
    }

    #[test]
    fn the_brokers_favourite_compression_is_taken_if_it_is_known() {
        let chosen = |accepted: &[i8]| subscription(&[], accepted).codec.compression();
        assert_eq!(chosen(&[]), Compression::None);
        assert_eq!(chosen(&[-1, 99]), Compression::None);
        assert_eq!(chosen(&[0, 1]), Compression::None);
        if Codec::new(Compression::Lz4, None).is_ok() {
            assert_eq!(chosen(&[99, 3, 1]), Compression::Lz4);
        }
    }

    #[test]
    fn what_makes_no_sense_is_replaced() {
        let told = subscription(&[], &[]);
        assert_eq!(told.interval, DEFAULT_INTERVAL);
        assert_eq!(told.max_bytes, usize::MAX);
    }
}
