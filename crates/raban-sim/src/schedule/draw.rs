//! Draws a schedule from the seed.

use std::time::Duration;

use raban_broker::Operation;
use raban_protocol::error_code::ErrorCode;

use super::{Fault, Partition, Schedule, What};
use crate::network::{Hostility, Refusal};
use crate::random::Random;
use crate::setup::Setup;

/// Errors that a broker may answer with after it appended, and whether it tells the offset then.
const AFTER_APPEND: [(ErrorCode, bool); 8] = [
    (ErrorCode::REQUEST_TIMED_OUT, true),
    (ErrorCode::REQUEST_TIMED_OUT, false),
    (ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, true),
    (ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND, false),
    (ErrorCode::UNKNOWN_SERVER_ERROR, false),
    (ErrorCode::KAFKA_STORAGE_ERROR, false),
    (ErrorCode::NOT_LEADER_OR_FOLLOWER, true),
    (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, true),
];

/// Errors that it may answer with instead of appending.
const BEFORE_APPEND: [ErrorCode; 10] = [
    ErrorCode::NOT_ENOUGH_REPLICAS,
    ErrorCode::MESSAGE_TOO_LARGE,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode::CORRUPT_MESSAGE,
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    ErrorCode::KAFKA_STORAGE_ERROR,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::UNKNOWN_SERVER_ERROR,
    ErrorCode::INVALID_TIMESTAMP,
];

impl Schedule {
    /// Faults within `span`, the time that the workload takes.
    pub(crate) fn draw(seed: u64, setup: &Setup, span: Duration) -> Self {
        let mut draw = Draw {
            random: Random::of(seed, "schedule"),
            setup,
            span,
            faults: Vec::new(),
        };
        let count = draw
            .random
            .weighted(&[(1, 0), (3, 2), (5, 5), (5, 10), (3, 20)]);
        for _ in 0..count {
            draw.fault();
        }
        if let Some(situation) = setup.situation {
            draw.faults.extend(situation.faults(seed, setup, span));
        }
        draw.faults.sort_by_key(|fault| fault.at);
        Self(draw.faults)
    }
}

struct Draw<'a> {
    random: Random,
    setup: &'a Setup,
    span: Duration,
    faults: Vec<Fault>,
}

