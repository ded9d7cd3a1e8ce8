//! The driver and the network: connections whose bytes come late, not at all, or from a liar.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use raban_broker::{Cluster, Outcome};
use raban_core::{Accumulator, Action, CloseReason, ConnectError, ConnectionId, Now, Sender};
use raban_protocol::api::ApiKey;
use raban_protocol::frame::{decode_response, encode_response};
use raban_protocol::messages::ProduceRequest;

use super::instant;
use crate::entropy::Entropy;
use crate::faulty::{self, Mishap};

/// More than any input can make necessary: then it is a loop without end.
const ENDLESS: usize = 20_000;

/// What a request was, so that its answer can be changed.
#[derive(Clone, Copy)]
struct Asked {
    key: i16,
    version: i16,
}

struct Link {
    /// The broker's number of the connection.
    number: u64,
    node: i32,
    requests: VecDeque<Bytes>,
    answers: VecDeque<(Asked, Bytes)>,
    /// A request waits at the broker until then.
    waiting: Option<(Duration, Asked)>,
}

/// A request that may arrive though its connection has ended.
struct Late {
    node: i32,
    content: Bytes,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

pub(super) struct Network {
    sender: Sender,
    pub(super) cluster: Cluster,
    woken: Arc<Woken>,
    elapsed: Duration,
    /// Attempts to connect: where to, and when they have failed.
    connecting: VecDeque<(ConnectionId, String, Duration)>,
    links: BTreeMap<ConnectionId, Link>,
    late: Vec<Late>,
    down: Vec<i32>,
    next_number: u64,
    /// Whether answers may say what isn't so, and records be taken away.
    pub(super) liars: bool,
}

impl Network {
    pub(super) fn new(sender: Sender, accumulator: &Accumulator, liars: bool) -> Self {
        let woken = Arc::new(Woken::default());
        accumulator.set_driver_waker(Waker::from(Arc::clone(&woken)));
        Self {
            sender,
            cluster: faulty::cluster(),
            woken,
            elapsed: Duration::from_secs(1),
            connecting: VecDeque::new(),
            links: BTreeMap::new(),
            late: Vec::new(),
            down: Vec::new(),
            next_number: 0,
            liars,
        }
    }

    pub(super) fn now(&self) -> Now {
        Now {
            instant: instant(self.elapsed),
            wall_ms: faulty::now(self.elapsed).unix_ms,
        }
    }

    fn broker_now(&self) -> raban_broker::Now {
        faulty::now(self.elapsed)
    }

    pub(super) fn step(&mut self, entropy: &mut Entropy<'_>) {
        match entropy.below(16) {
            0 => self.connect(0, entropy.below(4) > 0),
            1..5 => {
                if let Some(conn) = self.any_link(entropy) {
                    self.arrive(conn);
                }
            }
            5..9 => {
                if let Some(conn) = self.any_link(entropy) {
                    self.answer(conn);
                }
            }
            9 | 10 => {
                if let Some(conn) = self.any_link(entropy) {
                    self.lose(conn, entropy);
                }
            }
            11 if !self.late.is_empty() => {
                let index = entropy.below(self.late.len());
                let late = self.late.swap_remove(index);
                self.arrive_late(late);
            }
            11 | 12 => self.mishap(entropy),
            13 if self.liars => {
                faulty::disaster(&mut self.cluster, faulty::now(self.elapsed), entropy);
            }
            14 if self.liars => {
                if let Some(conn) = self.any_link(entropy) {
                    self.lie(conn, entropy);
                }
            }
            _ => drop(self.go_on()),
        }
        self.poll_brokers();
    }

    fn any_link(&self, entropy: &mut Entropy<'_>) -> Option<ConnectionId> {
        let index = entropy.below(self.links.len());
        self.links.keys().nth(index).copied()
    }

    /// What the driver does when something has happened.
    pub(super) fn work(&mut self) {
        for _ in 0..ENDLESS {
            if self.woken.0.swap(false, Ordering::SeqCst) {
                self.sender.handle_wakeup(self.now());
            }
            let mut any = false;
            while let Some(action) = self.sender.poll_action() {
                any = true;
                self.perform(action);
            }
            while self.sender.poll_event().is_some() {}
            if !any && !self.woken.0.load(Ordering::SeqCst) {
                return;
            }
        }
        panic!("there is always something more to do");
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Connect {
                conn,
                address,
                setup_timeout,
                ..
            } => {
                let failed = self.elapsed + setup_timeout;
                self.connecting.push_back((conn, address.host, failed));
            }
            Action::Write { conn, token, frame } => {
                let link = self.links.get_mut(&conn).expect("it is connected");
                link.requests.push_back(frame.to_bytes().slice(4..));
                self.sender.handle_written(self.now(), conn, token);
            }
            Action::Close { conn } => {
                self.connecting
                    .retain(|(connecting, ..)| *connecting != conn);
                if let Some(link) = self.links.remove(&conn) {
                    self.end_link(link, usize::MAX);
                }
            }
        }
    }

