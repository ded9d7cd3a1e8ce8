//! What a program tells: one line of JSON on standard output.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The outcome of one run. Programs in other languages print the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What the client was told, by its own names; empty for defaults.
    pub settings: BTreeMap<String, String>,
    /// Measured records, each confirmed.
    pub records: u64,
    /// From the first measured record's sending to the last one's confirmation.
    pub seconds: f64,
    /// User and system time of the process in these seconds.
    pub cpu_seconds: f64,
    /// The most memory that the process ever had (VmHWM).
    pub peak_kib: u64,
    /// From the intended time of sending to the confirmation, if there was one.
    #[serde(default)]
    pub latency: Option<Latency>,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
}
