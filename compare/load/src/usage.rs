//! What the process used, as the system counts it.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::Failure;

/// User and system time of all threads so far.
pub(crate) fn cpu() -> Result<Duration, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)
        .map_err(|error| Failure::new(format!("getrusage: {error}")))?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.unsigned_abs()))
}

/// The most memory that was ever resident, in KiB.
pub(crate) fn peak_kib() -> Result<u64, Failure> {
    let path = "/proc/self/status";
    let status =
        std::fs::read_to_string(path).map_err(|error| Failure::new(format!("{path}: {error}")))?;
    peak_of(&status).ok_or_else(|| Failure::new(format!("{path} has no VmHWM")))
}

fn peak_of(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_found() {
        assert_eq!(peak_of("VmPeak:\t 9 kB\nVmHWM:\t    1234 kB\n"), Some(1234));
        assert_eq!(peak_of("VmPeak:\t 9 kB\n"), None);
        assert!(peak_kib().unwrap() > 0);
    }
}
