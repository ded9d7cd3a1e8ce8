//! The seam: application threads append records here, the sender takes batches out.
//!
//! A record is encoded in place in its partition's open batch, under that partition's lock alone.
//! Locks are taken in one order: partition, then memory, generations or signal, then waits.

mod blocked;
mod choose;
pub(crate) mod closing;
pub(crate) mod generations;
pub(crate) mod memory;
pub(crate) mod partition;
pub(crate) mod ratio;
mod settling;
pub(crate) mod signal;
pub(crate) mod topic;
pub(crate) mod waits;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::task::Waker;
use std::time::Duration;

use raban_protocol::compression::Compression;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::record_batch::{HEADER_LEN, RecordRef, record_upper_bound};

use self::blocked::Blocked;
pub use self::blocked::EnqueueWait;
use self::choose::Chosen;
use self::closing::Closing;
pub use self::closing::{Close, CloseReport, Flush};
use self::generations::Generations;
use self::memory::Memory;
use self::partition::{Partition, PartitionState, SlotTicket};
use self::signal::Signal;
use self::topic::TopicView;
pub use self::topic::{PartitionInfo, Topic};
use self::waits::{WaitId, Waits};
use crate::batch::{OpenBatch, Sealed};
use crate::config::Config;
use crate::delivery::{BatchResult, Delivery};
use crate::error::{Cause, EnqueueError, ErrorKind};
use crate::metrics::{Counters, Metrics};
use crate::mutant::Mutant;
use crate::partitioner::{Sticky, split_mix};
use crate::record::NewRecord;
use crate::sync::{Mutex, RwLock};
use crate::time::{Instant, Now};

/// Room of a partition's first buffer, when nothing tells that its batches will be large.
const FIRST_BUFFER: usize = 1024;

