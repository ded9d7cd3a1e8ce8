//! Faults put into the producer on purpose: whoever claims to prove it right must notice each of them.

use crate::config::Config;

/// One fault. It takes effect in a build with the feature `mutants`, by [`Config::mutant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "mutants"), expect(unreachable_pub))]
pub enum Mutant {
    /// Error 45 makes it go on under a new epoch at once, as the Java client does.
    BumpBlindly,
    /// A batch is taken for found where the log has one of the same size.
    MatchByCount,
    /// A rejection clears the doubt that an earlier attempt left.
    ClearDoubtOnRejection,
    /// A row that gets new stamps is sent in reverse.
    RewindOutOfOrder,
    /// With a batch its successor is acknowledged, too, at the same offset.
    AcknowledgeTwice,
    /// A split keeps a byte of memory.
    LeakOnSplit,
    /// Several batches are in flight before one was acknowledged.
    NoFirstAcknowledgement,
    /// The search begins behind the highest acknowledged offset.
    FloorAtHighestAcknowledged,
    /// What isn't in the log is taken never to come.
    AbsentIsNever,
    /// A gap in the log proves absence.
    IgnoreGap,
    /// Where READ is denied, old records are sent again as if brokers remembered them.
    ResendOldUnread,
    /// A batch that was given up in doubt is forgotten.
    DropGhost,
    /// A flush waits for what was accepted before the flush before it.
    FlushIgnoresGeneration,
    /// What close gives up in doubt is reported as surely absent.
    CloseForgetsDoubt,
    /// Six batches of a partition may be in flight.
    SixInFlight,
    /// Outcomes are told as they come.
    TellOutOfOrder,
}

#[cfg(feature = "mutants")]
impl Mutant {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::BumpBlindly,
        Self::MatchByCount,
        Self::ClearDoubtOnRejection,
        Self::RewindOutOfOrder,
        Self::AcknowledgeTwice,
        Self::LeakOnSplit,
        Self::NoFirstAcknowledgement,
        Self::FloorAtHighestAcknowledged,
        Self::AbsentIsNever,
        Self::IgnoreGap,
        Self::ResendOldUnread,
        Self::DropGhost,
        Self::FlushIgnoresGeneration,
        Self::CloseForgetsDoubt,
        Self::SixInFlight,
        Self::TellOutOfOrder,
    ];
}

impl Config {
    /// Whether the producer has this fault. Without the feature it has none.
    pub(crate) const fn has(&self, mutant: Mutant) -> bool {
        #[cfg(feature = "mutants")]
        {
            matches!(self.mutant, Some(held) if held as u8 == mutant as u8)
        }
        #[cfg(not(feature = "mutants"))]
        {
            let _ = mutant;
            false
        }
    }
}
