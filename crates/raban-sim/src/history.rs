//! All that ever was in a log, and how it left: known from the cluster alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raban_protocol::primitives::Uuid;
use raban_protocol::record_batch::{BatchHeader, Record};

use crate::content::{RecordId, number_of};
use crate::ledger::Ledger;
use crate::stage::WALL_MS;
use crate::workload::DAY_MS;

/// Resent batches are among the latest ones.
const LOOK_BACK: usize = 20;

/// Why a record is no longer in its log. The cluster's doing, every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// A new leader didn't have it.
    Truncated {
        /// A consumer could have read it: it was below the high watermark.
        was_visible: bool,
        at: Duration,
    },
    /// `DeleteRecords` came past it.
    Deleted,
    /// Compaction took it.
    Compacted,
    /// Its topic was deleted.
    TopicDeleted,
}

/// Where a record was put.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Index into [`History::logs`].
    pub(crate) log: usize,
    /// Index into [`Log::batches`].
    pub(crate) batch: usize,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) gone: Option<Gone>,
}

/// What a partition's leader has forgotten of producers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Amnesia {
    /// How often it forgot by a fault, whatever the age of the records.
    pub(crate) forgotten: u32,
    pub(crate) forgotten_at: Duration,
    /// How often it forgot producers of old records, as it may.
    pub(crate) expired: u32,
    /// When it last told that it knows producers, without having rejected a batch since.
    pub(crate) known_at: Option<Duration>,
    /// When it last refused to tell, without having rejected a batch since.
    pub(crate) denied_at: Option<Duration>,
}

impl Amnesia {
    pub(crate) fn times(&self) -> u32 {
        self.forgotten + self.expired
    }

    /// Whether the leader, asked since then, said that it knows producers, and forgot them after that; or wouldn't tell.
    pub(crate) fn assured(&self, since: Duration) -> bool {
        let known = |at| since <= at && at <= self.forgotten_at;
        self.known_at.is_some_and(known) || self.denied_at.is_some_and(|at| since <= at)
    }
}

/// A batch as it was appended.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) at: Duration,
    pub(crate) header: BatchHeader,
    /// The request came from a connection that the producer had given up.
    pub(crate) late: bool,
    pub(crate) amnesia: Amnesia,
    /// Not in the log any more.
    pub(crate) truncated: bool,
    /// It doesn't follow the last batch of its producer, and the leader couldn't know, having no state.
    pub(crate) behind_a_hole: bool,
    pub(crate) records: Vec<RecordId>,
}

impl Batch {
    /// Whether brokers remember by its records who sent it.
    pub(crate) fn is_young(&self, at: Duration) -> bool {
        WALL_MS + at.as_millis() as i64 - self.header.max_timestamp < DAY_MS
    }
}

/// A partition from its creation to its deletion.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) topic: String,
    pub(crate) id: Uuid,
    pub(crate) index: i32,
    pub(crate) batches: Vec<Batch>,
    pub(crate) end: i64,
    /// The highest high watermark since the log was cut last.
    pub(crate) visible: i64,
    pub(crate) amnesia: Amnesia,
    /// What a producer could have learnt from the log or its leader was lost, or denied.
    pub(crate) disturbed: bool,
}

impl Log {
    /// Whether the batch is in the log, by what brokers tell batches by.
    pub(crate) fn knows(&self, batch: &BatchHeader) -> bool {
        let key = |header: &BatchHeader| {
            let BatchHeader {
                producer_id,
                producer_epoch,
                base_sequence,
                ..
            } = *header;
            (
                producer_id,
                producer_epoch,
                base_sequence,
                header.last_sequence(),
            )
        };
        let latest_first = self.batches.iter().rev();
        let mut alive = latest_first.filter(|held| !held.truncated).take(LOOK_BACK);
        batch.producer_id >= 0 && alive.any(|held| key(&held.header) == key(batch))
    }
}

