//! The load: each task on a thread of its own, watched and steered from outside.

use std::ops::AddAssign;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use raban::{CloseError, Metrics, Producer};

use super::history::History;
use super::running::Running;
use super::tasks::{Manner, SLACK, TASKS};
use crate::support::PATIENCE;

/// How often a task sends a chunk of records.
pub(crate) const PACE: Duration = Duration::from_millis(200);

/// What the tasks and their observer share.
pub(crate) struct Load {
    servers: String,
    pub(super) chunk: u64,
    began: Instant,
    shared: Mutex<Shared>,
    changed: Condvar,
}

struct Shared {
    round: u8,
    stopped: bool,
    progress: [Progress; TASKS.len()],
    producers: [Option<Producer>; TASKS.len()],
    /// Counts of the producers that are gone.
    gone: Counts,
    endings: [Option<Ending>; TASKS.len()],
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    /// Refused, failed or in doubt.
    pub(crate) given_up: u64,
}

/// What producers count of their records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) retried: u64,
    pub(crate) resolved: u64,
}

impl Counts {
    fn of(metrics: &Metrics) -> Self {
        Self {
            retried: metrics.record_retry.total,
            resolved: metrics.record_resolve.total,
        }
    }

    fn of_all(shared: &Shared) -> Self {
        let mut counts = shared.gone;
        let alive = shared.producers.iter().flatten();
        alive.for_each(|producer| counts += Self::of(&producer.metrics()));
        counts
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            retried: self.retried - before.retried,
            resolved: self.resolved - before.resolved,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.retried += other.retried;
        self.resolved += other.resolved;
    }
}

/// The end of a task's producer in the midst of a fault.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// The task is to drop it.
    Drop,
    /// It was dropped; so long after, the last of so many open records had its outcome.
    Dropped(usize, Duration),
    Closing,
    Closed(Result<(), CloseError>),
}

impl Load {
    /// Starts the tasks, which send so many records at once.
    pub(crate) fn start(servers: String, chunk: u64) -> (Arc<Self>, Vec<JoinHandle<History>>) {
        let shared = Shared {
            round: 0,
            stopped: false,
            progress: [Progress::default(); TASKS.len()],
            producers: TASKS.map(|task| Some(task.producer(&servers))),
            gone: Counts::default(),
            endings: Default::default(),
        };
        let load = Arc::new(Self {
            servers,
            chunk,
            began: Instant::now(),
            shared: Mutex::new(shared),
            changed: Condvar::new(),
        });
        let spawn = |index| {
            let load = Arc::clone(&load);
            thread::spawn(move || Running::new(index, load).run())
        };
        let tasks = (0..TASKS.len()).map(spawn).collect();
        (load, tasks)
    }

    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn set_round(&self, round: u8) {
        self.lock().round = round;
    }

    /// No task sends any more; each then waits for its outcomes.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Closes all producers, of whose records none is left.
    pub(crate) fn close(&self) {
        for producer in self.lock().producers.iter().flatten() {
            producer.blocking().close(PATIENCE).unwrap();
            let metrics = producer.metrics();
            assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
        }
    }

    fn progress(&self) -> [Progress; TASKS.len()] {
        self.lock().progress
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts::of_all(&self.lock())
    }

    /// Waits until each of these tasks has so many further acknowledgements.
    pub(crate) fn goes_on(&self, further: u64, who: impl Fn(Manner) -> bool) {
        let before = self.progress();
        self.wait("acknowledgements", |shared| {
            let tasks = TASKS.iter().zip(&before).zip(&shared.progress);
            tasks
                .filter(|((task, _), _)| who(task.manner))
                .all(|((_, before), now)| now.acknowledged >= before.acknowledged + further)
                .then_some(())
        });
    }

    /// Waits until so many further records were sent again.
    pub(crate) fn sends_again(&self, further: u64) {
        let enough = self.counts().retried + further;
        self.wait("records sent again", |shared| {
            (Counts::of_all(shared).retried >= enough).then_some(())
        });
    }

    /// Waits until the impatient task has given up so many further records.
    pub(crate) fn gives_up(&self, further: u64) {
        let index = index_of(Manner::Impatient);
        let before = self.progress()[index].given_up;
        self.wait("records given up", |shared| {
            let given_up = shared.progress[index].given_up;
            (given_up >= before + further).then_some(())
        });
    }

    /// Waits until so many records were sent since the beginning.
    pub(crate) fn reaches(&self, records: u64) {
        self.wait("records", |shared| {
            let sent: u64 = shared.progress.iter().map(|task| task.sent).sum();
            (sent >= records).then_some(())
        });
    }

    /// Takes a task's producer away, for it to end.
    fn take(&self, index: usize) -> Producer {
        let mut shared = self.lock();
        let producer = shared.producers[index].take();
        let producer = producer.expect("what was ended in an earlier round is open again");
        shared.gone += Counts::of(&producer.metrics());
        producer
    }

