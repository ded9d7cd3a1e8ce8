//! Brokers and the connections to them.

use std::collections::{BTreeSet, VecDeque};

use bytes::{Buf, Bytes};
use raban_protocol::api::Request;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::frame::{Frame, decode_response};
use raban_protocol::messages::{
    ApiVersionsRequest, GetTelemetrySubscriptionsRequest, InitProducerIdRequest,
    ListOffsetsRequest, MetadataRequest, ProduceRequest, PushTelemetryRequest,
};

use super::timers::Timer;
use super::{Action, Sender};
use crate::accumulator::Topic;
use crate::accumulator::partition::PartitionId;
use crate::backoff::backoff;
use crate::config::{Acks, Address};
use crate::connection::{ConnectError, Connection, ConnectionId, InFlight, RequestKind, Role};
use crate::error::Cause;
use crate::event::Event;
use crate::time::Instant;

/// Bytes of a frame's size, which stands before it.
const SIZE_LEN: usize = 4;

/// A broker that leads partitions.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// For Produce.
    pub(super) connection: Option<ConnectionId>,
    /// For questions about batches in doubt.
    pub(super) resolver: Option<ConnectionId>,
    /// Partitions to ask about, in turn.
    pub(super) to_resolve: VecDeque<PartitionId>,
    /// Partitions with something to send, in turn.
    pub(super) ready: VecDeque<PartitionId>,
    pub(super) failures: u32,
    /// Attempts in a row by which no connection came about.
    pub(super) unconnected: u32,
    /// Why the latest connection for Produce failed, until one stands.
    pub(super) trouble: Option<Cause>,
    pub(super) not_before: Instant,
    /// Since when there are batches for it that it doesn't take; only with `partitioner.availability.timeout.ms`.
    pub(super) busy_since: Option<Instant>,
    /// It has been so for that long.
    pub(super) stuck: bool,
}

impl Node {
    fn link(&mut self, role: Role) -> &mut Option<ConnectionId> {
        match role {
            Role::Resolver(_) => &mut self.resolver,
            Role::Control | Role::Telemetry | Role::Leader(_) => &mut self.connection,
        }
    }
}

impl Sender {
    /// The connection for this role to a broker, made if there is none and it isn't too early.
    pub(super) fn node_connection(&mut self, now: Instant, role: Role) -> Option<ConnectionId> {
        let id = role.node()?;
        let node = self.nodes.entry(id).or_default();
        if let Some(conn) = *node.link(role) {
            return Some(conn);
        }
        if node.not_before > now {
            self.timers.arm(Timer::Node(id), node.not_before);
            return None;
        }
        let Some(address) = self.metadata.brokers.get(&id).cloned() else {
            self.metadata.want();
            return None;
        };
        let conn = self.connect(now, role, address, Some(id));
        *self.nodes.entry(id).or_default().link(role) = Some(conn);
        Some(conn)
    }

    /// Makes connections to the topic's leaders ahead of its first records.
    pub(super) fn warm(&mut self, now: Instant, topic: &Topic) {
        let Some(known) = self.metadata.topics.get(topic.name()) else {
            return;
        };
        let queues = known.queues.iter().map(|id| &self.queues[id.0 as usize]);
        let leaders: BTreeSet<i32> = queues.filter_map(|queue| queue.leader).collect();
        for node in leaders {
            self.node_connection(now, Role::Leader(node));
        }
    }

    pub(super) fn connect(
        &mut self,
        now: Instant,
        role: Role,
        address: Address,
        expects: Option<i32>,
    ) -> ConnectionId {
        self.telemetry.exporter.begin(self.now.wall_ms);
        self.next_connection += 1;
        let conn = ConnectionId(self.next_connection);
        let failures = *self.unconnected(role);
        self.actions.push_back(Action::Connect {
            conn,
            address: address.clone(),
            canonical: self.config.canonical_bootstrap && expects.is_none(),
            setup_timeout: backoff(
                self.config.connection_setup_timeout,
                self.config.connection_setup_timeout_max,
                failures + 1,
                &mut self.random,
            ),
        });
        let connection = Connection::new(conn, role, address, expects, now);
        self.connections.insert(conn, connection);
        conn
    }

