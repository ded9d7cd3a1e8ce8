//! A batch's life, each step consuming the one before:
//!
//! ```text
//! OpenBatch ── seal ──▶ SealedBatch ── settle ──▶ SpentBatch ── release
//! takes records         is sent, again            every record has its outcome;
//!                       and again                 its memory is held while a write may be under way
//!                           │
//!                           └── split ──▶ several SealedBatches with its records
//! ```

mod split;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use raban_protocol::compression::Codec;
use raban_protocol::primitives::Records;
use raban_protocol::record_batch::{HEADER_LEN, Measured, RecordsBuilder, SealedRecords};

pub(crate) use self::split::{Separated, Split};
use crate::accumulator::generations::Generation;
use crate::accumulator::plain::Plain;
use crate::delivery::{BatchResult, Settled};
use crate::error::{ErrorKind, ProduceError};
use crate::facts::{Facts, FactsOfAll};
use crate::time::Instant;
use crate::told::{Callback, Listener, Note};
use crate::trail::Trail;

/// The batch of a partition that still takes records.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    records: RecordsBuilder,
    result: Arc<BatchResult>,
    pub(crate) opened: Instant,
    pub(crate) generation: Generation,
    /// The most bytes that one of its records may come to, with the batch's header.
    pub(crate) largest_record: usize,
    pub(crate) plain: Plain,
    /// Bytes of a batch of `batch.size`, from when it was full; 0 before.
    full_at: usize,
    facts: FactsOfAll,
    notes: Vec<Note>,
}

impl OpenBatch {
    pub(crate) fn new(
        buffer: BytesMut,
        result: Arc<BatchResult>,
        opened: Instant,
        generation: Generation,
    ) -> Self {
        Self {
            records: RecordsBuilder::new(buffer),
            result,
            opened,
            generation,
            largest_record: 0,
            plain: Plain::default(),
            full_at: 0,
            facts: FactsOfAll::default(),
            notes: Vec::new(),
        }
    }

    /// About so many records will come.
    pub(crate) fn expect(&mut self, records: u32) {
        self.facts.expect(records);
    }

    pub(crate) fn count(&self) -> u32 {
        self.records.count()
    }

    /// Bytes of the whole batch, header included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        HEADER_LEN + self.records.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes that the record would add.
    #[inline]
    pub(crate) fn encoded_len(&self, timestamp: i64, record: Measured<'_>) -> usize {
        self.records.encoded_len(timestamp, record)
    }

    /// Bytes the buffer can hold: what the batch counts for in `buffer.memory`.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.records.capacity()
    }

    /// Moves the records to a larger buffer, and gives back the one that held them.
    pub(crate) fn move_to(&mut self, buffer: BytesMut) -> BytesMut {
        self.records.move_to(buffer)
    }

    /// Whether it leaves without lingering.
    pub(crate) fn is_full(&self) -> bool {
        self.full_at > 0
    }

    /// It is full, since it has `batch_size` bytes or no more is expected that it had room for.
    #[inline]
    pub(crate) fn fill(&mut self, batch_size: usize) {
        self.full_at = batch_size;
    }

    /// How many batches of `batch.size` it counts for.
    pub(crate) fn worth(&self) -> u32 {
        let worth = self.len().checked_div(self.full_at).unwrap_or(1);
        u32::try_from(worth.max(1)).unwrap_or(u32::MAX)
    }

    /// Appends a record, noted or not, and returns its index.
    #[inline(always)]
    pub(crate) fn append(
        &mut self,
        timestamp: i64,
        record: Measured<'_>,
        note: Option<(u64, Option<Callback>)>,
    ) -> u32 {
        let index = self.records.append(timestamp, record);
        self.facts.push(Facts::new(timestamp, record.record()));
        if let Some((tag, callback)) = note {
            self.notes.push(Note {
                index,
                tag,
                callback,
            });
        }
        index
    }

    /// Where the records' outcomes will be.
    #[inline]
    pub(crate) fn result(&self) -> &Arc<BatchResult> {
        &self.result
    }

    /// Compresses and checksums the records. Where that fails, they have failed, and the batch comes
    /// back settled.
    pub(crate) fn seal(
        self,
        codec: &Codec,
        now: Instant,
        listener: Option<&dyn Listener>,
    ) -> Result<Sealed, SpentBatch> {
        let count = self.records.count();
        let capacity = self.capacity();
        let Self {
            records,
            result,
            opened,
            generation,
            largest_record,
            facts,
            notes,
            plain: _,
            full_at: _,
        } = self;
        match records.seal(codec, BytesMut::new()) {
            Ok((records, unused)) => {
                // Uncompressed, the buffer itself was frozen and holds what it held.
                let held = match &unused {
                    Some(_) => records.len().min(capacity),
                    None => capacity,
                };
                Ok(Sealed {
                    released: capacity - held,
                    unused: unused.map(BytesMut::freeze),
                    batch: SealedBatch {
                        records,
                        result,
                        opened,
                        sealed: now,
                        largest_record,
                        facts,
                        notes,
                        generation,
                        held,
                    },
                })
            }
            Err(error) => {
                let error = ProduceError::new(
                    ErrorKind::Compression(error.to_string()),
                    (Arc::clone(&result.topic), result.partition),
                    Trail::new(opened, now),
                    false,
                );
                Err(SpentBatch {
                    unobserved: result.settle(Settled::Failed(error), facts, notes, listener),
                    body: Bytes::new(),
                    count,
                    generation,
                    held: capacity,
                })
            }
        }
    }
}

