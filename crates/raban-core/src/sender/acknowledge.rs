//! What a broker's answer, or the lack of one, means for each batch: settle it, or rewind to drain.

use std::collections::BTreeMap;
use std::sync::Arc;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse,
};

use super::Sender;
use super::answers::Answers;
use super::partition_queue::{Entry, EntryBatch, Sent};
use super::verdict::{Situation, Verdict, leaves_doubt, verdict};
use crate::accumulator::partition::PartitionId;
use crate::backoff::backoff;
use crate::connection::ConnectionId;
use crate::delivery::Settled;
use crate::error::{Cause, ErrorKind, Unresolved};
use crate::event::Event;
use crate::mutant::Mutant;
use crate::time::Instant;
use crate::trail::AttemptOutcome;

/// A broker's answer for one batch.
#[derive(Debug)]
pub(super) struct Outcome {
    code: ErrorCode,
    base_offset: i64,
    log_append_time: i64,
    message: Option<String>,
    /// Records that are refused, and why (KIP-467).
    culprits: BTreeMap<u32, Option<String>>,
    /// The leader and its epoch, if this broker knows another one (KIP-951).
    leader: Option<(i32, i32)>,
}

impl From<&PartitionProduceResponse> for Outcome {
    fn from(response: &PartitionProduceResponse) -> Self {
        Self {
            code: response.error_code,
            base_offset: response.base_offset,
            log_append_time: response.log_append_time_ms,
            message: response.error_message.clone(),
            culprits: culprits(&response.record_errors),
            leader: (response.current_leader.leader_id >= 0).then_some((
                response.current_leader.leader_id,
                response.current_leader.leader_epoch,
            )),
        }
    }
}

/// The refused records by their index; of two errors of one record the first holds.
fn culprits(errors: &[BatchIndexAndErrorMessage]) -> BTreeMap<u32, Option<String>> {
    let mut culprits = BTreeMap::new();
    for error in errors {
        if let Ok(index) = u32::try_from(error.batch_index) {
            let words = || error.batch_index_error_message.clone();
            culprits.entry(index).or_insert_with(words);
        }
    }
    culprits
}

