//! The deliveries under way: bounded in number, settled in input order, counted and reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use raban::{Delivery, ProduceError, RecordMetadata};

use crate::exit::Failure;
use crate::input::Waker;
use crate::output::{Data, ReportFailure, ReportLine, Stopped};
use crate::progress::{Pace, Progress, tell};
use crate::summary::{Count, Summary};

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
        if self.untold > 0 {
            tell(&format!(
                "… and {} more failures (--report json tells each)",
                Count(self.untold)
            ));
        }
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
            Outcome::Refused(reason) => self.failed(line, None, &reason, false),
            Outcome::Accepted(delivery) => {
                if !delivery.is_settled() {
                    self.flush();
                }
                let partition = delivery.partition();
                match delivery.wait() {
                    Ok(metadata) => self.delivered(&metadata),
                    Err(error) => self.not_delivered(line, partition, &error),
                }
            }
        }
    }

    fn delivered(&mut self, metadata: &RecordMetadata) {
        let bytes =
            metadata.serialized_key_size.unwrap_or(0) + metadata.serialized_value_size.unwrap_or(0);
        self.summary
            .count_delivered(metadata.partition, bytes as u64);
        self.report(
            Some(metadata.partition),
            metadata.offset,
            Some(metadata.timestamp),
            None,
        );
    }

    fn not_delivered(&mut self, line: u64, partition: i32, error: &ProduceError) {
        self.failed(
            line,
            Some(partition),
            &error.to_string(),
            error.may_have_been_written(),
        );
    }

    fn failed(&mut self, line: u64, partition: Option<i32>, error: &str, in_doubt: bool) {
        if in_doubt {
            self.summary.in_doubt += 1;
        } else {
            self.summary.failed += 1;
        }
        if self.told.len() < TOLD && !self.told.iter().any(|told| told == error) {
            self.told.push(error.to_owned());
            tell(&format!("error: line {line}: {error}"));
        } else {
            self.untold += 1;
        }
        self.report(
            partition,
            None,
            None,
            Some(ReportFailure {
                error,
                in_doubt,
                line,
            }),
        );
    }

    fn report(
        &mut self,
        partition: Option<i32>,
        offset: Option<i64>,
        timestamp: Option<i64>,
        failure: Option<ReportFailure<'_>>,
    ) {
        if let Some(data) = &mut self.report {
            let topic = &self.summary.topic;
            let written = data.write_json(&ReportLine {
                topic,
                partition,
                offset,
                timestamp,
                failure,
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
