//! What a batch went through on its way to its outcome, and how long each stretch took.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use raban_protocol::error_code::ErrorCode;

use crate::error::Cause;
use crate::time::Instant;

/// Of a long row the first and the latest are kept.
const KEPT: usize = 8;

/// Where a record's batch spent its time, each attempt to send it, and each look for it in the log.
///
/// The three times follow one another: [`linger`](Self::linger), [`buffer`](Self::buffer),
/// [`wire`](Self::wire). Together they reach from the acceptance of the batch's first record to the
/// outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trail {
    accepted: Instant,
    sealed: Instant,
    sent: Option<Instant>,
    ended: Instant,
    attempts: Vec<Attempt>,
    resolutions: Vec<Resolution>,
}

impl Trail {
    pub(crate) fn new(accepted: Instant, sealed: Instant) -> Self {
        Self {
            accepted,
            sealed,
            ended: sealed,
            ..Self::default()
        }
    }

    /// The batch is handed to a connection, for the first time or again.
    pub(crate) fn handed_over(&mut self, now: Instant) {
        self.sent.get_or_insert(now);
    }

    pub(crate) fn attempt(&mut self, attempt: Attempt) {
        keep(&mut self.attempts, attempt);
    }

    pub(crate) fn resolution(&mut self, resolution: Resolution) {
        keep(&mut self.resolutions, resolution);
    }

    /// The outcome is there.
    pub(crate) fn end(&mut self, now: Instant) {
        self.ended = now;
    }

    /// Whether there is more to tell than that the first attempt succeeded.
    pub(crate) fn is_eventful(&self) -> bool {
        !self.attempts.is_empty() || !self.resolutions.is_empty()
    }

    /// From the acceptance of the batch's first record until it took no more: `linger.ms`, less when
    /// it was full before, more when it stayed open because it couldn't be sent.
    pub fn linger(&self) -> Duration {
        self.sealed - self.accepted
    }

    /// From then until it was first handed to a connection, or failed without that: the wait for the
    /// leader, its connection and earlier batches.
    pub fn buffer(&self) -> Duration {
        self.sent.unwrap_or(self.ended) - self.sealed
    }

    /// From then to the outcome, with all attempts, the waits between them and the resolutions.
    /// Zero when it never was handed to a connection.
    pub fn wire(&self) -> Duration {
        self.sent.map_or(Duration::ZERO, |sent| self.ended - sent)
    }

    /// The attempts to send the batch, oldest first; of more than 8 the first and the latest 7.
    /// The last one of a success is [acknowledged](AttemptOutcome::Acknowledged).
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// How it was found out whether an attempt without a clear answer had put the batch into the
    /// log, oldest first; of more than 8 the first and the latest 7.
    pub fn resolutions(&self) -> &[Resolution] {
        &self.resolutions
    }

    /// The trail to show with a success: none when there is nothing to tell.
    pub(crate) fn of_success(&mut self, now: Instant) -> Option<Arc<Self>> {
        self.end(now);
        self.is_eventful().then(|| Arc::new(std::mem::take(self)))
    }
}

fn keep<T>(row: &mut Vec<T>, item: T) {
    if row.len() == KEPT {
        row.remove(1);
    }
    row.push(item);
}

/// One try to send a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// The broker's id.
    pub broker: i32,
    /// How the try ended.
    pub outcome: AttemptOutcome,
    /// From the request's hand-over to the connection to its end.
    pub duration: Duration,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            broker,
            outcome,
            duration,
            ..
        } = self;
        write!(f, "broker {broker} {outcome} after {duration:.1?}")
    }
}

/// How a try to send a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// The broker has the batch.
    Acknowledged,
    /// The broker answered with an error.
    Answered(ErrorCode),
    /// No answer came: the connection ended, or `request.timeout.ms` passed.
    Unanswered(Cause),
    /// The answer was still awaited when the record was given up.
    Awaited,
}

impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledged => f.write_str("acknowledged"),
            Self::Answered(code) => write!(f, "answered {code}"),
            Self::Unanswered(cause) => write!(f, "gave no answer: {cause}"),
            Self::Awaited => f.write_str("hadn't answered yet"),
        }
    }
}

/// One look for a batch that an attempt may have put into the log without saying so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolution {
    /// The id of the broker that was asked.
    pub broker: i32,
    /// How.
    pub by: ResolvedBy,
    /// What came of it.
    pub found: Found,
    /// From the first question to the answer.
    pub duration: Duration,
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            broker,
            by,
            found,
            duration,
        } = self;
        write!(f, "{by} broker {broker} ({duration:.1?}): {found}")
    }
}

/// How the presence of a batch was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolvedBy {
    /// Asking for the state that the leader keeps of the producer (DescribeProducers, KIP-664).
    Asking,
    /// Reading the partition's log.
    Reading,
}

impl fmt::Display for ResolvedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asking => "asked",
            Self::Reading => "read the log of",
        })
    }
}

/// What a look for a batch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// It is in the log.
    Present {
        /// Where its first record is, if that was seen.
        offset: Option<i64>,
    },
    /// That doesn't matter: the leader remembers the producer, and drops what it has when it comes
    /// again.
    Remembered,
    /// It isn't in the log.
    Absent,
    /// It can't be told.
    Unknown,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present {
                offset: Some(offset),
            } => write!(f, "the batch is there, at offset {offset}"),
            Self::Present { offset: None } => f.write_str("the batch is there"),
            Self::Remembered => f.write_str("it remembers the producer, and drops what it has"),
            Self::Absent => f.write_str("the batch isn't there"),
            Self::Unknown => f.write_str("it can't be told whether the batch is there"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn attempt(number: u32) -> Attempt {
        Attempt {
            number,
            broker: 1,
            outcome: AttemptOutcome::Answered(ErrorCode::NOT_ENOUGH_REPLICAS),
            duration: Duration::from_millis(3),
        }
    }

    #[test]
    fn the_times_follow_one_another_from_acceptance_to_outcome() {
        let mut trail = Trail::new(at(10), at(15));
        trail.handed_over(at(40));
        trail.handed_over(at(70));
        trail.end(at(100));
        let times = (trail.linger(), trail.buffer(), trail.wire());
        let millis = Duration::from_millis;
        assert_eq!(times, (millis(5), millis(25), millis(60)));
    }

    #[test]
    fn what_was_never_handed_over_waited_in_the_buffer() {
        let mut trail = Trail::new(at(10), at(15));
        trail.end(at(100));
        assert_eq!(trail.buffer(), Duration::from_millis(85));
        assert_eq!(trail.wire(), Duration::ZERO);
    }

    #[test]
    fn the_first_and_the_latest_attempts_are_kept() {
        let mut trail = Trail::default();
        (1..=100).for_each(|number| trail.attempt(attempt(number)));
        let numbers: Vec<u32> = trail.attempts().iter().map(|kept| kept.number).collect();
        assert_eq!(numbers, [1, 94, 95, 96, 97, 98, 99, 100]);
    }

    #[test]
    fn a_first_success_leaves_no_trail() {
        assert_eq!(Trail::new(at(1), at(2)).of_success(at(3)), None);
        let mut retried = Trail::new(at(1), at(2));
        retried.attempt(attempt(1));
        assert!(retried.of_success(at(3)).is_some());
    }
}
