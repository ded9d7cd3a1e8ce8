//! A partition's drained batches, in order, until each has its outcome.
//!
//! A batch enters once, when it is drained. A retry never moves it: the row is sent again from its
//! first unsent batch on, once no later one is on its way.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::accumulator::partition::Partition;
use crate::batch::{SealedBatch, SpentBatch};
use crate::connection::ConnectionId;
use crate::error::{Attempt, AttemptOutcome};
use crate::idempotence::{Sequences, Stamp};
use crate::time::Instant;

/// Of a long row of attempts the first and the latest are kept.
const KEPT_ATTEMPTS: usize = 8;

/// Most sequenced batches that a broker can tell apart after a retry: it remembers five.
pub(crate) const MAX_IDEMPOTENT_IN_FLIGHT: usize = 5;

#[derive(Debug)]
pub(crate) struct PartitionQueue {
    pub(crate) partition: Arc<Partition>,
    pub(crate) leader: Option<i32>,
    pub(crate) leader_epoch: i32,
    pub(crate) entries: VecDeque<Entry>,
    pub(crate) sequences: Sequences,
    /// A Produce of the current identity was acknowledged by the current leader: from then on
    /// several may be in flight. Before that, a lost first batch and an accepted second one would
    /// leave a hole that no broker reports; and without idempotence a first one that comes too
    /// early for a new leader, and a second one in time, would change places.
    pub(crate) confirmed: bool,
    pub(crate) not_before: Instant,
    /// The topic stamps records with the time of the append.
    pub(crate) log_append_time: bool,
    /// In the leader's list of partitions to drain.
    pub(crate) listed: bool,
}

/// A drained batch.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) batch: EntryBatch,
    pub(crate) stamp: Option<Stamp>,
    pub(crate) sent: Option<Sent>,
    pub(crate) trail: Vec<Attempt>,
    pub(crate) attempts: u32,
    /// An attempt may have put it into the log without saying so.
    pub(crate) in_doubt: bool,
}

#[derive(Debug)]
pub(crate) enum EntryBatch {
    Live(SealedBatch),
    /// Settled while a request carries it: kept until that is answered or lost.
    Spent(SpentBatch),
}

/// The request that carries a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) connection: ConnectionId,
    pub(crate) correlation_id: i32,
    pub(crate) broker: i32,
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
}

impl PartitionQueue {
    pub(crate) fn new(partition: Arc<Partition>) -> Self {
        Self {
            partition,
            leader: None,
            leader_epoch: -1,
            entries: VecDeque::new(),
            sequences: Sequences::default(),
            confirmed: false,
            not_before: Instant::default(),
            log_append_time: false,
            listed: false,
        }
    }

    /// What may be sent with at most `max_in_flight` batches on their way.
    pub(crate) fn row(&self, max_in_flight: usize, idempotent: bool) -> Row {
        let sent = self.entries.iter().filter(|entry| entry.sent.is_some());
        let in_flight = sent.clone().count();
        let elsewhere = sent
            .filter_map(|entry| entry.sent.as_ref())
            .any(|sent| Some(sent.broker) != self.leader);
        let limit = match (idempotent, self.confirmed) {
            (_, false) => 1,
            (true, true) => max_in_flight.min(MAX_IDEMPOTENT_IN_FLIGHT),
            (false, true) => max_in_flight,
        };
        if elsewhere || in_flight >= limit || (self.sequences.bump_wanted() && in_flight > 0) {
            return Row::Waiting;
        }
        match self.entries.iter().position(|entry| entry.sent.is_none()) {
            None => Row::Open,
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

    pub(crate) fn has_in_flight(&self) -> bool {
        self.entries.iter().any(|entry| entry.sent.is_some())
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
            EntryBatch::Spent(_) => None,
        })
    }
}

impl Entry {
    pub(crate) fn new(batch: SealedBatch) -> Self {
        Self {
            batch: EntryBatch::Live(batch),
            stamp: None,
            sent: None,
            trail: Vec::new(),
            attempts: 0,
            in_doubt: false,
        }
    }

    /// Notes how an attempt ended.
    pub(crate) fn note(&mut self, sent: Sent, outcome: AttemptOutcome, now: Instant) {
        let attempt = Attempt {
            number: self.attempts,
            broker: sent.broker,
            outcome,
            duration: now - sent.at,
        };
        if self.trail.len() == KEPT_ATTEMPTS {
            self.trail.remove(1);
        }
        self.trail.push(attempt);
    }
}
