//! A partition's drained batches, in order, until each has its outcome.
//!
//! A batch enters once, when it is drained. A retry never moves it: the row is sent again from its
//! first unsent batch on, once no later one is on its way.

use std::collections::VecDeque;
use std::sync::Arc;

use raban_protocol::primitives::Uuid;

use super::resolve::{Floor, Resolution};
use crate::accumulator::partition::Partition;
use crate::batch::{SealedBatch, SpentBatch};
use crate::connection::ConnectionId;
use crate::delivery::Settled;
use crate::error::ErrorKind;
use crate::idempotence::{Sequences, Stamp};
use crate::partitioner::Load;
use crate::time::Instant;
use crate::trail::{Attempt, AttemptOutcome, Trail};

#[derive(Debug)]
pub(crate) struct PartitionQueue {
    pub(crate) partition: Arc<Partition>,
    pub(crate) leader: Option<i32>,
    pub(crate) leader_epoch: i32,
    /// The known leader said that it isn't: without topic ids (before 2.8) even an older epoch may be news, of a
    /// topic made anew.
    pub(crate) leader_denies: bool,
    pub(crate) entries: VecDeque<Entry>,
    pub(crate) sequences: Sequences,
    /// A Produce of the current identity was acknowledged by the current leader: from then on
    /// several may be in flight. Before that, a lost first batch and an accepted second one would
    /// leave a hole that no broker reports; and without idempotence a first one that comes too
    /// early for a new leader, and a second one in time, would change places.
    pub(crate) confirmed: bool,
    pub(crate) not_before: Instant,
    /// Whether the topic stamps records with the time of the append; none: not known yet.
    pub(crate) log_append_time: Option<bool>,
    /// In the leader's list of partitions to drain.
    pub(crate) listed: bool,
    /// Among those that a hurry looks at.
    pub(crate) lingers: bool,
    /// Batches that waited to be sent when the partition was looked at last.
    pub(crate) queued: u32,
    /// What the choice of partitions goes by.
    pub(crate) load: Option<Load>,
    pub(crate) doubt: Doubt,
}

/// What is known, and being found out, about batches in doubt.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    /// Where in the log the search for them begins.
    pub(crate) floor: Floor,
    pub(crate) resolution: Option<Resolution>,
    /// Since the last doubt arose the leader was seen to know this producer, or the log was read:
    /// sending again is safe.
    pub(crate) may_resend: bool,
    /// The leader called the oldest batch out of order: only the log can tell.
    pub(crate) must_read: bool,
    /// The newest timestamp of the batch acknowledged last.
    pub(crate) confirmed_timestamp: Option<i64>,
    /// Counts resolutions, so that late answers to earlier ones are known.
    pub(crate) round: u32,
    /// Resolutions in a row that came to nothing.
    pub(crate) failures: u32,
}

/// A drained batch.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) batch: EntryBatch,
    pub(crate) stamp: Option<Stamp>,
    pub(crate) sent: Option<Sent>,
    pub(crate) trail: Trail,
    pub(crate) attempts: u32,
    /// Attempts after which the batch was taken apart: they don't count as retries.
    pub(crate) refusals: u32,
    /// An attempt under this stamp may have put it into the log without saying so. Only an answer
    /// about the log clears it, never a later rejection.
    pub(crate) in_doubt: bool,
    /// An attempt under this stamp wasn't answered: a copy of it may come late.
    pub(crate) unanswered: bool,
    /// The same as `in_doubt` of an earlier stamp, which the policy `resend` gave up.
    pub(crate) was_in_doubt: bool,
    /// A later attempt was refused for good with this. The batch fails with it, unless it is in the
    /// log.
    pub(crate) refused: Option<ErrorKind>,
}

#[derive(Debug)]
pub(crate) enum EntryBatch {
    Live(SealedBatch),
    /// Its outcome is known, and told when those before it are.
    Decided(SealedBatch, Settled),
    /// Settled while a request carries it: kept until that is answered or lost.
    Spent(SpentBatch),
    /// Settled in doubt: `count` sequences of which it isn't known whether the log has them. It is
    /// kept as long as a later batch is in doubt.
    Ghost {
        count: u32,
    },
}

/// The request that carries a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) connection: ConnectionId,
    pub(crate) correlation_id: i32,
    pub(crate) broker: i32,
    /// The topic as it was then: made anew, its log tells nothing of this attempt.
    pub(crate) topic_id: Uuid,
    pub(crate) at: Instant,
}

/// Where the row of drained batches stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Row {
    /// The batch at this index is to be sent again.
    Resend(usize),
    /// A further batch may be drained.
    Open,
    /// Nothing may be sent until an answer comes.
    Waiting,
    /// First it has to be found out what the log has.
    Resolve,
}

impl PartitionQueue {
    pub(crate) fn new(partition: Arc<Partition>) -> Self {
        Self {
            partition,
            leader: None,
            leader_epoch: -1,
            leader_denies: false,
            entries: VecDeque::new(),
            sequences: Sequences::default(),
            confirmed: false,
            not_before: Instant::default(),
            log_append_time: None,
            listed: false,
            lingers: false,
            queued: 0,
            load: None,
            doubt: Doubt::default(),
        }
    }

    /// Puts a drained batch at the end, and returns its index.
    pub(crate) fn push(&mut self, entry: Entry) -> usize {
        if self.entries.capacity() == 0 {
            // Most of very many partitions never have a second one.
            self.entries.reserve_exact(1);
        }
        self.entries.push_back(entry);
        self.entries.len() - 1
    }