    /// Closes a producer on another thread, and sees that this ends in time.
    pub(crate) fn close_one(self: &Arc<Self>, timeout: Duration) -> JoinHandle<String> {
        let index = index_of(Manner::Closed);
        let producer = self.take(index);
        let load = Arc::clone(self);
        thread::spawn(move || {
            wait_held(&producer);
            load.set_ending(index, Some(Ending::Closing));
            let began = Instant::now();
            let closed = producer.blocking().close(timeout);
            let took = began.elapsed();
            assert!(
                took <= timeout + SLACK,
                "close within {timeout:?} took {took:?}"
            );
            load.set_ending(index, Some(Ending::Closed(closed)));
            match closed {
                Ok(()) => format!("closed in {took:.1?} of {timeout:.1?}"),
                Err(error) => format!(
                    "closed in {took:.1?} of {timeout:.1?} without {}, {} in doubt",
                    error.unsent, error.in_doubt
                ),
            }
        })
    }

    /// Has its task drop a producer, and waits on another thread until each of its records has an outcome.
    pub(crate) fn drop_one(self: &Arc<Self>) -> JoinHandle<String> {
        let index = index_of(Manner::Dropped);
        drop(self.take(index));
        self.set_ending(index, Some(Ending::Drop));
        let load = Arc::clone(self);
        thread::spawn(move || {
            let (open, took) =
                load.wait("the end of a drop", |shared| match shared.endings[index] {
                    Some(Ending::Dropped(open, took)) => Some((open, took)),
                    _ => None,
                });
            load.set_ending(index, None);
            format!("dropped with {open} open, settled in {took:.1?}")
        })
    }

    /// Flushes the producers of an impatient and a patient task on another thread, and sees that this ends in time.
    pub(crate) fn flush_two(&self) -> JoinHandle<String> {
        let two = [Manner::Impatient, Manner::Unkeyed].map(|manner| {
            let index = index_of(manner);
            (&TASKS[index], self.producer(index))
        });
        thread::spawn(move || {
            let took = two.map(|(task, producer)| {
                wait_held(&producer);
                let began = Instant::now();
                producer.blocking().flush().unwrap();
                let (took, limit) = (began.elapsed(), task.delivery_timeout() + SLACK);
                assert!(took <= limit, "flush of {} took {took:?}", task.topic);
                took
            });
            format!("flushed in {:.1?} and {:.1?}", took[0], took[1])
        })
    }

    fn wait<T>(&self, what: &str, met: impl Fn(&Shared) -> Option<T>) -> T {
        let (shared, _) = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE * 2, |shared| met(shared).is_none())
            .unwrap();
        met(&shared).unwrap_or_else(|| panic!("{what}: {:?}", shared.progress))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }
}

/// What a task asks and tells.
impl Load {
    pub(super) fn producer(&self, index: usize) -> Producer {
        let producer = &self.lock().producers[index];
        producer.clone().expect("there until it is ended")
    }

    /// Waits for the time of the next chunk; the round, or `None` if there is to be no further one.
    pub(super) fn next_chunk(&self) -> Option<u8> {
        let (shared, _) = self
            .changed
            .wait_timeout_while(self.lock(), PACE, |shared| !shared.stopped)
            .unwrap();
        (!shared.stopped).then_some(shared.round)
    }

    pub(super) fn tell(&self, index: usize, progress: Progress) {
        self.lock().progress[index] = progress;
        self.changed.notify_all();
    }

    /// How the task's producer is to end or has ended, if it is.
    pub(super) fn ending(&self, index: usize) -> Option<Ending> {
        self.lock().endings[index].clone()
    }

    pub(super) fn wait_closed(&self, index: usize) -> Result<(), CloseError> {
        self.wait("the end of close", |shared| match shared.endings[index] {
            Some(Ending::Closed(closed)) => Some(closed),
            _ => None,
        })
    }

    pub(super) fn is_to_drop(&self, index: usize) -> bool {
        matches!(self.lock().endings[index], Some(Ending::Drop))
    }

    pub(super) fn set_ending(&self, index: usize, ending: Option<Ending>) {
        self.lock().endings[index] = ending;
        self.changed.notify_all();
    }

    /// A new producer follows one that was closed or is to be dropped.
    pub(super) fn reopen(&self, index: usize) -> Producer {
        let producer = TASKS[index].producer(&self.servers);
        self.lock().producers[index] = Some(producer.clone());
        producer
    }
}

/// Waits until some of its records have no outcome, as after each chunk.
fn wait_held(producer: &Producer) {
    let deadline = Instant::now() + PATIENCE;
    let is_idle = |metrics: Metrics| metrics.buffer_available_bytes == metrics.buffer_total_bytes;
    while is_idle(producer.metrics()) {
        assert!(Instant::now() < deadline, "no record is sent");
        thread::yield_now();
    }
}

fn index_of(manner: Manner) -> usize {
    let found = TASKS.iter().position(|task| task.manner == manner);
    found.expect("there is a task of each manner")
}

/// All but those that may go without an acknowledgement for long.
pub(crate) fn steady(manner: Manner) -> bool {
    !matches!(
        manner,
        Manner::Closed | Manner::Dropped | Manner::Impatient | Manner::Recreated
    )
}
