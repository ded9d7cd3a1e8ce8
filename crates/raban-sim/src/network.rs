//! The network: connections as two streams of bytes, with every way to go wrong.
//!
//! ```text
//! producer ── write ──▶ up ── AtBroker ──▶ inbox ── Serve ──▶ broker
//!          ◀── frames ── AtProducer ◀── down ◀── respond ──────┘
//! ```
//!
//! A broker serves a connection's requests one after the other. When the producer gives a connection up, what is on its
//! way still arrives, and the broker applies the first few requests (measured on Kafka: with five pipelined ones, one
//! after a reset, two after a close). It does so under the leadership it had when they came in: later ones are dropped.

mod ends;
mod hostile;
mod link;
mod pipe;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use raban_core::{CloseReason, ConnectionId, Speaks};
use raban_protocol::frame::FrameError;

pub(crate) use self::hostile::Hostility;
pub(crate) use self::link::{Link, Loss, Refusal};
use self::pipe::{Piece, Pipe};
use crate::hits::Hit;
use crate::random::Random;
use crate::stage::{Event, Stage};

/// The limits of the producer's transport and of the broker's server.
const MAX_RESPONSE: usize = 100 << 20;
const MAX_REQUEST: usize = 100 << 20;

/// The network's own ways, without any fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Temper {
    /// The usual time from one end to the other: from, up to.
    pub(crate) latency: (Duration, Duration),
    /// The usual time a broker takes for a request, up to.
    pub(crate) service: Duration,
    /// How many requests of a connection that its client gave up may still be applied, up to.
    pub(crate) late: u64,
    /// In how many of 1,000 cases a frame arrives in two pieces.
    pub(crate) split: u64,
}

/// All connections and the links to the brokers.
#[derive(Debug)]
pub(crate) struct Network {
    temper: Temper,
    random: Random,
    links: BTreeMap<i32, Link>,
    connections: BTreeMap<ConnectionId, Connection>,
    by_number: BTreeMap<u64, ConnectionId>,
    next_number: u64,
}

#[derive(Debug)]
struct Connection {
    node: i32,
    /// What the broker, and the trace, call it.
    number: u64,
    connected: bool,
    up: Pipe,
    down: Pipe,
    inbox: VecDeque<Bytes>,
    /// The broker works on a request.
    busy: bool,
    /// `Serve` is among the events.
    serving: bool,
    /// The producer still holds its end.
    held: bool,
    /// What arrived after the producer's end was gone: `End` was read.
    ended: bool,
    /// Further requests that are applied once the producer has let go.
    late: u64,
    /// What is sent to the broker comes through then, or later.
    stranded_until: Duration,
    /// Answers vanish from now on: one did, and the stream has no gaps.
    mute: bool,
    unanswered: u64,
}

/// A request that a broker turns to.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) node: i32,
    /// The connection's number at the broker.
    pub(crate) number: u64,
    pub(crate) content: Bytes,
    /// The producer gave the connection up.
    pub(crate) late: bool,
}

/// What is to be known of an answer to a Produce request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Produced {
    pub(crate) version: i16,
    /// Something is in a log by this request.
    pub(crate) appended: bool,
}

/// What reaches the producer.
#[derive(Debug)]
pub(crate) enum Inbound {
    Frame(Bytes),
    Closed(CloseReason),
}

impl Network {
    pub(crate) fn new(seed: u64, temper: Temper) -> Self {
        Self {
            temper,
            random: Random::of(seed, "network"),
            links: BTreeMap::new(),
            connections: BTreeMap::new(),
            by_number: BTreeMap::new(),
            next_number: 0,
        }
    }

    pub(crate) fn link(&mut self, node: i32) -> &mut Link {
        self.links.entry(node).or_default()
    }

    /// What is sent to the node on the connections of now comes through at `until`.
    pub(crate) fn strand(&mut self, node: i32, until: Duration) {
        for connection in self.connections.values_mut().filter(|c| c.node == node) {
            connection.stranded_until = until;
        }
    }

    /// The producer wants a connection; `node` is none where nobody listens.
    pub(crate) fn connect(
        &mut self,
        stage: &mut Stage,
        conn: ConnectionId,
        node: Option<i32>,
        timeout: Duration,
    ) {
        let latency = self.latency();
        let refusal = match node {
            None => Some(Refusal::AtOnce),
            Some(node) => self.link(node).refuses,
        };
        self.next_number += 1;
        let number = self.next_number;
        match refusal {
            None => stage.after(latency * 2, Event::Connected(conn)),
            Some(refusal) => {
                stage.hits.hit(Hit::Refused);
                let wait = match refusal {
                    Refusal::AtOnce => latency * 2,
                    Refusal::Never => timeout,
                };
                stage.after(wait, Event::ConnectFailed(conn));
            }
        }
        let connection = Connection {
            node: node.unwrap_or_default(),
            number,
            connected: false,
            up: Pipe::new(MAX_REQUEST),
            down: Pipe::new(MAX_RESPONSE),
            inbox: VecDeque::new(),
            busy: false,
            serving: false,
            held: true,
            ended: false,
            late: self.random.below(self.temper.late + 1),
            stranded_until: Duration::ZERO,
            mute: false,
            unanswered: 0,
        };
        stage.line(|| format!("connection {number} to node {node:?}"));
        self.by_number.insert(number, conn);
        self.connections.insert(conn, connection);
    }

