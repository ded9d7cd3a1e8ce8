//! What a task did and heard of each of its records, kept in a few bytes each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use raban::{ProduceError, RecordMetadata, Trail};

/// How a record ended, as the producer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Open,
    /// Not accepted.
    Refused,
    Acknowledged,
    InDoubt,
    Failed,
}

/// One record of a task. Times are milliseconds since the campaign began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) offset: i64,
    pub(crate) enqueued: u32,
    pub(crate) settled: u32,
    pub(crate) partition: i16,
    pub(crate) round: u8,
    /// Counts the producers that the task has had.
    pub(crate) generation: u8,
    pub(crate) end: End,
    /// How often the log has it, and whether once at the acknowledged place.
    pub(crate) copies: u8,
    pub(crate) in_place: bool,
}

/// A task's records by their number.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) entries: Vec<Entry>,
    /// Of records that took more than one attempt.
    pub(crate) trails: HashMap<u64, Arc<Trail>>,
    pub(crate) acknowledged: u64,
    pub(crate) given_up: u64,
    pub(crate) flushes: u64,
    pub(crate) longest_flush: Duration,
}

impl History {
    pub(crate) fn next_number(&self) -> u64 {
        self.entries.len() as u64
    }

    /// How many records ended how, and how long they took.
    pub(crate) fn told(&self) -> String {
        let ended = |end| self.entries.iter().filter(move |entry| entry.end == end);
        let mut took: Vec<u32> = ended(End::Acknowledged)
            .map(|entry| entry.settled.saturating_sub(entry.enqueued))
            .collect();
        took.sort_unstable();
        let flushes = match self.flushes {
            0 => String::new(),
            count => format!(
                "; {count} flushes, the longest took {:.1?}",
                self.longest_flush
            ),
        };
        format!(
            "{} records: {} acknowledged, {} refused, {} failed, {} in doubt; half heard of within {} ms, 99 % {} ms{flushes}",
            self.entries.len(),
            took.len(),
            ended(End::Refused).count(),
            ended(End::Failed).count(),
            ended(End::InDoubt).count(),
            took.get(took.len() / 2).unwrap_or(&0),
            took.get(took.len() * 99 / 100).unwrap_or(&0)
        )
    }

    /// All that is known of one.
    pub(crate) fn describe(&self, number: u64) -> String {
        let Entry {
            offset,
            enqueued,
            settled,
            partition,
            round,
            generation,
            end,
            ..
        } = self.entries[number as usize];
        let mut text = format!(
            "{end:?} at {offset} of partition {partition}, {enqueued} to {settled} ms, round {round}, producer {generation}"
        );
        if let Some(trail) = self.trails.get(&number) {
            for attempt in trail.attempts() {
                text += &format!("\n    attempt {}: {attempt}", attempt.number);
            }
            for resolution in trail.resolutions() {
                text += &format!("\n    {resolution}");
            }
        }
        text
    }

    /// Notes the next record; `partition` is where it was accepted to.
    pub(crate) fn enqueue(
        &mut self,
        now: Duration,
        round: u8,
        generation: u8,
        partition: Option<i32>,
    ) {
        self.entries.push(Entry {
            offset: -1,
            enqueued: millis(now),
            settled: 0,
            partition: partition.map_or(-1, |partition| partition as i16),
            round,
            generation,
            end: match partition {
                Some(_) => End::Open,
                None => End::Refused,
            },
            copies: 0,
            in_place: false,
        });
    }

    /// Notes an outcome, the only one of its record.
    pub(crate) fn settle(
        &mut self,
        now: Duration,
        number: u64,
        outcome: &Result<RecordMetadata, ProduceError>,
    ) {
        let entry = &mut self.entries[number as usize];
        assert_eq!(entry.end, End::Open, "one outcome each");
        entry.settled = millis(now);
        entry.end = match outcome {
            Ok(at) => {
                assert_eq!(at.partition(), i32::from(entry.partition));
                entry.offset = at.offset().expect("an offset with acks=all");
                self.acknowledged += 1;
                End::Acknowledged
            }
            Err(error) if error.may_have_been_written() => End::InDoubt,
            Err(_) => End::Failed,
        };
        self.given_up += u64::from(outcome.is_err());
    }
}

fn millis(time: Duration) -> u32 {
    time.as_millis().try_into().expect("less than 49 days")
}

/// A record's content follows from its task and number.
pub(crate) fn value(task: usize, number: u64) -> Vec<u8> {
    let mut value = (task as u16).to_be_bytes().to_vec();
    value.extend(number.to_be_bytes());
    let noise = noise(number);
    // One of 64 is larger than the rest.
    let padding = match number % 64 {
        0 => 400 + noise % 200,
        _ => noise % 100,
    };
    value.extend((0..padding).map(|index| (noise >> (index % 7)) as u8));
    value
}

pub(crate) fn key(number: u64) -> [u8; 8] {
    (noise(number) % 500).to_be_bytes()
}

/// Task and number of a value that [`value`] made.
pub(crate) fn origin(value: &[u8]) -> Option<(usize, u64)> {
    let task = u16::from_be_bytes(value.get(..2)?.try_into().ok()?);
    let number = u64::from_be_bytes(value.get(2..10)?.try_into().ok()?);
    Some((usize::from(task), number))
}

fn noise(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33
}
