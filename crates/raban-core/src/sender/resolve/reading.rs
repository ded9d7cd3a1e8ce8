//! What a partition's log tells of batches in doubt: matched by producer id, epoch and sequences,
//! never by counting records, since compaction takes records out of batches.

use bytes::Bytes;
use raban_protocol::record_batch::{BatchError, BatchHeader, split_batches};

use crate::error::Unresolved;
use crate::idempotence::Stamp;

/// A batch as the log knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) stamp: Stamp,
    pub(crate) count: u32,
}

impl Name {
    fn matches(&self, header: &BatchHeader) -> bool {
        let Stamp {
            identity,
            base_sequence,
        } = self.stamp;
        header.producer_id == identity.id
            && header.producer_epoch == identity.epoch
            && header.base_sequence == base_sequence
            && i64::from(header.last_offset_delta) + 1 == i64::from(self.count)
    }
}

/// Where a batch was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) base_offset: i64,
    /// In topics that stamp records themselves.
    pub(crate) log_append_time: Option<i64>,
}

/// Our last batch of the unbroken confirmed prefix: found where it was, it proves that the log up
/// to there is the one we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) stamp: Stamp,
    pub(crate) last_sequence: i32,
}

/// The reading of a log from the floor to its end.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The next offset to read.
    pub(crate) next: i64,
    pub(crate) end: i64,
    anchor: Option<Anchor>,
    wanted: Vec<Name>,
    found: Vec<(Stamp, Place)>,
    /// Why the absence of a batch proves nothing.
    pub(crate) incomplete: Option<Unresolved>,
    /// As [`MatchByCount`](crate::mutant::Mutant::MatchByCount) has it.
    pub(super) by_count: bool,
}

impl Reading {
    /// `from` must not lie behind any wanted batch that the log may have. With an anchor it is the
    /// offset of the anchor's last record.
    pub(crate) fn new(from: i64, end: i64, anchor: Option<Anchor>, wanted: Vec<Name>) -> Self {
        // The anchor's last record must be there to be looked at.
        let is_short = from > end || (anchor.is_some() && from == end);
        let incomplete = is_short.then_some(Unresolved::LogTruncated);
        Self {
            next: from,
            end,
            anchor,
            wanted,
            found: Vec::new(),
            incomplete,
            by_count: false,
        }
    }

    /// Where the batch of this stamp is.
    pub(crate) fn place_of(&self, stamp: Stamp) -> Option<Place> {
        let found = self.found.iter().find(|(found, _)| *found == stamp)?;
        Some(found.1)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.next >= self.end
    }

    /// Looks at the batches of a Fetch from [`next`](Self::next) on.
    pub(crate) fn take(&mut self, records: Bytes) -> Result<(), BatchError> {
        for batch in split_batches(records) {
            let (header, _) = batch?;
            if header.last_offset() < self.next {
                continue;
            }
            if self.is_done() {
                break;
            }
            self.look_at(&header);
            self.next = header.last_offset().saturating_add(1);
        }
        Ok(())
    }

    fn look_at(&mut self, header: &BatchHeader) {
        if header.base_offset > self.next {
            self.incomplete.get_or_insert(Unresolved::Compacted);
        }
        if let Some(anchor) = self.anchor.take() {
            let found = header.producer_id == anchor.stamp.identity.id
                && header.producer_epoch == anchor.stamp.identity.epoch
                && header.last_sequence() == anchor.last_sequence
                && header.last_offset() == self.next;
            if !found {
                self.incomplete.get_or_insert(Unresolved::LogTruncated);
            }
        }
        let by_count =
            |name: &Name| self.by_count && i64::from(name.count) == i64::from(header.record_count);
        let mut wanted = self.wanted.iter();
        if let Some(name) = wanted.find(|name| name.matches(header) || by_count(name)) {
            let place = Place {
                base_offset: header.base_offset,
                log_append_time: header.is_log_append_time().then_some(header.max_timestamp),
            };
            self.found.push((name.stamp, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idempotence::ProducerIdentity;

    fn stamp(base_sequence: i32) -> Stamp {
        Stamp {
            identity: ProducerIdentity { id: 7, epoch: 1 },
            base_sequence,
        }
    }

    fn batch(base_offset: i64, id: i64, base_sequence: i32, count: i32) -> [u8; 61] {
        BatchHeader {
            base_offset,
            batch_length: 49,
            partition_leader_epoch: 0,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 5,
            producer_id: id,
            producer_epoch: 1,
            base_sequence,
            record_count: count,
        }
        .write()
    }

    fn read(reading: &mut Reading, batches: &[[u8; 61]]) {
        reading.take(Bytes::from(batches.concat())).unwrap();
    }

    fn name(base_sequence: i32, count: u32) -> Name {
        Name {
            stamp: stamp(base_sequence),
            count,
        }
    }

    #[test]
    fn finds_batches_by_name_and_not_by_content() {
        let anchor = Anchor {
            stamp: stamp(0),
            last_sequence: 1,
        };
        let wanted = vec![name(2, 3), name(5, 1), name(6, 2)];
        let mut reading = Reading::new(11, 20, Some(anchor), wanted);
        read(
            &mut reading,
            &[
                batch(10, 7, 0, 2),
                batch(12, 9, 2, 3),
                batch(15, 7, 2, 3),
                batch(18, 7, 5, 2),
            ],
        );
        assert!(reading.is_done() && reading.incomplete.is_none());
        let place = |base| reading.place_of(stamp(base)).map(|at| at.base_offset);
        assert_eq!([2, 5, 6].map(place), [Some(15), None, None]);
    }

    #[test]
    fn a_gap_leaves_absence_unproved() {
        let mut reading = Reading::new(10, 14, None, vec![name(0, 1)]);
        read(&mut reading, &[batch(10, 9, 0, 1), batch(13, 9, 1, 1)]);
        assert_eq!(reading.incomplete, Some(Unresolved::Compacted));
    }

    #[test]
    fn another_batch_in_the_anchors_place_tells_of_a_truncation() {
        let anchor = Anchor {
            stamp: stamp(0),
            last_sequence: 1,
        };
        for (other, end) in [(batch(10, 9, 0, 2), 12), (batch(10, 7, 0, 3), 13)] {
            let mut reading = Reading::new(11, end, Some(anchor), vec![name(2, 1)]);
            read(&mut reading, &[other]);
            assert_eq!(reading.incomplete, Some(Unresolved::LogTruncated));
        }
        for end in [8, 11] {
            let short = Reading::new(11, end, Some(anchor), Vec::new());
            assert_eq!(short.incomplete, Some(Unresolved::LogTruncated));
            assert!(short.is_done());
        }
        assert_eq!(Reading::new(11, 11, None, Vec::new()).incomplete, None);
    }

    #[test]
    fn reads_no_further_than_to_the_end() {
        let mut reading = Reading::new(0, 1, None, vec![name(0, 1)]);
        read(&mut reading, &[batch(0, 9, 0, 1), batch(1, 7, 0, 1)]);
        assert_eq!(reading.place_of(stamp(0)), None);
        assert!(reading.is_done());
    }
}
