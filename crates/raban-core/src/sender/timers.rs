//! When to look at what again: one time per thing, the earliest first.

use std::collections::{BTreeMap, BTreeSet};

use crate::accumulator::partition::PartitionId;
use crate::connection::ConnectionId;
use crate::time::Instant;

/// A thing that can be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Linger, backoff or `delivery.timeout.ms` of a partition's first batch.
    Partition(PartitionId),
    /// A late answer, the end of a pause, idleness.
    Connection(ConnectionId),
    /// The next attempt to connect to a broker.
    Node(i32),
    /// `partitioner.availability.timeout.ms` of a broker that takes no request.
    Availability(i32),
    /// The next attempt at a control connection, metadata or a producer id.
    Control,
    /// `bootstrap.resolve.timeout.ms`.
    Resolving,
    /// The next subscription or push, or the end of the wait for the last one.
    Telemetry,
    /// News that no answer has led to.
    News,
    /// The end of `close`'s timeout.
    Close,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Instant, Timer)>,
    by_timer: BTreeMap<Timer, Instant>,
}

impl Timers {
    /// Sets the timer, in place of its earlier time.
    pub(crate) fn arm(&mut self, timer: Timer, at: Instant) {
        match self.by_timer.insert(timer, at) {
            Some(before) if before == at => return,
            Some(before) => {
                self.by_time.remove(&(before, timer));
            }
            None => {}
        }
        self.by_time.insert((at, timer));
    }

    pub(crate) fn is_armed(&self, timer: Timer) -> bool {
        self.by_timer.contains_key(&timer)
    }

    pub(crate) fn disarm(&mut self, timer: Timer) {
        if let Some(at) = self.by_timer.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.disarm(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_has_one_time() {
        let at = Instant::from_nanos;
        let mut timers = Timers::default();
        timers.arm(Timer::Control, at(5));
        timers.arm(Timer::Close, at(3));
        timers.arm(Timer::Control, at(1));
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop_due(at(2)), Some(Timer::Control));
        assert_eq!(timers.pop_due(at(2)), None);
        assert_eq!(timers.pop_due(at(9)), Some(Timer::Close));
        assert_eq!(timers.next(), None);
    }
}
