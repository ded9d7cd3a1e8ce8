//! The seam: application threads append records here, the sender takes batches out.
//!
//! A record is encoded in place in its partition's open batch, under that partition's lock alone.
//! Locks are taken in one order: partition, then memory, generations or signal, then waits.

mod append;
mod blocked;
mod choose;
pub(crate) mod closing;
pub(crate) mod generations;
mod growth;
pub(crate) mod instance_id;
mod lanes;
mod many;
pub(crate) mod memory;
pub(crate) mod partition;
pub(crate) mod plain;
mod pool;
pub(crate) mod ratio;
mod room;
mod settling;
pub(crate) mod signal;
pub(crate) mod topic;
mod view;
pub(crate) mod waits;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::task::Waker;
use std::time::Duration;

use raban_protocol::error_code::ErrorCode;

use self::append::Candidate;
use self::blocked::Blocked;
pub use self::blocked::{EnqueueWait, Patience};
use self::closing::Closing;
pub use self::closing::{Close, CloseReport, Flush};
use self::generations::Generations;
use self::growth::Growth;
use self::instance_id::InstanceId;
pub use self::instance_id::{ClientInstanceIdError, InstanceIdWait};
use self::memory::Memory;
use self::partition::{Partition, PartitionState, SlotTicket};
pub use self::signal::Purge;
use self::signal::{Signal, WakeAtEnd};
use self::topic::TopicView;
pub use self::topic::{PartitionInfo, Topic};
use self::waits::{WaitId, Waits};
use crate::batch::{OpenBatch, Sealed};
use crate::config::Config;
use crate::delivery::Delivery;
use crate::error::{Cause, EnqueueError, ErrorKind};
use crate::metrics::{Metrics, Recorder, nanos};
use crate::mutant::Mutant;
use crate::partitioner::{Sticky, split_mix};
use crate::record::NewRecord;
use crate::sync::{Mutex, OnceLock, RwLock};
use crate::time::{Clock, Instant, Now};
use crate::told::Listener;

/// The producer's front: accepts records, from any thread.
#[derive(Debug)]
pub struct Accumulator {
    config: Arc<Config>,
    /// The smaller of `max.request.size` and `buffer.memory`.
    largest_record: usize,
    growth: Growth,
    seed: u64,
    topics: RwLock<BTreeMap<Arc<str>, Arc<Topic>>>,
    pub(crate) signal: Arc<Signal>,
    pub(crate) waits: Arc<Waits>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) generations: Arc<Generations>,
    pub(crate) closing: Arc<Closing>,
    pub(crate) recorder: Recorder,
    instance_id: InstanceId,
    trouble: Mutex<Option<Cause>>,
    listener: OnceLock<Listening>,
}

/// Who is told of outcomes.
struct Listening {
    listener: Arc<dyn Listener>,
    /// Of all records; else of those with a callback.
    to_all: bool,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("to_all", &self.to_all)
            .finish_non_exhaustive()
    }
}

/// Why a record isn't accepted right now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TryEnqueueError {
    /// `buffer.memory` is full, or others wait for it before this call.
    #[error("buffer.memory is full")]
    Full,
    /// The topic's partitions aren't known yet; they have been asked for.
    #[error("the topic's metadata isn't known yet")]
    MetadataPending,
    /// It never will be.
    #[error(transparent)]
    Failed(#[from] EnqueueError),
}

impl Accumulator {
    pub(crate) fn new(config: Arc<Config>, seed: u64) -> Arc<Self> {
        let waits = Arc::new(Waits::default());
        let memory = Memory::new(config.buffer_memory, config.batch_size, Arc::clone(&waits));
        Arc::new(Self {
            seed,
            largest_record: config.max_request_size.min(config.buffer_memory),
            growth: Growth::new(&config),
            topics: RwLock::default(),
            signal: Arc::default(),
            memory: Arc::new(memory),
            waits,
            generations: Arc::default(),
            closing: Arc::default(),
            recorder: Recorder::new(&config),
            instance_id: InstanceId::default(),
            trouble: Mutex::default(),
            listener: OnceLock::new(),
            config,
        })
    }

