//! From samples to figures: medians and spread per target, cell and program, and ratios to the best peer of the same rounds.

use load::Report;

use crate::cell::Cell;
use crate::program::Kind;
use crate::results::{Outcome, Results, Sample, Taking};
use crate::stats::Spread;
use crate::target::TargetKind;

/// A figure that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    RecordsPerSecond,
    /// Of values alone.
    MegabytesPerSecond,
    /// User and system time of the client's process, in microseconds a record.
    Cpu,
    PeakMib,
    P50,
    P99,
    P999,
    /// Bytes in the broker's log, a record.
    LogBytes,
}

impl Metric {
    pub(crate) const fn more_is_better(self) -> bool {
        matches!(self, Self::RecordsPerSecond | Self::MegabytesPerSecond)
    }

    fn of(self, sample: &Sample) -> Option<f64> {
        let Outcome::Measured {
            report,
            broker_bytes_per_record,
        } = &sample.outcome
        else {
            return None;
        };
        let rate = |report: &Report| report.records as f64 / report.seconds;
        match self {
            Self::RecordsPerSecond => Some(rate(report)),
            Self::MegabytesPerSecond => Some(rate(report) * f64::from(sample.cell.size) / 1e6),
            Self::Cpu => Some(report.cpu_seconds / report.records as f64 * 1e6),
            Self::PeakMib => Some(report.peak_kib as f64 / 1024.0),
            Self::P50 => Some(report.latency?.p50_us / 1e3),
            Self::P99 => Some(report.latency?.p99_us / 1e3),
            Self::P999 => Some(report.latency?.p999_us / 1e3),
            Self::LogBytes => *broker_bytes_per_record,
        }
    }
}

/// One case against one target.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) target: TargetKind,
    pub(crate) cell: Cell,
    pub(crate) rows: Vec<Row<'a>>,
}

/// One program in it.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) program: &'a Taking,
    samples: Vec<&'a Sample>,
}

