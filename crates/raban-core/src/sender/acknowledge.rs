//! What a broker's answer, or the lack of one, means for each batch: settle it, or rewind to drain.

use std::sync::Arc;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::produce::{PartitionProduceResponse, ProduceResponse};

use super::Sender;
use super::partition_queue::{Entry, EntryBatch, Sent};
use super::verdict::{Situation, Verdict, leaves_doubt, verdict};
use crate::accumulator::partition::PartitionId;
use crate::backoff::backoff;
use crate::batch::SealedBatch;
use crate::connection::ConnectionId;
use crate::delivery::Settled;
use crate::error::{AttemptOutcome, Cause, ErrorKind, ProduceError};
use crate::event::Event;
use crate::time::Instant;

/// A broker's answer for one batch.
#[derive(Debug)]
pub(super) struct Outcome {
    code: ErrorCode,
    base_offset: i64,
    log_append_time: i64,
    message: Option<String>,
}

impl From<&PartitionProduceResponse> for Outcome {
    fn from(response: &PartitionProduceResponse) -> Self {
        Self {
            code: response.error_code,
            base_offset: response.base_offset,
            log_append_time: response.log_append_time_ms,
            message: response.error_message.clone(),
        }
    }
}

impl Sender {
    /// Finds each partition's answer. One that lacks or adds a partition can't be trusted at all.
    pub(super) fn match_outcomes(
        &self,
        partitions: &[PartitionId],
        response: &ProduceResponse,
    ) -> Result<Vec<(PartitionId, Outcome)>, String> {
        let answers: usize = response
            .responses
            .iter()
            .map(|topic| topic.partition_responses.len())
            .sum();
        if answers != partitions.len() {
            let asked = partitions.len();
            return Err(format!(
                "{answers} partitions are answered, {asked} were sent"
            ));
        }
        partitions
            .iter()
            .map(|id| {
                let partition = &self.queues[id.0 as usize].partition;
                let topic_id = self.metadata.topic_id(&partition.topic);
                response
                    .responses
                    .iter()
                    .filter(|topic| {
                        *topic.name == *partition.topic
                            || (topic.name.is_empty() && topic.topic_id == topic_id)
                    })
                    .flat_map(|topic| &topic.partition_responses)
                    .find(|answer| answer.index == partition.index)
                    .map(|answer| (*id, Outcome::from(answer)))
                    .ok_or_else(|| {
                        let (topic, index) = (&partition.topic, partition.index);
                        format!("partition {index} of topic {topic} isn't answered")
                    })
            })
            .collect()
    }

    pub(super) fn batch_answered(
        &mut self,
        now: Instant,
        id: PartitionId,
        conn: ConnectionId,
        correlation_id: i32,
        outcome: Outcome,
    ) {
        let Some((index, sent)) = self.take_sent(id, conn, correlation_id) else {
            return;
        };
        let situation = Situation {
            idempotent: self.config.enable_idempotence,
            oldest: index == 0,
        };
        let code = outcome.code;
        let queue = self.queue(id);
        let entry = &mut queue.entries[index];
        entry.in_doubt |= leaves_doubt(code, outcome.base_offset);
        if !code.is_none() {
            entry.note(sent, AttemptOutcome::Answered(code), now);
            queue.confirmed = false;
        }
        match verdict(code, situation) {
            Verdict::Acknowledge => self.acknowledge(id, index, &outcome),
            Verdict::AcknowledgeSomewhere => {
                let somewhere = Outcome {
                    base_offset: -1,
                    log_append_time: -1,
                    ..outcome
                };
                self.acknowledge(id, index, &somewhere);
            }
            Verdict::Rewind => {}
            Verdict::Retry { refresh } => {
                if refresh {
                    self.metadata.want();
                }
                self.retry(now, id, index, AttemptOutcome::Answered(code));
            }
            Verdict::Bump => {
                self.queue(id).sequences.want_bump(Some(code));
                self.retry(now, id, index, AttemptOutcome::Answered(code));
            }
            Verdict::Fail => {
                let message = outcome.message;
                self.fail(id, index, ErrorKind::Rejected { code, message });
            }
        }
        self.evaluate(now, id);
    }

    pub(super) fn batch_unanswered(
        &mut self,
        now: Instant,
        id: PartitionId,
        conn: ConnectionId,
        correlation_id: i32,
        cause: Cause,
    ) {
        let Some((index, sent)) = self.take_sent(id, conn, correlation_id) else {
            return;
        };
        let queue = self.queue(id);
        queue.confirmed = false;
        let outcome = AttemptOutcome::Unanswered(cause);
        let entry = &mut queue.entries[index];
        entry.in_doubt = true;
        entry.note(sent, outcome.clone(), now);
        self.retry(now, id, index, outcome);
        self.evaluate(now, id);
    }

