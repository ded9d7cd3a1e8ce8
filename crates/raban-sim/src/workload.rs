//! What the application does: several tasks, each a list of operations.

use std::fmt;
use std::time::Duration;

use raban_core::Config;

use crate::content::{RecordId, Shape};
use crate::random::Random;
use crate::schedule::Situation;
use crate::setup::{Setup, TopicSetup};

/// Records of which each seed has at least so many.
const RECORDS: (u64, u64) = (1_000, 1_800);
/// All records together take at most so many bytes, so that a seed stays fast.
const BYTES: usize = 1 << 20;
pub(crate) const DAY_MS: i64 = 24 * 3_600_000;

/// One step of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// Enqueues a record and waits until it is accepted.
    Send {
        id: RecordId,
        shape: Shape,
        /// Whether its delivery is awaited, or dropped.
        awaited: bool,
        /// The call is given up when it has waited so long.
        patience: Option<Duration>,
    },
    /// Enqueues a record if it is accepted at once.
    Try {
        id: RecordId,
        shape: Shape,
        awaited: bool,
    },
    /// Flushes; waits for it, or drops it.
    Flush {
        awaited: bool,
    },
    /// Waits until all of the task's records have their outcome.
    Settle,
    Pause(Duration),
    /// Closes the producer and waits for it, or drops the future.
    Close {
        timeout: Duration,
        awaited: bool,
    },
    /// The driver goes away, as by a panic.
    Abandon,
}

/// All tasks, and how the producer ends if none of them ended it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) tasks: Vec<Vec<Op>>,
    pub(crate) end: Op,
}

impl Workload {
    pub(crate) fn draw(seed: u64, setup: &Setup, config: &Config) -> Self {
        let mut draw = Draw {
            random: Random::of(seed, "workload"),
            setup,
            config,
            left: BYTES,
            backfill: false,
        };
        draw.backfill = draw.random.chance(80);
        draw.backfill |= setup.situation.is_some_and(Situation::is_of_old_records);
        let records = draw.random.within(RECORDS.0, RECORDS.1);
        let count = draw.random.within(1, 5);
        let mut tasks = vec![Vec::new(); count as usize];
        // From a burst to a trickle.
        let pause = draw.random.weighted(&[(2, 300), (4, 3_000), (3, 15_000)]);
        for id in 0..records {
            let at = draw.random.below(count).min(draw.random.below(count + 1));
            draw.steps(&mut tasks[at as usize], id as RecordId, pause);
        }
        if draw.random.chance(150) {
            let task = draw.random.below(count) as usize;
            let op = draw.end();
            let steps = tasks[task].len() as u64;
            let at = draw.random.below(steps + 1) as usize;
            tasks[task].insert(at, op);
        }
        let end = draw.end();
        Self { tasks, end }
    }

    pub(crate) fn operations(&self) -> usize {
        self.tasks.iter().map(Vec::len).sum()
    }
}

struct Draw<'a> {
    random: Random,
    setup: &'a Setup,
    config: &'a Config,
    left: usize,
    backfill: bool,
}

