//! `raban produce` under a load that goes on while brokers die, and the truth about its records afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use testbed::{Kafka, Read};

use crate::support::{PATIENCE, Report, Run, assert_all_delivered, finish, spawn};

/// Lines that may be ahead of the report: enough to keep batches in flight, few enough to end soon.
const AHEAD: u64 = 12_000;
const KEYS: u64 = 100;
/// Lines written at once, which are several batches for each partition, and how often.
const CHUNK: u64 = 4_000;
const PACE: Duration = Duration::from_millis(100);
/// What a disk and a test's memory can take, should the end never come.
const MOST: u64 = 3_000_000;

/// A running `raban produce`, fed as fast as it reports.
pub(crate) struct Load {
    running: Running,
    began: Instant,
    state: Arc<State>,
    feeder: JoinHandle<u64>,
    reporter: JoinHandle<Told>,
}

/// The process, which a test that fails doesn't leave behind.
struct Running(Option<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[derive(Default)]
struct State {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Default)]
struct Counts {
    /// Records with an outcome.
    reported: u64,
    stopped: bool,
    ended: bool,
}

impl State {
    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap());
        self.changed.notify_all();
    }

    /// Waits until further lines may follow the first `lines`; `false` if none are wanted any more.
    fn may_go_on(&self, lines: u64) -> bool {
        let over = |counts: &Counts| counts.stopped || counts.ended;
        let paced = self.counts.lock().unwrap();
        let (paced, _) = self
            .changed
            .wait_timeout_while(paced, PACE, |counts| !over(counts))
            .unwrap();
        drop(paced);
        let room = |counts: &Counts| lines < MOST && lines < counts.reported + AHEAD;
        !over(&self.wait("room for lines", |counts| over(counts) || room(counts)))
    }

    /// Waits for a condition, within the bound of all waits.
    fn wait(&self, what: &str, met: impl Fn(&Counts) -> bool) -> MutexGuard<'_, Counts> {
        let counts = self.counts.lock().unwrap();
        let (counts, timeout) = self
            .changed
            .wait_timeout_while(counts, PATIENCE, |counts| !met(counts))
            .unwrap();
        assert!(!timeout.timed_out(), "{what}: {} reported", counts.reported);
        counts
    }
}

impl Load {
    pub(crate) fn start(server: &str, topic: &str) -> Self {
        let args = [
            "produce", "-t", topic, "-b", server, "-K", ":", "--report", "json",
        ];
        let mut child = spawn(&args);
        let state = Arc::<State>::default();
        let mut out = BufWriter::new(child.stdin.take().unwrap());
        let feeder = {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                let mut lines = 0;
                while state.may_go_on(lines) {
                    for number in lines..lines + CHUNK {
                        let key = number % KEYS;
                        writeln!(
                            out,
                            "key-{key}:{number} and some text that makes it a line of a usual length"
                        )
                        .unwrap();
                    }
                    out.flush().unwrap();
                    lines += CHUNK;
                }
                lines
            })
        };
        let reports = BufReader::new(child.stdout.take().unwrap());
        let reporter = {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                let mut told = Told::default();
                for line in reports.lines() {
                    told.take(serde_json::from_str(&line.unwrap()).unwrap());
                    state.change(|counts| counts.reported += 1);
                }
                state.change(|counts| counts.ended = true);
                told
            })
        };
        Self {
            running: Running(Some(child)),
            began: Instant::now(),
            state,
            feeder,
            reporter,
        }
    }

    /// Waits until so many further records have their outcome.
    pub(crate) fn goes_on(&self, further: u64) {
        let goal = self.state.counts.lock().unwrap().reported + further;
        let counts = self.state.wait("further outcomes", |counts| {
            counts.ended || counts.reported >= goal
        });
        assert!(!counts.ended, "raban ended at {} records", counts.reported);
    }

    /// Ends the input, and waits until every record has its outcome.
    pub(crate) fn end(mut self) -> Ended {
        self.state.change(|counts| counts.stopped = true);
        let run = finish(self.running.0.take().unwrap(), self.began);
        Ended {
            lines: self.feeder.join().unwrap(),
            told: self.reporter.join().unwrap(),
            run,
        }
    }
}

/// What the report says, kept small.
#[derive(Default)]
struct Told {
    /// Partition and offset of each delivered record, in the order of the input.
    positions: Vec<(i32, Option<i64>)>,
    failures: Vec<Report>,
}

impl Told {
    fn take(&mut self, report: Report) {
        match (&report.error, report.partition) {
            (None, Some(partition)) => self.positions.push((partition, report.offset)),
            _ => self.failures.push(report),
        }
    }
}

/// What a load has said of its records.
pub(crate) struct Ended {
    lines: u64,
    told: Told,
    run: Run,
}

impl Ended {
    /// Every record has one outcome, was acknowledged, and is where the report says; those of a key are in order,
    /// counted by where each is first.
    pub(crate) fn compare(&self, kafka: &Kafka, topic: &str) {
        assert_all_delivered(&self.run, self.lines);
        let Told {
            positions,
            failures,
        } = &self.told;
        assert!(failures.is_empty(), "{failures:?}");
        assert_eq!(positions.len() as u64, self.lines);
        let mut first = vec![None; positions.len()];
        let mut again: BTreeSet<(u64, i32, i64)> = BTreeSet::new();
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        let read = kafka.consume_each(&Read::topic(topic), |record| {
            let key = String::from_utf8(record.key.unwrap()).unwrap();
            let value = String::from_utf8(record.value.unwrap()).unwrap();
            let number: u64 = value.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(key, format!("key-{}", number % KEYS));
            let (place, found) = (
                &mut first[number as usize],
                (record.partition, record.offset),
            );
            if place.is_some() {
                again.insert((number, found.0, found.1));
                return;
            }
            *place = Some(found);
            let before = last.insert(key, number);
            assert!(
                before.is_none_or(|before| before < number),
                "{number} comes after {before:?}"
            );
        });
        let lost = first.iter().filter(|place| place.is_none()).count();
        assert_eq!(lost, 0, "acknowledged records that aren't in the log");
        let mut without_offset = 0;
        for ((number, place), (partition, offset)) in (0..).zip(&first).zip(positions) {
            match *offset {
                Some(offset) => assert!(
                    *place == Some((*partition, offset))
                        || again.contains(&(number, *partition, offset)),
                    "record {number} is at {place:?}, not at {offset} of {partition}"
                ),
                None => without_offset += 1,
            }
        }
        // Acknowledged without an offset: the broker had the record already and doesn't say where.
        eprintln!(
            "{} records, {} in the log a second time, {without_offset} without an offset, in {:.1?}\n{}",
            self.lines,
            read.unwrap() - self.lines,
            self.run.took,
            self.run.stderr
        );
    }
}
