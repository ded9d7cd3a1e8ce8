//! A producer without its threads and sockets: the bench does what application and driver would do.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use raban_core::config::Settings;
use raban_core::{
    Accumulator, Action, Config, ConnectionId, Deliveries, Delivery, EnqueueWait, Instant,
    NewRecord, Now, Sender, Topic,
};
use raban_protocol::frame::Frame;

use crate::Meter;
use crate::broker::Broker;

/// What may be measured of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The application's records go into batches.
    Append,
    /// The sender takes the batches and writes requests.
    Drain,
    /// The sender reads answers, and writes the requests that had to wait for them.
    Settle,
    /// The application takes the outcomes.
    Await,
}

/// The whole way.
pub(crate) const ALL: [Step; 4] = [Step::Append, Step::Drain, Step::Settle, Step::Await];

pub(crate) struct Rig {
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) now: Now,
    sender: Sender,
    topic: Arc<Topic>,
    broker: Broker,
    /// Requests without an answer.
    frames: Vec<(ConnectionId, Frame)>,
    answers: Vec<(ConnectionId, Bytes)>,
    deliveries: VecDeque<Delivery>,
    many: Vec<Deliveries>,
}

impl Rig {
    /// Knows the topic's partitions, and each has had a record acknowledged.
    pub(crate) fn new(partitions: i32, settings: &[(&str, &str)]) -> Self {
        let mut all = Settings::default();
        all.set("bootstrap.servers", "broker:9092");
        // Enough for a small batch of each of many partitions.
        all.set("buffer.memory", "268435456");
        for (key, value) in settings {
            all.set(*key, *value);
        }
        let config = Config::from_settings(&all).expect("the settings are right");
        let (accumulator, sender) = raban_core::new(config, 42);
        let topic = accumulator.topic("bench").expect("the name is right");
        let mut rig = Self {
            accumulator,
            now: Now {
                instant: Instant::from_nanos(1_000_000_000),
                wall_ms: 1_700_000_000_000,
            },
            sender,
            topic,
            broker: Broker { partitions },
            frames: Vec::new(),
            answers: Vec::new(),
            deliveries: VecDeque::with_capacity(1 << 20),
            many: Vec::with_capacity(1 << 10),
        };
        let mut first = EnqueueWait::default();
        let record = NewRecord::default();
        while rig.poll_enqueue(&record, &mut first).is_pending() {
            rig.work_off();
        }
        for partition in 0..partitions {
            rig.append(&NewRecord {
                partition: Some(partition),
                ..NewRecord::default()
            });
        }
        rig.pass(Duration::from_secs(60));
        rig.work_off();
        // The sealing of batches on the sender's side is news, too.
        rig.work_off();
        assert!(rig.deliveries.is_empty(), "each has its outcome");
        rig
    }

    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now.instant = self.now.instant + duration;
        self.now.wall_ms += duration.as_millis() as i64;
    }

    fn poll_enqueue(&mut self, record: &NewRecord<'_>, wait: &mut EnqueueWait) -> Poll<()> {
        let cx = &mut Context::from_waker(Waker::noop());
        let enqueued = self
            .accumulator
            .poll_enqueue(cx, &self.now, &self.topic, record, wait);
        enqueued.map(|delivery| {
            self.deliveries
                .push_back(delivery.expect("the record is right"))
        })
    }

    #[inline]
    pub(crate) fn append(&mut self, record: &NewRecord<'_>) {
        let accepted = self.poll_enqueue(record, &mut EnqueueWait::default());
        assert!(accepted.is_ready(), "there is memory enough");
    }

    pub(crate) fn append_many(&mut self, mut records: &[NewRecord<'_>]) {
        while let Some(first) = records.first() {
            let (topic, many) = (&self.topic, &mut self.many);
            let accepted = self
                .accumulator
                .enqueue_many(&self.now, topic, records, many);
            records = &records[accepted..];
            if accepted == 0 {
                self.append(first);
                records = &records[1..];
            }
        }
    }

    /// `append`, and all that follows of it now, as the driver would do it after `linger`.
    pub(crate) fn round(
        &mut self,
        meter: &mut Meter,
        measured: &[Step],
        linger: Duration,
        append: &mut dyn FnMut(&mut Self),
    ) {
        self.step(meter, measured, Step::Append, append);
        self.pass(linger);
        self.step(meter, measured, Step::Drain, &mut Self::drain);
        while !self.frames.is_empty() {
            self.answer();
            self.step(meter, measured, Step::Settle, &mut Self::settle);
        }
        self.step(meter, measured, Step::Await, &mut Self::take_outcomes);
    }

    fn step(
        &mut self,
        meter: &mut Meter,
        measured: &[Step],
        step: Step,
        work: &mut dyn FnMut(&mut Self),
    ) {
        if measured.contains(&step) {
            meter.measure(&mut || work(self));
        } else {
            work(self);
        }
    }

    fn work_off(&mut self) {
        self.round(&mut Meter::default(), &[], Duration::ZERO, &mut |_| {});
    }

    fn drain(&mut self) {
        self.sender.handle_wakeup(self.now);
        self.act();
        while self
            .sender
            .poll_timeout()
            .is_some_and(|at| at <= self.now.instant)
        {
            self.sender.handle_timeout(self.now);
            self.act();
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.sender.poll_action() {
            match action {
                Action::Connect { conn, .. } => self.sender.handle_connected(self.now, conn),
                Action::Write { conn, token, frame } => {
                    self.frames.push((conn, frame));
                    self.sender.handle_written(self.now, conn, token);
                }
                Action::Close { .. } => {}
            }
        }
    }

    fn answer(&mut self) {
        let broker = &self.broker;
        let answers = self
            .frames
            .drain(..)
            .map(|(conn, frame)| (conn, broker.answer(&frame)));
        self.answers.extend(answers);
    }

    fn settle(&mut self) {
        for (conn, content) in std::mem::take(&mut self.answers) {
            self.sender.handle_frame(self.now, conn, content);
            self.act();
        }
    }

    /// In the order of the records, as far as they are settled.
    fn take_outcomes(&mut self) {
        let cx = &mut Context::from_waker(Waker::noop());
        while let Some(delivery) = self.deliveries.front_mut() {
            let Poll::Ready(outcome) = Pin::new(delivery).poll(cx) else {
                return;
            };
            outcome.expect("the broker says yes to all");
            self.deliveries.pop_front();
        }
        self.many
            .retain_mut(|many| many.poll_outcome(cx).is_pending());
    }
}
