//! The sender: takes batches out of the accumulator and gives each record its outcome.
//!
//! Whatever comes in (`handle_*`) changes the state and ends in [`Sender::pump`], which asks for all
//! that can be done now; `poll_*` hands it out.

mod acknowledge;
mod answers;
mod barrier;
mod bootstrap;
mod cluster;
mod control;
mod drain;
mod links;
mod load;
mod news;
mod outcome;
mod partition_queue;
mod resolve;
mod split;
mod telemetry;
mod timeouts;
mod timers;
mod topics;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raban_protocol::frame::Frame;

use self::control::Control;
use self::links::Node;
use self::partition_queue::PartitionQueue;
use self::timers::Timers;
use crate::accumulator::partition::PartitionId;
use crate::accumulator::{Accumulator, CloseReport};
use crate::backoff::Random;
use crate::config::{Address, Config};
use crate::connection::{CloseReason, ConnectError, Connection, ConnectionId};
use crate::event::Event;
use crate::idempotence::ProducerId;
use crate::metadata::Metadata;
use crate::telemetry::{Exporter, Telemetry};
use crate::time::{Instant, Now};

/// More events than this wait for no log: the oldest are forgotten.
const MAX_EVENTS: usize = 256;

/// What the driver is to do.
#[derive(Debug)]
pub enum Action {
    /// Resolve the name and connect, trying all its addresses in turn, the one used last behind the others.
    Connect {
        /// Names the connection from now on.
        conn: ConnectionId,
        /// Where to.
        address: Address,
        /// Connect to the canonical names of the name's addresses, as
        /// `client.dns.lookup=resolve_canonical_bootstrap_servers_only` asks for at bootstrap servers.
        canonical: bool,
        /// The longest time for each address.
        setup_timeout: Duration,
    },
    /// Write the frame behind those before it.
    Write {
        /// The connection.
        conn: ConnectionId,
        /// Comes back with [`Sender::handle_written`].
        token: u32,
        /// The bytes.
        frame: Frame,
    },
    /// End the connection, drop its frames and report nothing more of it.
    Close {
        /// The connection.
        conn: ConnectionId,
    },
}

/// The producer's back: owned by the driver.
#[derive(Debug)]
pub struct Sender {
    config: Arc<Config>,
    client_id: String,
    accumulator: Arc<Accumulator>,
    random: Random,
    queues: Vec<PartitionQueue>,
    metadata: Metadata,
    producer_id: ProducerId,
    /// Of each partition.
    first_sequence: i32,
    nodes: BTreeMap<i32, Node>,
    /// Brokers with partitions to drain.
    busy_nodes: BTreeSet<i32>,
    /// Brokers with questions to be asked about batches in doubt.
    resolving_nodes: BTreeSet<i32>,
    /// Partitions whose open batches linger, or whose batches wait for a backoff.
    lingering: BTreeSet<PartitionId>,
    control: Control,
    telemetry: Telemetry,
    connections: BTreeMap<ConnectionId, Connection>,
    next_connection: u64,
    timers: Timers,
    /// The latest time that was told.
    now: Now,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
    /// Open batches leave without lingering: calls wait for memory, or the producer closes.
    hurried: bool,
    /// What `close` gave up.
    left: CloseReport,
    closed: bool,
}

impl Sender {
    pub(crate) fn new(config: Arc<Config>, accumulator: Arc<Accumulator>, seed: u64) -> Self {
        Self {
            client_id: config.client_id().to_owned(),
            random: Random::new(seed),
            queues: Vec::new(),
            metadata: Metadata::new(),
            producer_id: ProducerId::new(config.enable_idempotence),
            first_sequence: 0,
            nodes: BTreeMap::new(),
            busy_nodes: BTreeSet::new(),
            resolving_nodes: BTreeSet::new(),
            lingering: BTreeSet::new(),
            control: Control::default(),
            telemetry: Telemetry::new(config.enable_metrics_push, Exporter::new(&config)),
            connections: BTreeMap::new(),
            next_connection: 0,
            timers: Timers::default(),
            now: Now::default(),
            actions: VecDeque::new(),
            events: VecDeque::new(),
            hurried: false,
            left: CloseReport::default(),
            closed: false,
            accumulator,
            config,
        }
    }

    /// For simulations, so that sequences wrap: partitions that become known from now on begin there. Brokers
    /// take any sequence of a producer that they don't know.
    #[doc(hidden)]
    pub fn begin_sequences_at(&mut self, first: i32) {
        self.first_sequence = first;
    }

    /// A connection stands.
    pub fn handle_connected(&mut self, now: Now, conn: ConnectionId) {
        self.now = now;
        self.connected(now.instant, conn);
        self.pump(now);
    }

    /// No connection came about.
    pub fn handle_connect_failed(&mut self, now: Now, conn: ConnectionId, error: ConnectError) {
        self.now = now;
        self.connect_failed(now.instant, conn, error);
        self.pump(now);
    }

    /// A whole response came in, its size stripped.
    pub fn handle_frame(&mut self, now: Now, conn: ConnectionId, content: Bytes) {
        self.now = now;
        self.response(now.instant, conn, content);
        self.pump(now);
        self.look_soon(now.instant);
    }

    /// The frame with this token was handed to the system whole.
    pub fn handle_written(&mut self, now: Now, conn: ConnectionId, token: u32) {
        self.now = now;
        if self.config.acks == crate::config::Acks::None {
            self.written(now.instant, conn, token);
            self.pump(now);
        }
    }

    /// A connection ended.
    pub fn handle_closed(&mut self, now: Now, conn: ConnectionId, reason: CloseReason) {
        self.now = now;
        if let Some(connection) = self.connections.get(&conn) {
            let cause = connection.cause(&reason);
            self.disconnect(now.instant, conn, cause);
        }
        self.pump(now);
    }

    /// The accumulator woke the driver.
    pub fn handle_wakeup(&mut self, now: Now) {
        self.now = now;
        self.take_news(now);
        self.pump(now);
        self.look_soon(now.instant);
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Now) {
        self.now = now;
        while let Some(timer) = self.timers.pop_due(now.instant) {
            self.due(now.instant, timer);
        }
        self.accumulator.waits.expire(now.instant);
        self.pump(now);
    }

    /// What to do next; `None` when all is said.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let waits = self.accumulator.waits.next_deadline();
        self.timers.next().into_iter().chain(waits).min()
    }

    /// The next event worth a line in a log.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether the producer has closed: nothing will be asked for any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Asks for all that can be done now.
    fn pump(&mut self, now: Now) {
        if self.closed {
            return;
        }
        if self.accumulator.signal.looks_soon() {
            self.take_news(now);
        }
        let now = now.instant;
        self.pump_nodes(now);
        self.pump_resolutions(now);
        self.pump_barriers(now);
        // Last, since the others find out what metadata is wanted.
        self.pump_control(now);
        self.pump_telemetry(now);
        if self.accumulator.generations.is_closing() {
            self.pump_closing(now);
        }
    }

    fn queue(&mut self, id: PartitionId) -> &mut PartitionQueue {
        &mut self.queues[id.0 as usize]
    }

    fn event(&mut self, event: Event) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn all_partitions(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.queues.len() as u32).map(PartitionId)
    }
}

/// A driver that goes away early, by a panic, leaves nothing without an outcome.
impl Drop for Sender {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        self.accumulator.generations.close();
        self.accumulator.waits.wake_all();
        self.accumulator.closing.abandon();
        self.abort();
        self.release_all();
        self.accumulator.closing.finish(self.left);
    }
}
