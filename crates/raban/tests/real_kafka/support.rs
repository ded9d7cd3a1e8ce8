//! What all tests here need.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// No test waits longer for anything; what works takes a fraction of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Lets one test run at a time: a cluster and a producer at full speed fill a small machine.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
