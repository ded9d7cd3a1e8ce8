//! What became of the records, in numbers.

use std::fmt;
use std::ops::AddAssign;

/// What became of a run's records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tried to be sent.
    pub tried: u64,
    /// Accepted.
    pub accepted: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Failed, surely not in a log.
    pub failed: u64,
    /// Failed, perhaps in a log.
    pub in_doubt: u64,
    /// Accepted, and nobody waited for the outcome.
    pub let_go: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.tried += other.tried;
        self.accepted += other.accepted;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        self.in_doubt += other.in_doubt;
        self.let_go += other.let_go;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tried,
            accepted,
            acknowledged,
            failed,
            in_doubt,
            let_go,
        } = self;
        write!(
            f,
            "{tried} records tried, {accepted} accepted: {acknowledged} acknowledged, {failed} failed for sure, \
             {in_doubt} in doubt, {let_go} let go of"
        )
    }
}
