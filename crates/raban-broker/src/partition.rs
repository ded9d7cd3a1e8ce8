//! One partition: its log, and what must be known of its producers and leader epochs.
use std::time::Duration;

use bytes::Bytes;
use raban_log::{Batches, Log, LogConfig, LogError, PendingSync, Recovery, Storage, SyncOutcome};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::record_batch::{BatchHeader, Record, split_batches};

use crate::leader_epochs::LeaderEpochs;
use crate::producer_state::{ProducerStates, Verdict};
use crate::replication::{Placement, Replicas};
use crate::validate::Rejection;

/// In place of a node: nobody leads.
pub(crate) const NO_LEADER: i32 = -1;

/// A partition of a topic.
#[derive(Debug)]
pub(crate) struct Partition {
    /// The node that leads it.
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) epochs: LeaderEpochs,
    pub(crate) producers: ProducerStates,
    pub(crate) replicas: Replicas,
    records: Records,
}

/// The log, or what is left of one if records are not kept.
enum Records {
    Kept(Log<Box<dyn Storage>>),
    Discarded { end_offset: i64 },
}

/// Where a batch is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Produced {
    pub(crate) base_offset: i64,
    /// Readers must see the log up to here before all in-sync replicas have the batch.
    pub(crate) end_offset: i64,
    /// The append time of a duplicate, as in Apache Kafka; otherwise -1, since topics keep the records' own timestamps.
    pub(crate) log_append_time_ms: i64,
    /// Bytes that the log has grown by.
    pub(crate) grown: usize,
}

impl Partition {
    /// Opens a partition: everything that it knows of producers and epochs is in its log.
    pub(crate) fn open(
        storage: Option<Box<dyn Storage>>,
        config: LogConfig,
        placement: Placement,
        now: Duration,
    ) -> Result<(Self, Recovery), LogError> {
        let (mut producers, mut epochs) = (ProducerStates::default(), LeaderEpochs::default());
        let (records, recovery) = match storage {
            None => (Records::Discarded { end_offset: 0 }, Recovery::default()),
            Some(storage) => {
                let mut on_batch = |batch: &BatchHeader| {
                    producers.push(batch, now);
                    epochs.assign(batch.partition_leader_epoch, batch.base_offset);
                };
                let (log, recovery) = Log::open(storage, config, &mut on_batch)?;
                (Records::Kept(log), recovery)
            }
        };
        let end = records.end_offset();
        // Elections may have gone further than the starts that the epoch is counted by.
        let unused = epochs.latest().map_or(0, |latest| latest + 1);
        let leader_epoch = placement.leader_epoch.max(unused);
        epochs.assign(leader_epoch, end);
        let leader = placement.leader();
        let partition = Self {
            leader: leader.unwrap_or(NO_LEADER),
            leader_epoch,
            epochs,
            replicas: placement.replicas(end, &producers),
            producers,
            records,
        };
        Ok((partition, recovery))
    }

    /// Whether records are kept at all.
    pub(crate) fn keeps_records(&self) -> bool {
        matches!(self.records, Records::Kept(_))
    }

    pub(crate) fn start_offset(&self) -> i64 {
        match &self.records {
            Records::Kept(log) => log.start_offset(),
            Records::Discarded { end_offset } => *end_offset,
        }
    }

    /// Offset that the next record gets.
    pub(crate) fn end_offset(&self) -> i64 {
        self.records.end_offset()
    }

    /// Appends a valid batch, unless it is a duplicate or out of order.
    pub(crate) fn produce(
        &mut self,
        now: Duration,
        header: &BatchHeader,
        batch: &Bytes,
    ) -> Result<Produced, Rejection> {
        match self.producers.check(header) {
            Verdict::Append => {}
            Verdict::Refuse(code) => {
                let message = format!(
                    "Producer {} sent epoch {} and sequence {}",
                    header.producer_id, header.producer_epoch, header.base_sequence
                );
                return Err(Rejection::new(code, message));
            }
            Verdict::Duplicate(earlier) => {
                return Ok(Produced {
                    base_offset: earlier.base_offset,
                    end_offset: earlier.end_offset(),
                    log_append_time_ms: earlier.max_timestamp,
                    grown: 0,
                });
            }
        }
        let base_offset = match &mut self.records {
            Records::Kept(log) => {
                let appended = log.append(batch, self.leader_epoch);
                appended.map_err(|e| Self::storage_error(&e))?.base_offset
            }
            Records::Discarded { end_offset } => {
                let base_offset = *end_offset;
                *end_offset += i64::from(header.record_count);
                base_offset
            }
        };
        let appended = BatchHeader {
            base_offset,
            partition_leader_epoch: self.leader_epoch,
            ..*header
        };
        self.producers.push(&appended, now);
        self.copy_appended(&appended, now);
        Ok(Produced {
            base_offset,
            end_offset: self.end_offset(),
            log_append_time_ms: -1,
            grown: batch.len(),
        })
    }

    /// Cuts the log; see [`Log::truncate_to`].
    pub(crate) fn truncate_to(&mut self, end: i64) -> Result<(), LogError> {
        match &mut self.records {
            Records::Kept(log) => log.truncate_to(end),
            Records::Discarded { end_offset } => {
                *end_offset = end;
                Ok(())
            }
        }
    }

