//! The way of records through the producer, and steps of it.

use std::time::Duration;

use raban_core::NewRecord;

use crate::Meter;
use crate::rig::{ALL, Rig, Step};

/// Of a producer that gets a million records in a second.
const TICK: Duration = Duration::from_millis(1);
const PER_TICK: u64 = 1000;
const TICKS: u64 = 50;

/// In each batch where the bench says how many.
const PER_BATCH: u64 = 100;
/// Java's default of `linger.ms`.
const LINGER: Duration = Duration::from_millis(5);

const VALUE: [u8; 100] = [7; 100];

/// Batches that grow would differ with the number of partitions.
const EQUAL_BATCHES: [(&str, &str); 1] = [("batch.growth.enable", "false")];

fn record<'a>(partition: Option<i32>, key: Option<&'a [u8]>) -> NewRecord<'a> {
    NewRecord {
        partition,
        key,
        value: Some(&VALUE),
        ..NewRecord::default()
    }
}

pub(crate) fn append_without_key(meter: &mut Meter) -> u64 {
    let mut rig = Rig::new(6, &[]);
    unkeyed(&mut rig, meter, &[Step::Append])
}

pub(crate) fn append_with_key(meter: &mut Meter) -> u64 {
    let mut rig = Rig::new(6, &[]);
    for tick in 0..TICKS {
        rig.round(meter, &[Step::Append], TICK, &mut |rig| {
            for index in 0..PER_TICK {
                let key = (tick * PER_TICK + index).to_be_bytes();
                rig.append(&record(None, Some(&key)));
            }
        });
    }
    TICKS * PER_TICK
}

/// As many at a time as `send_many` looks at.
pub(crate) fn append_many(meter: &mut Meter) -> u64 {
    let mut rig = Rig::new(6, &[]);
    let records = [record(None, None); 32];
    let calls = PER_TICK / records.len() as u64;
    for _ in 0..TICKS {
        rig.round(meter, &[Step::Append], TICK, &mut |rig| {
            (0..calls).for_each(|_| rig.append_many(&records));
        });
    }
    TICKS * calls * records.len() as u64
}

pub(crate) fn drain(meter: &mut Meter) -> u64 {
    of_each(&mut Rig::new(6, &[]), 6, 20, meter, &[Step::Drain]) / PER_BATCH
}

pub(crate) fn settle(meter: &mut Meter) -> u64 {
    of_each(&mut Rig::new(6, &[]), 6, 20, meter, &[Step::Settle]) / PER_BATCH
}

pub(crate) fn outcomes(meter: &mut Meter) -> u64 {
    of_each(&mut Rig::new(6, &[]), 6, 20, meter, &[Step::Await])
}

/// Records without a key: one partition after the other gets a batch's worth.
pub(crate) fn sticky<const PARTITIONS: i32>(meter: &mut Meter) -> u64 {
    let mut rig = Rig::new(PARTITIONS, &EQUAL_BATCHES);
    unkeyed(&mut rig, meter, &ALL)
}

/// Records in turn for all partitions, so that each has an open batch before the first one leaves.
pub(crate) fn spread<const PARTITIONS: i32>(meter: &mut Meter) -> u64 {
    let mut rig = Rig::new(PARTITIONS, &EQUAL_BATCHES);
    let rounds = (10_000 / PARTITIONS as u64).min(20);
    of_each(&mut rig, PARTITIONS, rounds, meter, &ALL)
}

/// A batch of one partition fills again and again, while all others wait for theirs to be old enough.
pub(crate) fn one_fills<const PARTITIONS: i32>(meter: &mut Meter) -> u64 {
    let settings = [("linger.ms", "60000"), ("batch.size", "11000")];
    let mut rig = Rig::new(PARTITIONS, &[&settings[..], &EQUAL_BATCHES].concat());
    rig.round(&mut Meter::default(), &[], TICK, &mut |rig| {
        (1..PARTITIONS).for_each(|partition| rig.append(&record(Some(partition), None)));
    });
    one(&mut rig, meter, |_| 0, |_| {})
}

/// Each flush is for the records of one partition.
pub(crate) fn one_flushed<const PARTITIONS: i32>(meter: &mut Meter) -> u64 {
    let mut rig = Rig::new(PARTITIONS, &EQUAL_BATCHES);
    let flush = |rig: &mut Rig| drop(rig.accumulator.flush(rig.now));
    one(&mut rig, meter, |tick| tick as i32 % PARTITIONS, flush)
}

fn unkeyed(rig: &mut Rig, meter: &mut Meter, measured: &[Step]) -> u64 {
    for _ in 0..TICKS {
        rig.round(meter, measured, TICK, &mut |rig| {
            (0..PER_TICK).for_each(|_| rig.append(&record(None, None)));
        });
    }
    TICKS * PER_TICK
}

/// One record in each batch, and as many batches in a request as there are partitions.
pub(crate) fn one_each<const PARTITIONS: i32>(meter: &mut Meter) -> u64 {
    let mut rig = Rig::new(PARTITIONS, &EQUAL_BATCHES);
    let rounds = (10_000 / PARTITIONS as u64).min(20);
    let small = |partition| NewRecord {
        partition: Some(partition),
        value: Some(b"small"),
        ..NewRecord::default()
    };
    for _ in 0..rounds {
        rig.round(meter, &ALL, LINGER, &mut |rig| {
            (0..PARTITIONS).for_each(|index| rig.append(&small(index)));
        });
    }
    rounds * PARTITIONS as u64
}

/// Rounds of a batch of each partition.
fn of_each(
    rig: &mut Rig,
    partitions: i32,
    rounds: u64,
    meter: &mut Meter,
    measured: &[Step],
) -> u64 {
    for _ in 0..rounds {
        rig.round(meter, measured, LINGER, &mut |rig| {
            for _ in 0..PER_BATCH {
                (0..partitions).for_each(|index| rig.append(&record(Some(index), None)));
            }
        });
    }
    rounds * PER_BATCH * partitions as u64
}

/// Rounds of a batch of one partition.
fn one(
    rig: &mut Rig,
    meter: &mut Meter,
    partition: impl Fn(u64) -> i32,
    end: impl Fn(&mut Rig),
) -> u64 {
    for tick in 0..TICKS {
        rig.round(meter, &ALL, TICK, &mut |rig| {
            let record = record(Some(partition(tick)), None);
            (0..PER_BATCH).for_each(|_| rig.append(&record));
            end(rig);
        });
    }
    TICKS * PER_BATCH
}