impl Sender {
    /// Finds each partition's answer. One that lacks or adds a partition can't be trusted at all.
    pub(super) fn match_outcomes(
        &self,
        partitions: &[PartitionId],
        request: (ConnectionId, i32),
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
        let topics = response.responses.iter();
        let said = Answers::new(topics.flat_map(|topic| {
            let of_topic = topic.partition_responses.iter();
            of_topic.map(|answer| (&*topic.name, topic.topic_id, answer.index, answer))
        }));
        partitions
            .iter()
            .map(|id| {
                let queue = &self.queues[id.0 as usize];
                let partition = &queue.partition;
                let entry = queue.position(request.0, request.1);
                let entry = entry.map(|index| &queue.entries[index]);
                // The topic as it was when the request was sent.
                let topic_id = entry
                    .and_then(|entry| entry.sent)
                    .map(|sent| sent.topic_id);
                let (topic, index) = (&partition.topic, partition.index);
                let answer = said
                    .get(topic, topic_id, index)
                    .ok_or_else(|| format!("partition {index} of topic {topic} isn't answered"))?;
                let count = entry.map_or(0, |entry| i64::from(entry.count()));
                if answer.base_offset > i64::MAX - count {
                    let offset = answer.base_offset;
                    return Err(format!(
                        "no {count} records fit in behind offset {offset} of topic {topic}, partition {index}"
                    ));
                }
                Ok((*id, Outcome::from(answer)))
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
            oldest: self.queue(id).is_oldest(index),
        };
        let code = outcome.code;
        let soon = now + self.config.retry_backoff;
        let forgets = self.config.has(Mutant::ClearDoubtOnRejection);
        let queue = self.queue(id);
        let entry = &mut queue.entries[index];
        if code.is_none() {
            if entry.trail.is_eventful() {
                entry.note(sent, AttemptOutcome::Acknowledged, now);
            }
        } else {
            entry.in_doubt &= !forgets;
            entry.note(sent, AttemptOutcome::Answered(code), now);
            queue.confirmed = false;
            // What was known of the leader's memory was good for one attempt.
            queue.doubt.may_resend &= !entry.in_doubt;
        }
        if leaves_doubt(code, outcome.base_offset) {
            entry.in_doubt = true;
            queue.doubt.may_resend = false;
        }
        let in_doubt = entry.in_doubt && !code.is_none();
        if in_doubt && self.is_lost_track_of(id, index, sent) {
            self.cannot_tell(now, id, Unresolved::TopicRecreated);
            return;
        }
        match verdict(code, situation) {
            Verdict::Acknowledge => self.acknowledge(id, index, &outcome),
            Verdict::Rewind => {
                let queue = self.queue(id);
                // Once costs nothing; again and again is no way to go on.
                if queue.entries[index].attempts > 1 {
                    queue.not_before = queue.not_before.max(soon);
                }
            }
            Verdict::Retry { refresh } => {
                if refresh {
                    self.metadata.want();
                    self.queue(id).leader_denies = true;
                }
                self.retry(now, id, index, AttemptOutcome::Answered(code));
                // Of a topic made anew since then the epochs begin again.
                if let Some((leader, epoch)) = outcome.leader
                    && !self.is_made_anew_since(id, sent)
                {
                    self.follow_hint(now, id, leader, epoch);
                }
            }
            Verdict::Resolve => self.out_of_order(now, id, index, code),
            Verdict::Split => self.split_batch(id, index, code, outcome.message),
            Verdict::Separate => {
                let Outcome {
                    message, culprits, ..
                } = outcome;
                self.separate_culprits(id, index, code, message, &culprits);
            }
            Verdict::Fail => {
                let message = outcome.message;
                self.refuse(id, index, ErrorKind::Rejected { code, message });
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
        queue.doubt.may_resend = false;
        let outcome = AttemptOutcome::Unanswered(cause);
        let entry = &mut queue.entries[index];
        entry.in_doubt = true;
        entry.unanswered = true;
        entry.note(sent, outcome.clone(), now);
        if self.is_lost_track_of(id, index, sent) {
            self.cannot_tell(now, id, Unresolved::TopicRecreated);
        } else {
            self.retry(now, id, index, outcome);
            self.evaluate(now, id);
        }
    }

    /// Whether the log tells nothing of the attempt: the topic was made anew since then.
    fn is_lost_track_of(&self, id: PartitionId, index: usize, sent: Sent) -> bool {
        self.config.enable_idempotence
            && self.queues[id.0 as usize].entries[index].is_live()
            && self.is_made_anew_since(id, sent)
    }

    /// Whether the topic was made anew since the attempt. An id that wasn't known then, for an older broker had told of the
    /// topic, is no news.
    fn is_made_anew_since(&self, id: PartitionId, sent: Sent) -> bool {
        let topic = &self.queues[id.0 as usize].partition.topic;
        self.metadata.is_made_anew(topic, sent.topic_id)
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
        let mut entry = self.remove_entry(id, index);
        let trail = entry.trail.of_success(now);
        let partition = Arc::clone(&self.queue(id).partition);
        let spent = match entry.batch {
            EntryBatch::Live(batch) => {
                let settled = Settled::Acknowledged {
                    base_offset: None,
                    log_append_time: None,
                    trail,
                };
                let spent = batch.settle(settled, self.accumulator.listener());
                if let Some(connection) = self.connections.get_mut(&conn) {
                    *connection.written.entry(spent.generation).or_default() += 1;
                }
                spent
            }
            EntryBatch::Spent(spent) => spent,
            EntryBatch::Decided(..) | EntryBatch::Ghost { .. } => return,
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
        let entry = self.remove_entry(id, index);
        let may_be_duplicate = self.config.enable_idempotence && entry.may_have_been_written();
        let queue = self.queue(id);
        queue.confirmed = true;
        let appended_at = (outcome.log_append_time >= 0).then_some(outcome.log_append_time);
        let stamps = match &entry.batch {
            _ if !may_be_duplicate => *queue.log_append_time.insert(appended_at.is_some()),
            // A duplicate's answer has its newest timestamp there even where the topic keeps the records' own; of a
            // batch that compaction has thinned out an older one.
            EntryBatch::Live(batch) => queue
                .log_append_time
                .unwrap_or(appended_at.is_some_and(|at| at > batch.max_timestamp())),
            _ => false,
        };
        let log_append_time = appended_at.filter(|_| stamps);
        let base_offset = (outcome.base_offset >= 0).then_some(outcome.base_offset);
        let is_first = index == 0;
        if let Some(kept) = self.in_log(id, entry, base_offset, log_append_time, is_first) {
            self.queue(id).entries.insert(index, kept);
        }
        if self.config.has(Mutant::AcknowledgeTwice) && base_offset.is_some() {
            self.acknowledge_the_next(id, index, base_offset);
        }
        self.tell_decided(id);
    }

    /// The broker doesn't take the oldest batch's sequence. What was never in doubt isn't in the log
    /// and gets a new one; anything else the log has to tell.
    fn out_of_order(&mut self, now: Instant, id: PartitionId, index: usize, code: ErrorCode) {
        let blindly = self.config.has(Mutant::BumpBlindly);
        let queue = self.queue(id);
        if blindly {
            queue
                .entries
                .iter_mut()
                .for_each(|entry| entry.in_doubt = false);
        }
        let overtaken = queue.entries[index]
            .stamp
            .is_some_and(|stamp| queue.sequences.has_overtaken(stamp));
        if queue.has_doubt() {
            queue.doubt.must_read = true;
            queue.doubt.may_resend = false;
        } else if overtaken {
            self.cannot_tell(now, id, Unresolved::Overtaken);
            return;
        } else {
            queue.sequences.want_bump(Some(code));
        }
        self.retry(now, id, index, AttemptOutcome::Answered(code));
    }

    /// An attempt was refused for good. That says nothing of the attempts before it.
    pub(super) fn refuse(&mut self, id: PartitionId, index: usize, kind: ErrorKind) {
        let idempotent = self.config.enable_idempotence;
        let queue = self.queue(id);
        let entry = &mut queue.entries[index];
        if idempotent && entry.in_doubt && entry.is_live() {
            entry.refused = Some(kind);
            queue.doubt.may_resend = false;
        } else {
            self.fail(id, index, kind);
        }
    }

    /// Leaves the batch in its row to be sent again, unless it was tried often enough.
    fn retry(&mut self, now: Instant, id: PartitionId, index: usize, outcome: AttemptOutcome) {
        let retries = self.config.retries;
        let queue = self.queue(id);
        let entry = &queue.entries[index];
        let attempts = entry.attempts - entry.refusals;
        if !entry.is_live() || attempts > retries {
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

    pub(super) fn remove_entry(&mut self, id: PartitionId, index: usize) -> Entry {
        self.queue(id)
            .entries
            .remove(index)
            .expect("the index was found in this row")
    }
}
