//! `raban partition --sample`: which partitioner put a topic's keys where they are.

use std::collections::BTreeSet;

use raban::partitioner::NamedPartitioner;
use raban::{Admin, PartitionDescription, ReadError, Reader, Settings};
use serde::Serialize;

use super::configured;
use crate::args::Partition;
use crate::cluster::not_started;
use crate::commands::{consume, topic};
use crate::exit::{Exit, Failure};
use crate::output::printed;
use crate::progress::tell;

/// Partitions looked into: a hash that didn't choose them is right in any of them by chance alone.
const MOST_PARTITIONS: usize = 16;
/// A hash is told from others where it would fit by chance in less than one of so many samples.
const SURE: f64 = 1e6;

pub(super) fn run(args: &Partition, topic: &str) -> Result<Exit, Failure> {
    let settings = args.cluster.settings()?;
    let configured = configured(&settings)?;
    let sample = Sample::read(&settings, topic, args.max_messages)?;
    if sample.keys.is_empty() {
        let records = sample.records;
        return Err(Failure::failed(format!(
            "topic {topic}: none of {records} records has a key, so that nothing can be told"
        )));
    }
    let scores = sample.scores();
    let exit = printed(|data| {
        for score in &scores {
            match args.report {
                None => {
                    data.write(format!("{}\t{}\n", score.partitioner, score.percent()).as_bytes())?
                }
                Some(_) => data.write_json(&Line::of(score, configured))?,
            }
        }
        Ok(())
    })?;
    tell(&sample.verdict(&scores));
    if sample.is_sure(&scores)
        && let Some(warning) = warning(&scores, configured)
    {
        tell(&format!("warning: {warning}"));
    }
    Ok(exit)
}

/// Different keys of a topic, and where they are.
struct Sample {
    topic: String,
    partitions: i32,
    records: u64,
    keys: BTreeSet<(i32, Vec<u8>)>,
}

impl Sample {
    /// The newest records of some partitions.
    fn read(settings: &Settings, name: &str, most: u32) -> Result<Self, Failure> {
        let admin = Admin::from_settings(settings).map_err(not_started)?;
        let described = admin.blocking().describe(name).map_err(topic::failure)?;
        if described.partitions.len() == 1 {
            return Err(Failure::failed(format!(
                "topic {name} has one partition, where all of them put every key, so that nothing can be told"
            )));
        }
        let mut sample = Self {
            topic: name.to_owned(),
            partitions: i32::try_from(described.partitions.len()).unwrap_or(i32::MAX),
            records: 0,
            keys: BTreeSet::new(),
        };
        let filled: Vec<_> = described.partitions.iter().filter_map(filled).collect();
        let step = filled.len().div_ceil(MOST_PARTITIONS).max(1);
        let chosen: Vec<_> = filled.into_iter().step_by(step).collect();
        let share = i64::from(most)
            .div_euclid(chosen.len().max(1) as i64)
            .max(1);
        for (partition, first, end) in chosen.into_iter().take(most as usize) {
            let reader = Reader::builder(name)
                .settings(settings)
                .partition(partition)
                .from_offset(first.max(end - share))
                .exit_at_end();
            let mut reader = reader.open().map_err(not_started)?;
            sample
                .take(&mut reader, share)
                .map_err(|error| consume::failure(&error))?;
        }
        Ok(sample)
    }

    fn take(&mut self, reader: &mut Reader, most: i64) -> Result<(), ReadError> {
        for _ in 0..most {
            let Some(record) = reader.blocking_next()? else {
                break;
            };
            self.records += 1;
            self.keys
                .extend(record.key.map(|key| (record.partition, key.to_vec())));
        }
        Ok(())
    }

    /// Of all partitioners that look at keys, the best first.
    fn scores(&self) -> Vec<Score> {
        let score = |partitioner: NamedPartitioner| {
            let mut score = Score {
                partitioner,
                keys: 0,
                placed: 0,
            };
            for (partition, key) in &self.keys {
                if let Some(chosen) = partitioner.partition_for_key(Some(key), self.partitions) {
                    score.keys += 1;
                    score.placed += usize::from(chosen == *partition);
                }
            }
            score
        };
        let mut scores: Vec<Score> = NamedPartitioner::ALL.iter().copied().map(score).collect();
        scores.retain(|score| {
            !matches!(
                score.partitioner,
                NamedPartitioner::Random | NamedPartitioner::RoundRobin
            )
        });
        scores.sort_by(|a, b| b.share().total_cmp(&a.share()));
        scores
    }

