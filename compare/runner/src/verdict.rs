//! What raban promises of itself, measured.

use std::fmt;

use load::{Codec, Profile};

use crate::cell::Cell;
use crate::program::Kind;
use crate::stats::Spread;
use crate::summary::{Block, Metric, Row};
use crate::target::TargetKind;

/// A promise and what was measured of it.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) promise: String,
    pub(crate) bound: Bound,
    /// Raban's figure by what it is compared with, round by round; and with what.
    pub(crate) measured: Option<(Spread, String)>,
}

/// What the ratio may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Verdict {
    /// Whether the median keeps the promise; `None` if it wasn't measured.
    pub(crate) fn holds(&self) -> Option<bool> {
        let (spread, _) = self.measured.as_ref()?;
        Some(match self.bound {
            Bound::AtMost(bound) => spread.median <= bound,
            Bound::AtLeast(bound) => spread.median >= bound,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.holds() {
            Some(true) => "holds",
            Some(false) => "MISSED",
            None => "not measured",
        };
        write!(f, "{word:<12}  {} {}", self.promise, self.bound)?;
        if let Some((spread, with)) = &self.measured {
            let Spread { median, min, max } = spread;
            write!(f, ": {median:.2} ({min:.2}–{max:.2}) × {with}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "≤ {bound}"),
            Self::AtLeast(bound) => write!(f, "≥ {bound}"),
        }
    }
}

/// The cells that promises are about. A broker that keeps what it gets is what latency and codecs are for.
pub(crate) fn cells(target: TargetKind) -> Vec<Cell> {
    let mut cells = Vec::new();
    for senders in [1, 4] {
        cells.extend(Cell::of_both_settings().map(|cell| Cell { senders, ..cell }));
    }
    if target == TargetKind::Kafka {
        cells.extend(LINGER.map(Cell::latency));
        cells.extend(CODECS.map(Cell::compressed));
    }
    cells
}

const LINGER: [u32; 2] = [0, 5];
const CODECS: [Codec; 3] = [Codec::Lz4, Codec::Zstd, Codec::Gzip];

/// All promises about the targets and cells that were measured.
pub(crate) fn judge(blocks: &[Block<'_>]) -> Vec<Verdict> {
    use Bound::{AtLeast, AtMost};
    use TargetKind::{Discard, Kafka};
    let judging = Judging { blocks, own: RABAN };
    let deciding = Cell::DECIDING;
    let defaults = Cell {
        settings: Profile::Defaults,
        ..deciding
    };
    let mut verdicts = Vec::new();
    for own in WAYS {
        let judging = judging.of(own);
        verdicts.extend([
            judging.with(Discard, deciding, Metric::Cpu, AtMost(2.0), "floor"),
            judging.best(Kafka, deciding, Metric::Cpu, AtMost(0.5)),
            judging.best(Kafka, deciding, Metric::RecordsPerSecond, AtLeast(0.97)),
            judging.best(Discard, deciding, Metric::RecordsPerSecond, AtLeast(3.0)),
            judging.with(Discard, defaults, Metric::Cpu, AtMost(2.0), "floor"),
            judging.best(Kafka, defaults, Metric::Cpu, AtMost(0.5)),
        ]);
        for target in [Kafka, Discard] {
            let (metric, bound) = (Metric::PeakMib, AtMost(1.0));
            verdicts.push(judging.with(target, deciding, metric, bound, "rdkafka-threaded"));
            for settings in [Profile::Best, Profile::Defaults] {
                verdicts.push(judging.four_senders(target, settings));
            }
        }
    }
    for target in [Kafka, Discard] {
        for linger in LINGER {
            verdicts.push(judging.best(target, Cell::latency(linger), Metric::P99, AtMost(1.05)));
        }
        for cell in CODECS.map(Cell::compressed) {
            verdicts.push(judging.best(target, cell, Metric::RecordsPerSecond, AtLeast(0.95)));
        }
    }
    for cell in CODECS.map(Cell::compressed) {
        verdicts.push(judging.compressed(cell));
    }
    verdicts.extend(python(&judging));
    verdicts
}

/// What raban's Python package promises. A broker that keeps what it gets takes its part of the processors: what is many times a
/// peer's shows only with the one that drops.
fn python(judging: &Judging<'_, '_>) -> Vec<Verdict> {
    use Bound::{AtLeast, AtMost};
    use TargetKind::{Discard, Kafka};
    let judge = |target, own, metric, bound, other| {
        judging
            .of(own)
            .with(target, Cell::DECIDING, metric, bound, other)
    };
    let mut verdicts = Vec::new();
    for target in [Discard, Kafka] {
        for (own, metric, bound, other) in [
            (
                "python-raban",
                Metric::RecordsPerSecond,
                AtLeast(1.0),
                "python-confluent",
            ),
            ("python-raban", Metric::Cpu, AtMost(1.0), "python-confluent"),
            (
                "python-raban-aio",
                Metric::RecordsPerSecond,
                AtLeast(3.0),
                "python-aiokafka",
            ),
        ] {
            verdicts.push(judge(target, own, metric, bound, other));
        }
    }
    for (own, times, other) in [
        ("python-raban-many", 3.0, "python-confluent"),
        ("python-raban-many", 1.0, "python-confluent-batch"),
        ("python-raban-many", 40.0, "python-kafka"),
        ("python-raban", 40.0, "python-kafka"),
        ("python-raban-future", 40.0, "python-kafka-future"),
        ("python-raban-aio-many", 10.0, "python-aiokafka"),
        ("python-raban-aio-batch", 10.0, "python-aiokafka"),
        ("python-raban-aio-many", 1.0, "python-aiokafka-batch"),
        ("python-raban-aio-batch", 1.0, "python-aiokafka-batch"),
    ] {
        let (metric, bound) = (Metric::RecordsPerSecond, AtLeast(times));
        verdicts.push(judge(Discard, own, metric, bound, other));
    }
    verdicts
}

/// A future for each record.
const RABAN: &str = "raban";
/// That, a thread that waits for each, and the way that costs least.
const WAYS: [&str; 3] = [RABAN, "raban-blocking", "raban-many"];

struct Judging<'a, 'b> {
    blocks: &'a [Block<'b>],
    /// The way to send that is judged.
    own: &'static str,
}

impl<'a, 'b> Judging<'a, 'b> {
    fn of(&self, own: &'static str) -> Self {
        Self {
            blocks: self.blocks,
            own,
        }
    }

    fn promise(&self, target: TargetKind, cell: Cell, metric: Metric, with: &str) -> String {
        let way = match self.own {
            RABAN => "",
            own => &format!(" {own}"),
        };
        let (target, metric) = (target.name(), name(metric));
        format!("{target} {cell}{way}: {metric} of {with}'s")
    }

    fn compare(
        &self,
        block: &Block<'_>,
        metric: Metric,
        other: &Row<'_>,
    ) -> Option<(Spread, String)> {
        let own = match metric {
            Metric::P99 => block.best(Kind::Own, metric)?,
            _ => block.row(self.own)?,
        };
        let ratio = own.ratio(metric, other)?;
        Some((ratio, other.program.name.to_owned()))
    }

    fn block(&self, target: TargetKind, cell: Cell) -> Option<&'a Block<'b>> {
        self.blocks
            .iter()
            .find(|block| (block.target, block.cell) == (target, cell))
    }

    /// Against the best peer. Latency is that of raban's better way, as it is that of the peer's.
    fn best(&self, target: TargetKind, cell: Cell, metric: Metric, bound: Bound) -> Verdict {
        let measured = self
            .block(target, cell)
            .and_then(|block| self.compare(block, metric, block.best_peer(metric)?));
        let promise = self.promise(target, cell, metric, "the best peer");
        Verdict {
            promise,
            bound,
            measured,
        }
    }

    /// Against one program.
    fn with(
        &self,
        target: TargetKind,
        cell: Cell,
        metric: Metric,
        bound: Bound,
        other: &str,
    ) -> Verdict {
        let measured = self
            .block(target, cell)
            .and_then(|block| self.compare(block, metric, block.row(other)?));
        let promise = self.promise(target, cell, metric, other);
        Verdict {
            promise,
            bound,
            measured,
        }
    }

    /// Four senders against one.
    fn four_senders(&self, target: TargetKind, settings: Profile) -> Verdict {
        let one = Cell {
            settings,
            ..Cell::DECIDING
        };
        let four = Cell { senders: 4, ..one };
        let measured = self
            .block(target, four)
            .zip(self.block(target, one))
            .and_then(|(four, one)| {
                let ratio = four
                    .row(self.own)?
                    .ratio(Metric::RecordsPerSecond, one.row(self.own)?)?;
                Some((ratio, "one sender".to_owned()))
            });
        Verdict {
            promise: self.promise(target, four, Metric::RecordsPerSecond, "one sender"),
            bound: Bound::AtLeast(1.0),
            measured,
        }
    }

    /// Bytes in the log against the peer that sends fastest: who compresses less is faster.
    fn compressed(&self, cell: Cell) -> Verdict {
        let measured = self.block(TargetKind::Kafka, cell).and_then(|block| {
            self.compare(
                block,
                Metric::LogBytes,
                block.best_peer(Metric::RecordsPerSecond)?,
            )
        });
        Verdict {
            promise: format!("kafka {cell}: bytes in the log of the fastest peer's"),
            bound: Bound::AtMost(1.05),
            measured,
        }
    }
}

const fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::RecordsPerSecond => "records/s",
        Metric::MegabytesPerSecond => "MB/s",
        Metric::Cpu => "CPU per record",
        Metric::PeakMib => "peak memory",
        Metric::P50 => "p50",
        Metric::P99 => "p99",
        Metric::P999 => "p99.9",
        Metric::LogBytes => "bytes in the log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::results;

    fn verdicts(target: TargetKind, raban: (f64, f64), peer: (f64, f64)) -> Vec<Verdict> {
        let results = results(
            target,
            Cell::DECIDING,
            &[
                ("raban", Kind::Own, &[raban, raban]),
                ("floor", Kind::Floor, &[(1e7, 0.1), (1e7, 0.1)]),
                ("rdkafka-threaded", Kind::Peer, &[peer, peer]),
            ],
        );
        judge(&Block::all(&results))
    }

    fn outcome(verdicts: &[Verdict], promise: &str) -> Option<bool> {
        let mut found = verdicts
            .iter()
            .filter(|verdict| verdict.promise.contains(promise));
        let verdict = found.next().unwrap();
        assert!(found.next().is_none(), "{promise} is not one promise");
        verdict.holds()
    }

    #[test]
    fn promises_hold_or_are_missed() {
        let good = verdicts(TargetKind::Kafka, (2e6, 0.2), (2e6, 0.4));
        assert_eq!(
            outcome(&good, "kafka 100b-6p-nokey-none-1s-best: CPU"),
            Some(true)
        );
        assert_eq!(
            outcome(&good, "kafka 100b-6p-nokey-none-1s-best: records/s"),
            Some(true)
        );
        assert_eq!(
            outcome(&good, "kafka 100b-6p-nokey-none-1s-best: peak"),
            Some(true)
        );
        let bad = verdicts(TargetKind::Kafka, (1.9e6, 0.3), (2e6, 0.4));
        assert_eq!(
            outcome(&bad, "kafka 100b-6p-nokey-none-1s-best: CPU"),
            Some(false)
        );
        assert_eq!(
            outcome(&bad, "kafka 100b-6p-nokey-none-1s-best: records/s"),
            Some(false)
        );
        let discard = verdicts(TargetKind::Discard, (6e6, 0.2), (2e6, 0.4));
        assert_eq!(
            outcome(&discard, "discard 100b-6p-nokey-none-1s-best: CPU"),
            Some(true)
        );
        assert_eq!(
            outcome(&discard, "discard 100b-6p-nokey-none-1s-best: records/s"),
            Some(true)
        );
    }

    #[test]
    fn promises_are_about_their_cells() {
        let verdicts = judge(&[]);
        for target in [TargetKind::Kafka, TargetKind::Discard] {
            for cell in cells(target) {
                let named = format!("{} {cell}", target.name());
                assert!(
                    verdicts.iter().any(|it| it.promise.starts_with(&named)),
                    "{named}"
                );
            }
        }
    }

    #[test]
    fn the_way_that_costs_least_is_judged_by_itself() {
        let results = results(
            TargetKind::Discard,
            Cell::DECIDING,
            &[
                ("raban", Kind::Own, &[(6e6, 0.3)]),
                ("raban-many", Kind::Own, &[(9e6, 0.2)]),
                ("floor", Kind::Floor, &[(1e7, 0.1)]),
                ("rdkafka-threaded", Kind::Peer, &[(3e6, 0.4)]),
            ],
        );
        let verdicts = judge(&Block::all(&results));
        for metric in ["CPU", "records/s"] {
            let one = format!("discard 100b-6p-nokey-none-1s-best: {metric}");
            assert_eq!(outcome(&verdicts, &one), Some(false));
            let many = format!("discard 100b-6p-nokey-none-1s-best raban-many: {metric}");
            assert_eq!(outcome(&verdicts, &many), Some(true));
        }
    }

    #[test]
    fn python_is_judged_way_by_way() {
        let results = results(
            TargetKind::Discard,
            Cell::DECIDING,
            &[
                ("python-raban", Kind::Own, &[(1e6, 1.1)]),
                ("python-raban-many", Kind::Own, &[(3e6, 0.3)]),
                ("python-confluent", Kind::Peer, &[(9e5, 1.0)]),
                ("python-kafka", Kind::Peer, &[(7e4, 14.0)]),
            ],
        );
        let verdicts = judge(&Block::all(&results));
        let deciding = "discard 100b-6p-nokey-none-1s-best python-raban";
        for (promise, holds) in [
            (": records/s of python-confluent's", true),
            (": CPU per record of python-confluent's", false),
            (": records/s of python-kafka's", false),
            ("-many: records/s of python-confluent's", true),
            ("-many: records/s of python-kafka's", true),
        ] {
            let promise = format!("{deciding}{promise}");
            assert_eq!(outcome(&verdicts, &promise), Some(holds), "{promise}");
        }
        let aio = format!("{deciding}-aio: records/s of python-aiokafka's");
        assert_eq!(outcome(&verdicts, &aio), None);
    }

    #[test]
    fn what_was_not_measured_is_not_decided() {
        let verdicts = verdicts(TargetKind::Kafka, (2e6, 0.2), (2e6, 0.4));
        assert_eq!(
            outcome(&verdicts, "discard 100b-6p-nokey-none-1s-best: records/s"),
            None
        );
        let four = "kafka 100b-6p-nokey-none-4s-best: records/s";
        assert_eq!(outcome(&verdicts, four), None);
        assert_eq!(
            outcome(&verdicts, "kafka 100b-6p-nokey-gzip-1s-best: bytes"),
            None
        );
    }
}
