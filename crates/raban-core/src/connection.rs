//! One connection to a broker: its versions, and the requests that wait for an answer, in order.
//!
//! ```text
//! Connecting ── connected ──▶ Negotiating ── ApiVersions ──▶ Ready
//!      └──────────────┴─────────── failed, lost, late ────────┴──▶ gone
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use raban_protocol::api::{ApiKey, Request, VersionRange};
use raban_protocol::frame::{Frame, encode_request};
use raban_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, GetTelemetrySubscriptionsRequest, PushTelemetryRequest,
};

use crate::accumulator::generations::Generation;
use crate::accumulator::partition::PartitionId;
use crate::config::Address;
use crate::error::{Cause, Speaks};
use crate::time::Instant;

/// Names a connection, or the attempt to make one. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(pub(crate) u64);

/// Why no connection came about, in the system's words.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("{0}")]
    Unresolved(String),
    /// None of its addresses can be connected to: what each of them said.
    #[error("{0}")]
    Unreachable(String),
}

impl ConnectError {
    /// What it says about whoever should listen at `address`.
    pub fn cause(self, address: String) -> Cause {
        match self {
            Self::Unresolved(error) => Cause::Unresolved { address, error },
            Self::Unreachable(error) => Cause::Connect { address, error },
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// The other side closed it.
    Eof,
    /// The system reported an error.
    Io(String),
    /// What came in is no Kafka frame.
    NotKafka(Speaks),
    /// A frame is announced as larger than any answer can be.
    FrameTooLarge {
        /// The announced size in bytes.
        size: usize,
    },
}

impl CloseReason {
    /// What it says about whoever listens at `address`; `in_handshake`: ApiVersions wasn't answered
    /// yet.
    pub fn cause(&self, address: String, in_handshake: bool) -> Cause {
        let error = match self {
            Self::NotKafka(speaks) => {
                let speaks = *speaks;
                return Cause::NotKafka { address, speaks };
            }
            // No broker's first answer is that large.
            Self::FrameTooLarge { .. } if in_handshake => {
                let speaks = Speaks::Unknown;
                return Cause::NotKafka { address, speaks };
            }
            _ if in_handshake => return Cause::ClosedInHandshake { address },
            Self::Eof => "the broker closed it".to_owned(),
            Self::Io(error) => error.clone(),
            Self::FrameTooLarge { size } => format!("a frame of {size} bytes was announced"),
        };
        Cause::Disconnected { address, error }
    }
}

/// What a connection is for. Produce has connections of its own, since a broker serves one request
/// per connection at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Metadata and producer ids.
    Control,
    /// Produce requests to this broker.
    Leader(i32),
    /// Questions to this broker about batches in doubt: a Fetch that waits would block what is
    /// behind it.
    Resolver(i32),
    /// Metrics for a broker that subscribed to them: one that is slow with them would block what is behind.
    Telemetry,
}

impl Role {
    /// The broker that it is bound to.
    pub(crate) fn node(self) -> Option<i32> {
        match self {
            Self::Control | Self::Telemetry => None,
            Self::Leader(node) | Self::Resolver(node) => Some(node),
        }
    }
}

/// Whom a connection is meant to reach.
#[derive(Debug)]
pub(crate) struct Meant {
    pub(crate) cluster_id: String,
    pub(crate) node_id: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Negotiating,
    Ready,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) correlation_id: i32,
    pub(crate) kind: RequestKind,
    pub(crate) version: i16,
    pub(crate) deadline: Instant,
}

#[derive(Debug)]
pub(crate) enum RequestKind {
    ApiVersions,
    Metadata,
    InitProducerId,
    /// The partitions whose batches it carries.
    Produce(Vec<PartitionId>),
    /// ListOffsets right before the first batches of these partitions.
    Floors(Vec<PartitionId>),
    Resolve(Question),
    /// Behind batches of `acks=0`: its answer says that the broker has read them.
    Barrier(Written),
    /// Which metrics a broker wants.
    Subscription,
    /// Metrics.
    Push {
        /// Before the producer closes.
        last: bool,
    },
}