    /// The headers of all batches that reach to `offset` or beyond; see [`Log::headers`].
    pub(crate) fn headers(
        &mut self,
        offset: i64,
        on_batch: &mut dyn FnMut(&BatchHeader),
    ) -> Result<(), LogError> {
        match &mut self.records {
            Records::Kept(log) => log.headers(offset, on_batch),
            Records::Discarded { .. } => Ok(()),
        }
    }

    /// Lets each replica forget what `forget` says of producers.
    pub(crate) fn forget(&mut self, forget: impl Fn(&mut ProducerStates)) {
        forget(&mut self.producers);
        for replica in self.replicas.iter_mut() {
            forget(&mut replica.producers);
        }
    }

    /// Deletes the records below `before`, as far as readers see them.
    pub(crate) fn delete_records(&mut self, before: i64) {
        let before = before.min(self.high_watermark());
        if let Records::Kept(log) = &mut self.records
            && before > log.start_offset()
            && let Err(error) = log.truncate_front(before)
        {
            tracing::error!(%error, "records could not be deleted");
        }
    }

    /// Removes the records that readers see and that are not to be kept; see [`Log::compact`].
    pub(crate) fn compact(
        &mut self,
        keep: &mut dyn FnMut(&Record) -> bool,
    ) -> Result<(), LogError> {
        let end = self.high_watermark();
        match &mut self.records {
            Records::Kept(log) => log.compact(end, keep),
            Records::Discarded { .. } => Ok(()),
        }
    }

    fn storage_error(error: &LogError) -> Rejection {
        tracing::error!(%error, "a batch could not be appended");
        Rejection::new(ErrorCode::KAFKA_STORAGE_ERROR, error.to_string())
    }

    /// Whole batches from `offset` on; see [`Log::read`].
    pub(crate) fn read(
        &mut self,
        offset: i64,
        max_bytes: usize,
        min_one: bool,
    ) -> Result<Batches, LogError> {
        match &mut self.records {
            Records::Kept(log) => log.read(offset, max_bytes, min_one),
            Records::Discarded { end_offset } if offset == *end_offset => Ok(Batches {
                bytes: Bytes::new(),
                next_offset: offset,
            }),
            Records::Discarded { end_offset } => Err(LogError::OffsetOutOfRange {
                offset,
                start: *end_offset,
                end: *end_offset,
            }),
        }
    }

    /// The same, as far as readers may see it.
    pub(crate) fn read_visible(
        &mut self,
        offset: i64,
        max_bytes: usize,
        min_one: bool,
    ) -> Result<Batches, LogError> {
        let watermark = self.high_watermark();
        let read = self.read(offset, max_bytes, min_one)?;
        if read.next_offset <= watermark {
            return Ok(read);
        }
        let batches = split_batches(read.bytes.clone()).flatten();
        let visible = batches.take_while(|(header, _)| header.last_offset() < watermark);
        let len = visible.map(|(_, batch)| batch.len()).sum::<usize>();
        Ok(Batches {
            bytes: read.bytes.slice(..len),
            next_offset: watermark.max(offset),
        })
    }

    /// Offset and timestamp of the first record at or after `timestamp`.
    pub(crate) fn offset_for_timestamp(
        &mut self,
        timestamp: i64,
    ) -> Result<Option<(i64, i64)>, LogError> {
        match &mut self.records {
            Records::Kept(log) => log.offset_for_timestamp(timestamp),
            Records::Discarded { .. } => Ok(None),
        }
    }

    /// Offset and timestamp of the first record with the highest timestamp.
    pub(crate) fn offset_of_max_timestamp(&mut self) -> Result<Option<(i64, i64)>, LogError> {
        match &mut self.records {
            Records::Kept(log) => log.offset_of_max_timestamp(),
            Records::Discarded { .. } => Ok(None),
        }
    }

    /// Whether a request's idea of the leader epoch, -1 for none, is the current one.
    pub(crate) fn check_epoch(&self, current_leader_epoch: i32) -> Result<(), ErrorCode> {
        if current_leader_epoch == -1 || current_leader_epoch == self.leader_epoch {
            Ok(())
        } else if current_leader_epoch < self.leader_epoch {
            Err(ErrorCode::FENCED_LEADER_EPOCH)
        } else {
            Err(ErrorCode::UNKNOWN_LEADER_EPOCH)
        }
    }

    pub(crate) fn sync(&mut self) -> Result<(), LogError> {
        match &mut self.records {
            Records::Kept(log) => log.sync(),
            Records::Discarded { .. } => Ok(()),
        }
    }

    pub(crate) fn begin_sync(&mut self) -> Result<Option<PendingSync>, LogError> {
        match &mut self.records {
            Records::Kept(log) => log.begin_sync(),
            Records::Discarded { .. } => Ok(None),
        }
    }

    pub(crate) fn finish_sync(&mut self, outcome: SyncOutcome) -> Result<(), LogError> {
        match &mut self.records {
            Records::Kept(log) => log.finish_sync(outcome),
            Records::Discarded { .. } => Ok(()),
        }
    }
}

impl Records {
    fn end_offset(&self) -> i64 {
        match self {
            Self::Kept(log) => log.end_offset(),
            Self::Discarded { end_offset } => *end_offset,
        }
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kept(log) => write!(f, "Kept({}..{})", log.start_offset(), log.end_offset()),
            Self::Discarded { end_offset } => write!(f, "Discarded(..{end_offset})"),
        }
    }
}
