//! The two clocks of the system, as the core wants them: read together, from one origin.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use raban_core::Now;

use crate::ticks;

/// The origin of all producers' clocks.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    /// What the clocks told this thread last, and the ticks just before.
    static LAST: Cell<(u64, Now)> = const {
        Cell::new((
            0,
            Now {
                instant: raban_core::Instant::from_nanos(0),
                wall_ms: 0,
            },
        ))
    };
}

/// A producer's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(());

impl Clock {
    pub(crate) fn new() -> Self {
        LazyLock::force(&ORIGIN);
        ticks::start();
        Self(())
    }

    /// Reads both clocks afresh.
    pub(crate) fn now(&self) -> Now {
        let nanos = u64::try_from(ORIGIN.elapsed().as_nanos()).unwrap_or(u64::MAX);
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
        ORIGIN.checked_add(std::time::Duration::from_nanos(instant.as_nanos()))
    }
}

impl raban_core::Clock for Clock {
    fn now(&self) -> Now {
        Self::now(self)
    }

    /// What was read on this thread less than half a millisecond ago: reading both clocks costs more than all else
    /// that is done for a small record.
    fn recent(&self) -> Now {
        let Some(half_a_millisecond) = ticks::in_half_a_millisecond() else {
            return self.now();
        };
        let ticks = ticks::now();
        let (since, last) = LAST.get();
        if ticks.wrapping_sub(since) < half_a_millisecond {
            return last;
        }
        let now = self.now();
        LAST.set((ticks, now));
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raban_core::Clock as _;
    use std::time::Duration;

    #[test]
    fn what_is_recent_is_less_than_a_millisecond_old() {
        let clock = Clock::new();
        let mut reused = 0;
        // Long enough for the processor's counter to be trusted, where it is used.
        while ORIGIN.elapsed() < Duration::from_millis(300) {
            let before = clock.now();
            let recent = clock.recent();
            assert!(before.instant - recent.instant < Duration::from_millis(1));
            assert!(before.wall_ms - recent.wall_ms <= 1);
            reused += usize::from(recent.instant < before.instant);
        }
        if ticks::in_half_a_millisecond().is_some() {
            assert!(reused > 0);
        }
    }
}
