//! The world: one loop that turns the clock to whatever is next, and carries it to whom it concerns.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use raban_broker::Outcome;
use raban_core::{Accumulator, Action, Config, ConnectError, ConnectionId, Sender};

use crate::brokers::{Answer, Brokers};
use crate::checkers::in_flight::InFlight;
use crate::checkers::{self, Evidence};
use crate::content::RecordId;
use crate::counts::Counts;
use crate::hits::Hits;
use crate::ledger::Ledger;
use crate::network::{Inbound, Network};
use crate::plan::Plan;
use crate::proof::Phase;
use crate::random::Random;
use crate::setup::topic_name;
use crate::stage::{Event, Stage, from_instant};
use crate::tasks::Tasks;
use crate::trace::Trace;
use crate::violation::Violation;

/// A run that takes more steps than this gets nowhere.
const MAX_STEPS: u64 = 3_000_000;
/// A sender that is due so often at one instant never sleeps.
const MAX_TURNS: u32 = 10_000;

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// The hash of everything that crossed the network, and when.
    pub hash: u64,
    /// Which faults struck.
    pub hits: Hits,
    /// What became of its records.
    pub counts: Counts,
    /// The broken promise, if one was.
    pub violation: Option<Violation>,
    /// What happened, line by line, if that was asked for.
    pub trace: Vec<String>,
}

/// Runs a plan to its end and checks what it left behind.
pub fn run(plan: &Plan, readable: bool) -> Report {
    let mut world = World::new(plan, readable);
    let ran = panic::catch_unwind(AssertUnwindSafe(|| world.run()));
    if let Err(payload) = ran {
        let words = payload.downcast_ref::<String>().map(String::as_str);
        let words = words
            .or_else(|| payload.downcast_ref().copied())
            .unwrap_or("without a word");
        world.stage.violate(Violation::new("panic", words));
        // Whatever state it is in, its end would only panic again.
        std::mem::forget(world.sender.take());
    }
    world.report()
}

#[derive(Debug, Default)]
struct DriverFlag {
    woken: AtomicBool,
}

impl Wake for DriverFlag {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Relaxed);
    }
}