/// All partitions that ever were.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) logs: Vec<Log>,
    current: BTreeMap<(String, i32), usize>,
    /// By record: each place that it was put to.
    pub(crate) places: BTreeMap<RecordId, Vec<Place>>,
    /// The first sequence under an identity that a broker gave, where it isn't 0.
    first_sequence: i32,
    /// The identities that brokers gave.
    pub(crate) given: BTreeSet<(i64, i16)>,
    /// What nobody can have sent.
    pub(crate) foreign: Option<String>,
}

impl History {
    pub(crate) fn beginning_at(first_sequence: i32) -> Self {
        Self {
            first_sequence,
            ..Self::default()
        }
    }

    /// The partition as it is now; a new one where the topic id is new.
    pub(crate) fn log(&mut self, topic: &str, index: i32, id: Uuid) -> usize {
        let key = (topic.to_owned(), index);
        if let Some(at) = self.current.get(&key)
            && self.logs[*at].id == id
        {
            return *at;
        }
        self.logs.push(Log {
            topic: key.0.clone(),
            id,
            index,
            batches: Vec::new(),
            end: 0,
            visible: 0,
            amnesia: Amnesia::default(),
            disturbed: false,
        });
        self.current.insert(key, self.logs.len() - 1);
        self.logs.len() - 1
    }

    pub(crate) fn current(&self, topic: &str, index: i32) -> Option<usize> {
        self.current.get(&(topic.to_owned(), index)).copied()
    }

    /// Whether a record of a log is what the application gave for it.
    pub(crate) fn compare(&mut self, ledger: &Ledger, log: usize, record: &Record) {
        let entry = number_of(record).and_then(|id| ledger.get(id).map(|entry| (id, entry)));
        if !entry.is_some_and(|(id, entry)| entry.shape.content(id).is_in(record)) {
            let Log { topic, index, .. } = &self.logs[log];
            let place = format!("{topic}-{index} offset {}", record.offset);
            self.foreign.get_or_insert(place);
        }
    }

    /// Takes in batches that are new in the log. Returns how many of them were accepted behind a hole.
    pub(crate) fn append(
        &mut self,
        at: Duration,
        log: usize,
        late: bool,
        batches: Vec<(BatchHeader, Vec<Record>)>,
    ) -> usize {
        let first = self.logs[log].batches.len();
        for (header, records) in batches {
            let behind_a_hole =
                self.leaves_a_hole(log, &header) && self.is_forgetful(at, log, &header);
            let held = &mut self.logs[log];
            let batch = held.batches.len();
            held.end = header.last_offset() + 1;
            let mut ids = Vec::with_capacity(records.len());
            for record in records {
                // Others were noted when they were compared.
                let Some(id) = number_of(&record) else {
                    continue;
                };
                ids.push(id);
                self.places.entry(id).or_default().push(Place {
                    log,
                    batch,
                    offset: record.offset,
                    timestamp: record.timestamp,
                    gone: None,
                });
            }
            let amnesia = held.amnesia;
            held.batches.push(Batch {
                at,
                header,
                late,
                amnesia,
                truncated: false,
                behind_a_hole,
                records: ids,
            });
        }
        self.logs[log].batches[first..]
            .iter()
            .filter(|batch| batch.behind_a_hole)
            .count()
    }

    /// Marks the records of a log for which `gone` says so, by their places.
    fn remove(&mut self, log: usize, mut gone: impl FnMut(&Place) -> Option<Gone>) -> usize {
        let mut removed = 0;
        for batch in &self.logs[log].batches {
            for id in &batch.records {
                let places = self.places.get_mut(id).into_iter().flatten();
                for place in places.filter(|place| place.log == log) {
                    if let Some(gone) = gone(place) {
                        place.gone = Some(gone);
                        removed += 1;
                    }
                }
            }
        }
        removed
    }

    /// The log ends at `end` now: a leader without the rest took over. Returns how many records are
    /// lost that readers could see.
    pub(crate) fn truncate(&mut self, at: Duration, log: usize, end: i64) -> usize {
        let visible = self.logs[log].visible;
        let mut seen = 0;
        self.remove(log, |place| {
            // What was deleted before is lost, too: the new leader never had it.
            let is_lost =
                place.offset >= end && !matches!(place.gone, Some(Gone::Truncated { .. }));
            let was_visible = place.offset < visible;
            seen += usize::from(is_lost && was_visible && place.gone.is_none());
            is_lost.then_some(Gone::Truncated { was_visible, at })
        });
        let held = &mut self.logs[log];
        (held.end, held.disturbed) = (end, true);
        for batch in &mut held.batches {
            batch.truncated |= batch.header.base_offset >= end;
        }
        held.visible = visible.min(end);
        seen
    }

