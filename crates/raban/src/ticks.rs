//! The processor's counter of time, to tell that a reading of the clock is still fresh.
//!
//! It is used where Linux itself keeps the time by it: there it runs at one rate, and in step on all processors. Elsewhere
//! each look at the time reads the clocks.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the counter is watched before its rate is trusted.
const WATCHED: Duration = Duration::from_millis(10);

/// An instant, and the counter after it; `None` where the counter isn't used.
static START: OnceLock<Option<(Instant, u64)>> = OnceLock::new();

/// 0 until it is known.
static IN_HALF_A_MILLISECOND: AtomicU64 = AtomicU64::new(0);

/// Begins to watch the counter, unless that was done.
pub(crate) fn start() {
    START.get_or_init(|| keeps_time().then(|| (Instant::now(), now())));
}

/// The counter.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn now() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, it has no operands and touches no memory.
    #[expect(
        unsafe_code,
        reason = "the only way to read the counter; a clock costs twice as much"
    )]
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
}

/// The counter.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn now() -> u64 {
    0
}

/// Whether the counter can be trusted.
fn keeps_time() -> bool {
    const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    cfg!(target_arch = "x86_64")
        && std::fs::read_to_string(CLOCK_SOURCE).is_ok_and(|source| source.trim() == "tsc")
}

/// How many ticks half a millisecond has, or a few less; `None` while that isn't known.
#[inline]
pub(crate) fn in_half_a_millisecond() -> Option<u64> {
    match IN_HALF_A_MILLISECOND.load(Ordering::Relaxed) {
        0 => watch(),
        ticks => Some(ticks),
    }
}

#[cold]
fn watch() -> Option<u64> {
    let (instant, ticks) = (*START.get()?)?;
    // In this order the time between the readings makes the rate too low, never too high.
    let ticks = now().saturating_sub(ticks);
    let watched = instant.elapsed();
    if watched < WATCHED {
        return None;
    }
    let in_half = u128::from(ticks) * 500_000 / watched.as_nanos();
    let in_half = u64::try_from(in_half).ok().filter(|ticks| *ticks > 0)?;
    IN_HALF_A_MILLISECOND.store(in_half, Ordering::Relaxed);
    Some(in_half)
}