pub(crate) struct World<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) stage: Stage,
    pub(crate) network: Network,
    pub(crate) brokers: Brokers,
    random: Random,
    pub(crate) config: Config,
    pub(crate) accumulator: Arc<Accumulator>,
    /// None once the driver is gone.
    pub(crate) sender: Option<Sender>,
    driver: Arc<DriverFlag>,
    driver_due: bool,
    pub(crate) tasks: Tasks,
    pub(crate) ledger: Ledger,
    in_flight: InFlight,
    /// Followers that fell behind, by the fault that did it.
    pub(crate) behind: BTreeMap<usize, i32>,
    pub(crate) phase: Phase,
    /// The first record of the proof.
    pub(crate) proof_from: RecordId,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, readable: bool) -> Self {
        let mut stage = Stage::new(Trace::new(readable));
        let config = plan.config();
        let (accumulator, mut sender) = raban_core::new(config.clone(), plan.seed);
        sender.begin_sequences_at(plan.setup.first_sequence);
        let driver = Arc::new(DriverFlag::default());
        accumulator.set_driver_waker(Waker::from(Arc::clone(&driver)));
        let topics = (0..plan.setup.topics.len())
            .map(|topic| {
                accumulator
                    .topic(&topic_name(topic))
                    .expect("the name is legal")
            })
            .collect();
        let mut tasks = Tasks::new(plan.seed, Arc::clone(&accumulator), topics, config.clone());
        for ops in &plan.workload.tasks {
            tasks.spawn(&mut stage, ops.clone());
        }
        for (number, fault) in plan.schedule.0.iter().enumerate() {
            stage.at(fault.at, Event::FaultBegins(number));
            stage.at(fault.at + fault.length, Event::FaultEnds(number));
        }
        Self {
            network: Network::new(plan.seed, plan.setup.temper),
            brokers: Brokers::start(plan.seed, &plan.setup, &stage),
            random: Random::of(plan.seed, "driver"),
            stage,
            config,
            accumulator,
            sender: Some(sender),
            driver,
            driver_due: false,
            tasks,
            ledger: Ledger::default(),
            in_flight: InFlight::default(),
            behind: BTreeMap::new(),
            phase: Phase::Work,
            proof_from: RecordId::MAX,
            plan,
        }
    }

    fn run(&mut self) {
        let mut turns = 0;
        for _ in 0..MAX_STEPS {
            self.listen();
            if self.stage.violation.is_some() {
                return;
            }
            let Some(next) = self.next_at() else {
                if self.tasks.all_done() && self.next_phase() {
                    continue;
                }
                return;
            };
            if next > self.stage.now {
                turns = 0;
                self.stage.now = next;
            }
            if let Some(event) = self.stage.pop_due() {
                self.event(event);
            } else if self
                .brokers
                .next_deadline()
                .is_some_and(|at| at <= self.stage.now)
            {
                let answers = self.brokers.handle_deadline(&mut self.stage);
                self.answers(answers);
            } else if self.sender_is_due() {
                turns += 1;
                if turns > MAX_TURNS {
                    self.stage
                        .violate(Violation::new("progress", "the sender is due without end"));
                }
                self.timeout();
            }
        }
        let pending = self.tasks.pending();
        self.stage.violate(Violation::new(
            "progress",
            format!("no end in sight: {pending}"),
        ));
    }

    fn next_at(&self) -> Option<Duration> {
        // The outcomes that nobody waits for are there when this has passed.
        let settled = self.ledger.latest + self.config.delivery_timeout;
        let quiet =
            self.tasks.all_done() && self.stage.next_at().is_none() && self.ledger.all_settled();
        if quiet && (self.stage.now >= settled || self.is_over()) {
            // Only the producer's own upkeep is left.
            return None;
        }
        let sender = self.sender.as_ref().filter(|_| !self.is_over());
        let sender = sender.and_then(Sender::poll_timeout).map(from_instant);
        let settled = quiet.then_some(settled);
        let all = [
            self.stage.next_at(),
            sender,
            self.brokers.next_deadline(),
            settled,
        ];
        all.into_iter()
            .flatten()
            .min()
            .map(|at| at.max(self.stage.now))
    }

    fn sender_is_due(&self) -> bool {
        let timeout = self.sender.as_ref().and_then(Sender::poll_timeout);
        timeout.is_some_and(|at| from_instant(at) <= self.stage.now)
    }

    fn is_over(&self) -> bool {
        self.sender.as_ref().is_none_or(Sender::is_closed)
    }

    /// Carries wake-ups to those who wait, until nobody is woken any more.
    fn listen(&mut self) {
        self.ledger.listen(&mut self.stage);
        self.tasks
            .look_at_deliveries(&mut self.stage, &mut self.ledger);
        self.tasks.listen(&mut self.stage, &mut self.ledger);
        if self.tasks.abandoned && self.sender.take().is_some() {
            self.stage.line(|| "the driver goes away".to_owned());
            self.ledger.listen(&mut self.stage);
            self.tasks.listen(&mut self.stage, &mut self.ledger);
        }
        if self.driver.woken.swap(false, Ordering::Relaxed) && !self.driver_due {
            self.driver_due = true;
            let latency = self.plan.setup.driver_latency.as_micros() as u64;
            let wait = Duration::from_micros(self.random.below(latency + 1));
            self.stage.after(wait, Event::Driver);
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Driver => {
                self.driver_due = false;
                self.tell(|sender, now| sender.handle_wakeup(now));
            }
            Event::Task(task) => self.tasks.resume(&mut self.stage, &mut self.ledger, task),
            Event::Connected(conn) => self.connected(conn),
            Event::ConnectFailed(conn) => {
                if self.network.connect_failed(conn) {
                    self.connect_failed(conn);
                }
            }
            Event::Written(conn, token) => {
                self.tell(|sender, now| sender.handle_written(now, conn, token));
            }
            Event::AtBroker(conn) => {
                if let Some(number) = self.network.at_broker(&mut self.stage, conn) {
                    self.brokers.disconnect(number);
                }
            }
            Event::Serve(conn) => self.serve(conn),
            Event::AtProducer(conn) => {
                for inbound in self.network.at_producer(&mut self.stage, conn) {
                    self.in_flight.answered(conn);
                    self.tell(|sender, now| match inbound {
                        Inbound::Frame(content) => sender.handle_frame(now, conn, content),
                        Inbound::Closed(reason) => sender.handle_closed(now, conn, reason),
                    });
                }
            }
            Event::FaultBegins(number) => self.begin(number),
            Event::FaultEnds(number) => self.end(number),
        }
    }

    fn timeout(&mut self) {
        self.tell(|sender, now| sender.handle_timeout(now));
    }

    /// Tells the sender something, and does what it wants done.
    fn tell(&mut self, what: impl FnOnce(&mut Sender, raban_core::Now)) {
        let Some(sender) = self.sender.as_mut().filter(|sender| !sender.is_closed()) else {
            return;
        };
        let now = self.stage.producer_now();
        what(sender, now);
        while let Some(action) = sender.poll_action() {
            match action {
                Action::Connect {
                    conn,
                    address,
                    setup_timeout,
                    ..
                } => {
                    let node = address
                        .host
                        .strip_prefix("node-")
                        .and_then(|node| node.parse().ok());
                    let node = node.filter(|node| self.brokers.is_up(*node));
                    self.network
                        .connect(&mut self.stage, conn, node, setup_timeout);
                }
                Action::Write { conn, token, frame } => {
                    let frame = frame.to_bytes();
                    self.in_flight
                        .sent(&mut self.stage, &self.config, conn, &frame);
                    self.network.write(&mut self.stage, conn, token, frame);
                }
                Action::Close { conn } => {
                    self.in_flight.closed(conn);
                    self.network.close(&mut self.stage, conn);
                }
            }
        }
        while let Some(event) = sender.poll_event() {
            self.stage.line(|| format!("producer: {event}"));
        }
    }

    fn connected(&mut self, conn: ConnectionId) {
        match self
            .network
            .connected(conn, |node| self.brokers.is_up(node))
        {
            Some((node, number)) => {
                self.brokers.connect(node, number);
                self.tell(|sender, now| sender.handle_connected(now, conn));
            }
            None => self.connect_failed(conn),
        }
    }

    fn connect_failed(&mut self, conn: ConnectionId) {
        let error = ConnectError::Unreachable("connection refused".to_owned());
        self.tell(|sender, now| sender.handle_connect_failed(now, conn, error));
    }

    fn serve(&mut self, conn: ConnectionId) {
        if let Some(arrived) = self.network.next_request(conn) {
            let answers = self.brokers.handle(&mut self.stage, &self.ledger, arrived);
            self.answers(answers);
        }
        if let Some(number) = self.network.end_if_done(conn) {
            self.brokers.disconnect(number);
        }
    }

    pub(crate) fn answers(&mut self, answers: Vec<Answer>) {
        for Answer {
            number,
            outcome,
            produce,
        } in answers
        {
            match outcome {
                Outcome::Reply(frame) => {
                    self.network
                        .respond(&mut self.stage, number, frame.to_bytes(), produce);
                }
                Outcome::NoReply => self.network.served(&mut self.stage, number),
                Outcome::Close(reason) => self.network.hang_up(&mut self.stage, number, &reason),
                Outcome::Wait { .. } => unreachable!("a request that waits has no answer"),
            }
            if let Some(number) = self
                .network
                .conn(number)
                .and_then(|conn| self.network.end_if_done(conn))
            {
                self.brokers.disconnect(number);
            }
        }
    }

    fn report(mut self) -> Report {
        if self.stage.violation.is_none() {
            if !self.tasks.all_done() {
                let pending = self.tasks.pending();
                self.stage
                    .violate(Violation::new("progress", format!("for ever {pending}")));
            }
            let evidence = Evidence {
                config: &self.config,
                setup: &self.plan.setup,
                ledger: &self.ledger,
                history: &self.brokers.history,
            };
            if let Err(violation) = checkers::check(&evidence) {
                self.stage.violate(violation);
            }
        }
        Report {
            hash: self.stage.trace.hash(),
            hits: self.stage.hits,
            counts: self.ledger.counts(),
            violation: self.stage.violation,
            trace: self.stage.trace.into_lines(),
        }
    }
}
