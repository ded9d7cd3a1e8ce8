//! The two clocks of the system, as the core wants them: read together, from one origin.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use raban_core::Now;

/// One producer's clock; its origin is the clock's creation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// Reads both clocks afresh: a timestamp is never stale.
    pub(crate) fn now(&self) -> Now {
        let nanos = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            instant: raban_core::Instant::from_nanos(nanos),
            wall_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// The system's instant for one of this clock's, for a timer.
    pub(crate) fn to_system(self, instant: raban_core::Instant) -> Option<Instant> {
        self.origin
            .checked_add(std::time::Duration::from_nanos(instant.as_nanos()))
    }
}