    fn unconnected(&mut self, role: Role) -> &mut u32 {
        match role {
            Role::Control => &mut self.control.unconnected,
            Role::Telemetry => &mut self.telemetry.unconnected,
            Role::Leader(id) | Role::Resolver(id) => {
                &mut self.nodes.entry(id).or_default().unconnected
            }
        }
    }

    pub(super) fn connected(&mut self, now: Instant, conn: ConnectionId) {
        let deadline = now + self.config.request_timeout;
        self.name_resolved();
        let meant = self.meant(conn);
        if let Some(connection) = self.connections.get_mut(&conn) {
            let frame = connection.negotiate(&self.client_id, deadline, meant);
            let role = connection.role;
            *self.unconnected(role) = 0;
            self.write(now, conn, frame);
            self.accumulator.recorder.connected(now);
        }
    }

    pub(super) fn connect_failed(&mut self, now: Instant, conn: ConnectionId, error: ConnectError) {
        let Some(connection) = self.connections.get(&conn) else {
            return;
        };
        let (role, address) = (connection.role, connection.address.clone());
        *self.unconnected(role) += 1;
        let cause = error.clone().cause(address.to_string());
        match error {
            ConnectError::Unresolved(error) => self.name_unresolved(address, error),
            ConnectError::Unreachable(_) => self.name_resolved(),
        }
        self.disconnect(now, conn, cause);
    }

