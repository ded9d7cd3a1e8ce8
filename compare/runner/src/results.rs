//! What was measured, as it is kept in the JSON file.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use load::Report;
use serde::Serialize;

use crate::cell::Cell;
use crate::program::Kind;
use crate::target::TargetKind;

/// A whole comparison.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    /// How the Rust programs are built.
    pub(crate) build: &'static str,
    pub(crate) rounds: u32,
    pub(crate) programs: Vec<Taking>,
    /// Programs and targets that could not take part, and why.
    pub(crate) skipped: BTreeMap<String, String>,
    pub(crate) samples: Vec<Sample>,
}

/// Where it was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    /// Seconds since the Unix epoch when it began.
    pub(crate) began: u64,
}

/// A program that takes part.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Taking {
    pub(crate) name: &'static str,
    #[serde(skip)]
    pub(crate) kind: Kind,
    pub(crate) version: String,
    pub(crate) note: &'static str,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) target: TargetKind,
    pub(crate) cell: Cell,
    pub(crate) round: u32,
    pub(crate) program: &'static str,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Measured {
        #[serde(flatten)]
        report: Report,
        /// Bytes that the broker's log grew by, for each record, warm-up included.
        broker_bytes_per_record: Option<f64>,
    },
    Failed(String),
}

impl Machine {
    /// This one, as far as the system tells.
    pub(crate) fn this(began: u64) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory_kib = field(&read("/proc/meminfo"), "MemTotal")
            .and_then(|value| value.strip_suffix(" kB")?.parse::<f64>().ok());
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            processors: std::thread::available_parallelism().map_or(0, Into::into),
            memory_gib: memory_kib.map_or(0.0, |kib| (kib / 1024.0 / 1024.0 * 10.0).round() / 10.0),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            began,
        }
    }
}

impl Results {
    /// Writes them as JSON, so that a run that is cut off leaves what it has.
    ///
    /// # Errors
    /// A file that can't be written.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        fs::write(path, json)
    }
}
