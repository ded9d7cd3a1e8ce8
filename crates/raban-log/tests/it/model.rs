//! Random appends, syncs, cuts, crashes and reopens against a model: a list of values and how many of them are durable.
use proptest::prelude::*;
use raban_log::{Log, MemoryStorage};

use crate::support::{batch, contents, open};

#[derive(Clone, Debug)]
enum Step {
    /// A batch of records with values of this length.
    Append {
        records: usize,
        len: usize,
    },
    Sync,
    /// A sync beside appends, of which the second half may never come.
    SyncAround {
        records: usize,
        finish: bool,
    },
    /// Everything before this part (in percent) of the log goes.
    TruncateFront(u8),
    /// Everything from this part (in percent) of the log on goes, while a sync may be under way.
    TruncateTo {
        percent: u8,
        syncing: bool,
    },
    Reopen,
    Crash(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..4usize, 0..200usize).prop_map(|(records, len)| Step::Append { records, len }),
        2 => Just(Step::Sync),
        2 => (1..3usize, any::<bool>()).prop_map(|(records, finish)| Step::SyncAround { records, finish }),
        1 => (0..=100u8).prop_map(Step::TruncateFront),
        1 => (0..=100u8, any::<bool>()).prop_map(|(percent, syncing)| Step::TruncateTo { percent, syncing }),
        1 => Just(Step::Reopen),
        3 => any::<u64>().prop_map(Step::Crash),
    ]
}

struct Model {
    storage: MemoryStorage,
    log: Log<MemoryStorage>,
    /// The value of each offset, from 0 on, and each batch's end.
    values: Vec<String>,
    ends: Vec<usize>,
    durable: usize,
    start: usize,
}

impl Model {
    fn new() -> Self {
        let storage = MemoryStorage::new();
        let (log, _) = open(storage.clone());
        Self {
            storage,
            log,
            values: Vec::new(),
            ends: vec![0],
            durable: 0,
            start: 0,
        }
    }

    fn append(&mut self, records: usize, len: usize) {
        let first = self.values.len();
        let value = |i: usize| format!("{}{}", first + i, "x".repeat(len));
        self.values.extend((0..records).map(value));
        let values: Vec<&str> = self.values[first..].iter().map(String::as_str).collect();
        self.log.append(&batch(&values), 7).unwrap();
        self.ends.push(self.values.len());
        // A new segment makes all before it durable.
        self.durable = self.durable.max(self.log.synced_offset() as usize);
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Append { records, len } => self.append(records, len),
            Step::Sync => {
                self.log.sync().unwrap();
                self.durable = self.values.len();
            }
            Step::SyncAround { records, finish } => {
                let covered = self.values.len();
                let pending = self.log.begin_sync().unwrap();
                self.append(records, 10);
                if let Some(pending) = pending {
                    let outcome = pending.run();
                    self.durable = self.durable.max(covered);
                    if finish {
                        self.log.finish_sync(outcome).unwrap();
                        assert!(self.log.synced_offset() as usize >= covered);
                    }
                }
            }
            Step::TruncateFront(percent) => {
                let offset =
                    self.start + (self.values.len() - self.start) * usize::from(percent) / 100;
                self.log.truncate_front(offset as i64).unwrap();
                self.start = offset;
                self.durable = self.durable.max(self.log.synced_offset() as usize);
            }
            Step::TruncateTo { percent, syncing } => self.truncate_to(percent, syncing),
            Step::Reopen => self.reopen(),
            Step::Crash(seed) => {
                self.storage.crash(seed);
                self.reopen();
            }
        }
    }

    fn truncate_to(&mut self, percent: u8, syncing: bool) {
        let offset = self.start + (self.values.len() - self.start) * usize::from(percent) / 100;
        let pending = self.log.begin_sync().unwrap().filter(|_| syncing);
        self.log.truncate_to(offset as i64).unwrap();
        let end = self.ends.iter().copied().filter(|end| *end <= offset).max();
        let cut = offset < self.values.len();
        let end = end.unwrap_or(0);
        self.values.truncate(end);
        self.ends.retain(|e| *e <= end);
        self.start = self.start.min(end);
        self.durable = if cut { end } else { self.durable };
        if let Some(pending) = pending {
            self.append(1, 5);
            self.log.finish_sync(pending.run()).unwrap();
            assert!(self.log.synced_offset() <= self.log.end_offset());
            self.durable = self.durable.max(self.log.synced_offset() as usize);
        }
    }

    fn reopen(&mut self) {
        let (log, recovery) = open(self.storage.clone());
        self.log = log;
        let end = self.log.end_offset() as usize;
        assert!(
            end >= self.durable,
            "{end} records are left, {} were durable",
            self.durable
        );
        assert!(self.ends.contains(&end), "no batch ended at {end}");
        assert!(recovery.truncated.is_some() || self.storage.size() == self.log.size());
        self.values.truncate(end);
        self.ends.retain(|e| *e <= end);
        // The front comes back up to a segment's start, or goes with what the crash took.
        let start = self.log.start_offset() as usize;
        assert!(start <= self.start.min(end));
        self.start = start;
    }

    fn check(&mut self) {
        let expected = (self.start..).zip(self.values[self.start..].iter().cloned());
        let expected: Vec<(i64, String)> = expected.map(|(at, value)| (at as i64, value)).collect();
        assert_eq!(contents(&mut self.log), expected);
        assert_eq!(self.log.end_offset() as usize, self.values.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_survives_is_a_prefix_with_all_that_was_durable(steps in proptest::collection::vec(step(), 1..60)) {
        let mut model = Model::new();
        for step in steps {
            model.run(step);
            model.check();
        }
        model.storage.crash(1);
        model.reopen();
        model.check();
    }
}
