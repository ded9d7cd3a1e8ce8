//! Whether the memory of raban's Python package grows with the records that it has sent.

use std::error::Error;
use std::fs;
use std::time::Duration;

use crate::build::Places;
use crate::cell::Cell;
use crate::measure::arguments;
use crate::table::number;
use crate::target::{Target, TargetKind};
use crate::{pool, process};

/// Records after which it is looked at.
const FIRST: u64 = 1_000_000;
const ALL: u64 = 10_000_000;
/// KiB that may be resident after all records and weren't after the first: 32 MB.
const ALLOWED: i64 = 32_000_000 / 1024;

/// Sends and looks, and tells; whether it keeps within what is allowed.
///
/// # Errors
/// That it can't be built or started, or fails.
pub(crate) fn check(timeout: Duration) -> Result<bool, Box<dyn Error>> {
    let places = Places::find()?;
    let start = places.python("memory_raban.py", "raban")?;
    let target = Target::start(TargetKind::Discard, &places)?;
    let scratch = tempfile::tempdir()?;
    let pool = scratch.path().join("pool");
    fs::write(&pool, pool::text())?;
    let (cell, topic) = (Cell::DECIDING, "memory");
    target.create(topic, cell.partitions)?;
    let mut command = start.command();
    command
        .args(arguments(
            cell,
            ALL - FIRST,
            FIRST,
            target.bootstrap(),
            topic,
        ))
        .arg("--pool")
        .arg(pool);
    let resident: [i64; 2] = process::run(command, scratch.path(), timeout)?;
    let came = target.holds(topic)?.records;
    if came != ALL {
        return Err(format!("of {ALL} records the broker has {came}").into());
    }
    let (text, holds) = verdict(resident);
    println!("{text}");
    Ok(holds)
}

fn verdict([first, all]: [i64; 2]) -> (String, bool) {
    let holds = all - first <= ALLOWED;
    let word = if holds { "holds" } else { "MISSED" };
    let mb = |kib: i64| number(kib as f64 * 1024.0 / 1e6, 1);
    let [after_first, after_all] = [FIRST, ALL].map(|records| number(records as f64, 0));
    let text = format!(
        "{word}  python-raban: resident after {after_all} records ≤ 32 MB more than after {after_first}: {} MB, {} and before {}",
        mb(all - first),
        mb(all),
        mb(first)
    );
    (text, holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_judged() {
        let (text, holds) = verdict([50_000, 80_000]);
        assert!(
            holds && text.starts_with("holds") && text.contains(": 30.7 MB, 81.9 and before 51.2"),
            "{text}"
        );
        assert!(!verdict([50_000, 82_000]).1);
        assert!(verdict([50_000, 40_000]).1);
    }
}
