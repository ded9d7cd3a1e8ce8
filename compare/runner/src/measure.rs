//! The rounds: each program in turn for each cell, again and again, so that a machine that drifts drifts for all.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::build::{Places, Start};
use crate::cell::Cell;
use crate::process;
use crate::program::{Kind, Program};
use crate::results::{Outcome, Results, Sample};
use crate::target::{Holding, Target, TargetKind};

/// From so many partitions on a topic serves a whole round: creating it takes longer than a run.
const COSTLY: i32 = 100;
/// The part of the records that comes first and isn't measured, and the least.
const WARMUP_PART: u64 = 5;
const WARMUP_LEAST: u64 = 1_000;

/// All that the rounds need.
pub(crate) struct Measure<'a> {
    pub(crate) places: &'a Places,
    pub(crate) programs: Vec<(&'static Program, Start)>,
    pub(crate) rounds: u32,
    /// In place of each cell's own number.
    pub(crate) records: Option<u64>,
    pub(crate) timeout: Duration,
    pub(crate) pool: PathBuf,
    /// Where the floor writes to.
    pub(crate) sink: SocketAddr,
    pub(crate) scratch: &'a Path,
    /// The JSON file.
    pub(crate) kept: PathBuf,
}

impl Measure<'_> {
    /// All rounds of these cells against one target; what doesn't work is noted in the results.
    ///
    /// # Errors
    /// That the results can't be kept.
    pub(crate) fn against(
        &self,
        kind: TargetKind,
        cells: &[Cell],
        results: &mut Results,
    ) -> io::Result<()> {
        eprintln!("starting {}", kind.name());
        let target = match Target::start(kind, self.places) {
            Ok(target) => target,
            Err(skipped) => {
                eprintln!("SKIPPED: target {}: {skipped}", kind.name());
                results
                    .skipped
                    .insert(format!("target {}", kind.name()), skipped.to_string());
                return Ok(());
            }
        };
        for round in 0..=self.rounds {
            for cell in cells {
                self.turn(&target, kind, *cell, round, results);
            }
            self.keep(results)?;
        }
        Ok(())
    }

    /// Writes the JSON file.
    ///
    /// # Errors
    /// A file that can't be written.
    pub(crate) fn keep(&self, results: &Results) -> io::Result<()> {
        results.save(&self.kept)
    }

    /// Each program once, each time beginning with another one. In round 0 nothing is measured: it warms the target.
    fn turn(
        &self,
        target: &Target,
        kind: TargetKind,
        cell: Cell,
        round: u32,
        results: &mut Results,
    ) {
        let taking: Vec<_> = self
            .programs
            .iter()
            .filter(|(program, _)| program.takes_part(&cell))
            .collect();
        let costly = cell.partitions >= COSTLY;
        let mut shared = Topic::new(format!("{cell}-{round}"), cell.partitions);
        if round == 0 || costly {
            self.warm(target, cell, &taking, &mut shared);
        }
        if round > 0 {
            let first = round as usize % taking.len().max(1);
            for (program, start) in taking[first..].iter().chain(&taking[..first]) {
                let name = format!("{cell}-{round}-{}", program.name);
                let mut own = Topic::new(name, cell.partitions);
                let topic = if costly { &mut shared } else { &mut own };
                let outcome = self.run(target, cell, program, start, topic);
                let outcome = outcome.unwrap_or_else(Outcome::Failed);
                own.delete(target);
                tell(kind, cell, round, program.name, &outcome);
                results.samples.push(Sample {
                    target: kind,
                    cell,
                    round,
                    program: program.name,
                    outcome,
                });
            }
        }
        shared.delete(target);
    }

    /// A run that isn't noted, with keys so that each partition is written to: its first record costs a broker more.
    fn warm(
        &self,
        target: &Target,
        cell: Cell,
        taking: &[&(&'static Program, Start)],
        topic: &mut Topic,
    ) {
        let client = taking
            .iter()
            .find(|(program, _)| program.kind != Kind::Floor);
        let cell = Cell {
            keyed: true,
            rate: None,
            ..cell
        };
        if let Some((program, start)) = client
            && let Err(error) = self.run(target, cell, program, start, topic)
        {
            eprintln!("warming with {} failed: {error}", program.name);
        }
    }

    fn run(
        &self,
        target: &Target,
        cell: Cell,
        program: &Program,
        start: &Start,
        topic: &mut Topic,
    ) -> Result<Outcome, String> {
        let records = self.records.unwrap_or_else(|| program.records(&cell));
        let warmup = (records / WARMUP_PART).max(WARMUP_LEAST);
        let floor = program.kind == Kind::Floor;
        let before = if floor {
            Holding::default()
        } else {
            topic.ready(target)?
        };
        let mut command = start.command();
        let sink = self.sink.to_string();
        let bootstrap = if floor { &sink } else { target.bootstrap() };
        command.args(arguments(cell, records, warmup, bootstrap, &topic.name));
        command.arg("--pool").arg(&self.pool);
        if !program.variant.is_empty() {
            command.args(["--variant", program.variant]);
        }
        let report =
            process::run(command, self.scratch, self.timeout).map_err(|error| error.to_string())?;
        if floor {
            return Ok(Outcome::Measured {
                report,
                broker_bytes_per_record: None,
            });
        }
        let after = target
            .holds(&topic.name)
            .map_err(|error| error.to_string())?;
        let (sent, came) = (
            records + warmup,
            after.records.saturating_sub(before.records),
        );
        if sent != came {
            return Err(format!(
                "it says that {sent} records were delivered, and the broker has {came}"
            ));
        }
        let bytes = after
            .bytes
            .zip(before.bytes)
            .map(|(after, before)| after.saturating_sub(before));
        Ok(Outcome::Measured {
            report,
            broker_bytes_per_record: bytes.map(|bytes| bytes as f64 / sent as f64),
        })
    }
}

/// What every program is told.
pub(crate) fn arguments(
    cell: Cell,
    records: u64,
    warmup: u64,
    bootstrap: &str,
    topic: &str,
) -> Vec<String> {
    let settings = match cell.settings {
        load::Profile::Best => "best",
        load::Profile::Defaults => "defaults",
    };
    let mut arguments = vec![
        "--bootstrap".to_owned(),
        bootstrap.to_owned(),
        "--topic".to_owned(),
        topic.to_owned(),
    ];
    let mut give = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
    give("partitions", cell.partitions.to_string());
    give("warmup", warmup.to_string());
    give("records", records.to_string());
    give("size", cell.size.to_string());
    give("compression", cell.compression.name().to_owned());
    give("senders", cell.senders.to_string());
    give("settings", settings.to_owned());
    if let Some(rate) = cell.rate {
        give("rate", rate.to_string());
    }
    if let Some(linger) = cell.linger_ms {
        give("linger-ms", linger.to_string());
    }
    if cell.keyed {
        arguments.push("--keyed".to_owned());
    }
    arguments
}

/// A topic that is made when it is first needed.
struct Topic {
    name: String,
    partitions: i32,
    made: bool,
}

impl Topic {
    fn new(name: String, partitions: i32) -> Self {
        Self {
            name,
            partitions,
            made: false,
        }
    }

    /// What it holds before a run.
    fn ready(&mut self, target: &Target) -> Result<Holding, String> {
        if !self.made {
            target
                .create(&self.name, self.partitions)
                .map_err(|error| error.to_string())?;
            self.made = true;
        }
        target.holds(&self.name).map_err(|error| error.to_string())
    }

    fn delete(&mut self, target: &Target) {
        if std::mem::take(&mut self.made)
            && let Err(error) = target.delete(&self.name)
        {
            eprintln!("topic {} stays: {error}", self.name);
        }
    }
}

fn tell(kind: TargetKind, cell: Cell, round: u32, program: &str, outcome: &Outcome) {
    let head = format!("{} {cell} round {round} {program}", kind.name());
    match outcome {
        Outcome::Failed(error) => eprintln!("FAILED: {head}: {error}"),
        Outcome::Measured { report, .. } => {
            let rate = report.records as f64 / report.seconds;
            let cpu = report.cpu_seconds / report.records as f64 * 1e6;
            let p99 = report
                .latency
                .map(|latency| format!(", p99 {:.2} ms", latency.p99_us / 1e3));
            eprintln!(
                "{head}: {rate:.0} records/s, {cpu:.3} µs/record, {} MiB{}",
                report.peak_kib / 1024,
                p99.unwrap_or_default()
            );
        }
    }
}
