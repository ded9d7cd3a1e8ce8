//! Finds what a response says of each partition, in whatever order and however many it tells of.

use raban_protocol::primitives::Uuid;

/// The parts of a response. A topic goes by its name, or by its id where the name is empty.
#[derive(Debug)]
pub(super) struct Answers<'a, T> {
    sorted: Vec<(Key<'a>, &'a T)>,
}

type Key<'a> = (&'a str, [u8; 16], i32);

impl<'a, T> Answers<'a, T> {
    /// Of topic's name, its id, partition and what is said of it.
    pub(super) fn new(answers: impl Iterator<Item = (&'a str, Uuid, i32, &'a T)>) -> Self {
        let keyed = answers.map(|(name, id, partition, answer)| match name {
            "" => (("", id.0, partition), answer),
            name => ((name, Uuid::ZERO.0, partition), answer),
        });
        let mut sorted: Vec<_> = keyed.collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        Self { sorted }
    }

    pub(super) fn get(&self, name: &str, id: Option<Uuid>, partition: i32) -> Option<&'a T> {
        let by_id = id.and_then(|id| self.find(("", id.0, partition)));
        by_id.or_else(|| self.find((name, Uuid::ZERO.0, partition)))
    }

    fn find(&self, wanted: Key<'_>) -> Option<&'a T> {
        let found = self.sorted.binary_search_by_key(&wanted, |(key, _)| *key);
        found.ok().map(|index| self.sorted[index].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_go_by_name_or_by_id() {
        let (a, b) = (Uuid([1; 16]), Uuid([2; 16]));
        let told = [("t", a, 1, &"t-1"), ("", b, 1, &"b-1"), ("t", a, 0, &"t-0")];
        let answers = Answers::new(told.into_iter());
        assert_eq!(answers.get("t", None, 0), Some(&"t-0"));
        assert_eq!(answers.get("t", Some(a), 1), Some(&"t-1"));
        assert_eq!(answers.get("u", Some(b), 1), Some(&"b-1"));
        // The id of a topic that has a name says nothing.
        assert_eq!(answers.get("u", Some(a), 1), None);
        assert_eq!(answers.get("u", None, 1), None);
        assert_eq!(answers.get("t", None, 2), None);
    }
}