    /// An attempt to connect comes to its end.
    fn connect(&mut self, index: usize, succeeds: bool) {
        let Some((conn, host, _)) = self.connecting.remove(index) else {
            return;
        };
        let node = host
            .strip_prefix("node-")
            .and_then(|node| node.parse().ok());
        match node.filter(|node| succeeds && !self.down.contains(node)) {
            Some(node) => {
                self.next_number += 1;
                let number = self.next_number;
                self.cluster.handle_connect(number, (host, 9092));
                let link = Link {
                    number,
                    node,
                    requests: VecDeque::new(),
                    answers: VecDeque::new(),
                    waiting: None,
                };
                self.links.insert(conn, link);
                self.sender.handle_connected(self.now(), conn);
            }
            None => {
                let error = ConnectError::Unreachable("connection refused".to_owned());
                self.sender.handle_connect_failed(self.now(), conn, error);
            }
        }
        self.work();
    }

    /// The link's next request comes to the broker, unless one waits there; whether it did.
    fn arrive(&mut self, conn: ConnectionId) -> bool {
        let now = self.broker_now();
        let Some(link) = self
            .links
            .get_mut(&conn)
            .filter(|link| link.waiting.is_none())
        else {
            return false;
        };
        let Some(content) = link.requests.pop_front() else {
            return false;
        };
        let short = |at: usize| i16::from_be_bytes([content[at], content[at + 1]]);
        let asked = Asked {
            key: short(0),
            version: short(2),
        };
        let (number, node) = (link.number, link.node);
        let outcome = self.cluster.handle_request(now, node, number, content);
        self.answered(conn, asked, outcome);
        true
    }

    fn answered(&mut self, conn: ConnectionId, asked: Asked, outcome: Outcome) {
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        match outcome {
            Outcome::Reply(frame) => link.answers.push_back((asked, frame.to_bytes().slice(4..))),
            Outcome::NoReply => {}
            Outcome::Wait { deadline } => link.waiting = Some((deadline, asked)),
            Outcome::Close(_) => self.close(conn),
        }
    }

    fn arrive_late(&mut self, late: Late) {
        if self.down.contains(&late.node) {
            return;
        }
        self.next_number += 1;
        let (now, number) = (self.broker_now(), self.next_number);
        // Nobody is there for the answer any more.
        self.cluster
            .handle_request(now, late.node, number, late.content);
        self.cluster.handle_disconnect(number);
    }

    /// The link's next answer comes to the sender; whether there was one.
    fn answer(&mut self, conn: ConnectionId) -> bool {
        let answer = self
            .links
            .get_mut(&conn)
            .and_then(|link| link.answers.pop_front());
        let Some((_, content)) = answer else {
            return false;
        };
        self.sender.handle_frame(self.now(), conn, content);
        self.work();
        true
    }

    /// The link ends, and what was on it is lost, or comes late.
    fn lose(&mut self, conn: ConnectionId, entropy: &mut Entropy<'_>) {
        let Some(link) = self.links.remove(&conn) else {
            return;
        };
        self.end_link(link, entropy.below(6));
        let reason = match entropy.flag() {
            true => CloseReason::Eof,
            false => CloseReason::Io("connection reset by peer".to_owned()),
        };
        self.sender.handle_closed(self.now(), conn, reason);
        self.work();
    }

    /// Up to so many of its requests may arrive yet.
    fn end_link(&mut self, link: Link, late: usize) {
        self.cluster.handle_disconnect(link.number);
        let requests = link.requests.into_iter().take(late);
        self.late.extend(requests.map(|content| Late {
            node: link.node,
            content,
        }));
    }

    fn close(&mut self, conn: ConnectionId) {
        if let Some(link) = self.links.remove(&conn) {
            self.end_link(link, 0);
            self.sender
                .handle_closed(self.now(), conn, CloseReason::Eof);
            self.work();
        }
    }

    fn mishap(&mut self, entropy: &mut Entropy<'_>) {
        // A broker that has forgotten everything appends what comes late once more: nobody can help that.
        self.late.clear();
        match faulty::mishap(&mut self.cluster, faulty::now(self.elapsed), entropy) {
            Mishap::Stopped(node) => {
                if !self.down.contains(&node) {
                    self.down.push(node);
                }
                let of_node =
                    |(conn, link): (&ConnectionId, &Link)| (link.node == node).then_some(*conn);
                let lost: Vec<ConnectionId> = self.links.iter().filter_map(of_node).collect();
                lost.into_iter().for_each(|conn| self.close(conn));
            }
            Mishap::Started(node) => self.down.retain(|down| *down != node),
            Mishap::Other => {}
        }
    }