/// Asks about a partition's batches in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) partition: PartitionId,
    /// The resolution that it belongs to.
    pub(crate) round: u32,
    pub(crate) api: ApiKey,
}

/// Batches of `acks=0` that were written, by generation, whose flush waits for a [barrier].
///
/// [barrier]: RequestKind::Barrier
pub(crate) type Written = BTreeMap<Generation, usize>;

impl RequestKind {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::ApiVersions | Self::Barrier(_) => "ApiVersions",
            Self::Metadata => "Metadata",
            Self::InitProducerId => "InitProducerId",
            Self::Produce(_) => "Produce",
            Self::Floors(_) => "ListOffsets",
            Self::Resolve(question) => question.api.name(),
            Self::Subscription => "GetTelemetrySubscriptions",
            Self::Push { .. } => "PushTelemetry",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) role: Role,
    pub(crate) address: Address,
    /// The broker that metadata says is there; none at a bootstrap server's address.
    pub(crate) expects: Option<i32>,
    pub(crate) in_flight: VecDeque<InFlight>,
    /// The broker asked for a pause (KIP-219).
    pub(crate) muted_until: Instant,
    pub(crate) last_used: Instant,
    pub(crate) written: Written,
    state: State,
    versions: BTreeMap<i16, VersionRange>,
    next_correlation_id: i32,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        role: Role,
        address: Address,
        expects: Option<i32>,
        now: Instant,
    ) -> Self {
        Self {
            id,
            role,
            address,
            expects,
            in_flight: VecDeque::new(),
            muted_until: now,
            last_used: now,
            written: Written::new(),
            state: State::Connecting,
            versions: BTreeMap::new(),
            next_correlation_id: 0,
        }
    }

    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        self.state == State::Ready && now >= self.muted_until
    }

    /// Whether the broker hasn't yet answered ApiVersions.
    pub(crate) fn is_in_handshake(&self) -> bool {
        self.state != State::Ready
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.state != State::Connecting
    }

    /// The connection stands: the first request asks for the versions, and says who is `meant`.
    pub(crate) fn negotiate(
        &mut self,
        client_id: &str,
        deadline: Instant,
        meant: Option<Meant>,
    ) -> Frame {
        self.state = State::Negotiating;
        let version = match meant {
            Some(_) => COMPARING_API_VERSIONS,
            None => NEWEST_COMMON_API_VERSIONS,
        };
        let mut request = introduction();
        if let Some(meant) = meant {
            request.cluster_id = Some(meant.cluster_id);
            request.node_id = meant.node_id;
        }
        self.send(
            RequestKind::ApiVersions,
            version,
            client_id,
            &request,
            deadline,
        )
    }

    /// The broker doesn't know our version of ApiVersions: it says which it knows (KIP-511), and version 0 is known to
    /// all.
    pub(crate) fn negotiate_again(
        &mut self,
        client_id: &str,
        deadline: Instant,
        refusal: &ApiVersionsResponse,
    ) -> Frame {
        let newest = newest_api_versions(refusal).unwrap_or(0);
        let version = newest.clamp(0, NEWEST_COMMON_API_VERSIONS);
        let request = introduction();
        self.send(
            RequestKind::ApiVersions,
            version,
            client_id,
            &request,
            deadline,
        )
    }

    /// Asks behind what was written: a broker answers in order.
    pub(crate) fn barrier(&mut self, client_id: &str, deadline: Instant) -> Frame {
        let kind = RequestKind::Barrier(std::mem::take(&mut self.written));
        self.send(kind, 0, client_id, &ApiVersionsRequest::default(), deadline)
    }

    pub(crate) fn negotiated(&mut self, response: &ApiVersionsResponse) {
        self.versions = response
            .api_keys
            .iter()
            .map(|api| {
                let range = VersionRange {
                    min: api.min_version,
                    max: api.max_version,
                };
                (api.api_key, range)
            })
            .collect();
        self.state = State::Ready;
    }

    /// Whether the broker compares itself with whom a client means to reach.
    pub(crate) fn compares(&self) -> bool {
        let range = self.versions.get(&(ApiKey::ApiVersions as i16));
        range.is_some_and(|range| range.max >= COMPARING_API_VERSIONS)
    }

    /// The newest version of `R` that both sides speak, up to `newest`.
    pub(crate) fn version<R: Request>(&self, newest: i16) -> Result<i16, Cause> {
        let ours = VersionRange {
            min: R::VERSIONS.min,
            max: R::VERSIONS.max.min(newest),
        };
        self.versions
            .get(&(R::KEY as i16))
            .and_then(|theirs| theirs.intersect(ours))
            .map(|common| common.max)
            .ok_or_else(|| Cause::UnsupportedBroker {
                address: self.address.to_string(),
                api: R::KEY.name(),
            })
    }

    /// Whether the broker takes clients' metrics (KIP-714). One without a plugin for them doesn't tell these APIs.
    pub(crate) fn collects_metrics(&self) -> bool {
        self.version::<GetTelemetrySubscriptionsRequest>(i16::MAX)
            .is_ok()
            && self.version::<PushTelemetryRequest>(i16::MAX).is_ok()
    }

    /// Encodes a request and notes that its answer is awaited, unless none will come.
    pub(crate) fn send<R: Request>(
        &mut self,
        kind: RequestKind,
        version: i16,
        client_id: &str,
        request: &R,
        deadline: Instant,
    ) -> Frame {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1) & i32::MAX;
        self.in_flight.push_back(InFlight {
            correlation_id,
            kind,
            version,
            deadline,
        });
        encode_request(version, correlation_id, Some(client_id), request)
            .expect("what raban asks for can be said in the version it chose")
    }

    /// How many Produce requests wait for an answer.
    pub(crate) fn produce_in_flight(&self) -> usize {
        self.in_flight
            .iter()
            .filter(|request| matches!(request.kind, RequestKind::Produce(_)))
            .count()
    }

    /// The number that the next request will have.
    pub(crate) fn next_correlation_id(&self) -> i32 {
        self.next_correlation_id
    }

    pub(crate) fn last_correlation_id(&self) -> Option<i32> {
        self.in_flight.back().map(|request| request.correlation_id)
    }

    /// When the connection wants to be looked at: a late answer, the end of a pause, idleness.
    pub(crate) fn next_deadline(&self, now: Instant, max_idle: Option<Duration>) -> Instant {
        let late = self.in_flight.iter().map(|request| request.deadline).min();
        let unmuted = (self.muted_until > now).then_some(self.muted_until);
        let idle = self.idle_at(max_idle);
        late.into_iter().chain(unmuted).min().unwrap_or(idle)
    }

    /// When the connection has been idle for too long.
    pub(crate) fn idle_at(&self, max_idle: Option<Duration>) -> Instant {
        self.last_used + max_idle.unwrap_or(Duration::MAX)
    }

    /// What an ending says about the other side.
    pub(crate) fn cause(&self, reason: &CloseReason) -> Cause {
        reason.cause(self.address.to_string(), self.is_in_handshake())
    }
}

/// Brokers since 2.4 know it; older ones answer error 35, and are asked again with version 0.
const NEWEST_COMMON_API_VERSIONS: i16 = 3;

/// From this version on, known to brokers since 4.4, a request says who is meant (KIP-1242).
const COMPARING_API_VERSIONS: i16 = 5;

fn introduction() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "raban".to_owned(),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..ApiVersionsRequest::default()
    }
}

fn newest_api_versions(response: &ApiVersionsResponse) -> Option<i16> {
    let mut keys = response.api_keys.iter();
    let own = keys.find(|api| api.api_key == ApiKey::ApiVersions as i16);
    own.map(|api| api.max_version)
}
