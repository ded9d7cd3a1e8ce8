//! The control connection: metadata and the producer id, apart from the records.

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::{
    InitProducerIdRequest, InitProducerIdResponse, MetadataRequest, MetadataResponse,
};

use super::Sender;
use super::bootstrap::Resolving;
use super::timers::Timer;
use crate::accumulator::topic::TopicView;
use crate::backoff::backoff;
use crate::config::Address;
use crate::connection::{ConnectionId, RequestKind, Role};
use crate::error::Cause;
use crate::event::Event;
use crate::idempotence::{ProducerId, ProducerIdentity};
use crate::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Control {
    pub(super) connection: Option<ConnectionId>,
    pub(super) failures: u32,
    /// Attempts in a row by which no connection came about.
    pub(super) unconnected: u32,
    not_before: Instant,
    /// Which of the addresses comes next.
    turn: usize,
    /// Control connections that failed since the last metadata.
    pub(super) in_vain: usize,
    /// Since when metadata is asked for in vain.
    asking_since: Option<Instant>,
    /// Only the bootstrap servers are asked, until one answers (KIP-1102).
    pub(super) rebootstraps: bool,
    /// The broker that last told its versions compares itself with whom a client means to reach.
    pub(super) brokers_compare: bool,
    pub(super) resolving: Resolving,
}

impl Sender {
    /// Asks for metadata and the producer id when they are wanted, over a connection to any broker.
    pub(super) fn pump_control(&mut self, now: Instant) {
        self.pump_resolving(now);
        let metadata_due = self.metadata.due(&self.config);
        let id_due = match self.producer_id {
            // The first batch of all asks for it.
            ProducerId::Wanted { not_before } if self.metadata.version > 0 => Some(not_before),
            _ => None,
        };
        let Some(due) = metadata_due.into_iter().chain(id_due).min() else {
            return;
        };
        if due > now {
            self.timers.arm(Timer::Control, due);
            return;
        }
        if metadata_due.is_some_and(|due| due <= now) {
            let since = *self.control.asking_since.get_or_insert(now);
            let trigger = self.config.rebootstrap_trigger;
            self.control.rebootstraps |= trigger.is_some_and(|trigger| now - since > trigger);
        }
        let Some(conn) = self.control_connection(now) else {
            return;
        };
        if !self.connections[&conn].is_ready(now) {
            return;
        }
        if metadata_due.is_some_and(|due| due <= now) {
            self.ask_metadata(now, conn);
        }
        if id_due.is_some_and(|due| due <= now) {
            self.ask_producer_id(now, conn);
        }
        // What isn't due yet is looked at again in its time.
        let later = metadata_due
            .into_iter()
            .chain(id_due)
            .find(|due| *due > now);
        if let Some(later) = later {
            self.timers.arm(Timer::Control, later);
        }
    }

    fn control_connection(&mut self, now: Instant) -> Option<ConnectionId> {
        if let Some(conn) = self.control.connection {
            return Some(conn);
        }
        if self.control.not_before > now {
            self.timers.arm(Timer::Control, self.control.not_before);
            return None;
        }
        self.begin_to_resolve(now);
        let (address, expects) = self.next_control_address();
        let conn = self.connect(now, Role::Control, address, expects);
        self.control.connection = Some(conn);
        Some(conn)
    }

    /// The brokers in turn, and behind them the bootstrap servers, in case all brokers have moved.
    fn next_control_address(&mut self) -> (Address, Option<i32>) {
        let brokers = &self.metadata.brokers;
        let known = brokers.iter().filter(|_| !self.control.rebootstraps);
        let known = known.map(|(node, address)| (address, Some(*node)));
        let goes_back = brokers.is_empty() || self.config.rebootstrap_trigger.is_some();
        let servers = self.bootstrap_servers().iter().filter(|_| goes_back);
        let addresses: Vec<_> = known.chain(servers.map(|server| (server, None))).collect();
        let (address, expects) = addresses[self.control.turn % addresses.len()];
        let address = address.clone();
        self.control.turn += 1;
        (address, expects)
    }

    pub(super) fn control_failed(&mut self, now: Instant) {
        self.control.failures += 1;
        self.control.in_vain += 1;
        let wait = backoff(
            self.config.reconnect_backoff,
            self.config.reconnect_backoff_max,
            self.control.failures,
            &mut self.random,
        );
        self.control.not_before = now + wait;
    }