    /// Puts something else in the place of the link's next answer.
    fn lie(&mut self, conn: ConnectionId, entropy: &mut Entropy<'_>) {
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        let Some((asked, content)) = link.answers.front_mut() else {
            let len = entropy.below(40);
            let content = Bytes::copy_from_slice(entropy.bytes(len));
            self.sender.handle_frame(self.now(), conn, content);
            self.work();
            return;
        };
        *content = match entropy.below(4) {
            0 => content.slice(..entropy.below(content.len())),
            1 | 2 if asked.key == ApiKey::Produce as i16 => {
                false_answer(content, asked.version, entropy)
            }
            _ => {
                let mut damaged = BytesMut::from(&content[..]);
                for _ in 0..=entropy.below(4) {
                    let at = usize::from(entropy.u16()) % damaged.len();
                    damaged[at] = entropy.byte();
                }
                damaged.freeze()
            }
        };
        self.answer(conn);
    }

    /// Requests that waited at a broker and can be answered.
    fn poll_brokers(&mut self) {
        while let Some((number, outcome)) = self.cluster.poll_reply(self.broker_now()) {
            self.waited(number, outcome);
        }
        let due: Vec<u64> = self
            .links
            .values()
            .filter(|link| {
                link.waiting
                    .is_some_and(|(deadline, _)| deadline <= self.elapsed)
            })
            .map(|link| link.number)
            .collect();
        for number in due {
            if let Some(outcome) = self.cluster.handle_timeout(self.broker_now(), number) {
                self.waited(number, outcome);
            }
        }
    }

    fn waited(&mut self, number: u64, outcome: Outcome) {
        let mut links = self.links.iter_mut();
        let Some((conn, link)) = links.find(|(_, link)| link.number == number) else {
            return;
        };
        let (_, asked) = link.waiting.take().expect("it waited");
        let conn = *conn;
        self.answered(conn, asked, outcome);
    }

    /// Everything that is on its way arrives; whether there was anything.
    pub(super) fn go_on(&mut self) -> bool {
        let mut any = !self.connecting.is_empty();
        self.connect(0, true);
        let links: Vec<ConnectionId> = self.links.keys().copied().collect();
        for conn in links {
            any |= self.arrive(conn);
            any |= self.answer(conn);
        }
        self.poll_brokers();
        self.work();
        any
    }

    /// Time passes, with whatever becomes due on its way.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.elapsed + time;
        for _ in 0..ENDLESS {
            match self.next_event().filter(|at| *at <= end) {
                Some(at) => self.turn_to(at),
                None => {
                    self.turn_to(end);
                    return;
                }
            }
        }
        panic!("time doesn't get on");
    }

    fn next_event(&self) -> Option<Duration> {
        let timeout = self.sender.poll_timeout();
        let timeout = timeout.map(|at| Duration::from_nanos(at.as_nanos()));
        let connecting = self.connecting.iter().map(|(.., failed)| *failed);
        let waiting = self.links.values().filter_map(|link| link.waiting);
        timeout
            .into_iter()
            .chain(connecting)
            .chain(waiting.map(|(deadline, _)| deadline))
            .min()
    }

    fn turn_to(&mut self, at: Duration) {
        self.elapsed = at.max(self.elapsed);
        self.cluster.handle_tick(self.broker_now());
        let now = self.elapsed;
        let expired = |(.., failed): &(ConnectionId, String, Duration)| *failed <= now;
        while let Some(index) = self.connecting.iter().position(expired) {
            self.connect(index, false);
        }
        self.poll_brokers();
        if self
            .sender
            .poll_timeout()
            .is_some_and(|at| at <= self.now().instant)
        {
            self.sender.handle_timeout(self.now());
        }
        self.work();
    }

    pub(super) fn heal(&mut self) {
        self.down.clear();
        self.late.clear();
        faulty::heal(&mut self.cluster, faulty::now(self.elapsed));
        self.poll_brokers();
    }

    /// Goes on until the sender has closed.
    pub(super) fn finish(&mut self) {
        self.work();
        for _ in 0..ENDLESS {
            if self.sender.is_closed() {
                return;
            }
            if !self.go_on() {
                let at = self
                    .next_event()
                    .expect("a producer that closes waits for something");
                self.turn_to(at);
            }
        }
        panic!("the producer doesn't close");
    }
}

/// A Produce answer with another code, and another offset.
fn false_answer(content: &Bytes, version: i16, entropy: &mut Entropy<'_>) -> Bytes {
    let Ok((id, mut response)) = decode_response::<ProduceRequest>(version, content.clone()) else {
        return content.clone();
    };
    for topic in &mut response.responses {
        for partition in &mut topic.partition_responses {
            partition.error_code = faulty::error_code(entropy);
            partition.base_offset = entropy.pick(&[-1, partition.base_offset, 0, i64::MAX]);
        }
    }
    match encode_response::<ProduceRequest>(version, id, &response) {
        Ok(frame) => frame.to_bytes().slice(4..),
        Err(_) => content.clone(),
    }
}
