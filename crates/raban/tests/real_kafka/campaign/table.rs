//! The table of a campaign: a line for each round, and one for all.

use std::fmt::Display;
use std::time::Duration;

use super::check::{Findings, Wrong};
use super::faults::Fault;
use super::felt::Felt;
use super::load::Counts;

/// What a round was.
pub(crate) struct Round {
    pub(crate) fault: Fault,
    /// Where the fault hit, unless it couldn't be done.
    pub(crate) hit: Option<String>,
    /// How it ended what was closed, dropped and flushed in its midst.
    pub(crate) ended: String,
    pub(crate) took: Duration,
    pub(crate) counts: Counts,
}

/// The table, and the sum of all rounds.
pub(crate) fn print(rounds: &[Round], found: &[Findings], felt: &[Felt]) -> Findings {
    let mut sum = Findings::default();
    let heads = [
        "sent", "acked", "refused", "failed", "in doubt", "(there)", "retried", "resolved", "lost",
        "doubled", "disorder", "other",
    ];
    eprintln!(
        "{:24} {:>4} {}  where; what ended in its midst",
        "fault",
        "s",
        columns(heads)
    );
    for (number, ((round, found), felt)) in (1..).zip(rounds.iter().zip(found).zip(felt)) {
        sum += *found;
        let (fault, seconds) = (format!("{:?}", round.fault), round.took.as_secs());
        let cells = columns(cells(found, round.counts));
        eprintln!(
            "{number:>2} {fault:21} {seconds:>4} {cells}  {}; {}",
            round.hit.as_deref().unwrap_or("NOT DONE"),
            round.ended
        );
        eprintln!("{:30}felt: {felt}", "");
    }
    let seconds: u64 = rounds.iter().map(|round| round.took.as_secs()).sum();
    let mut counts = Counts::default();
    rounds.iter().for_each(|round| counts += round.counts);
    eprintln!("{:24} {seconds:>4} {}", "all", columns(cells(&sum, counts)));
    eprintln!("the slowest outcome took {} ms", sum.slowest);
    sum
}

fn cells(found: &Findings, counts: Counts) -> [u64; 12] {
    let Wrong {
        lost,
        misplaced,
        doubled,
        out_of_order,
        denied,
        given_up,
        open,
    } = found.wrong;
    let other = misplaced + denied + given_up + open;
    [
        found.sent,
        found.acknowledged,
        found.refused,
        found.failed,
        found.in_doubt,
        found.doubted_present,
        counts.retried,
        counts.resolved,
        lost,
        doubled,
        out_of_order,
        other,
    ]
}

fn columns<T: Display>(cells: [T; 12]) -> String {
    cells.map(|cell| format!("{cell:>8}")).join(" ")
}