impl Draw<'_> {
    fn steps(&mut self, task: &mut Vec<Op>, id: RecordId, pause: u64) {
        let shape = self.shape();
        let awaited = self.random.chance(970);
        task.push(match self.random.below(1_000) {
            0..30 => Op::Try { id, shape, awaited },
            kind => Op::Send {
                id,
                shape,
                awaited,
                patience: (kind < 60).then(|| Duration::from_millis(self.random.below(300))),
            },
        });
        match self.random.below(1_000) {
            0..6 => task.push(Op::Flush { awaited: true }),
            6..8 => task.push(Op::Flush { awaited: false }),
            8..14 => task.push(Op::Settle),
            _ => {}
        }
        if self.random.chance(250) {
            let longest = if self.random.chance(20) {
                pause * 100
            } else {
                pause * 4
            };
            task.push(Op::Pause(Duration::from_micros(self.random.below(longest))));
        }
    }

    fn shape(&mut self) -> Shape {
        let topic = self.random.below(self.setup.topics.len() as u64) as usize;
        let TopicSetup {
            partitions,
            compacted,
            ..
        } = self.setup.topics[topic];
        let keyed = if compacted { 995 } else { 500 };
        let key = self
            .random
            .chance(keyed)
            .then(|| self.random.below(30) as u16);
        let partition = match self.random.below(1_000) {
            0..200 => Some(self.random.below(partitions as u64) as i32),
            200..204 => Some(partitions + self.random.below(3) as i32),
            204..206 => Some(-1),
            _ => None,
        };
        let age_ms = match self.random.below(100) {
            _ if self.backfill => Some(2 * DAY_MS + self.random.below(1_000) as i64),
            0..75 => None,
            75..95 => Some(self.random.below(10_000) as i64),
            _ => Some(2 * DAY_MS),
        };
        Shape {
            topic,
            partition,
            key,
            value: self.value(),
            headers: if self.random.chance(100) {
                self.random.within(1, 5) as usize
            } else {
                0
            },
            age_ms,
        }
    }

    fn value(&mut self) -> Option<usize> {
        let max = self.config.max_request_size as u64;
        let batch = self.config.batch_size as u64;
        let len = match self.random.below(1_000) {
            0..20 => return None,
            20..60 => 0,
            60..500 => self.random.below(30),
            500..900 => self.random.below(200),
            900..985 => self.random.below(2 * batch.max(100)),
            985..997 => max.saturating_sub(self.random.within(150, 400)),
            _ => max,
        } as usize;
        let len = if len > self.left / 4 {
            len.min(30).min(self.left)
        } else {
            len
        };
        self.left -= len;
        Some(len)
    }

    fn end(&mut self) -> Op {
        let delivery = self.config.delivery_timeout;
        match self.random.below(10) {
            0 => Op::Abandon,
            1..3 => Op::Close {
                timeout: Duration::from_millis(self.random.below(500)),
                awaited: true,
            },
            3 => Op::Close {
                timeout: delivery,
                awaited: false,
            },
            _ => Op::Close {
                timeout: delivery + Duration::from_millis(self.random.below(5_000)),
                awaited: true,
            },
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send {
                id,
                shape,
                awaited,
                patience,
            } => {
                write!(f, "send {id} {}", ShapeText(shape))?;
                if let Some(patience) = patience {
                    write!(f, ", for {patience:?} at most")?;
                }
                let_go(f, *awaited)
            }
            Self::Try { id, shape, awaited } => {
                write!(f, "try to send {id} {}", ShapeText(shape))?;
                let_go(f, *awaited)
            }
            Self::Flush { awaited } => {
                write!(f, "flush")?;
                let_go(f, *awaited)
            }
            Self::Settle => write!(f, "wait for all deliveries"),
            Self::Pause(pause) => write!(f, "pause {pause:?}"),
            Self::Close { timeout, awaited } => {
                write!(f, "close within {timeout:?}")?;
                let_go(f, *awaited)
            }
            Self::Abandon => write!(f, "the driver goes away"),
        }
    }
}

fn let_go(f: &mut fmt::Formatter<'_>, awaited: bool) -> fmt::Result {
    if awaited {
        Ok(())
    } else {
        write!(f, ", not awaited")
    }
}

struct ShapeText<'a>(&'a Shape);

impl fmt::Display for ShapeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = self.0;
        write!(f, "to topic-{}", shape.topic)?;
        if let Some(partition) = shape.partition {
            write!(f, "-{partition}")?;
        }
        match shape.key {
            Some(key) => write!(f, " key-{key}")?,
            None => write!(f, " no key")?,
        }
        match shape.value {
            Some(len) => write!(f, " {len} B")?,
            None => write!(f, " null")?,
        }
        match shape.age_ms {
            Some(age) => write!(f, ", {age} ms old"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, task) in self
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| !task.is_empty())
        {
            writeln!(f, "task {number}:")?;
            for op in task {
                writeln!(f, "  {op}")?;
            }
        }
        writeln!(f, "in the end: {}", self.end)
    }
}
