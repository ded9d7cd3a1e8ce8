//! Records that say who they are: what is in a record follows from its number and its shape, so that whatever is
//! found in a log can be told, and compared byte by byte.

use bytes::Bytes;
use raban_core::Header;
use raban_protocol::record_batch::Record;

use crate::random::mix;

/// Names a record of the workload.
pub(crate) type RecordId = u32;

/// Bytes of a number within key, value or header: the number, and a check on it.
const NUMBER_LEN: usize = 8;
/// The header that carries the number where the value has no room.
const NUMBER_HEADER: &str = "number";

/// A record to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) topic: usize,
    /// The partition, where the application chooses it.
    pub(crate) partition: Option<i32>,
    /// One of the few keys of the workload; none: a null key.
    pub(crate) key: Option<u16>,
    /// Bytes of the value; none: a tombstone.
    pub(crate) value: Option<usize>,
    /// Further headers.
    pub(crate) headers: usize,
    /// Milliseconds before the time of acceptance, or before 1970 began to count; none: no timestamp of its own.
    pub(crate) age_ms: Option<i64>,
}

/// A record's bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<Header>,
}

impl Shape {
    /// What record `id` of this shape consists of.
    pub(crate) fn content(&self, id: RecordId) -> Content {
        let in_value = self.value.is_some_and(|len| len >= NUMBER_LEN);
        let mut headers: Vec<Header> = (0..self.headers)
            .map(|at| Header {
                // Keys may repeat, and a null value is not an empty one.
                key: format!("h{}", at / 2),
                value: (at % 3 != 0).then(|| Bytes::copy_from_slice(&id.to_le_bytes()[..at % 3])),
            })
            .collect();
        if !in_value {
            headers.push(Header {
                key: NUMBER_HEADER.to_owned(),
                value: Some(Bytes::copy_from_slice(&number(id))),
            });
        }
        Content {
            key: self.key.map(|key| format!("key-{key}").into_bytes()),
            value: self.value.map(|len| value(id, len)),
            headers,
        }
    }
}

impl Content {
    /// Whether a record of a log consists of the same.
    pub(crate) fn is_in(&self, record: &Record) -> bool {
        record.key.as_deref() == self.key.as_deref()
            && record.value.as_deref() == self.value.as_deref()
            && record.headers == self.headers
    }
}

/// The number that a record of a log says it has.
pub(crate) fn number_of(record: &Record) -> Option<RecordId> {
    let in_value = record.value.as_deref().and_then(parse);
    in_value.or_else(|| {
        let header = record
            .headers
            .iter()
            .find(|header| header.key == NUMBER_HEADER)?;
        parse(header.value.as_deref()?)
    })
}

fn number(id: RecordId) -> [u8; NUMBER_LEN] {
    let check = mix(u64::from(id)) as u32;
    (u64::from(id) | u64::from(check) << 32).to_le_bytes()
}

fn parse(bytes: &[u8]) -> Option<RecordId> {
    let bytes = bytes.first_chunk::<NUMBER_LEN>()?;
    let id = u64::from_le_bytes(*bytes) as u32;
    (number(id) == *bytes).then_some(id)
}

/// Half of the values can be compressed well, half can't at all.
fn value(id: RecordId, len: usize) -> Vec<u8> {
    let mut value = Vec::with_capacity(len + NUMBER_LEN);
    if len >= NUMBER_LEN {
        value.extend(number(id));
    }
    let mut state = u64::from(id);
    while value.len() < len {
        if id.is_multiple_of(2) {
            state = mix(state + 1);
        }
        value.extend(state.to_le_bytes());
    }
    value.truncate(len);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(value: Option<usize>) -> Shape {
        Shape {
            topic: 0,
            partition: None,
            key: Some(3),
            value,
            headers: 3,
            age_ms: None,
        }
    }

    #[test]
    fn a_record_tells_its_number_whatever_its_size() {
        for value in [None, Some(0), Some(7), Some(8), Some(1_000)] {
            for id in [0, 1, 99_999] {
                let content = shape(value).content(id);
                let record = Record {
                    offset: 0,
                    timestamp: 0,
                    key: content.key.clone().map(Bytes::from),
                    value: content.value.clone().map(Bytes::from),
                    headers: content.headers.clone(),
                };
                assert_eq!(number_of(&record), Some(id));
                assert!(content.is_in(&record));
                assert_eq!(content.value.map(|value| value.len()), value);
            }
        }
    }

    #[test]
    fn another_record_is_told_apart() {
        let record = Record {
            offset: 0,
            timestamp: 0,
            key: None,
            value: Some(Bytes::from_static(b"\x01\0\0\0\0\0\0\0")),
            headers: Vec::new(),
        };
        assert_eq!(number_of(&record), None);
    }
}
