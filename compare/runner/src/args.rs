//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::cell::Cell;
use crate::target::TargetKind;
use crate::verdict;

/// Compares raban with its peers: every program in turn, round after round, each in a process of its own. Prints a table, and
/// writes it, the raw figures as JSON and one page with plots.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Only the case that decides: 100 bytes, 6 partitions, no key, no compression, one sender, best-known settings.
    #[arg(long, conflicts_with = "cells")]
    quick: bool,
    /// Only the cases that raban's promises are about, each against the targets that they are about.
    #[arg(long, conflicts_with_all = ["quick", "cells", "python"])]
    promises: bool,
    /// Cases by name, separated by commas: parts that are left out are the deciding case's, as in `zstd,4s-defaults`. `all` are all
    /// combinations. Default: the deciding case, each of its parts changed alone, the same with defaults, and latency.
    #[arg(long, value_delimiter = ',')]
    cells: Vec<Cells>,
    /// How often each program runs in each case.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Records of a run, in place of each case's own number.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: Option<u64>,
    /// What to send to.
    #[arg(long, value_enum, default_value_t = Targets::Both)]
    pub(crate) target: Targets,
    /// Programs by name, separated by commas; default: all, Python's only with --python.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// The Python part: raban's Python package and its peers in place of all others, and by default only in the deciding case, with
    /// best-known settings and with defaults.
    #[arg(long)]
    pub(crate) python: bool,
    /// Only whether the memory of raban's Python package grows with the records that it sends.
    #[arg(long, conflicts_with_all = ["quick", "cells", "rounds", "records", "target", "only", "python", "out"])]
    pub(crate) python_memory: bool,
    /// The folder to write to.
    #[arg(long, default_value = "results")]
    pub(crate) out: PathBuf,
    /// Seconds after which a run counts as failed.
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
    /// Tells programs and cases, and runs nothing.
    #[arg(long)]
    pub(crate) list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Targets {
    Kafka,
    Discard,
    Both,
}

impl Targets {
    pub(crate) const fn kinds(self) -> &'static [TargetKind] {
        match self {
            Self::Kafka => &[TargetKind::Kafka],
            Self::Discard => &[TargetKind::Discard],
            Self::Both => &[TargetKind::Kafka, TargetKind::Discard],
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Cells {
    All,
    One(Cell),
}

impl std::str::FromStr for Cells {
    type Err = crate::cell::NotACell;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "all" => Ok(Self::All),
            name => name.parse().map(Self::One),
        }
    }
}

impl Args {
    /// The cases to run against a target, none twice.
    pub(crate) fn cells(&self, target: TargetKind) -> Vec<Cell> {
        if self.quick {
            return vec![Cell::DECIDING];
        }
        if self.promises {
            return verdict::cells(target);
        }
        if self.cells.is_empty() {
            return match self.python {
                true => Cell::of_both_settings().into(),
                false => Cell::standard(),
            };
        }
        let mut cells = Vec::new();
        for given in &self.cells {
            let given = match given {
                Cells::All => Cell::all(),
                Cells::One(cell) => vec![*cell],
            };
            for cell in given {
                if !cells.contains(&cell) {
                    cells.push(cell);
                }
            }
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("compare").chain(words.split_whitespace()))
    }

    #[test]
    fn cells_are_chosen() {
        let cells = |words| parse(words).unwrap().cells(TargetKind::Discard);
        assert_eq!(cells(""), Cell::standard());
        assert_eq!(cells("--quick"), [Cell::DECIDING]);
        assert_eq!(cells("--promises"), verdict::cells(TargetKind::Discard));
        assert_eq!(cells("--python"), Cell::of_both_settings());
        assert_eq!(cells("--cells best,6p,4s").len(), 2);
        assert_eq!(cells("--cells 4s,all").len(), Cell::all().len());
    }

    #[test]
    fn bad_input_is_refused() {
        for bad in [
            "--cells fast",
            "--rounds 0",
            "--records x",
            "--target redpanda",
            "--quick --cells 4s",
            "--promises --quick",
            "--python-memory --quick",
            "--timeout 0",
            "--fast",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let error = parse("--cells 4x").unwrap_err().to_string();
        assert!(error.contains("\"4x\" in \"4x\" is no part"), "{error}");
    }
}
