//! What all parts of the world share: the clock, the events to come, the account of what happened.

use std::collections::BTreeMap;
use std::time::Duration;

use raban_core::{ConnectionId, Instant};

use crate::hits::Hits;
use crate::trace::Trace;
use crate::violation::Violation;

/// Where the monotonic clock stands at the start; 0 is a time that real clocks show too.
const ORIGIN: Duration = Duration::from_secs(1);
/// What the wall clock shows at the start, in milliseconds since 1970.
pub(crate) const WALL_MS: i64 = 1_700_000_000_000;

/// Something that happens at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The driver, woken by the accumulator, gets to run.
    Driver,
    /// A task's pause is over.
    Task(usize),
    /// A connection comes about.
    Connected(ConnectionId),
    /// It doesn't.
    ConnectFailed(ConnectionId),
    /// A frame's last byte was taken by the system.
    Written(ConnectionId, u32),
    /// The next piece reaches the broker.
    AtBroker(ConnectionId),
    /// The next piece reaches the producer.
    AtProducer(ConnectionId),
    /// The broker turns to the connection's next request.
    Serve(ConnectionId),
    /// A fault of the schedule begins.
    FaultBegins(usize),
    /// It ends.
    FaultEnds(usize),
}

/// The clock, the queue, the account.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) now: Duration,
    events: BTreeMap<(Duration, u64), Event>,
    number: u64,
    pub(crate) hits: Hits,
    pub(crate) trace: Trace,
    pub(crate) violation: Option<Violation>,
}

impl Stage {
    pub(crate) fn new(trace: Trace) -> Self {
        Self {
            now: Duration::ZERO,
            events: BTreeMap::new(),
            number: 0,
            hits: Hits::default(),
            trace,
            violation: None,
        }
    }

    pub(crate) fn at(&mut self, at: Duration, event: Event) {
        self.number += 1;
        self.events.insert((at.max(self.now), self.number), event);
    }

    pub(crate) fn after(&mut self, wait: Duration, event: Event) {
        self.at(self.now + wait, event);
    }

    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next event that is due.
    pub(crate) fn pop_due(&mut self) -> Option<Event> {
        let first = self.events.first_entry()?;
        (first.key().0 <= self.now).then(|| first.remove())
    }

    /// The time as the producer's driver tells it.
    pub(crate) fn producer_now(&self) -> raban_core::Now {
        raban_core::Now {
            instant: Instant::from_nanos((ORIGIN + self.now).as_nanos() as u64),
            wall_ms: self.wall_ms(),
        }
    }

    /// The time as the broker's server tells it.
    pub(crate) fn broker_now(&self) -> raban_broker::Now {
        raban_broker::Now {
            elapsed: self.now,
            unix_ms: self.wall_ms(),
        }
    }

    fn wall_ms(&self) -> i64 {
        WALL_MS + self.now.as_millis() as i64
    }

    /// Keeps the first violation: later ones follow from it.
    pub(crate) fn violate(&mut self, violation: Violation) {
        let now = self.now;
        self.trace.line(now, || format!("VIOLATION {violation}"));
        self.violation.get_or_insert(violation);
    }

    pub(crate) fn line(&mut self, line: impl FnOnce() -> String) {
        self.trace.line(self.now, line);
    }
}

/// A core instant on the virtual clock.
pub(crate) fn from_instant(instant: Instant) -> Duration {
    Duration::from_nanos(instant.as_nanos()).saturating_sub(ORIGIN)
}
