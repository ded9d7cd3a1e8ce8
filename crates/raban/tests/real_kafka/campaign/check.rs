//! Joins what the tasks were told with what an independent reader finds in the log.

use std::collections::HashMap;
use std::ops::AddAssign;
use std::sync::Arc;

use testbed::{Kafka, Read, Record};

use super::anew::{Anew, Beginnings};
use super::history::{End, Entry, History, key, origin, value};
use super::tasks::{Manner, TASKS, Task};

/// Batches of a topic that are told of one by one.
const TOLD: usize = 10;

/// What is wrong with a round's records, and how they ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) sent: u64,
    pub(crate) refused: u64,
    pub(crate) acknowledged: u64,
    pub(crate) in_doubt: u64,
    pub(crate) failed: u64,
    /// In doubt, and in the log.
    pub(crate) doubted_present: u64,
    /// The longest time from acceptance to outcome, in milliseconds.
    pub(crate) slowest: u32,
    pub(crate) wrong: Wrong,
}

/// What must not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Acknowledged, and not in the log.
    pub(crate) lost: u64,
    /// Acknowledged, and in the log at another offset only.
    pub(crate) misplaced: u64,
    /// Copies beyond the first, which may be one that is gone with its topic.
    pub(crate) doubled: u64,
    /// Behind a later record of the same producer and partition.
    pub(crate) out_of_order: u64,
    /// Refused or surely absent by the producer's word, and in the log.
    pub(crate) denied: u64,
    /// Failed or in doubt, of a task that never fails.
    pub(crate) given_up: u64,
    /// Without an outcome.
    pub(crate) open: u64,
}

impl AddAssign for Findings {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.refused += other.refused;
        self.acknowledged += other.acknowledged;
        self.in_doubt += other.in_doubt;
        self.failed += other.failed;
        self.doubted_present += other.doubted_present;
        self.slowest = self.slowest.max(other.slowest);
        let (wrong, others) = (&mut self.wrong, other.wrong);
        wrong.lost += others.lost;
        wrong.misplaced += others.misplaced;
        wrong.doubled += others.doubled;
        wrong.out_of_order += others.out_of_order;
        wrong.denied += others.denied;
        wrong.given_up += others.given_up;
        wrong.open += others.open;
    }
}

/// Reads a task's topic to its end, and judges each round's records. What an earlier topic of the name acknowledged is
/// gone with it.
pub(crate) fn judge(
    kafka: &Kafka,
    task: usize,
    history: &mut History,
    anew: &[Anew],
    rounds: &mut [Findings],
) -> u64 {
    let mut last: HashMap<(u8, i32), u64> = HashMap::new();
    let topic = TASKS[task].topic;
    let mut odd = Vec::new();
    let read = kafka.consume_each(&Read::topic(topic), |record| {
        let number = check_content(task, &record);
        let entry = &mut history.entries[number as usize];
        entry.copies = entry.copies.saturating_add(1);
        let place = (i32::from(entry.partition), entry.offset);
        entry.in_place |= place == (record.partition, record.offset);
        let furthest = last
            .entry((entry.generation, record.partition))
            .or_default();
        // A second copy is told as such, not as one out of order.
        if entry.copies == 1 && *furthest > number {
            rounds[usize::from(entry.round)].wrong.out_of_order += 1;
            odd.push((
                "behind a later one",
                number,
                record.partition,
                record.offset,
            ));
        }
        if entry.copies > 1 {
            odd.push(("once more", number, record.partition, record.offset));
        }
        *furthest = number.max(*furthest);
    });
    odd.dedup_by_key(|(_, number, _, _)| history.trails.get(number).map(Arc::as_ptr));
    for (what, number, partition, offset) in odd.into_iter().take(TOLD) {
        let said = history.describe(number);
        eprintln!(
            "{topic} has record {number} {what} at {offset} of partition {partition}: {said}"
        );
    }
    let mut told = 0;
    let beginnings = match TASKS[task].manner {
        Manner::Recreated => Beginnings::of(history, anew),
        _ => Beginnings::default(),
    };
    for (number, entry) in (0..).zip(&history.entries) {
        let is_gone = beginnings.is_earlier(number, entry);
        let findings = of(entry, &TASKS[task], is_gone);
        let Wrong {
            lost,
            misplaced,
            denied,
            given_up,
            ..
        } = findings.wrong;
        if lost + misplaced + denied + given_up > 0 && told < TOLD {
            told += 1;
            eprintln!("{topic}: record {number}: {}", history.describe(number));
        }
        rounds[usize::from(entry.round)] += findings;
    }
    read.unwrap()
}

/// The record's number; its bytes are those that were sent.
fn check_content(task: usize, record: &Record) -> u64 {
    let read = record.value.as_deref().expect("no record has a null value");
    let (of, number) = origin(read).expect("a value as the tasks make them");
    assert_eq!(of, task);
    assert!(value(task, number) == read, "the bytes of record {number}");
    let key = TASKS[task].is_keyed().then(|| key(number));
    assert!(
        key.as_ref().map(<[u8; 8]>::as_slice) == record.key.as_deref(),
        "the key of record {number}"
    );
    number
}

/// `is_gone`: the topic that acknowledged it is.
fn of(entry: &Entry, task: &Task, is_gone: bool) -> Findings {
    let present = entry.copies > 0;
    let mut findings = Findings {
        sent: 1,
        slowest: entry.settled.saturating_sub(entry.enqueued),
        ..Findings::default()
    };
    let wrong = &mut findings.wrong;
    let first = u8::from(!is_gone);
    wrong.doubled += u64::from(entry.copies.saturating_sub(first));
    match entry.end {
        End::Open => wrong.open += 1,
        End::Acknowledged => {
            findings.acknowledged += 1;
            wrong.lost += u64::from(!present && !is_gone);
            wrong.misplaced += u64::from(present && !entry.in_place && !is_gone);
        }
        End::InDoubt => {
            findings.in_doubt += 1;
            findings.doubted_present += u64::from(present);
        }
        End::Refused => {
            findings.refused += 1;
            wrong.denied += u64::from(present);
        }
        End::Failed => {
            findings.failed += 1;
            wrong.denied += u64::from(present);
        }
    }
    let given_up = matches!(entry.end, End::InDoubt | End::Refused | End::Failed);
    wrong.given_up += u64::from(given_up && task.never_fails());
    findings
}
