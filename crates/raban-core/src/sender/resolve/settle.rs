//! What was found out is carried out: acknowledge, send again, give another stamp, or give up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::decide::{Conclusion, State, Subject, decide};
use super::floor::Floor;
use super::reading::Reading;
use crate::accumulator::partition::PartitionId;
use crate::config::InDoubtPolicy;
use crate::error::{ErrorKind, Unresolved};
use crate::event::Event;
use crate::mutant::Mutant;
use crate::sender::Sender;
use crate::sender::partition_queue::Entry;
use crate::sender::verdict::may_be_taken_apart;
use crate::time::Instant;
use crate::trail::{Found, Resolution, ResolvedBy};

impl Sender {
    /// The batches are sent again under their stamps: the leader is known to remember what it has, or nothing
    /// speaks against it.
    pub(super) fn send_again(&mut self, now: Instant, id: PartitionId, found: Found) {
        let began = self.conclude(now, id);
        let queue = self.queue(id);
        queue.doubt.may_resend = true;
        let resolution = Resolution {
            broker: queue.leader.unwrap_or(-1),
            by: ResolvedBy::Asking,
            found,
            duration: now - began,
        };
        let mut records = 0;
        for entry in queue.entries.iter_mut().filter(|entry| entry.in_doubt) {
            entry.trail.resolution(resolution.clone());
            records += entry.count();
        }
        if found == Found::Remembered {
            let how = "the broker remembers this producer";
            self.resolved(id, records, how, now - began);
        }
        self.evaluate(now, id);
    }

    /// The log can't be read (READ is denied).
    pub(super) fn judge_unread(&mut self, now: Instant, id: PartitionId, start: i64) {
        let queue = &self.queues[id.0 as usize];
        let confirmed = match queue.doubt.floor {
            Floor::Confirmed { offset, .. } | Floor::Watermark { offset, .. } => offset,
            Floor::Unknown | Floor::Asked => 0,
        };
        let confirmed_timestamp = queue.doubt.confirmed_timestamp;
        let is_fresh = self.config.has(Mutant::ResendOldUnread)
            || queue.entries.iter().all(|entry| self.is_young(entry))
                && confirmed_timestamp.is_none_or(|timestamp| self.is_remembered(timestamp));
        let queue = &self.queues[id.0 as usize];
        let (identity, seen) = (queue.sequences.identity(), queue.sequences.seen());
        // It is denied only now: before, the leader has told that it has forgotten something.
        let forgot = queue.doubt.resolution.as_ref().is_some_and(|resolution| {
            resolution.state != State::Unknown && !resolution.state.covers(identity, seen)
        });
        let broken = forgot
            || queue.doubt.must_read
            || queue.sequences.bump_wanted()
            || queue
                .entries
                .iter()
                .any(|entry| entry.refused.is_some() || entry.is_ghost());
        if broken || !is_fresh || start > confirmed {
            self.cannot_tell(now, id, Unresolved::ReadDenied);
        } else {
            // What the leader tells later may be just what it is sent now: only one that knows all of them can be trusted.
            let queue = self.queue(id);
            let in_doubt = queue.entries.iter().filter(|entry| entry.in_doubt);
            for (stamp, count) in in_doubt.filter_map(|entry| Some((entry.stamp?, entry.count()))) {
                let last = stamp.last_sequence(count);
                queue.sequences.see(stamp.identity.epoch, last);
            }
            self.send_again(now, id, Found::Unknown);
        }
    }

    /// Nothing can be found out.
    pub(in crate::sender) fn cannot_tell(
        &mut self,
        now: Instant,
        id: PartitionId,
        reason: Unresolved,
    ) {
        self.carry_out(now, id, None, State::Unknown, Some(reason));
    }

    /// The log was read.
    pub(super) fn judge(&mut self, now: Instant, id: PartitionId, reading: Reading) {
        let Some(resolution) = &self.queues[id.0 as usize].doubt.resolution else {
            return;
        };
        let state = resolution.state;
        let ignored = self.config.has(Mutant::IgnoreGap);
        let incomplete = reading.incomplete.filter(|_| !ignored);
        self.carry_out(now, id, Some(&reading), state, incomplete);
    }