    /// The connection stands, unless its broker went away in the meantime. Its node and number.
    pub(crate) fn connected(
        &mut self,
        conn: ConnectionId,
        up: impl Fn(i32) -> bool,
    ) -> Option<(i32, u64)> {
        let connection = self.connections.get_mut(&conn)?;
        if !up(connection.node) {
            self.forget(conn);
            return None;
        }
        connection.connected = true;
        Some((connection.node, connection.number))
    }

    /// Whether the producer still waits for the connection that didn't come about.
    pub(crate) fn connect_failed(&mut self, conn: ConnectionId) -> bool {
        self.forget(conn)
    }

    fn forget(&mut self, conn: ConnectionId) -> bool {
        let gone = self.connections.remove(&conn);
        gone.is_some_and(|gone| self.by_number.remove(&gone.number).is_some())
    }

    pub(crate) fn write(
        &mut self,
        stage: &mut Stage,
        conn: ConnectionId,
        token: u32,
        frame: Bytes,
    ) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.unanswered += 1;
        stage.after(
            Duration::from_micros(self.random.below(50)),
            Event::Written(conn, token),
        );
        self.send(stage, conn, Way::Up, frame);
    }

    /// The broker's answer to the request that the connection is busy with.
    pub(crate) fn respond(
        &mut self,
        stage: &mut Stage,
        number: u64,
        frame: Bytes,
        produce: Option<Produced>,
    ) {
        let Some(conn) = self.conn(number) else {
            return;
        };
        let connection = self.connections.get_mut(&conn).expect("numbered");
        let link = self.links.entry(connection.node).or_default();
        connection.mute |= produce.is_some() && link.swallows;
        let mut lost = link.loss_down.is_some_and(|loss| !loss.delivers);
        if connection.mute || !connection.held {
            lost = true;
        } else if let Some((hostility, left)) = link.hostile
            && let Some(spoilt) = hostility.spoil(&frame, produce, &mut self.random)
        {
            link.hostile = (left > 1).then_some((hostility, left - 1));
            stage.hits.hit(hostility.hit());
            stage.line(|| format!("connection {number}: an answer {hostility}"));
            lost = true;
            self.send(stage, conn, Way::Down, spoilt);
        } else {
            self.send(stage, conn, Way::Down, frame);
        }
        if lost && produce.is_some_and(|produce| produce.appended) {
            stage.hits.hit(Hit::ResponseLost);
            stage.line(|| format!("connection {number}: the answer is lost"));
        }
        self.served(stage, number);
    }

    /// The broker is done with a request of the connection.
    pub(crate) fn served(&mut self, stage: &mut Stage, number: u64) {
        if let Some(conn) = self.by_number.get(&number).copied() {
            self.connections.get_mut(&conn).expect("numbered").busy = false;
            self.schedule(stage, conn);
        }
    }

    fn send(&mut self, stage: &mut Stage, conn: ConnectionId, way: Way, bytes: Bytes) {
        let split = bytes.len() > 1 && self.random.chance(self.temper.split);
        let at = if split {
            self.random.within(1, bytes.len() as u64 - 1) as usize
        } else {
            bytes.len()
        };
        for part in [bytes.slice(..at), bytes.slice(at..)] {
            if !part.is_empty() {
                self.send_piece(stage, conn, way, Piece::Bytes(part));
            }
        }
    }

    fn send_piece(&mut self, stage: &mut Stage, conn: ConnectionId, way: Way, piece: Piece) {
        let latency = self.latency();
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let link = self.links.entry(connection.node).or_default();
        let len = match &piece {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::End { .. } => 0,
        };
        let mut at = link.travel(stage.now, latency, len, &mut self.random);
        if link.delay > Duration::ZERO {
            stage.hits.hit(Hit::Delay);
        }
        if link.bytes_per_ms.is_some() {
            stage.hits.hit(Hit::SlowLink);
        }
        if way == Way::Up && connection.stranded_until > at {
            stage.hits.hit(Hit::Stranded);
            at = connection.stranded_until;
        }
        let (pipe, loss, event) = match way {
            Way::Up => (&mut connection.up, link.loss_up, Event::AtBroker(conn)),
            Way::Down => (
                &mut connection.down,
                link.loss_down,
                Event::AtProducer(conn),
            ),
        };
        if let Some(loss) = loss {
            stage.hits.hit(Hit::Loss);
            if !loss.delivers {
                // A stream has no gaps: nothing comes behind what is lost.
                pipe.clear();
                return;
            }
            at = at.max(loss.until);
        }
        if let Some(at) = pipe.push(at, piece) {
            stage.at(at, event);
        }
    }

    fn latency(&mut self) -> Duration {
        let (from, to) = self.temper.latency;
        Duration::from_micros(
            self.random
                .within(from.as_micros() as u64, to.as_micros() as u64),
        )
    }

    /// A piece has come to the broker. Returns the connection's number when the broker is done with it.
    pub(crate) fn at_broker(&mut self, stage: &mut Stage, conn: ConnectionId) -> Option<u64> {
        let connection = self.connections.get_mut(&conn)?;
        match connection.up.pop(stage.now) {
            Some(Piece::Bytes(bytes)) => {
                stage.trace.bytes(stage.now, connection.number, &bytes);
                connection.up.receive(&bytes);
                while let Ok(Some(content)) = connection.up.next_frame() {
                    connection.inbox.push_back(content);
                }
            }
            Some(Piece::End { .. }) => {
                if connection.up.is_within_a_frame() {
                    stage.hits.hit(Hit::HalfRequest);
                }
                connection.ended = true;
            }
            None if !connection.held && connection.up.is_idle() => connection.ended = true,
            None => {}
        }
        self.schedule(stage, conn);
        self.end_if_done(conn)
    }

    /// The broker looks at the connection's next request when it has time.
    fn schedule(&mut self, stage: &mut Stage, conn: ConnectionId) {
        let connection = self.connections.get_mut(&conn).expect("seen by the caller");
        if connection.busy || connection.serving || connection.inbox.is_empty() {
            return;
        }
        connection.serving = true;
        let slow = self.links.entry(connection.node).or_default().service;
        if slow > Duration::ZERO {
            stage.hits.hit(Hit::SlowBroker);
        }
        let longest = (self.temper.service + slow).as_micros() as u64;
        let wait = Duration::from_micros(slow.as_micros() as u64 / 2 + self.random.below(longest));
        stage.after(wait, Event::Serve(conn));
    }

    /// The request that the broker turns to now.
    pub(crate) fn next_request(&mut self, conn: ConnectionId) -> Option<Arrived> {
        let connection = self.connections.get_mut(&conn)?;
        connection.serving = false;
        let late = !connection.held || connection.ended;
        if late {
            if connection.late == 0 {
                connection.inbox.clear();
            } else {
                connection.late -= 1;
            }
        }
        let content = connection.inbox.pop_front()?;
        connection.busy = true;
        Some(Arrived {
            node: connection.node,
            number: connection.number,
            content,
            late,
        })
    }

    pub(crate) fn conn(&self, number: u64) -> Option<ConnectionId> {
        self.by_number.get(&number).copied()
    }

    /// What has come to the producer.
    pub(crate) fn at_producer(&mut self, stage: &mut Stage, conn: ConnectionId) -> Vec<Inbound> {
        let Some(connection) = self.connections.get_mut(&conn).filter(|c| c.held) else {
            return Vec::new();
        };
        let mut inbound = Vec::new();
        match connection.down.pop(stage.now) {
            None => {}
            Some(Piece::End { reset }) => {
                if connection.down.is_within_a_frame() {
                    stage.hits.hit(Hit::HalfResponse);
                }
                inbound.push(Inbound::Closed(match reset {
                    true => CloseReason::Io("connection reset by peer".to_owned()),
                    false => CloseReason::Eof,
                }));
            }
            Some(Piece::Bytes(bytes)) => {
                stage.trace.bytes(stage.now, connection.number, &bytes);
                connection.down.receive(&bytes);
                loop {
                    match connection.down.next_frame() {
                        Ok(Some(content)) => {
                            connection.unanswered = connection.unanswered.saturating_sub(1);
                            inbound.push(Inbound::Frame(content));
                        }
                        Ok(None) => break,
                        Err(error) => {
                            inbound.push(Inbound::Closed(close_reason(&error)));
                            break;
                        }
                    }
                }
            }
        }
        inbound
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// As the producer's transport reports it.
fn close_reason(error: &FrameError) -> CloseReason {
    match error {
        FrameError::LooksLikeHttp => CloseReason::NotKafka(Speaks::Http),
        FrameError::LooksLikeTls => CloseReason::NotKafka(Speaks::Tls),
        FrameError::TooLarge { size, .. } => CloseReason::FrameTooLarge { size: *size },
        _ => CloseReason::NotKafka(Speaks::Unknown),
    }
}