    fn ask_metadata(&mut self, now: Instant, conn: ConnectionId) {
        let connection = self.connections.get_mut(&conn).expect("it is ready");
        match connection.version::<MetadataRequest>(i16::MAX) {
            Ok(version) => {
                let request = self.metadata.ask(&self.config, version);
                let deadline = now + self.config.request_timeout;
                let client_id = &self.client_id;
                let frame = connection.send(
                    RequestKind::Metadata,
                    version,
                    client_id,
                    &request,
                    deadline,
                );
                self.write(now, conn, frame);
            }
            Err(cause) => self.disconnect(now, conn, cause),
        }
    }

    pub(super) fn metadata_response(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        mut response: MetadataResponse,
    ) {
        let code = response.error_code;
        if code == ErrorCode::REBOOTSTRAP_REQUIRED && self.config.rebootstrap_trigger.is_some() {
            self.control.rebootstraps = true;
            self.metadata.unanswered();
            let cause = Cause::Broker {
                address: self.connections[&conn].address.to_string(),
                api: "Metadata",
                code,
            };
            self.disconnect(now, conn, cause);
            return;
        }
        if let Some(told) = response.cluster_id.take()
            && !self.enter_cluster(now, conn, told)
        {
            self.metadata.unanswered();
            return;
        }
        self.control.asking_since = None;
        self.control.in_vain = 0;
        self.control.rebootstraps = false;
        let bootstrapped = self.metadata.version > 0;
        let news = self.metadata.handle_response(now, response);
        self.accumulator.set_trouble(None);
        self.accumulator.recorder.metadata(now);
        let settled = self.take_topic_news(now, conn, news);
        self.metadata.failures = if settled {
            0
        } else {
            self.metadata.failures + 1
        };
        let wait = backoff(
            self.config.retry_backoff,
            self.config.retry_backoff_max,
            self.metadata.failures.max(1),
            &mut self.random,
        );
        self.metadata.not_before = now + wait;
        if !settled {
            self.metadata.want();
        }
        for topic in self.metadata.drop_idle(now, &self.config) {
            let waiting = topic.publish(TopicView::Unknown);
            self.accumulator.waits.wake(waiting);
        }
        // A bootstrap server's name may lead to another broker than the brokers' own addresses.
        if !bootstrapped && !self.metadata.brokers.is_empty() {
            let address = &self.connections[&conn].address;
            let is_broker = self
                .metadata
                .brokers
                .values()
                .any(|broker| broker == address);
            if !is_broker && self.connections[&conn].in_flight.is_empty() {
                self.close_idle(conn);
            }
        }
    }

    fn ask_producer_id(&mut self, now: Instant, conn: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        match connection.version::<InitProducerIdRequest>(i16::MAX) {
            Ok(version) => {
                let request = InitProducerIdRequest {
                    transactional_id: None,
                    transaction_timeout_ms: i32::MAX,
                    producer_id: -1,
                    producer_epoch: -1,
                };
                let deadline = now + self.config.request_timeout;
                let client_id = &self.client_id;
                let kind = RequestKind::InitProducerId;
                let frame = connection.send(kind, version, client_id, &request, deadline);
                self.producer_id = ProducerId::Asked;
                self.write(now, conn, frame);
            }
            Err(cause) => self.disconnect(now, conn, cause),
        }
    }

    pub(super) fn producer_id_unanswered(&mut self, now: Instant) {
        self.producer_id = ProducerId::Wanted {
            not_before: now + self.config.retry_backoff,
        };
    }

    pub(super) fn producer_id_response(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        response: &InitProducerIdResponse,
    ) {
        let code = response.error_code;
        if code.is_none() {
            let identity = ProducerIdentity {
                id: response.producer_id,
                epoch: response.producer_epoch,
            };
            self.producer_id = ProducerId::Known(identity);
            self.event(Event::ProducerId {
                producer_id: identity.id,
                epoch: identity.epoch,
            });
            for id in self.all_partitions() {
                self.evaluate(now, id);
            }
            return;
        }
        let cause = Cause::Broker {
            address: self.connections[&conn].address.to_string(),
            api: "InitProducerId",
            code,
        };
        self.event(Event::ClusterTrouble(cause.clone()));
        self.accumulator.set_trouble(Some(cause));
        self.producer_id_unanswered(now);
        if !code.is_retriable() {
            self.fail_all_queued(now, code);
        }
    }
}