    /// Whether those that fit hash alike, and others would hardly fit by chance.
    fn is_sure(&self, scores: &[Score]) -> bool {
        let mut fitting = scores.iter().filter(|score| score.fits());
        let Some(best) = fitting.next() else {
            return false;
        };
        let by_chance = f64::from(self.partitions).powf(best.keys as f64);
        by_chance >= SURE && fitting.all(|score| score.is_like(best))
    }

    fn verdict(&self, scores: &[Score]) -> String {
        let Self { topic, records, .. } = self;
        let keys = self.keys.len();
        let seen = format!("topic {topic}, {records} records, different keys: {keys}");
        let fitting: Vec<&Score> = scores.iter().filter(|score| score.fits()).collect();
        if fitting.is_empty() {
            let best = &scores[0];
            return format!(
                "{seen}; none fits all, the best, {}, {} %. Several producers with different partitioners may have \
                 written them, or named partitions themselves, or the topic had fewer partitions",
                best.partitioner,
                best.percent()
            );
        }
        let names: Vec<_> = fitting
            .iter()
            .map(|score| score.partitioner.name())
            .collect();
        let names = names.join(", ");
        if !self.is_sure(scores) {
            return format!(
                "{seen}; {names} fit, but so few keys in {} partitions may do so by chance; look at more of them with \
                 --max-messages",
                self.partitions
            );
        }
        match fitting.len() {
            1 => format!("{seen}; put there by {names}"),
            _ => format!("{seen}; put there by {names}, which hash alike"),
        }
    }
}

/// Its number, first and next offset, if it holds something.
fn filled(partition: &PartitionDescription) -> Option<(i32, i64, i64)> {
    let (first, end) = (partition.start_offset?, partition.end_offset?);
    (first < end).then_some((partition.partition, first, end))
}

/// The settings' partitioner, where it is not the one that fits.
fn warning(scores: &[Score], configured: NamedPartitioner) -> Option<String> {
    let fitting = || scores.iter().filter(|score| score.fits());
    // Of those that hash alike the one that spreads records without a key.
    let spreads = |score: &&Score| score.partitioner.partition_for_key(None, 1).is_none();
    let best = fitting().find(spreads).or_else(|| fitting().next())?;
    let own = scores.iter().find(|score| score.partitioner == configured);
    if own.is_some_and(Score::fits) {
        return None;
    }
    let places = match own {
        Some(own) => format!("puts {} % of these keys where they are", own.percent()),
        None => "doesn't look at keys".to_owned(),
    };
    Some(format!(
        "the settings choose as {configured}, which {places}: the order of a key's records would be lost. Set \
         partitioner.class={}",
        best.partitioner
    ))
}

/// How well a partitioner explains where keys are.
struct Score {
    partitioner: NamedPartitioner,
    /// Of which it says where they go.
    keys: usize,
    placed: usize,
}

impl Score {
    fn fits(&self) -> bool {
        self.keys > 0 && self.placed == self.keys
    }

    fn share(&self) -> f64 {
        self.placed as f64 / self.keys.max(1) as f64
    }

    /// Rounded down: 100.0 are all.
    fn percent(&self) -> String {
        match self.keys {
            0 => "-".to_owned(),
            _ => format!("{:.1}", (self.share() * 1000.0).floor() / 10.0),
        }
    }

    /// Whether both hash keys in the same way.
    fn is_like(&self, other: &Self) -> bool {
        const PROBES: [&[u8]; 3] = [b"raban", b"partition", b"sample"];
        PROBES.iter().all(|key| {
            let choice = |score: &Self| score.partitioner.partition_for_key(Some(key), i32::MAX);
            choice(self) == choice(other)
        })
    }
}

#[derive(Serialize)]
struct Line {
    partitioner: &'static str,
    keys: usize,
    placed: usize,
    fits: bool,
    configured: bool,
}

impl Line {
    fn of(score: &Score, configured: NamedPartitioner) -> Self {
        Self {
            partitioner: score.partitioner.name(),
            keys: score.keys,
            placed: score.placed,
            fits: score.fits(),
            configured: score.partitioner == configured,
        }
    }
}