    fn subjects(&self, id: PartitionId, read: Option<&Reading>) -> Vec<Subject> {
        let queue = &self.queues[id.0 as usize];
        let subject = |entry: &Entry| Subject {
            stamp: entry.stamp.filter(|_| !entry.is_decided()),
            ghost: entry.is_ghost(),
            in_doubt: entry.in_doubt,
            place: entry
                .stamp
                .filter(|_| !entry.is_decided())
                .and_then(|stamp| read.and_then(|reading| reading.place_of(stamp))),
            refused: entry.refused.is_some(),
            overtaken: entry
                .stamp
                .is_some_and(|stamp| queue.sequences.has_overtaken(stamp)),
            in_flight: entry.sent.is_some(),
            answered: !entry.unanswered || self.config.has(Mutant::AbsentIsNever),
            remembered: self.is_young(entry),
        };
        queue.entries.iter().map(subject).collect()
    }

    fn carry_out(
        &mut self,
        now: Instant,
        id: PartitionId,
        read: Option<&Reading>,
        state: State,
        incomplete: Option<Unresolved>,
    ) {
        let row = self.subjects(id, read);
        let asked = self.queue(id).doubt.resolution.is_some();
        let broker = self.queue(id).leader.unwrap_or(-1);
        let began = self.conclude(now, id);
        let broken = self.queue(id).sequences.bump_wanted();
        let conclusions = decide(&row, state, incomplete, broken);
        let entries = std::mem::take(&mut self.queue(id).entries);
        let mut kept = VecDeque::with_capacity(entries.len());
        let mut resolved = 0;
        let by = match read {
            Some(_) => ResolvedBy::Reading,
            None => ResolvedBy::Asking,
        };
        for (mut entry, conclusion) in entries.into_iter().zip(conclusions) {
            let found = conclusion.found();
            if entry.in_doubt && found != Found::Unknown {
                resolved += entry.count();
            }
            if entry.in_doubt && asked {
                entry.trail.resolution(Resolution {
                    broker,
                    by,
                    found,
                    duration: now - began,
                });
            }
            let is_first = !kept.iter().any(Entry::is_live);
            kept.extend(self.apply(id, entry, conclusion, is_first));
        }
        let queue = self.queue(id);
        queue.entries = kept;
        queue.doubt.may_resend = true;
        self.resolved(id, resolved, "its log was read", now - began);
        self.tell_decided(id);
        self.evaluate(now, id);
    }

    /// Returns the batch if it stays in the row.
    fn apply(
        &mut self,
        id: PartitionId,
        mut entry: Entry,
        conclusion: Conclusion,
        is_first: bool,
    ) -> Option<Entry> {
        match conclusion {
            Conclusion::InLog(place) => {
                self.queue(id).log_append_time = Some(place.log_append_time.is_some());
                self.in_log(
                    id,
                    entry,
                    Some(place.base_offset),
                    place.log_append_time,
                    is_first,
                )
            }
            Conclusion::Keep => Some(entry),
            // Its hole is closed by the bump.
            Conclusion::Hole => {
                self.queue(id).sequences.want_bump(None);
                None
            }
            Conclusion::SendAgain => Some(entry),
            Conclusion::Absent => {
                self.queue(id).sequences.want_bump(None);
                entry.in_doubt = false;
                entry.unanswered = false;
                match entry.refused.take() {
                    // No longer in doubt, it is refused once more, and then taken apart.
                    Some(ErrorKind::Rejected { code, .. }) if may_be_taken_apart(code) => {
                        Some(entry)
                    }
                    Some(kind) => self.give_up_entry(id, entry, kind),
                    None => Some(entry),
                }
            }
            Conclusion::Undecided(reason) => {
                self.queue(id).sequences.want_bump(None);
                if let Some(kind) = entry.refused.take() {
                    return self.give_up_entry(id, entry, kind);
                }
                match self.config.in_doubt_policy {
                    InDoubtPolicy::Fail => {
                        self.give_up_entry(id, entry, ErrorKind::Unresolved { reason })
                    }
                    InDoubtPolicy::Resend => {
                        entry.leave_in_doubt();
                        // The bump gives it another one.
                        entry.stamp = None;
                        Some(entry)
                    }
                }
            }
        }
    }

    /// The resolution is over; returns when it began.
    fn conclude(&mut self, now: Instant, id: PartitionId) -> Instant {
        let doubt = &mut self.queue(id).doubt;
        doubt.must_read = false;
        doubt.failures = 0;
        let resolution = doubt.resolution.take();
        self.stop_resolving(id);
        resolution.map_or(now, |resolution| resolution.began)
    }

    fn resolved(&mut self, id: PartitionId, records: u32, how: &'static str, took: Duration) {
        if records == 0 {
            return;
        }
        self.accumulator
            .recorder
            .resolved(self.now.instant, records);
        let partition = &self.queues[id.0 as usize].partition;
        let (topic, partition) = (Arc::clone(&partition.topic), partition.index);
        self.event(Event::Resolved {
            topic,
            partition,
            records,
            how,
            took,
        });
    }
}
