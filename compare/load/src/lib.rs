//! What the programs share that put load on a client: the workload, its records, the clock, the outcome.
//!
//! A program is a [`Client`] and a `main` that calls [`run`]. It prints one line of JSON, a [`Report`].

pub mod awaiting;
mod report;
mod source;
mod tally;
mod usage;
mod workload;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

pub use report::{Latency, Report};
pub use source::{Record, Share, Source, Ticket};
pub use tally::Tally;
pub use workload::{Codec, Profile, Workload};

/// Why a run gives no figures.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.0)]
pub struct Failure(Box<Cause>);

/// A pointer to it is all that an outcome has room for: clients hand one on for each record.
#[derive(Debug)]
struct Cause(String);

impl Failure {
    pub fn new(cause: impl Display) -> Self {
        Self(Box::new(Cause(cause.to_string())))
    }
}

/// A producer under load.
pub trait Client: Sync + Sized {
    /// Sends each record of the share, tells its outcome to the share's tally, and returns when all have one. Called on a thread
    /// for each sender.
    ///
    /// # Errors
    /// Whatever isn't a record's outcome.
    fn send(&self, share: Share) -> Result<(), Failure>;

    /// Ends the producer in order.
    ///
    /// # Errors
    /// That it doesn't.
    fn close(self) -> Result<(), Failure>;
}

/// What a client was told, by its own names.
pub type Settings = BTreeMap<String, String>;

/// Runs the workload of the command line. `connect` makes the client and says what it told it; callbacks may tell outcomes to
/// the tally, which is the one of all shares.
pub fn run<C: Client>(
    connect: impl FnOnce(&Workload, &Arc<Tally>) -> Result<(C, Settings), Failure>,
) -> ExitCode {
    match measure(&Workload::parse(), connect) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure<C: Client>(
    workload: &Workload,
    connect: impl FnOnce(&Workload, &Arc<Tally>) -> Result<(C, Settings), Failure>,
) -> Result<String, Failure> {
    let source = Source::open(workload)?;
    let tally = Arc::new(Tally::new()?);
    let (client, settings) = connect(workload, &tally)?;
    send_all(&client, workload, source, &tally, workload.warmup)?;
    tally.reset();
    let cpu_before = usage::cpu()?;
    let elapsed = send_all(&client, workload, source, &tally, workload.records)?;
    let cpu = usage::cpu()?.saturating_sub(cpu_before);
    client.close()?;
    let report = Report {
        settings,
        records: workload.records,
        seconds: elapsed.as_secs_f64(),
        cpu_seconds: cpu.as_secs_f64(),
        peak_kib: usage::peak_kib()?,
        latency: tally.latency(),
    };
    serde_json::to_string(&report).map_err(Failure::new)
}

fn send_all<C: Client>(
    client: &C,
    workload: &Workload,
    source: Source,
    tally: &Arc<Tally>,
    records: u64,
) -> Result<Duration, Failure> {
    let senders = workload.senders.max(1);
    let start = Instant::now();
    let interval = workload
        .rate
        .map(|rate| Duration::from_secs(1) * senders as u32 / rate as u32);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..senders)
            .map(|sender| {
                let share = Share {
                    source,
                    range: records * sender / senders..records * (sender + 1) / senders,
                    interval,
                    start,
                    sent: 0,
                    tally: Arc::clone(tally),
                };
                scope.spawn(move || client.send(share))
            })
            .collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(Failure::new("a sender panicked")))
        })
    })?;
    let elapsed = start.elapsed();
    tally.check(records)?;
    Ok(elapsed)
}
