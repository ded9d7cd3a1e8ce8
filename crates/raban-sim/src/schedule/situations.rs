//! Faults that go together, where one alone harms nobody and all of them by chance are rare.

use std::time::Duration;

use raban_broker::Operation;
use raban_protocol::error_code::ErrorCode;

use super::{Fault, Partition, What};
use crate::random::Random;
use crate::setup::Setup;

/// Such a situation; every fifth seed has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Situation {
    /// Answers vanish; the leader forgets who sent the batches, and the log loses them.
    GoneFromTheLog,
    /// Answers vanish while READ is denied, and the producer expires by its old records.
    ExpiredUnread,
    /// Requests are stranded; resends are refused for good, and then what was stranded arrives.
    StrandedAndRefused,
    /// Requests are stranded; the producer expires by its old records, and then what was stranded arrives.
    StrandedAndExpired,
    /// Old records' requests are stranded until the first of them are given up, and the others sent anew; then the
    /// producer expires, and what was stranded arrives.
    StrandedAndGivenUp,
    /// One of several batches in flight is answered with an error after the append; only the log tells of old records.
    OneBelied,
}

/// What is refused for good, and what could be taken apart if it never was in doubt.
const REFUSALS: [ErrorCode; 3] = [
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    ErrorCode::MESSAGE_TOO_LARGE,
    ErrorCode::INVALID_TIMESTAMP,
];

/// Right before the end of what it goes with.
const JUST_BEFORE: Duration = Duration::from_micros(1);

impl Situation {
    pub(crate) fn draw(seed: u64) -> Option<Self> {
        Random::of(seed, "situation").weighted(&[
            (81, None),
            (3, Some(Self::GoneFromTheLog)),
            (3, Some(Self::ExpiredUnread)),
            (4, Some(Self::StrandedAndRefused)),
            (3, Some(Self::StrandedAndExpired)),
            (3, Some(Self::OneBelied)),
            (3, Some(Self::StrandedAndGivenUp)),
        ])
    }

    /// Whether it takes old records.
    pub(crate) fn is_of_old_records(self) -> bool {
        match self {
            Self::GoneFromTheLog | Self::StrandedAndRefused => false,
            Self::ExpiredUnread
            | Self::StrandedAndExpired
            | Self::StrandedAndGivenUp
            | Self::OneBelied => true,
        }
    }

    /// What `delivery.timeout.ms` leaves beyond the rest, in milliseconds; none: as drawn.
    pub(crate) fn delivery_margin(self, seed: u64) -> Option<u64> {
        let mut random = Random::of(seed, "margin of the situation");
        (self == Self::StrandedAndGivenUp).then(|| random.below(300))
    }

    /// Its faults, within `span`.
    pub(super) fn faults(self, seed: u64, setup: &Setup, span: Duration) -> Vec<Fault> {
        let mut draw = Draw {
            random: Random::of(seed, "faults of the situation"),
            setup,
            faults: Vec::new(),
        };
        let at = Duration::from_micros(draw.random.below(span.as_micros() as u64 * 3 / 4));
        match self {
            Self::GoneFromTheLog => draw.gone_from_the_log(at),
            Self::ExpiredUnread => draw.expired_unread(at),
            Self::StrandedAndRefused => draw.stranded_and_refused(at),
            Self::StrandedAndExpired | Self::StrandedAndGivenUp => draw.stranded_and_expired(at),
            Self::OneBelied => draw.one_belied(span),
        }
        draw.faults
    }
}

struct Draw<'a> {
    random: Random,
    setup: &'a Setup,
    faults: Vec<Fault>,
}

impl Draw<'_> {
    fn add(&mut self, at: Duration, length: Duration, what: What) {
        self.faults.push(Fault { at, length, what });
    }

    fn at_each_node(&mut self, at: Duration, length: Duration, what: impl Fn(i32) -> What) {
        (1..=self.setup.nodes).for_each(|node| self.add(at, length, what(node)));
    }

    /// Answers of all nodes vanish for some time, which is returned.
    fn swallow(&mut self, at: Duration) -> Duration {
        let length = Duration::from_micros(self.random.within(2_000, 200_000));
        self.at_each_node(at, length, |node| What::Swallow { node });
        length
    }

    /// Requests are stranded for somewhat longer than the producer waits for their answers, which is returned.
    fn strand(&mut self, at: Duration) -> Duration {
        let timeout = self.setup.config().request_timeout;
        let length = timeout + Duration::from_millis(self.random.within(200, 2_000));
        self.at_each_node(at, length, |node| What::Strand { node });
        length
    }

    fn gone_from_the_log(&mut self, at: Duration) {
        let then = at + self.swallow(at) - JUST_BEFORE;
        let (shrinks, compacts) = (self.random.chance(500), self.random.chance(500));
        let topics = (0..).zip(&self.setup.topics);
        let partitions = topics.flat_map(|(topic, made)| {
            (0..made.partitions).map(move |index| Partition { topic, index })
        });
        for partition in partitions {
            let memory = match shrinks {
                true => What::Shrink {
                    partition,
                    reload: false,
                },
                false => What::Forget(partition),
            };
            let log = match compacts {
                true => What::Compact {
                    partition,
                    kept: self.random.below(300) as i64,
                },
                false => What::DeleteRecords {
                    partition,
                    deleted: 1_000,
                },
            };
            self.add(then, Duration::ZERO, memory);
            self.add(then, Duration::ZERO, log);
        }
    }

    fn expired_unread(&mut self, at: Duration) {
        let length = self.swallow(at);
        let denied = What::Deny {
            operation: Operation::Read,
            topic: None,
        };
        self.add(at, length + self.setup.config().delivery_timeout, denied);
        self.add(at + length - JUST_BEFORE, Duration::ZERO, What::Expire);
    }

    fn stranded_and_refused(&mut self, at: Duration) {
        let length = self.strand(at);
        let code = *self.random.pick(&REFUSALS);
        let times = u32::MAX;
        self.at_each_node(at, length, |node| What::Reject { node, code, times });
    }

    fn stranded_and_expired(&mut self, at: Duration) {
        let length = self.strand(at);
        self.add(at + length - JUST_BEFORE, Duration::ZERO, What::Expire);
    }

    fn one_belied(&mut self, span: Duration) {
        for _ in 0..20 {
            let at = Duration::from_micros(self.random.below(span.as_micros() as u64));
            let belied = What::Belie {
                node: self.random.within(1, self.setup.nodes as u64) as i32,
                code: ErrorCode::REQUEST_TIMED_OUT,
                with_base_offset: false,
                times: 1,
            };
            self.add(at, Duration::ZERO, belied);
        }
    }
}