    /// With `acks=0` the write is the outcome; who flushes waits for a [barrier](super::barrier).
    pub(super) fn batch_written(
        &mut self,
        now: Instant,
        id: PartitionId,
        conn: ConnectionId,
        correlation_id: i32,
    ) {
        let Some((index, _)) = self.take_sent(id, conn, correlation_id) else {
            return;
        };
        self.queue(id).confirmed = true;
        let entry = self.remove_entry(id, index);
        let partition = Arc::clone(&self.queue(id).partition);
        let spent = match entry.batch {
            EntryBatch::Live(batch) => {
                let spent = batch.settle(Settled::Acknowledged {
                    base_offset: None,
                    log_append_time: None,
                });
                if let Some(connection) = self.connections.get_mut(&conn) {
                    *connection.written.entry(spent.generation).or_default() += 1;
                }
                spent
            }
            EntryBatch::Spent(spent) => spent,
        };
        self.accumulator.release(&partition, spent);
        self.evaluate(now, id);
    }

    /// The request that carried the batch is over.
    fn take_sent(
        &mut self,
        id: PartitionId,
        conn: ConnectionId,
        correlation_id: i32,
    ) -> Option<(usize, Sent)> {
        let queue = self.queue(id);
        let index = queue.position(conn, correlation_id)?;
        let sent = queue.entries[index].sent.take()?;
        Some((index, sent))
    }

    fn acknowledge(&mut self, id: PartitionId, index: usize, outcome: &Outcome) {
        let queue = self.queue(id);
        queue.confirmed = true;
        // A duplicate's answer has an append time even where the topic keeps the records' own.
        if queue.entries[index].attempts == 1 {
            queue.log_append_time = outcome.log_append_time >= 0;
        }
        let settled = Settled::Acknowledged {
            base_offset: (outcome.base_offset >= 0).then_some(outcome.base_offset),
            log_append_time: (queue.log_append_time && outcome.log_append_time >= 0)
                .then_some(outcome.log_append_time),
        };
        let entry = self.remove_entry(id, index);
        let partition = Arc::clone(&self.queue(id).partition);
        let spent = match entry.batch {
            EntryBatch::Live(batch) => self.accumulator.settle(batch, settled),
            EntryBatch::Spent(spent) => spent,
        };
        self.accumulator.release(&partition, spent);
    }

    /// Leaves the batch in its row to be sent again, unless it was tried often enough.
    fn retry(&mut self, now: Instant, id: PartitionId, index: usize, outcome: AttemptOutcome) {
        let retries = self.config.retries;
        let queue = self.queue(id);
        let entry = &queue.entries[index];
        let attempts = entry.attempts;
        if matches!(entry.batch, EntryBatch::Spent(_)) || attempts > retries {
            let last = outcome;
            let retries = attempts.saturating_sub(1);
            self.fail(id, index, ErrorKind::RetriesExhausted { retries, last });
            return;
        }
        let wait = backoff(
            self.config.retry_backoff,
            self.config.retry_backoff_max,
            attempts,
            &mut self.random,
        );
        let queue = self.queue(id);
        queue.not_before = now + wait;
        let (topic, partition) = (Arc::clone(&queue.partition.topic), queue.partition.index);
        self.event(Event::Retry {
            topic,
            partition,
            outcome,
        });
    }

    /// Fails a batch that no request carries. The sequence it took stays a gap: the partition goes
    /// on under a new epoch.
    pub(super) fn fail(&mut self, id: PartitionId, index: usize, kind: ErrorKind) {
        let entry = self.remove_entry(id, index);
        let queue = self.queue(id);
        if entry.stamp.is_some() {
            queue.sequences.want_bump(None);
        }
        let partition = Arc::clone(&queue.partition);
        let spent = match entry.batch {
            EntryBatch::Live(batch) => self.settle_failed(batch, kind, entry.trail, entry.in_doubt),
            EntryBatch::Spent(spent) => spent,
        };
        self.accumulator.release(&partition, spent);
    }

    /// Gives a batch's records their failure; counts and tells of those that nobody awaits.
    pub(super) fn settle_failed(
        &mut self,
        batch: SealedBatch,
        kind: ErrorKind,
        trail: Vec<crate::error::Attempt>,
        in_doubt: bool,
    ) -> crate::batch::SpentBatch {
        let topic_partition = (Arc::clone(batch.topic()), batch.partition());
        let error = ProduceError::new(kind, topic_partition, trail, in_doubt);
        let spent = self
            .accumulator
            .settle(batch, Settled::Failed(error.clone()));
        if spent.unobserved > 0 {
            self.event(Event::UnobservedFailure {
                records: spent.unobserved,
                error,
            });
        }
        spent
    }

    fn remove_entry(&mut self, id: PartitionId, index: usize) -> Entry {
        self.queue(id)
            .entries
            .remove(index)
            .expect("the index was found in this row")
    }
}