/// The producer's front: accepts records, from any thread.
#[derive(Debug)]
pub struct Accumulator {
    config: Arc<Config>,
    seed: u64,
    topics: RwLock<BTreeMap<Arc<str>, Arc<Topic>>>,
    pub(crate) signal: Arc<Signal>,
    pub(crate) waits: Arc<Waits>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) generations: Arc<Generations>,
    pub(crate) closing: Arc<Closing>,
    pub(crate) counters: Counters,
    trouble: Mutex<Option<Cause>>,
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
            topics: RwLock::default(),
            signal: Arc::default(),
            memory: Arc::new(memory),
            waits,
            generations: Arc::default(),
            closing: Arc::default(),
            counters: Counters::default(),
            trouble: Mutex::default(),
            config,
        })
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
        let topic = Arc::new(Topic::new(name, Sticky::new(seed, self.config.batch_size))?);
        topics.insert(Arc::clone(topic.shared_name()), Arc::clone(&topic));
        Ok(topic)
    }

    /// Accepts the record if it can be accepted without waiting.
    ///
    /// # Errors
    /// What it would have to wait for, or why it will never be accepted.
    pub fn try_enqueue(
        &self,
        now: Now,
        topic: &Arc<Topic>,
        record: &NewRecord<'_>,
    ) -> Result<Delivery, TryEnqueueError> {
        self.enqueue(now, topic, record, None, &mut None)
            .map_err(|blocked| match blocked {
                Blocked::Memory { .. } => TryEnqueueError::Full,
                Blocked::Metadata { .. } => {
                    self.signal.topic(topic);
                    TryEnqueueError::MetadataPending
                }
                Blocked::Failed(error) => TryEnqueueError::Failed(error),
            })
    }

    /// `chosen` is what a partitioner chose for the record at an earlier try.
    fn enqueue(
        &self,
        now: Now,
        topic: &Arc<Topic>,
        record: &NewRecord<'_>,
        call: Option<WaitId>,
        chosen: &mut Option<i32>,
    ) -> Result<Delivery, Blocked> {
        if self.generations.is_closing() {
            return Err(ErrorKind::Closed.into());
        }
        let timestamp = record.timestamp.unwrap_or(now.wall_ms);
        let bytes = RecordRef {
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        self.validate(timestamp, &bytes)?;
        let view = topic.view();
        let partitions = match &*view {
            TopicView::Known(partitions) => partitions,
            TopicView::Refused { code, until } if now.instant < *until => {
                return Err(Blocked::Failed(refused(topic, *code)));
            }
            _ => return Err(Blocked::Metadata { newer_than: 0 }),
        };
        let Chosen { partition, sticky } = self.choose(topic, partitions, record, chosen)?;
        let appended = self.append(now, topic, partition, timestamp, &bytes, call)?;
        if sticky {
            let Appended {
                bytes, batch_ends, ..
            } = appended;
            topic
                .sticky
                .took(partition.index, bytes, batch_ends, partitions.choices());
        }
        Ok(appended.delivery)
    }

    fn validate(&self, timestamp: i64, record: &RecordRef<'_>) -> Result<(), Blocked> {
        if timestamp < 0 {
            return Err(ErrorKind::InvalidTimestamp(timestamp).into());
        }
        let size = record_upper_bound(record);
        let limits = [
            (self.config.max_request_size, "max.request.size"),
            (self.config.buffer_memory, "buffer.memory"),
        ];
        for (limit, setting) in limits {
            if size > limit {
                return Err(ErrorKind::RecordTooLarge {
                    size,
                    limit,
                    setting,
                }
                .into());
            }
        }
        Ok(())
    }

    fn append(
        &self,
        now: Now,
        topic: &Topic,
        partition: &Arc<Partition>,
        timestamp: i64,
        record: &RecordRef<'_>,
        call: Option<WaitId>,
    ) -> Result<Appended, Blocked> {
        let batch_size = self.batch_limit(topic, partition);
        loop {
            let mut state = partition.lock();
            if state.open.is_none() {
                self.open_batch(now.instant, topic, partition, &mut state, record, call)?;
                self.signal_locked(partition, &mut state);
            }
            let line = state.line();
            let open = state.open.as_mut().expect("opened above");
            let before = open.len();
            let len = open.len_with(timestamp, record);
            let takes_more = open.is_empty()
                || (len <= batch_size && open.generation == self.generations.current());
            if !takes_more {
                let taken = state.take_open();
                state.filled = len > batch_size;
                drop(state);
                self.seal(now.instant, partition, taken);
                continue;
            }
            let grown = grown_capacity(open.capacity(), len - HEADER_LEN, batch_size);
            let more = grown - open.capacity();
            if more > 0 {
                if !self.memory.reserve(more, line, call) {
                    return Err(Blocked::Memory { bytes: more, line });
                }
                open.grow_to(grown);
                state.held += more;
            }
            let open = state.open.as_mut().expect("opened above");
            let delivery = open.append(timestamp, record);
            let bytes = len - before;
            let full = len >= batch_size;
            let sealing = if full { state.take_open() } else { None };
            state.filled |= full;
            drop(state);
            self.seal(now.instant, partition, sealing);
            return Ok(Appended {
                delivery,
                bytes,
                batch_ends: len + bytes > batch_size,
            });
        }
    }

    /// Bytes of records after which a batch is full: expected to come to `batch.size` compressed.
    fn batch_limit(&self, topic: &Topic, partition: &Partition) -> usize {
        let size = self.config.batch_size.min(topic.expected_limit());
        match self.config.codec.compression() {
            Compression::None => size,
            _ => partition
                .ratio
                .uncompressed(size, self.config.max_request_size),
        }
    }

    fn open_batch(
        &self,
        now: Instant,
        topic: &Topic,
        partition: &Arc<Partition>,
        state: &mut PartitionState,
        record: &RecordRef<'_>,
        call: Option<WaitId>,
    ) -> Result<(), Blocked> {
        let need = record_upper_bound(record);
        let batch_size = self.config.batch_size;
        let capacity = if need > batch_size {
            need
        } else if state.filled {
            batch_size
        } else {
            need.max(FIRST_BUFFER.min(batch_size))
        };
        let line = state.line();
        let blocked = Blocked::Memory {
            bytes: capacity,
            line,
        };
        let buffer = self.memory.buffer(capacity, line, call).ok_or(blocked)?;
        let Some(generation) = self.generations.open_batch() else {
            self.memory.release(capacity, line, Some(buffer.freeze()));
            return Err(ErrorKind::Closed.into());
        };
        let result = BatchResult::new(Arc::clone(&partition.topic), partition.index);
        state.held += capacity;
        state.filled = false;
        state.open = Some(OpenBatch::new(buffer, result, now, generation));
        topic.touch(now);
        Ok(())
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
        let sealed = open.seal(&self.config.codec, now);
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
                self.signal_locked(partition, &mut state);
                drop(state);
                self.memory.release(released, line, unused);
                self.fail_abandoned(partition);
            }
            Err(spent) => {
                state.fill(ticket, None);
                self.signal_locked(partition, &mut state);
                drop(state);
                self.counters.failed(spent.count);
                self.generations.settle_batch(spent.generation);
                self.release(partition, spent);
            }
        }
    }

    fn signal_locked(&self, partition: &Partition, state: &mut PartitionState) {
        if !state.signalled {
            state.signalled = true;
            self.signal.partition(partition.id);
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
    pub fn flush(&self, _now: Now) -> Flush {
        let ended = self.generations.begin_flush();
        let generation =
            ended - u64::from(self.config.has(Mutant::FlushIgnoresGeneration) && ended > 0);
        self.signal.wake();
        Flush::new(Arc::clone(&self.generations), generation)
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

    /// Counts since the start, by Kafka's names.
    pub fn metrics(&self) -> Metrics {
        self.counters
            .snapshot(self.memory.capacity(), self.memory.available())
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

struct Appended {
    delivery: Delivery,
    /// What the record took in the batch.
    bytes: usize,
    /// Another record like it would not fit.
    batch_ends: bool,
}

/// A batch's buffer doubles up to `batch.size`, so that memory follows the bytes held.
fn grown_capacity(capacity: usize, need: usize, batch_size: usize) -> usize {
    if need <= capacity {
        capacity
    } else {
        need.max(capacity.saturating_mul(2).min(batch_size))
    }
}
