//! The seam under many schedules of its threads: a deadlock, a lost wake-up or a broken promise fails.
//!
//! `RUSTFLAGS='--cfg raban_shuttle' cargo test -p raban-core --lib seam::`, in a target folder of its own. The clock
//! stands still, so that no timer helps where a wake-up is missing. A record's whole way takes far too many steps to try
//! all schedules, as loom does; the price is that shuttle takes atomics as sequentially consistent: what weaker orderings
//! allow isn't seen.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

#[allow(dead_code, reason = "as of the harness, which uses it")]
#[path = "../tests/it/broker_log.rs"]
mod broker_log;
mod close;
#[allow(dead_code, reason = "as of the harness, which uses it")]
#[path = "../tests/it/collector.rs"]
mod collector;
mod deliver;
mod flush;
mod growth;
#[allow(dead_code, reason = "not all that the other tests need is needed here")]
#[path = "../tests/it/harness.rs"]
mod harness;
mod lanes;
mod many;
mod memory;
mod signal;
mod split;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{self, JoinHandle};
use shuttle::{Config as Shuttle, FailurePersistence, MaxSteps, Runner};

use self::harness::Harness;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::{
    Accumulator, Delivery, EnqueueError, EnqueueWait, NewRecord, Now, RecordMetadata, Topic,
};
use raban_protocol::error_code::ErrorCode;

/// Schedules of each kind and scenario, unless `RABAN_SCHEDULES` says how many.
const SCHEDULES: usize = 400;
/// Changes of priority in a schedule of the second kind: the depth of the bugs that it looks for (PCT).
const DEPTH: usize = 3;

/// Runs a scenario under random schedules, and under such as run one thread as far as it goes.
fn check(scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(scenario);
    #[allow(clippy::disallowed_methods, reason = "a test's own setting")]
    let schedules =
        std::env::var("RABAN_SCHEDULES").map_or(SCHEDULES, |text| text.parse().unwrap());
    run(RandomScheduler::new(schedules), Arc::clone(&scenario));
    run(PctScheduler::new(DEPTH, schedules), scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Shuttle::new();
    config.stack_size = 1 << 20;
    config.max_steps = MaxSteps::FailAfter(1_000_000);
    config.failure_persistence = FailurePersistence::Print;
    Runner::new(scheduler, config).run(move || scenario());
}

/// What the broker appended, by partition.
type Log = BTreeMap<i32, Vec<String>>;

/// The application's side of a producer whose driver runs on a thread of its own.
#[derive(Clone)]
struct App {
    accumulator: Arc<Accumulator>,
    topic: Arc<Topic>,
    now: Now,
}

impl App {
    /// With the driver, which ends when the producer has closed.
    fn start(settings: &[(&str, &str)], partitions: i32) -> (Self, JoinHandle<Log>) {
        Self::start_with(settings, partitions, None)
    }

    /// Of a topic with one partition the broker finds batches of more than `most` records too large.
    fn start_with(
        settings: &[(&str, &str)],
        partitions: i32,
        most: Option<usize>,
    ) -> (Self, JoinHandle<Log>) {
        let mut harness = Harness::new(settings);
        harness.partitions = partitions;
        let app = Self {
            accumulator: Arc::clone(&harness.accumulator),
            topic: harness.topic(),
            now: harness.now,
        };
        (app, thread::spawn(move || drive(harness, most)))
    }

    /// `None`: the sticky partition.
    fn enqueue(
        &self,
        partition: impl Into<Option<i32>>,
        value: &str,
    ) -> Result<Delivery, EnqueueError> {
        let mut wait = EnqueueWait::default();
        let record = record(partition, value);
        block_on(poll_fn(|cx| {
            self.accumulator
                .poll_enqueue(cx, &self.now, &self.topic, &record, &mut wait)
        }))
    }

    /// Closes while others may append, and checks that nothing is left.
    fn close(&self, driver: JoinHandle<Log>) -> Log {
        let left = block_on(self.accumulator.close(self.now, Duration::MAX));
        assert_eq!((left.unsent, left.in_doubt), (0, 0));
        driver.join().unwrap()
    }

    /// Closes when nobody appends any more, and checks that no memory is missing either.
    fn end(&self, driver: JoinHandle<Log>) -> Log {
        let log = self.close(driver);
        self.assert_memory_is_back();
        log
    }

    fn assert_memory_is_back(&self) {
        let metrics = self.accumulator.metrics(Now::default());
        assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
    }
}

fn record(partition: impl Into<Option<i32>>, value: &str) -> NewRecord<'_> {
    NewRecord {
        partition: partition.into(),
        value: Some(value.as_bytes()),
        ..NewRecord::default()
    }
}

/// A record of a thread's, as no other one has it.
fn value(thread: usize, number: usize) -> String {
    format!("{thread}:{number}:").repeat(20)
}

/// Tells the sender's wake-ups from those for an answer.
struct Flag {
    raised: AtomicBool,
    task: Waker,
}

impl Flag {
    fn new(task: &Waker) -> Arc<Self> {
        Arc::new(Self {
            raised: AtomicBool::new(false),
            task: task.clone(),
        })
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.raised.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

/// Sleeps until the sender is woken, does what it asks for, and answers each Produce request now or a little later.
fn drive(mut harness: Harness, most: Option<usize>) -> Log {
    let mut log = Log::new();
    let mut flag = None;
    block_on(poll_fn(|cx| {
        let flag = flag.get_or_insert_with(|| {
            let flag = Flag::new(cx.waker());
            let waker = Waker::from(Arc::clone(&flag));
            harness.accumulator.set_driver_waker(waker);
            flag
        });
        if flag.raised.swap(false, Ordering::AcqRel) {
            harness.look();
        }
        harness.run();
        if !harness.produced.is_empty() {
            if thread_rng().gen_bool(0.5) {
                answer(&mut harness, &mut log, most);
            }
            cx.waker().wake_by_ref();
        }
        if harness.sender.is_closed() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    log
}

fn answer(harness: &mut Harness, log: &mut Log, most: Option<usize>) {
    let batches = harness.produced[0].batches();
    if let (Some(most), [(partition, batch)]) = (most, &batches[..]) {
        let next = log.get(partition).map_or(0, Vec::len);
        if batch.records.len() > most {
            return harness.answer_next(ErrorCode::MESSAGE_TOO_LARGE);
        }
        // It came behind a refused one.
        if batch.header.base_sequence as usize != next {
            return harness.answer_next(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        }
    }
    for (partition, batch) in batches {
        let values = batch.records.iter().map(|record| {
            let value = record.value.as_deref().unwrap();
            String::from_utf8(value.to_vec()).unwrap()
        });
        log.entry(partition).or_default().extend(values);
    }
    harness.answer_next(ErrorCode::NONE);
}

/// The record lies where its delivery says.
#[track_caller]
fn assert_lies(log: &Log, value: &str, at: &RecordMetadata) {
    let offset = usize::try_from(at.offset().unwrap()).unwrap();
    assert_eq!(log[&at.partition()][offset], value);
}
