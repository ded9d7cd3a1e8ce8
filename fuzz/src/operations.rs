//! Lists of operations on the producer's core, with a cluster behind a bad network: each record has one outcome, nothing
//! panics, memory comes back, time gets on. While nobody has lied, what is acknowledged is in the log once, where it says.

mod checks;
mod network;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use raban_core::config::Settings;
use raban_core::{
    Accumulator, Close, Config, Delivery, EnqueueError, EnqueueWait, Flush, Instant, NewRecord,
    Now, Topic,
};

use crate::entropy::Entropy;
use crate::faulty::TOPICS;
use network::Network;

const STEPS: usize = 400;

/// The first bytes choose settings; then come steps, each a byte that says which, and what it takes.
pub fn run(data: &[u8]) {
    let mut entropy = Entropy::new(data);
    let settings = settings(&mut entropy);
    let Ok(config) = Config::from_settings(&settings) else {
        return;
    };
    let liars = entropy.flag();
    let mut producer = Producer::new(config, &settings, liars);
    for _ in 0..STEPS {
        if entropy.is_empty() {
            break;
        }
        producer.step(&mut entropy);
    }
    producer.end();
}

fn settings(entropy: &mut Entropy<'_>) -> Settings {
    let mut settings = Settings::new();
    settings.set("bootstrap.servers", "node-1:9092,node-2:9092");
    // The first choice of each is Kafka's default.
    for (key, values) in [
        ("acks", &["all", "1", "0"][..]),
        ("enable.idempotence", &["true", "false"]),
        ("linger.ms", &["5", "0", "1000"]),
        ("batch.size", &["16384", "0", "300"]),
        ("buffer.memory", &["33554432", "2000", "600"]),
        ("max.in.flight.requests.per.connection", &["5", "1", "2"]),
        ("compression.type", &["none", "lz4", "gzip"]),
        ("retries", &["2147483647", "0", "3"]),
        ("max.request.size", &["1048576", "500"]),
        ("in.doubt.policy", &["fail", "resend"]),
        ("max.block.ms", &["60000", "0", "1000"]),
    ] {
        let value = entropy.pick(values);
        if value != values[0] {
            settings.set(key, value);
        }
    }
    if settings.get("acks").is_some() {
        settings.set("enable.idempotence", "false");
    }
    settings
}

/// A record of the application, and what became of it.
struct Sent {
    topic: usize,
    partition: Option<i32>,
    value: String,
    state: State,
}

enum State {
    Waiting(EnqueueWait),
    /// Not in the log.
    Refused,
    /// With its place among all that were accepted.
    Accepted(u64, Delivery),
    /// Nobody asks for it any more.
    LetGo,
}

struct Producer {
    accumulator: Arc<Accumulator>,
    topics: Vec<Arc<Topic>>,
    network: Network,
    sent: Vec<Sent>,
    accepted: u64,
    flushes: Vec<Flush>,
    closes: Vec<Close>,
    /// What is acknowledged must be in the log, once.
    exactly_once: bool,
}

impl Producer {
    fn new(config: Config, settings: &Settings, liars: bool) -> Self {
        let (accumulator, sender) = raban_core::new(config, 42);
        let topics = TOPICS.map(|name| accumulator.topic(name).expect("the name is legal"));
        Self {
            network: Network::new(sender, &accumulator, liars),
            accumulator,
            topics: topics.into(),
            sent: Vec::new(),
            accepted: 0,
            flushes: Vec::new(),
            closes: Vec::new(),
            exactly_once: settings.get("enable.idempotence").is_none()
                && settings.get("retries") != Some("0")
                && settings.get("in.doubt.policy").is_none(),
        }
    }

    fn step(&mut self, entropy: &mut Entropy<'_>) {
        match entropy.below(16) {
            0..4 => self.enqueue(entropy),
            4 => self.look_at_waiting(entropy),
            5 => self.let_go(entropy),
            6 => {
                let now = self.now();
                if entropy.below(8) > 0 {
                    self.flushes.push(self.accumulator.flush(now));
                } else {
                    let timeout = Duration::from_millis(1 << entropy.below(18));
                    self.closes.push(self.accumulator.close(now, timeout));
                }
            }
            7 => {
                let millis = 1 << entropy.below(19);
                self.network.pass(Duration::from_millis(millis));
            }
            8 => {
                for _ in 0..=entropy.below(16) {
                    self.network.go_on();
                }
            }
            _ => self.network.step(entropy),
        }
        self.network.work();
    }