/// What sealing gives: the batch, and the memory it no longer needs.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) batch: SealedBatch,
    /// Bytes of `buffer.memory` to give back.
    pub(crate) released: usize,
    /// The uncompressed buffer, when compression wrote into another.
    pub(crate) unused: Option<Bytes>,
}

/// A batch that takes no more records and is sent until it is settled.
#[derive(Debug)]
pub(crate) struct SealedBatch {
    records: SealedRecords,
    result: Arc<BatchResult>,
    pub(crate) opened: Instant,
    /// When it took its last record.
    pub(crate) sealed: Instant,
    /// The most bytes that one of its records may come to, with the batch's header.
    pub(crate) largest_record: usize,
    facts: FactsOfAll,
    notes: Vec<Note>,
    generation: Generation,
    held: usize,
}

impl SealedBatch {
    /// Bytes on the wire.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes of the whole batch before compression.
    pub(crate) fn uncompressed_len(&self) -> usize {
        HEADER_LEN + self.records.uncompressed_len()
    }

    pub(crate) fn count(&self) -> u32 {
        self.records.count()
    }

    /// The newest of the records' timestamps.
    pub(crate) fn max_timestamp(&self) -> i64 {
        self.records.max_timestamp()
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    pub(crate) fn topic(&self) -> &Arc<str> {
        &self.result.topic
    }

    pub(crate) fn partition(&self) -> i32 {
        self.result.partition
    }

    /// The bytes to send, under this identity; the records themselves aren't touched.
    pub(crate) fn stamp(&self, producer_id: i64, epoch: i16, base_sequence: i32) -> Records {
        self.records.stamp(producer_id, epoch, base_sequence)
    }

    /// Gives every record its one outcome.
    pub(crate) fn settle(self, settled: Settled, listener: Option<&dyn Listener>) -> SpentBatch {
        let count = self.records.count();
        let unobserved = self
            .result
            .settle(settled, self.facts, self.notes, listener);
        SpentBatch {
            body: self.records.into_body(),
            count,
            generation: self.generation,
            held: self.held,
            unobserved,
        }
    }
}

/// A settled batch, whose bytes may still be on their way to a socket.
#[derive(Debug)]
pub(crate) struct SpentBatch {
    pub(crate) body: Bytes,
    pub(crate) count: u32,
    pub(crate) generation: Generation,
    /// What it counts for in `buffer.memory`.
    pub(crate) held: usize,
    /// Handles that nobody held when it was settled.
    pub(crate) unobserved: u32,
}
