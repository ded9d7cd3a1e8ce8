//! Whether a fault was felt: what the trails of a round's records tell of attempts and of looks into the log.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Display};
use std::sync::Arc;

use raban::{AttemptOutcome, Cause, ErrorCode, ResolvedBy, Trail};

use super::history::History;

/// What became of an attempt that wasn't acknowledged, or how a doubt was looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sign {
    Answered(i16),
    /// The connection was lost or couldn't be made.
    CutOff,
    /// Closed by the producer: an answer was missing before the one that came.
    AnswerMissing,
    TimedOut,
    OtherCause,
    Asked,
    Read,
}

impl Sign {
    pub(crate) const fn code(code: ErrorCode) -> Self {
        Self::Answered(code.0)
    }

    fn of_attempt(outcome: &AttemptOutcome) -> Option<Self> {
        Some(match outcome {
            AttemptOutcome::Answered(code) => Self::code(*code),
            AttemptOutcome::Unanswered(cause) => match cause {
                Cause::RequestTimeout { .. } => Self::TimedOut,
                Cause::WrongAnswer { .. } => Self::AnswerMissing,
                Cause::Disconnected { .. }
                | Cause::Connect { .. }
                | Cause::ClosedInHandshake { .. } => Self::CutOff,
                _ => Self::OtherCause,
            },
            _ => return None,
        })
    }
}

impl Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered(code) => return write!(f, "{}", ErrorCode(*code)),
            Self::CutOff => "cut off",
            Self::AnswerMissing => "an answer missing",
            Self::TimedOut => "timed out",
            Self::OtherCause => "otherwise unanswered",
            Self::Asked => "asked",
            Self::Read => "read",
        })
    }
}

/// How many batches of a round show each sign, for one task or all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Felt(BTreeMap<Sign, u64>);

impl Felt {
    pub(crate) fn has(&self, sign: Sign) -> bool {
        self.0.contains_key(&sign)
    }

    fn add(&mut self, trail: &Trail) {
        let attempts = trail.attempts().iter();
        let mut signs: HashSet<Sign> = attempts
            .filter_map(|attempt| Sign::of_attempt(&attempt.outcome))
            .collect();
        signs.extend(trail.resolutions().iter().map(|look| match look.by {
            ResolvedBy::Reading => Sign::Read,
            _ => Sign::Asked,
        }));
        for sign in signs {
            *self.0.entry(sign).or_default() += 1;
        }
    }
}

impl Display for Felt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (sign, count)) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{count} {sign}")?;
        }
        Ok(())
    }
}

/// What the records of each of so many rounds felt.
pub(crate) fn of_rounds<'a>(
    histories: impl IntoIterator<Item = &'a History>,
    rounds: usize,
) -> Vec<Felt> {
    let mut felt = vec![Felt::default(); rounds];
    for history in histories {
        // The records of a batch share its trail, which counts for the round of the first.
        let mut numbers: Vec<_> = history.trails.iter().collect();
        numbers.sort_unstable_by_key(|(number, _)| **number);
        let mut known = HashSet::new();
        for (number, trail) in numbers {
            if known.insert(Arc::as_ptr(trail)) {
                let round = history.entries[*number as usize].round;
                felt[usize::from(round)].add(trail);
            }
        }
    }
    felt
}
