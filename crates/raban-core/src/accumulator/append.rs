//! A record into its partition's open batch: room is made for it, it is put there, and a batch that is full is sealed.

use std::sync::Arc;

use raban_protocol::compression::Compression;
use raban_protocol::record_batch::{HEADER_LEN, Measured, RecordRef};

use super::Accumulator;
use super::blocked::Blocked;
use super::choose::Chosen;
use super::lanes;
use super::partition::{Partition, PartitionState};
use super::room::Room;
use super::topic::{Partitions, Topic};
use super::waits::WaitId;
use crate::batch::OpenBatch;
use crate::delivery::{BatchResult, Delivery};
use crate::error::ErrorKind;
use crate::record::NewRecord;
use crate::time::{Clock, Instant, Now};
use crate::told::{Callback, CallbackSlot};

/// Room of a partition's first buffer, when nothing tells that its batches will be large.
const FIRST_BUFFER: usize = 1024;

/// A record that may be accepted.
pub(super) struct Candidate<'a> {
    /// Half a millisecond ago at most.
    pub(super) now: Instant,
    timestamp: i64,
    record: Measured<'a>,
    tag: u64,
    callback: Option<&'a CallbackSlot>,
}

impl<'a> Candidate<'a> {
    #[inline(always)]
    pub(super) fn new(now: Now, record: &NewRecord<'a>) -> Self {
        Self {
            now: now.instant,
            timestamp: record.timestamp.unwrap_or(now.wall_ms),
            record: Measured::new(RecordRef {
                key: record.key,
                value: record.value,
                headers: record.headers,
            }),
            tag: record.tag,
            callback: record.callback,
        }
    }

    /// The most bytes that it may come to, with its batch's header.
    #[inline]
    pub(super) fn most(&self) -> usize {
        self.record.upper_bound()
    }

    /// Bytes that it would add to the batch.
    #[inline(always)]
    pub(super) fn len_in(&self, open: &OpenBatch) -> usize {
        open.encoded_len(self.timestamp, self.record)
    }

    /// Whether it isn't wrong, has nothing to be noted unless of all records, and leaves room for another one like it in a
    /// batch of `len` bytes that takes records until it has `until`.
    #[inline(always)]
    pub(super) fn is_plain(&self, len: usize, until: usize) -> bool {
        let twice = 2 * (self.most() - HEADER_LEN);
        self.timestamp >= 0 && self.callback.is_none() && len + twice <= until
    }

    /// Copies it into a batch that has room for it, and returns its index there.
    #[inline(always)]
    pub(super) fn append_to(
        &self,
        open: &mut OpenBatch,
        note: Option<(u64, Option<Callback>)>,
    ) -> u32 {
        open.largest_record = open.largest_record.max(self.most());
        open.append(self.timestamp, self.record, note)
    }
}

impl Accumulator {
    #[inline]
    pub(super) fn validate(&self, candidate: &Candidate<'_>) -> Result<(), Box<Blocked>> {
        if candidate.timestamp < 0 {
            return Err(Blocked::for_good(ErrorKind::InvalidTimestamp(
                candidate.timestamp,
            )));
        }
        let size = candidate.most();
        if size <= self.largest_record {
            return Ok(());
        }
        let (limit, setting) = match self.config.max_request_size {
            limit if size > limit => (limit, "max.request.size"),
            _ => (self.config.buffer_memory, "buffer.memory"),
        };
        Err(Blocked::for_good(ErrorKind::RecordTooLarge {
            size,
            limit,
            setting,
        }))
    }

    #[inline]
    pub(super) fn append(
        &self,
        clock: &impl Clock,
        topic: &Topic,
        partitions: &Partitions,
        chosen: Chosen<'_>,
        candidate: &Candidate<'_>,
        call: Option<WaitId>,
    ) -> Result<Delivery, Box<Blocked>> {
        let mut wake = self.signal.at_end();
        let (chosen, mut state) = lanes::lock(topic, partitions, chosen);
        let partition = chosen.partition;
        let batch_size = self.batch_limit(topic, partition);
        loop {
            if state.open.is_none() {
                let now = clock.now().instant;
                self.open_batch(now, topic, partition, &mut state, candidate.most(), call)?;
                self.note_signal(partition, &mut state, &mut wake);
            }
            let mut room = self.make_room(topic, &mut state, candidate, batch_size, call)?;
            if !room.is_there {
                let taken = state.take_open();
                state.filled = room.len > batch_size;
                drop(state);
                self.seal(clock.now().instant, partition, taken);
                state = partition.lock();
                continue;
            }
            let open = state.open.as_mut().expect("opened above");
            let index = self.put(candidate, open, &room);
            let result = Arc::clone(open.result());
            if room.count(topic, partitions, &chosen) && room.is_last() {
                // Nothing may come for long that finds it full: it would linger.
                open.fill(batch_size);
                room.limit = self.growth.limit(topic, &state, candidate.now);
            }
            if room.len >= room.limit {
                let sealing = state.take_open();
                state.filled = true;
                drop(state);
                // Others may have news of the partition that count on this call to wake the sender, and sealing takes its time.
                drop(wake);
                self.seal(clock.now().instant, partition, sealing);
            }
            return Ok(Delivery::new(result, index));
        }
    }

    /// Puts a record into a batch that has room for it, and returns its index there.
    #[inline(always)]
    pub(super) fn put(&self, candidate: &Candidate<'_>, open: &mut OpenBatch, room: &Room) -> u32 {
        let index = candidate.append_to(open, self.note(candidate));
        // No signal: the sender looks at the partition again when it takes the batch ahead of this one.
        if room.len >= room.batch_size {
            open.fill(room.batch_size);
        }
        open.plain = self.plain_after(room, open);
        index
    }

    /// Whether the outcome of every record is told.
    #[inline]
    pub(super) fn notes_all(&self) -> bool {
        self.listener.get().is_some_and(|held| held.to_all)
    }

    /// What is to be remembered of a record whose outcome is told.
    #[inline]
    fn note(&self, candidate: &Candidate<'_>) -> Option<(u64, Option<Callback>)> {
        let noted = self.notes_all() || candidate.callback.is_some();
        noted.then(|| {
            let callback = candidate.callback.and_then(CallbackSlot::take);
            (candidate.tag, callback)
        })
    }

    /// Bytes of records after which a batch is full: expected to come to `batch.size` compressed.
    #[inline]
    pub(super) fn batch_limit(&self, topic: &Topic, partition: &Partition) -> usize {
        let size = self.config.batch_size;
        match self.config.codec.compression() {
            // A refused batch that had grown says nothing of one that hasn't.
            Compression::None if topic.refused_size() > size => size,
            Compression::None => topic.expected_limit(),
            _ => partition.ratio.uncompressed(
                size.min(topic.expected_limit()),
                self.config.max_request_size,
            ),
        }
    }

    fn open_batch(
        &self,
        now: Instant,
        topic: &Topic,
        partition: &Arc<Partition>,
        state: &mut PartitionState,
        need: usize,
        call: Option<WaitId>,
    ) -> Result<(), Box<Blocked>> {
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
            return Err(Blocked::for_good(ErrorKind::Closed));
        };
        let result = BatchResult::new(Arc::clone(&partition.topic), partition.index);
        state.held += capacity;
        let mut open = OpenBatch::new(buffer, result, now, generation);
        if std::mem::take(&mut state.filled) {
            open.expect(state.last_count);
        }
        state.open = Some(open);
        topic.touch(now);
        Ok(())
    }
}
