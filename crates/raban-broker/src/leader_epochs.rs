//! Which leader epoch wrote which offsets of a partition (KIP-101, KIP-279).

/// Leader epochs with the offset that each started at, both rising.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaderEpochs(Vec<(i32, i64)>);

impl LeaderEpochs {
    /// Notes that `epoch` wrote, or will write, at `start_offset`; anything but a new, higher epoch is known already.
    pub(crate) fn assign(&mut self, epoch: i32, start_offset: i64) {
        if self.latest().is_none_or(|latest| epoch > latest) {
            self.0.push((epoch, start_offset));
        }
    }

    /// The log was cut off at `end`.
    pub(crate) fn truncate(&mut self, end: i64) {
        self.0.retain(|(_, start)| *start < end);
    }

    /// The current epoch.
    pub(crate) fn latest(&self) -> Option<i32> {
        self.0.last().map(|(epoch, _)| *epoch)
    }

    /// The offset that the current epoch started at.
    pub(crate) fn latest_start(&self) -> Option<i64> {
        self.0.last().map(|(_, start)| *start)
    }

    /// The epoch of the record at `offset`.
    pub(crate) fn epoch_at(&self, offset: i64) -> Option<i32> {
        let after = self.0.partition_point(|(_, start)| *start <= offset);
        let before = after.checked_sub(1)?;
        // An epoch that wrote nothing starts where the next one does.
        self.0.get(before).map(|(epoch, _)| *epoch)
    }

    /// The largest epoch up to `requested` and the offset after its last record; `None` if `requested` is not known yet.
    /// An epoch before all known ones is answered with itself and the offset that the first known one started at.
    pub(crate) fn end_offset(&self, requested: i32, log_end: i64) -> Option<(i32, i64)> {
        if requested < 0 {
            return None;
        }
        let after = self.0.partition_point(|(epoch, _)| *epoch <= requested);
        match self.0.get(after) {
            None if self.latest() == Some(requested) => Some((requested, log_end)),
            None => None,
            Some((_, next_start)) => {
                let floor = after.checked_sub(1).and_then(|at| self.0.get(at));
                Some((floor.map_or(requested, |(epoch, _)| *epoch), *next_start))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_offsets_are_those_of_kafka() {
        let mut epochs = LeaderEpochs::default();
        assert_eq!(epochs.end_offset(0, 0), None);
        for (epoch, start) in [(2, 0), (2, 5), (4, 10), (3, 12), (5, 20)] {
            epochs.assign(epoch, start);
        }
        let cases = [
            (-1, None),
            (1, Some((1, 0))),
            (2, Some((2, 10))),
            (3, Some((2, 10))),
            (4, Some((4, 20))),
            (5, Some((5, 33))),
            (6, None),
        ];
        for (requested, expected) in cases {
            assert_eq!(
                epochs.end_offset(requested, 33),
                expected,
                "epoch {requested}"
            );
        }
        assert_eq!(epochs.epoch_at(9), Some(2));
        assert_eq!(epochs.epoch_at(10), Some(4));
        assert_eq!(LeaderEpochs::default().epoch_at(0), None);
    }
}
