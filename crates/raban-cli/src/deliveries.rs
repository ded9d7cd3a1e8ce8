//! The deliveries under way: bounded in number, settled in input order, counted and reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use raban::{Delivery, ProduceError, RecordMetadata, Trail};

use crate::exit::Failure;
use crate::input::Waker;
use crate::output::{Data, ReportFailure, ReportLine, Stopped};
use crate::progress::{Pace, Progress, tell};
use crate::summary::{Count, Summary};
use crate::trails::{ReportTrail, Trails, advice, lines};

/// Records handed over at once: a hop between threads for each would cost more than the record.
const CHUNK: usize = 100;
/// Chunks under way. With [`CHUNK`] it bounds the memory of records too small for `buffer.memory` to.
const CHUNKS: usize = 1000;
/// Failures told in full; the rest is counted.
const TOLD: usize = 5;

/// A record of the input.
pub(crate) struct Sent {
    /// Its line in the input.
    pub(crate) line: u64,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    Accepted(Delivery),
    /// Surely not in the log, with the reason.
    Refused(String),
}

/// Where the reading side puts records; blocks when too many are under way.
pub(crate) struct Deliveries {
    chunk: Vec<Sent>,
    sender: SyncSender<Vec<Sent>>,
}

impl Deliveries {
    pub(crate) fn push(&mut self, sent: Sent) {
        self.chunk.push(sent);
        if self.chunk.len() >= CHUNK {
            self.hand_over();
        }
    }

    /// To be called before waiting for input, so that what was read is settled meanwhile.
    pub(crate) fn hand_over(&mut self) {
        if !self.chunk.is_empty() {
            let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
            // The settling thread outlives this side unless it panicked, which joining it shows.
            let _ = self.sender.send(chunk);
        }
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// What the two sides tell each other beside the records.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    /// Bytes of the input that became records.
    pub(crate) read: Arc<AtomicU64>,
    /// The report can't be written any more: reading on makes no sense.
    stop: Arc<AtomicBool>,
}

impl Shared {
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What was settled.
pub(crate) struct Settled {
    pub(crate) summary: Summary,
    /// The report couldn't be written.
    pub(crate) failure: Option<Failure>,
}

/// Settles deliveries on a thread of its own, which ends after the returned [`Deliveries`] is dropped.
pub(crate) fn settle(
    topic: &str,
    report: bool,
    tell_retried: bool,
    progress: Progress,
    shared: Shared,
    waker: Waker,
) -> (Deliveries, JoinHandle<Settled>) {
    let (sender, receiver) = sync_channel(CHUNKS);
    let summary = Summary {
        topic: topic.to_owned(),
        ..Summary::default()
    };
    let thread = thread::spawn(move || {
        let report = report.then(Data::stdout);
        let settler = Settler {
            report,
            progress,
            shared,
            waker,
            summary,
            failure: None,
            told: Vec::new(),
            untold: 0,
            trails: Trails::default(),
            tell_retried,
            told_retries: 0,
            untold_retries: 0,
        };
        settler.run(&receiver)
    });
    (
        Deliveries {
            chunk: Vec::with_capacity(CHUNK),
            sender,
        },
        thread,
    )
}

fn tell_rest(untold: u64, what: &str) {
    if untold > 0 {
        let untold = Count(untold);
        tell(&format!(
            "… and {untold} more {what} (--report json tells each)"
        ));
    }
}

struct Settler {
    report: Option<Data>,
    progress: Progress,
    shared: Shared,
    waker: Waker,
    summary: Summary,
    failure: Option<Failure>,
    /// The texts of failures told so far; the same one isn't told twice.
    told: Vec<String>,
    untold: u64,
    trails: Trails,
    /// Trails of delivered records are wanted, too.
    tell_retried: bool,
    told_retries: usize,
    /// Batches, as only their first records are told.
    untold_retries: u64,
}

impl Settler {
    fn run(mut self, receiver: &Receiver<Vec<Sent>>) -> Settled {
        let started = Instant::now();
        let mut pace = Pace::new();
        while let Some(chunk) = self.next(receiver) {
            for sent in chunk {
                self.settle(sent);
            }
            if pace.is_due() {
                self.progress.show(
                    self.shared.read.load(Ordering::Relaxed),
                    self.summary.delivered(),
                    started,
                );
            }
        }
        self.flush();
        self.progress.clear();
        tell_rest(self.untold, "failures");
        tell_rest(self.untold_retries, "batches that took several attempts");
        self.summary.took = started.elapsed();
        Settled {
            summary: self.summary,
            failure: self.failure,
        }
    }