    /// Has `listener` told of outcomes: `to_all` records, or those with a callback. Of several calls the
    /// first counts; it comes before the first record.
    pub fn listen(&self, listener: Arc<dyn Listener>, to_all: bool) {
        // Of several the first counts.
        let _ = self.listener.set(Listening { listener, to_all });
    }

    pub(crate) fn listener(&self) -> Option<&dyn Listener> {
        self.listener.get().map(|held| &*held.listener)
    }

    /// The topic's handle. No I/O: its partitions are asked for with the first record.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTopic`] for a name that Kafka doesn't allow.
    pub fn topic(&self, name: &str) -> Result<Arc<Topic>, EnqueueError> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.get(name) {
            return Ok(Arc::clone(topic));
        }
        drop(topics);
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.get(name) {
            return Ok(Arc::clone(topic));
        }
        let seed = name.bytes().fold(self.seed, |seed, byte| {
            split_mix(seed.wrapping_add(u64::from(byte)))
        });
        let topic = Arc::new(Topic::new(name, Sticky::new(seed))?);
        topics.insert(Arc::clone(topic.shared_name()), Arc::clone(&topic));
        Ok(topic)
    }

    /// Accepts the record if it can be accepted without waiting.
    ///
    /// # Errors
    /// What it would have to wait for, or why it will never be accepted.
    pub fn try_enqueue(
        &self,
        clock: &impl Clock,
        topic: &Arc<Topic>,
        record: &NewRecord<'_>,
    ) -> Result<Delivery, TryEnqueueError> {
        let mut wait = EnqueueWait::default();
        if let Some(delivery) = self.accept_at_once(clock, topic, record, &mut wait) {
            return Ok(delivery);
        }
        Err(match *wait.take_blocked() {
            Blocked::Memory { .. } => TryEnqueueError::Full,
            Blocked::Metadata { .. } => {
                self.signal.topic(topic);
                TryEnqueueError::MetadataPending
            }
            Blocked::Failed(error) => TryEnqueueError::Failed(error),
        })
    }

    /// Accepts the record, or notes in `wait` why not.
    #[inline(never)]
    fn enqueue(
        &self,
        clock: &impl Clock,
        topic: &Arc<Topic>,
        record: &NewRecord<'_>,
        wait: &mut EnqueueWait,
    ) -> Option<Delivery> {
        let call = wait.call();
        match self.append_to_chosen(clock, topic, record, call, &mut wait.chosen) {
            Ok(delivery) => Some(delivery),
            Err(blocked) => {
                wait.blocked = Some(blocked);
                None
            }
        }
    }

    /// `chosen` is what a partitioner chose for the record at an earlier try.
    #[inline(always)]
    fn append_to_chosen(
        &self,
        clock: &impl Clock,
        topic: &Topic,
        record: &NewRecord<'_>,
        call: Option<WaitId>,
        chosen: &mut Option<i32>,
    ) -> Result<Delivery, Box<Blocked>> {
        if self.generations.is_closing() {
            return Err(Blocked::for_good(ErrorKind::Closed));
        }
        let now = clock.recent();
        let candidate = Candidate::new(now, record);
        self.validate(&candidate)?;
        topic.with_view(|view| {
            let partitions = match view {
                TopicView::Known(partitions) => partitions,
                TopicView::Refused { code, until } if now.instant < *until => {
                    return Err(Blocked::Failed(refused(topic, *code)).into());
                }
                TopicView::Unreachable(error) => return Err(Blocked::Failed(error.clone()).into()),
                _ => return Err(Blocked::Metadata { newer_than: 0 }.into()),
            };
            let chosen = self.choose(topic, partitions, record, chosen)?;
            self.append(clock, topic, partitions, chosen, &candidate, call)
        })
    }

    /// Compresses and checksums a batch outside the partition's lock, whose order keeps its place.
    pub(crate) fn seal(
        &self,
        now: Instant,
        partition: &Partition,
        taken: Option<(OpenBatch, SlotTicket)>,
    ) {
        let Some((open, ticket)) = taken else {
            return;
        };
        let sealed = open.seal(&self.config.codec, now, self.listener());
        let mut wake = self.signal.at_end();
        let mut state = partition.lock();
        match sealed {
            Ok(Sealed {
                batch,
                released,
                unused,
            }) => {
                state.held -= released;
                partition
                    .ratio
                    .observe(batch.len(), batch.uncompressed_len());
                let line = state.line();
                state.fill(ticket, Some(batch));
                self.note_signal(partition, &mut state, &mut wake);
                drop(state);
                self.memory.release(released, line, unused);
                self.fail_abandoned(now, partition);
            }
            Err(spent) => {
                state.fill(ticket, None);
                self.note_signal(partition, &mut state, &mut wake);
                drop(state);
                self.recorder.failed(now, &partition.topic, spent.count);
                self.generations.settle_batch(now, spent.generation);
                self.release(partition, spent);
            }
        }
    }

    /// Notes that the sender has to look at the partition; `wake` wakes it when the partition's lock is free.
    fn note_signal(
        &self,
        partition: &Partition,
        state: &mut PartitionState,
        wake: &mut WakeAtEnd<'_>,
    ) {
        if !state.signalled {
            state.signalled = true;
            self.signal.note_partition(partition.id);
            wake.want();
        }
    }

    /// Says whether the partition is cut off from its leader.
    pub(crate) fn set_stalled(&self, partition: &Partition, stalled: bool) {
        let mut state = partition.lock();
        if state.stalled != stalled {
            state.stalled = stalled;
            self.memory.set_stalled(state.held, stalled);
        }
    }

    /// Waits until all that was accepted before is settled; sends it without lingering.
    pub fn flush(&self, now: Now) -> Flush {
        let ended = self.generations.begin_flush();
        let generation =
            ended - u64::from(self.config.has(Mutant::FlushIgnoresGeneration) && ended > 0);
        self.signal.wake();
        Flush::new(Arc::clone(&self.generations), generation, now.instant)
    }

    /// Gives up records that were accepted and not delivered: they fail with [`ErrorKind::Purged`]. A later
    /// flush waits for that.
    pub fn purge(&self, what: Purge) {
        self.signal.purge(what);
    }

    /// Has connections made to the leaders of a topic whose partitions are known.
    pub fn warm(&self, topic: &Arc<Topic>) {
        self.signal.warm(topic);
    }

    /// Begins to close: nothing more is accepted, what was accepted is sent, and what isn't
    /// settled after `timeout` fails. Of several calls the earliest end holds.
    pub fn close(&self, now: Now, timeout: Duration) -> Close {
        self.closing.begin(now.instant + timeout);
        self.generations.close();
        self.waits.wake_all();
        self.signal.wake();
        Close::new(Arc::clone(&self.closing))
    }

    /// Whether `close` was called.
    pub fn is_closed(&self) -> bool {
        self.generations.is_closing()
    }

    /// How many records failed so far: one number of [`metrics`](Self::metrics) without the others.
    pub fn record_error_total(&self) -> u64 {
        self.recorder.record_error_total()
    }

    /// What the producer tells of itself now.
    pub fn metrics(&self, now: Now) -> Metrics {
        Metrics {
            client_id: self.config.client_id().into(),
            flush_time_ns_total: nanos(self.generations.flush_time()),
            waiting_threads: self.memory.waiting() as u64,
            buffer_total_bytes: self.memory.capacity() as u64,
            buffer_available_bytes: self.memory.available() as u64,
            ..self.recorder.snapshot(now.instant)
        }
    }

    /// Who is woken when the sender has something to look at: at most once until it has looked.
    pub fn set_driver_waker(&self, waker: Waker) {
        self.signal.set_waker(waker);
    }

    pub(crate) fn set_trouble(&self, cause: Option<Cause>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }

    pub(crate) fn trouble(&self) -> Option<Cause> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn refused(topic: &Topic, code: ErrorCode) -> EnqueueError {
    let topic = Arc::clone(topic.shared_name());
    ErrorKind::TopicRefused { topic, code }.into()
}
