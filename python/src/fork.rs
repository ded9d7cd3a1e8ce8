//! A process forked from another one has none of its threads: what was made before is of no use there.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks lie between this process and the one that loaded the module.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The process that something was made in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Born(u32);

impl Born {
    pub(crate) fn now() -> Self {
        Self(GENERATION.load(Ordering::Relaxed))
    }

    /// Whether this is still that process.
    #[inline]
    pub(crate) fn here(self) -> bool {
        self.0 == GENERATION.load(Ordering::Relaxed)
    }
}

/// To be called in a child after `fork`.
pub(crate) fn forked() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