    fn next(&mut self, receiver: &Receiver<Vec<Sent>>) -> Option<Vec<Sent>> {
        match receiver.try_recv() {
            Ok(chunk) => Some(chunk),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                self.flush();
                receiver.recv().ok()
            }
        }
    }

    fn settle(&mut self, Sent { line, outcome }: Sent) {
        match outcome {
            Outcome::Refused(reason) => {
                self.summary.failed += 1;
                self.tell_failure(line, &reason, String::new);
                let failure = ReportFailure {
                    error: &reason,
                    in_doubt: false,
                    line,
                };
                self.report(None, None, Some(failure), None);
            }
            Outcome::Accepted(mut delivery) => {
                if !delivery.is_settled() {
                    self.flush();
                }
                match raban::block_on(&mut delivery) {
                    Ok(metadata) => self.delivered(line, &metadata, &delivery),
                    Err(error) => self.not_delivered(line, &error, &delivery),
                }
            }
        }
    }

    fn delivered(&mut self, line: u64, metadata: &RecordMetadata, delivery: &Delivery) {
        let partition = metadata.partition();
        let bytes = metadata.serialized_key_size().unwrap_or(0)
            + metadata.serialized_value_size().unwrap_or(0);
        self.summary.count_delivered(partition, bytes as u64);
        let trail = delivery.trail().filter(|_| self.tell_retried);
        let trail = trail.map(|trail| {
            let first_line = self.trails.first_line(partition, &trail, line);
            if first_line == line && self.report.is_none() {
                self.tell_retry(line, metadata, &trail);
            }
            ReportTrail::new(&trail, line, first_line)
        });
        self.report(Some(partition), Some(metadata), None, trail);
    }

    fn not_delivered(&mut self, line: u64, error: &ProduceError, delivery: &Delivery) {
        let (partition, in_doubt) = (delivery.partition(), error.may_have_been_written());
        if in_doubt {
            self.summary.in_doubt += 1;
        } else {
            self.summary.failed += 1;
        }
        let topic = &self.summary.topic;
        let what = format!("{} (topic {topic}, partition {partition})", error.kind());
        self.tell_failure(line, &what, || lines(error.trail()) + advice(error));
        let trail = delivery.trail().map(|trail| {
            let first_line = self.trails.first_line(partition, &trail, line);
            ReportTrail::new(&trail, line, first_line)
        });
        let failure = ReportFailure {
            error: &error.to_string(),
            in_doubt,
            line,
        };
        self.report(Some(partition), None, Some(failure), trail);
    }

    fn tell_failure(&mut self, line: u64, what: &str, details: impl Fn() -> String) {
        if self.told.len() < TOLD && !self.told.iter().any(|told| told == what) {
            self.told.push(what.to_owned());
            tell(&format!("error: line {line}: {what}{}", details()));
        } else {
            self.untold += 1;
        }
    }

    /// The batch of this record took more than one attempt.
    fn tell_retry(&mut self, line: u64, metadata: &RecordMetadata, trail: &Trail) {
        if self.told_retries == TOLD {
            self.untold_retries += 1;
            return;
        }
        self.told_retries += 1;
        let (partition, offset) = (metadata.partition(), metadata.offset());
        let at = offset.map_or_else(String::new, |offset| format!(", offset {offset}"));
        tell(&format!(
            "line {line} and its batch: delivered (partition {partition}{at}){}",
            lines(trail)
        ));
    }

    fn report(
        &mut self,
        partition: Option<i32>,
        delivered: Option<&RecordMetadata>,
        failure: Option<ReportFailure<'_>>,
        trail: Option<ReportTrail>,
    ) {
        if let Some(data) = &mut self.report {
            let written = data.write_json(&ReportLine {
                topic: &self.summary.topic,
                partition,
                offset: delivered.and_then(|metadata| metadata.offset()),
                timestamp: delivered.map(|metadata| metadata.timestamp()),
                failure,
                trail,
            });
            self.stop_unless(written);
        }
    }

    fn flush(&mut self) {
        if let Some(data) = &mut self.report {
            let written = data.flush();
            self.stop_unless(written);
        }
    }

    fn stop_unless(&mut self, written: Result<(), Stopped>) {
        if let Err(stopped) = written {
            self.report = None;
            self.failure = stopped.into_failure();
            self.shared.stop.store(true, Ordering::Relaxed);
            self.waker.wake();
        }
    }
}