    /// The log starts at `start` now.
    pub(crate) fn delete_records(&mut self, log: usize, start: i64) -> usize {
        self.logs[log].disturbed = true;
        self.remove(log, |place| {
            (place.gone.is_none() && place.offset < start).then_some(Gone::Deleted)
        })
    }

    /// Of the log only these offsets are left.
    pub(crate) fn compact(&mut self, log: usize, left: &BTreeSet<i64>) -> usize {
        self.logs[log].disturbed = true;
        self.remove(log, |place| {
            let is_gone = place.gone.is_none() && !left.contains(&place.offset);
            is_gone.then_some(Gone::Compacted)
        })
    }

    /// The partition is gone, with its topic.
    pub(crate) fn end(&mut self, log: usize) {
        self.logs[log].disturbed = true;
        self.remove(log, |place| {
            place.gone.is_none().then_some(Gone::TopicDeleted)
        });
        let Log { topic, index, .. } = &self.logs[log];
        self.current.remove(&(topic.clone(), *index));
    }

    /// Readers may see everything below `high_watermark`.
    pub(crate) fn see(&mut self, log: usize, high_watermark: i64) {
        let visible = &mut self.logs[log].visible;
        *visible = high_watermark.max(*visible);
    }

    /// Whether a batch doesn't follow the last one of its producer in the log.
    fn leaves_a_hole(&self, log: usize, batch: &BatchHeader) -> bool {
        let batches = self.logs[log]
            .batches
            .iter()
            .rev()
            .filter(|held| !held.truncated);
        let mut same = batches.filter(|held| identity(&held.header) == identity(batch));
        let last = same.next().map(|held| held.header.last_sequence());
        let follows = match last {
            Some(last) => batch.base_sequence == last.wrapping_add(1) & i32::MAX,
            None => self.may_begin(batch),
        };
        batch.producer_id >= 0 && !follows
    }

    /// Whether a batch may be the first one of its producer id and epoch.
    pub(crate) fn may_begin(&self, batch: &BatchHeader) -> bool {
        let is_given = self.given.contains(&identity(batch));
        batch.base_sequence == 0 || (is_given && batch.base_sequence == self.first_sequence)
    }

    /// Whether none of a batch's records is left.
    fn is_gone(&self, log: usize, batch: &Batch) -> bool {
        let mut ids = batch.records.iter();
        ids.all(|id| {
            let places = self.places.get(id).into_iter().flatten();
            let mut here = places.filter(|place| place.log == log);
            here.all(|place| place.gone.is_some())
        })
    }

    /// Whether the partition's leader may not have known the producer of a batch: it was made to forget since that
    /// one's last batch, whose records may be too old to be remembered, all of its batches were cut off or are gone, or the topic
    /// was made anew.
    fn is_forgetful(&self, at: Duration, log: usize, batch: &BatchHeader) -> bool {
        let held = &self.logs[log];
        let latest_first = held.batches.iter().rev();
        let mut same = latest_first
            .filter(|held| held.header.producer_id == batch.producer_id)
            .peekable();
        let cut = same.peek().is_some_and(|latest| latest.truncated);
        let earlier = &self.logs[..log];
        let again = || {
            earlier
                .iter()
                .any(|log| (&log.topic, log.index) == (&held.topic, held.index))
        };
        match same.find(|held| !held.truncated) {
            Some(last) => {
                let is_old = !last.is_young(at);
                is_old
                    || held.amnesia.times() > last.amnesia.times()
                    || (cut && self.is_gone(log, last))
            }
            None => cut || held.amnesia.times() > 0 || again(),
        }
    }
}

/// By what brokers tell producers apart.
pub(crate) fn identity(batch: &BatchHeader) -> (i64, i16) {
    (batch.producer_id, batch.producer_epoch)
}
