//! `raban produce` under a load that goes on while brokers die, and the truth about its records afterwards.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use testbed::{Kafka, Read};

use crate::support::{PATIENCE, Report, Run, assert_all_delivered, finish, spawn};

/// Lines that may be ahead of the report: enough to keep batches in flight, few enough to end soon.
const AHEAD: u64 = 12_000;
const KEYS: u64 = 100;
/// Lines written at once.
const CHUNK: u64 = 100;

/// A running `raban produce`, fed as fast as it reports.
pub(crate) struct Load {
    running: Running,
    began: Instant,
    state: Arc<State>,
    feeder: JoinHandle<u64>,
    reporter: JoinHandle<Vec<Report>>,
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
                loop {
                    let met = |counts: &Counts| {
                        counts.stopped || counts.ended || lines < counts.reported + AHEAD
                    };
                    let counts = state.wait("room for further lines", met);
                    if counts.stopped || counts.ended {
                        return lines;
                    }
                    drop(counts);
                    for number in lines..lines + CHUNK {
                        let key = number % KEYS;
                        writeln!(out, "key-{key}:{number} and some text that makes it a line of a usual length").unwrap();
                    }
                    out.flush().unwrap();
                    lines += CHUNK;
                }
            })
        };
        let reports = BufReader::new(child.stdout.take().unwrap());
        let reporter = {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                let each = |line: Result<String, _>| {
                    let report = serde_json::from_str(&line.unwrap()).unwrap();
                    state.change(|counts| counts.reported += 1);
                    report
                };
                let reports = reports.lines().map(each).collect();
                state.change(|counts| counts.ended = true);
                reports
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
            reports: self.reporter.join().unwrap(),
            run,
        }
    }
}

/// What a load has said of its records.
pub(crate) struct Ended {
    lines: u64,
    reports: Vec<Report>,
    run: Run,
}

impl Ended {
    /// Every record has one outcome, was acknowledged, and is where the report says; those of a key are in order,
    /// counted by where each is first.
    pub(crate) fn compare(&self, kafka: &Kafka, topic: &str) {
        assert_all_delivered(&self.run, self.lines);
        assert_eq!(self.reports.len() as u64, self.lines);
        let mut found: Vec<Vec<(i32, i64)>> = vec![Vec::new(); self.reports.len()];
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        let read = kafka.consume_each(&Read::topic(topic), |record| {
            let key = String::from_utf8(record.key.unwrap()).unwrap();
            let value = String::from_utf8(record.value.unwrap()).unwrap();
            let number: u64 = value.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(key, format!("key-{}", number % KEYS));
            let positions = &mut found[number as usize];
            if positions.is_empty() {
                let before = last.insert(key, number);
                assert!(
                    before.is_none_or(|before| before < number),
                    "{number} comes after {before:?}"
                );
            }
            positions.push((record.partition, record.offset));
        });
        let lost: Vec<usize> = (0..found.len())
            .filter(|number| found[*number].is_empty())
            .collect();
        assert!(
            lost.is_empty(),
            "{} acknowledged records are lost: {:?}…",
            lost.len(),
            &lost[..lost.len().min(20)]
        );
        let mut without_offset = 0;
        for (positions, told) in found.iter().zip(&self.reports) {
            assert_eq!(
                (&told.error, told.in_doubt, told.line),
                (&None, false, None)
            );
            match told.offset {
                Some(offset) => assert!(
                    positions.contains(&(told.partition.unwrap(), offset)),
                    "{told:?} {positions:?}"
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