    fn now(&self) -> Now {
        self.network.now()
    }

    fn enqueue(&mut self, entropy: &mut Entropy<'_>) {
        let filler = "x".repeat(entropy.pick(&[0, 10, 100, 250]));
        self.sent.push(Sent {
            topic: entropy.below(self.topics.len()),
            partition: entropy.pick(&[None, Some(0), Some(0), Some(1), Some(2)]),
            value: format!("{}:{filler}", self.sent.len()),
            state: State::Waiting(EnqueueWait::default()),
        });
        self.poll(self.sent.len() - 1);
    }

    /// Polls a record that waits to be accepted; whether it waits on.
    fn poll(&mut self, index: usize) -> bool {
        let now = self.now();
        let sent = &mut self.sent[index];
        let State::Waiting(wait) = &mut sent.state else {
            return false;
        };
        let record = NewRecord {
            partition: sent.partition,
            value: Some(sent.value.as_bytes()),
            ..NewRecord::default()
        };
        let cx = &mut Context::from_waker(Waker::noop());
        let topic = &self.topics[sent.topic];
        let polled: Poll<Result<Delivery, EnqueueError>> = self
            .accumulator
            .poll_enqueue(cx, &now, topic, &record, wait);
        match polled {
            Poll::Pending => return true,
            Poll::Ready(Ok(delivery)) => {
                self.accepted += 1;
                sent.state = State::Accepted(self.accepted, delivery);
            }
            Poll::Ready(Err(_)) => sent.state = State::Refused,
        }
        false
    }

    fn look_at_waiting(&mut self, entropy: &mut Entropy<'_>) {
        let skip = entropy.below(4);
        let waiting = self.indexes(|state| matches!(state, State::Waiting(_)));
        for index in waiting.into_iter().skip(skip) {
            self.poll(index);
        }
    }

    fn let_go(&mut self, entropy: &mut Entropy<'_>) {
        match entropy.below(4) {
            0 => drop(self.flushes.pop()),
            1 => drop(self.closes.pop()),
            2 => self.let_go_of(
                entropy,
                |state| matches!(state, State::Waiting(_)),
                State::Refused,
            ),
            _ => self.let_go_of(
                entropy,
                |state| matches!(state, State::Accepted(..)),
                State::LetGo,
            ),
        }
    }

    fn let_go_of(&mut self, entropy: &mut Entropy<'_>, which: fn(&State) -> bool, becomes: State) {
        let candidates = self.indexes(which);
        if !candidates.is_empty() {
            let index = candidates[entropy.below(candidates.len())];
            self.sent[index].state = becomes;
        }
    }

    fn indexes(&self, which: fn(&State) -> bool) -> Vec<usize> {
        let all = self.sent.iter().enumerate();
        all.filter(|(_, sent)| which(&sent.state))
            .map(|(index, _)| index)
            .collect()
    }

    /// All is well again, and the producer closes: then everything has its outcome.
    fn end(mut self) {
        self.network.heal();
        let mut close = self.accumulator.close(self.now(), Duration::MAX);
        self.network.finish();
        for index in 0..self.sent.len() {
            assert!(!self.poll(index), "a closed producer lets nobody wait");
        }
        assert!(is_ready(&mut close));
        assert!(self.closes.iter_mut().all(is_ready));
        assert!(self.flushes.iter_mut().all(is_ready));
        let metrics = self.accumulator.metrics(self.now());
        assert_eq!(
            metrics.buffer_available_bytes, metrics.buffer_total_bytes,
            "memory is missing"
        );
        checks::outcomes(&mut self);
    }
}

fn is_ready<F: Future + Unpin>(future: &mut F) -> bool {
    let cx = &mut Context::from_waker(Waker::noop());
    Pin::new(future).poll(cx).is_ready()
}

fn instant(elapsed: Duration) -> Instant {
    Instant::from_nanos(elapsed.as_nanos() as u64)
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for seed in 0..48_u32 {
        let byte = |at: u32| (at.wrapping_mul(2_654_435_761).rotate_left(seed % 32) >> 11) as u8;
        // A few settings, then as many steps as there may be.
        let settings = (0..11).map(|at| u8::from(at == seed % 13) * (1 + (seed / 13) as u8));
        let steps = (0..200).map(|at| byte(at + seed * 7919));
        let liars = std::iter::once(u8::from(seed % 3 == 0));
        seeds.push(settings.chain(liars).chain(steps).collect());
    }
    seeds
}
