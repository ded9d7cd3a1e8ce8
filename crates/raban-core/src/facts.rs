//! What is told of a batch's records that the batch's result doesn't say.

use raban_protocol::record_batch::RecordRef;

/// What a record was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) timestamp: i64,
    /// -1: null.
    pub(crate) key_size: i32,
    pub(crate) value_size: i32,
}

impl Facts {
    #[inline]
    pub(crate) fn new(timestamp: i64, record: &RecordRef<'_>) -> Self {
        // One larger than i32::MAX was refused before: its length field couldn't hold it.
        let size = |part: Option<&[u8]>| part.map_or(-1, |part| part.len() as i32);
        Self {
            timestamp,
            key_size: size(record.key),
            value_size: size(record.value),
        }
    }
}

/// What a batch's records were, in their order. Those of one size within a millisecond are alike: while all are, they are counted
/// only, and the batch needs no memory for them.
#[derive(Debug, Default)]
pub(crate) struct FactsOfAll {
    alike: Facts,
    /// So many are, from the first one on.
    count: u32,
    /// About so many will come.
    expected: u32,
    /// Empty while all are alike.
    each: Vec<Facts>,
}

impl FactsOfAll {
    pub(crate) fn expect(&mut self, records: u32) {
        self.expected = records;
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, facts: Facts) {
        if facts == self.alike && self.each.is_empty() {
            self.count += 1;
        } else {
            self.push_another(facts);
        }
    }

    fn push_another(&mut self, facts: Facts) {
        if self.count == 0 {
            (self.alike, self.count) = (facts, 1);
            return;
        }
        if self.each.is_empty() {
            // Some more, lest one too many has all of them moved.
            self.each.reserve(self.expected as usize * 9 / 8);
            self.each.resize(self.count as usize, self.alike);
        }
        self.each.push(facts);
    }

    /// What the record at this place was.
    pub(crate) fn get(&self, index: u32) -> Facts {
        match self.each.is_empty() {
            true => self.alike,
            false => self.each[index as usize],
        }
    }
}

impl FromIterator<Facts> for FactsOfAll {
    fn from_iter<I: IntoIterator<Item = Facts>>(facts: I) -> Self {
        let mut all = Self::default();
        facts.into_iter().for_each(|facts| all.push(facts));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(timestamp: i64, value_size: i32) -> Facts {
        Facts {
            timestamp,
            key_size: -1,
            value_size,
        }
    }

    #[test]
    fn each_record_has_its_own_whether_they_are_alike_or_not() {
        let none = Facts::default();
        let cases = [
            vec![facts(1, 100); 5],
            vec![facts(1, 100), facts(1, 100), facts(2, 100), facts(1, 100)],
            vec![facts(1, 100), facts(1, 99), facts(1, 100)],
            vec![none, none, facts(1, 2), none],
            vec![facts(1, 2), none],
        ];
        for case in cases {
            let all: FactsOfAll = case.iter().copied().collect();
            for (index, facts) in (0..).zip(&case) {
                assert_eq!(all.get(index), *facts, "{index} of {case:?}");
            }
        }
    }

    #[test]
    fn those_that_are_alike_need_no_memory() {
        let mut all: FactsOfAll = [facts(1, 100); 1000].into_iter().collect();
        all.expect(1000);
        assert_eq!(all.each.capacity(), 0);
        all.push(facts(2, 100));
        assert_eq!(all.each.len(), 1001);
    }
}