    /// What may be sent with at most `max_in_flight` batches on their way.
    pub(crate) fn row(&self, max_in_flight: usize, idempotent: bool) -> Row {
        let sent = self.entries.iter().filter(|entry| entry.sent.is_some());
        let in_flight = sent.clone().count();
        let elsewhere = sent
            .filter_map(|entry| entry.sent.as_ref())
            .any(|sent| Some(sent.broker) != self.leader);
        let in_doubt = idempotent && self.has_doubt();
        let limit = match self.confirmed && !in_doubt {
            false => 1,
            true => max_in_flight,
        };
        if elsewhere || in_flight >= limit || (self.sequences.bump_wanted() && in_flight > 0) {
            return Row::Waiting;
        }
        if self.doubt.resolution.is_some() {
            return Row::Waiting;
        }
        if in_doubt && (!self.doubt.may_resend || self.sequences.bump_wanted()) {
            return Row::Resolve;
        }
        match self.first_unsent() {
            None if self.entries.len() < limit => Row::Open,
            None => Row::Waiting,
            Some(first)
                if self
                    .entries
                    .range(first..)
                    .any(|entry| entry.sent.is_some()) =>
            {
                Row::Waiting
            }
            Some(first) => Row::Resend(first),
        }
    }

    /// The first batch that waits to be sent again.
    pub(crate) fn first_unsent(&self) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| entry.sent.is_none() && entry.is_live())
    }

    /// Whether all batches before this one are given up.
    pub(crate) fn is_oldest(&self, index: usize) -> bool {
        self.entries.range(..index).all(Entry::is_ghost)
    }

    /// All of the row is to get new stamps; holes don't matter any more.
    pub(crate) fn forget_stamps(&mut self) {
        self.entries.retain(|entry| !entry.is_ghost());
        for entry in &mut self.entries {
            entry.stamp = None;
            if entry.is_decided() {
                entry.in_doubt = false;
            }
        }
    }

    /// Whether it isn't known where the search for batches in doubt would begin, and none needs it: what the log has now
    /// lies before all that is sent from now on.
    pub(crate) fn lacks_floor(&self) -> bool {
        let is_open = |entry: &Entry| entry.in_doubt || entry.sent.is_some();
        self.doubt.floor == Floor::Unknown && !self.entries.iter().any(is_open)
    }

    pub(crate) fn has_in_flight(&self) -> bool {
        self.entries.iter().any(|entry| entry.sent.is_some())
    }

    /// Whether a batch that still has its bytes is in doubt.
    pub(crate) fn has_doubt(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.in_doubt && entry.is_live())
    }

    /// Whether a batch that surely isn't in the log would now come behind a later one: a leader without memory of
    /// this producer refused it, and took the other.
    pub(crate) fn is_overtaken(&self) -> bool {
        let overtaken = |entry: &Entry| {
            let stamp = entry.stamp.filter(|_| entry.is_live());
            stamp.is_some_and(|stamp| self.sequences.has_overtaken(stamp))
        };
        self.doubt.resolution.is_none()
            && !self.has_doubt()
            && !self.has_in_flight()
            && self.entries.iter().any(overtaken)
    }

    /// Settled batches behind which nothing is in doubt leave a hole at most: the rest goes on under
    /// a new epoch.
    pub(crate) fn pass_ghosts(&mut self) {
        let mut entries = self.entries.iter();
        let has_hole = entries.any(|entry| {
            entry.is_ghost() || (entry.is_decided() && entry.in_doubt && entry.stamp.is_some())
        });
        if has_hole && !self.has_doubt() {
            self.sequences.want_bump(None);
        }
    }

    /// The batch that this request carries.
    pub(crate) fn position(&self, connection: ConnectionId, correlation_id: i32) -> Option<usize> {
        self.entries.iter().position(|entry| {
            entry.sent.is_some_and(|sent| {
                sent.connection == connection && sent.correlation_id == correlation_id
            })
        })
    }

    /// The oldest acceptance among the drained batches that have no outcome yet.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.entries.iter().find_map(|entry| match &entry.batch {
            EntryBatch::Live(batch) => Some(batch.opened),
            _ => None,
        })
    }
}

impl Entry {
    pub(crate) fn new(batch: SealedBatch) -> Self {
        Self {
            trail: Trail::new(batch.opened, batch.sealed),
            batch: EntryBatch::Live(batch),
            stamp: None,
            sent: None,
            attempts: 0,
            refusals: 0,
            in_doubt: false,
            unanswered: false,
            was_in_doubt: false,
            refused: None,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.batch, EntryBatch::Live(_))
    }

    pub(crate) fn is_ghost(&self) -> bool {
        matches!(self.batch, EntryBatch::Ghost { .. })
    }

    pub(crate) fn is_decided(&self) -> bool {
        matches!(self.batch, EntryBatch::Decided(..))
    }

    /// Records, and so sequences, of the batch.
    pub(crate) fn count(&self) -> u32 {
        match &self.batch {
            EntryBatch::Live(batch) | EntryBatch::Decided(batch, _) => batch.count(),
            EntryBatch::Spent(spent) => spent.count,
            EntryBatch::Ghost { count } => *count,
        }
    }

    /// The doubt stays, and is no longer looked into.
    pub(crate) fn leave_in_doubt(&mut self) {
        self.was_in_doubt |= self.in_doubt;
        self.in_doubt = false;
        self.unanswered = false;
    }

    pub(crate) fn may_have_been_written(&self) -> bool {
        self.in_doubt || self.was_in_doubt
    }

    /// Notes how an attempt ended.
    pub(crate) fn note(&mut self, sent: Sent, outcome: AttemptOutcome, now: Instant) {
        self.trail.attempt(Attempt {
            number: self.attempts,
            broker: sent.broker,
            outcome,
            duration: now - sent.at,
        });
    }
}
