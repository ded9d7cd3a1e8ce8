//! Topics made anew: which acknowledgements an earlier topic of the name gave, as the offsets tell.
//!
//! One producer's acknowledged offsets rise with its records in each partition of a topic. Where they fall, a new topic
//! begins. So nothing is excused by the clock: a record counts as gone with its topic only if its offset says so.

use std::collections::HashMap;
use std::time::Duration;

use super::history::{End, Entry, History};

/// A topic of the name was deleted and made anew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anew {
    /// Before it was deleted.
    pub(crate) from: Duration,
    /// Each node knew the new one.
    pub(crate) to: Duration,
}

/// The first record that the last topic of the name acknowledged, of each partition that had an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Beginnings(HashMap<i16, u64>);

impl Beginnings {
    /// # Panics
    /// If a partition's offsets fall at other times than those of `anew`, or not as often.
    pub(crate) fn of(history: &History, anew: &[Anew]) -> Self {
        let mut last: HashMap<i16, (&Entry, usize)> = HashMap::new();
        let mut beginnings = Self::default();
        let acknowledged = (0..).zip(&history.entries);
        for (number, entry) in acknowledged.filter(|(_, entry)| entry.end == End::Acknowledged) {
            let (before, topics) = last.entry(entry.partition).or_insert((entry, 0));
            if entry.offset < before.offset {
                let said = || history.describe(number);
                let anew = anew.get(*topics).unwrap_or_else(|| {
                    panic!("offsets fall, and the topic is the same: {}", said())
                });
                assert!(
                    u128::from(before.enqueued) <= anew.to.as_millis()
                        && u128::from(entry.settled) >= anew.from.as_millis(),
                    "offsets fall, and the topic was made anew at another time: {}",
                    said()
                );
                *topics += 1;
                beginnings.0.insert(entry.partition, number);
            }
            *before = entry;
        }
        for (partition, (_, topics)) in last {
            assert_eq!(topics, anew.len(), "new topics in partition {partition}");
        }
        beginnings
    }

    /// Whether an acknowledgement came from a topic that is gone.
    pub(crate) fn is_earlier(&self, number: u64, entry: &Entry) -> bool {
        let beginning = self.0.get(&entry.partition);
        entry.end == End::Acknowledged && beginning.is_some_and(|first| number < *first)
    }
}