impl Draw<'_> {
    fn add(&mut self, at: Duration, length: Duration, what: What) {
        self.faults.push(Fault { at, length, what });
    }

    /// A time within the workload.
    fn at(&mut self) -> Duration {
        Duration::from_micros(self.random.below(self.span.as_micros() as u64))
    }

    /// From a moment to most of the workload.
    fn length(&mut self) -> Duration {
        let span = self.span.as_micros() as u64;
        let longest = self
            .random
            .weighted(&[(3, span / 20), (3, span / 4), (1, span)]);
        Duration::from_micros(self.random.below(longest + 1))
    }

    fn node(&mut self) -> i32 {
        self.random.within(1, self.setup.nodes as u64) as i32
    }

    fn topic(&mut self) -> usize {
        self.random.below(self.setup.topics.len() as u64) as usize
    }

    fn partition(&mut self) -> Partition {
        let topic = self.topic();
        let index = self
            .random
            .below(self.setup.topics[topic].partitions as u64) as i32;
        Partition { topic, index }
    }

    fn fault(&mut self) {
        let (at, length) = (self.at(), self.length());
        match self.random.below(100) {
            0..35 => self.of_the_network(at, length),
            35..55 => self.of_the_brokers(at, length),
            55..80 => self.of_a_partition(at, length),
            80..90 => self.of_a_topic(at, length),
            _ => self.of_answers(at, length),
        }
    }

    fn of_the_network(&mut self, at: Duration, length: Duration) {
        let node = self.node();
        let random = &mut self.random;
        let what = match random.below(8) {
            0 => What::Delay {
                node,
                up_to: Duration::from_millis(random.within(1, 1_500)),
            },
            1 => What::Slow {
                node,
                bytes_per_ms: random.within(1, 100),
            },
            2 => {
                let (up, down) = *random.pick(&[(true, false), (false, true), (true, true)]);
                What::Loss {
                    node,
                    up,
                    down,
                    delivers: random.chance(600),
                }
            }
            3 => What::Unreachable {
                node,
                refusal: *random.pick(&[Refusal::AtOnce, Refusal::Never]),
            },
            4 => What::Hostile {
                node,
                how: *random.pick(&Hostility::ALL),
                answers: random.within(1, 3) as u32,
            },
            5 => return self.resets(node),
            _ => return self.swallow(at, node),
        };
        self.add(at, length, what);
    }

    fn resets(&mut self, node: i32) {
        for _ in 0..self.random.within(1, 4) {
            let at = self.at();
            self.add(at, Duration::ZERO, What::Reset { node });
        }
    }

    /// Answers vanish; and often, right after, the node restarts, or the resends are rejected.
    fn swallow(&mut self, at: Duration, node: i32) {
        let length = Duration::from_micros(self.random.within(100, 500_000));
        self.add(at, length, What::Swallow { node });
        match self.random.below(4) {
            0 | 1 => {
                let down = Duration::from_millis(self.random.below(1_000));
                self.crash(at + length, down, node);
            }
            2 => {
                let code = *self
                    .random
                    .pick(&[ErrorCode::NOT_ENOUGH_REPLICAS, ErrorCode::MESSAGE_TOO_LARGE]);
                let times = self.random.within(1, 5) as u32;
                self.add(
                    at + length,
                    Duration::ZERO,
                    What::Reject { node, code, times },
                );
            }
            _ => {}
        }
    }

    fn crash(&mut self, at: Duration, length: Duration, node: i32) {
        let window = if self.random.chance(600) { 1 } else { 5 };
        let silent = self.random.chance(200);
        self.add(
            at,
            length,
            What::Crash {
                node,
                window,
                silent,
            },
        );
    }

    fn of_the_brokers(&mut self, at: Duration, length: Duration) {
        let node = self.node();
        let random = &mut self.random;
        let what = match random.below(6) {
            0 => What::Busy {
                node,
                service: Duration::from_millis(random.within(1, 300)),
            },
            1 => What::Throttle {
                node,
                ms: random.within(1, 1_000) as i32,
            },
            2 => What::Lag {
                node,
                drops: random.chance(600),
            },
            3 => What::Expire,
            _ => return self.crash(at, length, node),
        };
        self.add(at, length, what);
    }

    fn of_a_partition(&mut self, at: Duration, length: Duration) {
        let partition = self.partition();
        let random = &mut self.random;
        let what = match random.below(9) {
            0 | 1 => What::Move(partition),
            2 => What::Unclean(partition),
            3 | 4 => What::Shrink {
                partition,
                reload: random.chance(700),
            },
            5 => What::Forget(partition),
            6 => What::ForgetAndReject(partition),
            7 => What::Compact {
                partition,
                kept: random.below(900) as i64,
            },
            _ => What::DeleteRecords {
                partition,
                deleted: random.within(1, 1_000) as i64,
            },
        };
        self.add(at, length, what);
    }

    fn of_a_topic(&mut self, at: Duration, length: Duration) {
        let topic = self.topic();
        let random = &mut self.random;
        let what = match random.below(5) {
            0 => What::Deny {
                operation: *random.pick(&[
                    Operation::Read,
                    Operation::Read,
                    Operation::Write,
                    Operation::Write,
                    Operation::Describe,
                    Operation::IdempotentWrite,
                ]),
                topic: random.chance(500).then_some(topic),
            },
            1 => What::LowerLimit {
                topic,
                bytes: random.within(100, 2_000) as usize,
            },
            2 => What::Demand {
                topic,
                in_sync: self.setup.nodes as usize,
            },
            3 if self.setup.has_mixed_ids() => return,
            3 => What::Recreate {
                topic,
                partitions: random.within(1, 4) as i32,
            },
            _ => What::Grow {
                topic,
                by: random.within(1, 2) as i32,
            },
        };
        self.add(at, length, what);
    }

    fn of_answers(&mut self, at: Duration, length: Duration) {
        let node = self.node();
        let random = &mut self.random;
        let times = random.within(1, 8) as u32;
        let what = if random.chance(500) {
            let (code, with_base_offset) = *random.pick(&AFTER_APPEND);
            What::Belie {
                node,
                code,
                with_base_offset,
                times,
            }
        } else {
            What::Reject {
                node,
                code: *random.pick(&BEFORE_APPEND),
                times,
            }
        };
        self.add(at, length, what);
    }
}