impl Row<'_> {
    pub(crate) fn spread(&self, metric: Metric) -> Option<Spread> {
        Spread::of(self.samples.iter().filter_map(|sample| metric.of(sample)))
    }

    /// This row's figure by the other's, round by round: what both share in a round, such as a busy machine, cancels out.
    pub(crate) fn ratio(&self, metric: Metric, other: &Row<'_>) -> Option<Spread> {
        Spread::of(self.samples.iter().filter_map(|sample| {
            let same = other
                .samples
                .iter()
                .find(|other| other.round == sample.round)?;
            Some(metric.of(sample)? / metric.of(same)?)
        }))
    }

    /// What the client was told, as it says itself.
    pub(crate) fn settings(&self) -> Option<String> {
        let report = self
            .samples
            .iter()
            .find_map(|sample| match &sample.outcome {
                Outcome::Measured { report, .. } => Some(report),
                Outcome::Failed(_) => None,
            })?;
        let settings = report.settings.iter();
        Some(
            settings
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = &str> {
        self.samples
            .iter()
            .filter_map(|sample| match &sample.outcome {
                Outcome::Failed(error) => Some(error.as_str()),
                Outcome::Measured { .. } => None,
            })
    }
}

impl<'a> Block<'a> {
    /// All blocks, in the order in which they were measured.
    pub(crate) fn all(results: &'a Results) -> Vec<Self> {
        let mut blocks: Vec<Self> = Vec::new();
        for sample in &results.samples {
            let known = blocks
                .iter_mut()
                .find(|block| (block.target, block.cell) == (sample.target, sample.cell));
            if known.is_none() {
                blocks.push(Self::of(results, sample.target, sample.cell));
            }
        }
        blocks
    }

    fn of(results: &'a Results, target: TargetKind, cell: Cell) -> Self {
        let rows = results.programs.iter().map(|program| Row {
            program,
            samples: results
                .samples
                .iter()
                .filter(|sample| {
                    (sample.target, sample.cell, sample.program) == (target, cell, program.name)
                })
                .collect(),
        });
        Self {
            target,
            cell,
            rows: rows.filter(|row| !row.samples.is_empty()).collect(),
        }
    }

    pub(crate) fn row(&self, program: &str) -> Option<&Row<'a>> {
        self.rows.iter().find(|row| row.program.name == program)
    }

    /// The peer with the best median.
    pub(crate) fn best_peer(&self, metric: Metric) -> Option<&Row<'a>> {
        self.best(Kind::Peer, metric)
    }

    /// The program of this kind with the best median.
    pub(crate) fn best(&self, kind: Kind, metric: Metric) -> Option<&Row<'a>> {
        let rows = self.rows.iter().filter(|row| row.program.kind == kind);
        let measured = rows.filter_map(|row| Some((row.spread(metric)?.median, row)));
        let better = |one: &(f64, &Row<'_>), other: &(f64, &Row<'_>)| one.0.total_cmp(&other.0);
        let best = match metric.more_is_better() {
            true => measured.max_by(better),
            false => measured.min_by(better),
        };
        best.map(|(_, row)| row)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use load::Latency;

    use super::*;
    use crate::results::Machine;

    /// A program, and its records per second and CPU seconds in each round.
    type Figures<'a> = (&'static str, Kind, &'a [(f64, f64)]);

    pub(crate) fn results(target: TargetKind, cell: Cell, figures: &[Figures<'_>]) -> Results {
        let mut results = Results {
            machine: Machine::default(),
            build: "as tests are",
            rounds: 2,
            programs: Vec::new(),
            skipped: BTreeMap::new(),
            samples: Vec::new(),
        };
        for (name, kind, rounds) in figures {
            results.programs.push(Taking {
                name,
                kind: *kind,
                version: "1".to_owned(),
                note: "a note",
            });
            for (round, (rate, cpu)) in (1..).zip(*rounds) {
                let report = Report {
                    settings: [("linger".to_owned(), "5".to_owned())].into(),
                    records: 1_000_000,
                    seconds: 1e6 / rate,
                    cpu_seconds: *cpu,
                    peak_kib: 2048,
                    latency: cell.rate.map(|_| Latency {
                        p50_us: 1_000.0,
                        p99_us: *cpu * 1_000.0,
                        p999_us: 3_000.0,
                        max_us: 4_000.0,
                    }),
                };
                results.samples.push(Sample {
                    target,
                    cell,
                    round,
                    program: name,
                    outcome: Outcome::Measured {
                        report,
                        broker_bytes_per_record: Some(50.0),
                    },
                });
            }
        }
        results
    }

    #[test]
    fn the_best_peer_is_no_raban_and_no_floor() {
        let results = results(
            TargetKind::Kafka,
            Cell::DECIDING,
            &[
                ("raban", Kind::Own, &[(9e6, 0.1), (9e6, 0.1)]),
                ("floor", Kind::Floor, &[(9e6, 0.05)]),
                ("slow", Kind::Peer, &[(1e6, 0.4), (1e6, 0.4)]),
                ("fast", Kind::Peer, &[(3e6, 0.8), (2e6, 0.8)]),
            ],
        );
        let blocks = Block::all(&results);
        let block = &blocks[0];
        assert_eq!((blocks.len(), block.rows.len()), (1, 4));
        let best = |metric| block.best_peer(metric).unwrap().program.name;
        assert_eq!(best(Metric::RecordsPerSecond), "fast");
        assert_eq!(best(Metric::Cpu), "slow");
        let raban = block.row("raban").unwrap();
        let ratio = raban.ratio(Metric::RecordsPerSecond, block.row("fast").unwrap());
        let ratio = ratio.unwrap();
        assert!((ratio.min - 3.0).abs() < 1e-9 && (ratio.max - 4.5).abs() < 1e-9);
        assert!((raban.spread(Metric::MegabytesPerSecond).unwrap().median - 900.0).abs() < 1e-6);
        assert_eq!(raban.settings().unwrap(), "linger=5");
        assert_eq!(raban.spread(Metric::P99), None);
    }

    #[test]
    fn failed_runs_have_no_figures() {
        let mut results = results(
            TargetKind::Discard,
            Cell::DECIDING,
            &[("raban", Kind::Own, &[(9e6, 0.1), (9e6, 0.1)])],
        );
        for sample in &mut results.samples {
            sample.outcome = Outcome::Failed("broken".to_owned());
        }
        let blocks = Block::all(&results);
        let row = blocks[0].row("raban").unwrap();
        assert_eq!(row.spread(Metric::Cpu), None);
        assert_eq!(row.failures().collect::<Vec<_>>(), ["broken", "broken"]);
        assert!(blocks[0].best_peer(Metric::Cpu).is_none());
    }
}