    /// Queues the frame of the connection's latest request.
    pub(super) fn write(&mut self, now: Instant, conn: ConnectionId, frame: Frame) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.last_used = now;
        let token = connection.last_correlation_id().unwrap_or_default();
        self.timers.arm(
            Timer::Connection(conn),
            connection.next_deadline(now, self.config.connections_max_idle),
        );
        self.accumulator
            .recorder
            .request(now, connection.role.node(), frame.len());
        self.actions.push_back(Action::Write {
            conn,
            token: token as u32,
            frame,
        });
    }

    /// Ends a connection of ours that is idle or no longer of use.
    pub(super) fn close_idle(&mut self, conn: ConnectionId) {
        if let Some(mut connection) = self.connections.remove(&conn) {
            self.pass_barrier(std::mem::take(&mut connection.written));
            self.unlink(&connection);
            self.actions.push_back(Action::Close { conn });
        }
    }

    /// A connection failed, at either end: all that it carried is unanswered.
    pub(super) fn disconnect(&mut self, now: Instant, conn: ConnectionId, cause: Cause) {
        let Some(mut connection) = self.connections.remove(&conn) else {
            return;
        };
        self.unlink(&connection);
        self.actions.push_back(Action::Close { conn });
        if connection.role == Role::Telemetry {
            let unanswered = connection.in_flight.len();
            self.accumulator.recorder.settled(unanswered);
            self.telemetry_lost(now, !connection.is_in_handshake(), cause);
            return;
        }
        self.event(Event::ConnectionTrouble(cause.clone()));
        self.accumulator.set_trouble(Some(cause.clone()));
        self.metadata.want();
        match connection.role {
            Role::Control | Role::Telemetry => self.control_failed(now),
            Role::Leader(id) | Role::Resolver(id) => {
                let wait = self.next_reconnect(id);
                let node = self.nodes.entry(id).or_default();
                node.not_before = now + wait;
                self.timers.arm(Timer::Node(id), node.not_before);
                if connection.role == Role::Leader(id) {
                    node.trouble = Some(cause.clone());
                    self.set_node_stalled(id, true);
                    self.doubt_node(id);
                }
            }
        }
        self.pass_barrier(std::mem::take(&mut connection.written));
        self.accumulator
            .recorder
            .settled(connection.in_flight.len());
        for request in std::mem::take(&mut connection.in_flight) {
            self.unanswered(now, conn, request, &cause);
        }
    }

    /// The broker may have started anew, and have forgotten producers.
    fn doubt_node(&mut self, id: i32) {
        for queue in &mut self.queues {
            if queue.leader == Some(id) {
                queue.confirmed = false;
                queue.doubt.may_resend = false;
            }
        }
    }

    fn next_reconnect(&mut self, id: i32) -> std::time::Duration {
        let node = self.nodes.entry(id).or_default();
        node.failures += 1;
        backoff(
            self.config.reconnect_backoff,
            self.config.reconnect_backoff_max,
            node.failures,
            &mut self.random,
        )
    }

    fn unlink(&mut self, connection: &Connection) {
        if connection.is_connected() {
            self.accumulator.recorder.disconnected(self.now.instant);
        }
        self.timers.disarm(Timer::Connection(connection.id));
        match connection.role {
            Role::Control => self.control.connection = None,
            Role::Telemetry => self.telemetry.connection = None,
            role @ (Role::Leader(id) | Role::Resolver(id)) => {
                if let Some(node) = self.nodes.get_mut(&id) {
                    *node.link(role) = None;
                }
            }
        }
    }

    fn unanswered(&mut self, now: Instant, conn: ConnectionId, request: InFlight, cause: &Cause) {
        match request.kind {
            // What becomes of telemetry its connection's end has said.
            RequestKind::ApiVersions | RequestKind::Subscription | RequestKind::Push { .. } => {}
            RequestKind::Barrier(written) => self.pass_barrier(written),
            RequestKind::Metadata => self.metadata.unanswered(),
            RequestKind::InitProducerId => self.producer_id_unanswered(now),
            RequestKind::Floors(partitions) => self.floors_answered(&partitions, None),
            RequestKind::Resolve(question) => {
                self.resolution_unanswered(now, question.partition, question.round);
            }
            RequestKind::Produce(partitions) => {
                for id in partitions {
                    self.batch_unanswered(now, id, conn, request.correlation_id, cause.clone());
                }
            }
        }
    }

    /// Marks the partitions that this broker leads as cut off, or not.
    pub(super) fn set_node_stalled(&mut self, node: i32, stalled: bool) {
        for queue in self
            .queues
            .iter()
            .filter(|queue| queue.leader == Some(node))
        {
            self.accumulator.set_stalled(&queue.partition, stalled);
        }
    }

    pub(super) fn response(&mut self, now: Instant, conn: ConnectionId, content: Bytes) {
        let correlation_id = content.get(..4).map(|mut bytes| bytes.get_i32());
        if let (Acks::None, Some(correlation_id)) = (self.config.acks, correlation_id) {
            self.pass_writes(now, conn, correlation_id);
        }
        let Some(connection) = self.connections.get(&conn) else {
            return;
        };
        let node = connection.role.node();
        self.accumulator
            .recorder
            .response(now, node, SIZE_LEN + content.len());
        let expected = connection.in_flight.front();
        let Some(request) =
            expected.filter(|request| Some(request.correlation_id) == correlation_id)
        else {
            let api = expected.map_or("nothing", |request| request.kind.name());
            let error = format!("it answers request {correlation_id:?}, which isn't the next");
            self.wrong_answer(now, conn, api, error);
            return;
        };
        let api = request.kind.name();
        if let Err(error) = self.take_response(now, conn, content) {
            self.wrong_answer(now, conn, api, error);
        }
    }

    fn take_response(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        content: Bytes,
    ) -> Result<(), String> {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return Ok(());
        };
        let request = connection.in_flight.front().expect("checked by the caller");
        let version = request.version;
        match &request.kind {
            RequestKind::ApiVersions => self.api_versions(now, conn, version, content)?,
            RequestKind::Barrier(_) => {
                let response = decode::<ApiVersionsRequest>(version, content)?;
                let request = self.answered(now, conn, response.throttle_time_ms);
                if let Some(RequestKind::Barrier(written)) = request.map(|request| request.kind) {
                    self.pass_barrier(written);
                }
            }
            RequestKind::Metadata => {
                let response = decode::<MetadataRequest>(version, content)?;
                self.answered(now, conn, response.throttle_time_ms);
                self.metadata_response(now, conn, response);
            }
            RequestKind::InitProducerId => {
                let response = decode::<InitProducerIdRequest>(version, content)?;
                self.answered(now, conn, response.throttle_time_ms);
                self.producer_id_response(now, conn, &response);
            }
            RequestKind::Floors(partitions) => {
                let partitions = partitions.clone();
                let response = decode::<ListOffsetsRequest>(version, content)?;
                self.answered(now, conn, response.throttle_time_ms);
                self.floors_answered(&partitions, Some(&response));
            }
            RequestKind::Resolve(question) => {
                let question = *question;
                self.resolution_answered(now, conn, version, question, content)?;
            }
            RequestKind::Subscription => {
                let response = decode::<GetTelemetrySubscriptionsRequest>(version, content)?;
                self.answered(now, conn, response.throttle_time_ms);
                self.subscription_answered(now, conn, &response)?;
            }
            RequestKind::Push { last } => {
                let last = *last;
                let response = decode::<PushTelemetryRequest>(version, content)?;
                self.answered(now, conn, response.throttle_time_ms);
                self.push_answered(now, conn, last, &response);
            }
            RequestKind::Produce(partitions) => {
                let partitions = partitions.clone();
                let response = decode::<ProduceRequest>(version, content)?;
                let request = (conn, request.correlation_id);
                let outcomes = self.match_outcomes(&partitions, request, &response)?;
                self.take_endpoints(response.node_endpoints);
                if let Some(request) = self.answered(now, conn, response.throttle_time_ms) {
                    self.note_latency(now, conn, &request, response.throttle_time_ms);
                    for (id, outcome) in outcomes {
                        self.batch_answered(now, id, conn, request.correlation_id, outcome);
                    }
                }
            }
        }
        Ok(())
    }

    fn note_latency(&self, now: Instant, conn: ConnectionId, request: &InFlight, throttle_ms: i32) {
        let node = self
            .connections
            .get(&conn)
            .and_then(|held| held.role.node());
        let left = request.deadline - now;
        let latency = self.config.request_timeout.saturating_sub(left);
        self.accumulator
            .recorder
            .produce_answered(now, node, latency, throttle_ms);
    }

    fn api_versions(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        version: i16,
        content: Bytes,
    ) -> Result<(), String> {
        // To a version it doesn't know, a broker answers in version 0.
        let decoded = decode::<ApiVersionsRequest>(version, content.clone())
            .ok()
            .filter(|response| response.error_code != ErrorCode::UNSUPPORTED_VERSION);
        let response = match decoded {
            Some(response) => response,
            None => decode::<ApiVersionsRequest>(0, content)?,
        };
        self.answered(now, conn, response.throttle_time_ms);
        let deadline = now + self.config.request_timeout;
        let Some(connection) = self.connections.get_mut(&conn) else {
            return Ok(());
        };
        match response.error_code {
            ErrorCode::NONE => {
                connection.negotiated(&response);
                self.control.brokers_compare = connection.compares();
                let address = connection.address.to_string();
                match connection.role {
                    Role::Control => self.control.failures = 0,
                    Role::Leader(id) => {
                        let node = self.nodes.entry(id).or_default();
                        node.failures = 0;
                        node.trouble = None;
                        self.set_node_stalled(id, false);
                    }
                    Role::Resolver(id) => self.nodes.entry(id).or_default().failures = 0,
                    Role::Telemetry => {}
                }
                self.event(Event::Connected { address });
                self.find_collector(now, conn);
                Ok(())
            }
            ErrorCode::UNSUPPORTED_VERSION if version > 0 => {
                let frame = connection.negotiate_again(&self.client_id, deadline, &response);
                self.write(now, conn, frame);
                Ok(())
            }
            ErrorCode::REBOOTSTRAP_REQUIRED
                if self.config.cluster_check && connection.expects.is_some() =>
            {
                self.misrouted(now, conn);
                Ok(())
            }
            code => Err(format!("it refuses ApiVersions: {code}")),
        }
    }

    /// Takes the answered request off the connection, and honours the broker's wish for a pause.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        throttle_time_ms: i32,
    ) -> Option<InFlight> {
        let connection = self.connections.get_mut(&conn)?;
        let request = connection.in_flight.pop_front();
        self.accumulator.recorder.settled(1);
        connection.last_used = now;
        let pause = u64::try_from(throttle_time_ms).unwrap_or(0);
        if pause > 0 {
            connection.muted_until = now + std::time::Duration::from_millis(pause);
        }
        self.timers.arm(
            Timer::Connection(conn),
            connection.next_deadline(now, self.config.connections_max_idle),
        );
        request
    }

    fn wrong_answer(&mut self, now: Instant, conn: ConnectionId, api: &'static str, error: String) {
        let Some(connection) = self.connections.get(&conn) else {
            return;
        };
        let cause = Cause::WrongAnswer {
            address: connection.address.to_string(),
            api,
            error,
        };
        self.disconnect(now, conn, cause);
    }
}

pub(super) fn decode<R: Request>(version: i16, content: Bytes) -> Result<R::Response, String> {
    decode_response::<R>(version, content)
        .map(|(_, response)| response)
        .map_err(|error| error.to_string())
}
