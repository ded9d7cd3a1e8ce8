//! A record as the application writes it: borrowed or owned bytes, copied once, into the batch.

use std::borrow::Cow;

use bytes::Bytes;
use raban_core::{Header, NewRecord};

/// A record to be sent. Keys and values may be borrowed: they are copied once, on acceptance.
///
/// ```
/// use raban::Record;
///
/// let body = format!("{{\"total\": {}}}", 12);
/// let record = Record::to("orders")
///     .key("customer-42")
///     .value(&body)
///     .header("trace-id", "a1b2")
///     .header("trace-id", "c3d4"); // header keys may repeat
/// assert_eq!(record.topic(), "orders");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    topic: Cow<'a, str>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: Payload<'a>,
    value: Payload<'a>,
    headers: Vec<Header>,
    tag: u64,
}

impl<'a> Record<'a> {
    /// A record for `topic` with null key and null value.
    pub fn to(topic: impl Into<Cow<'a, str>>) -> Self {
        Self {
            topic: topic.into(),
            partition: None,
            timestamp: None,
            key: Payload::Null,
            value: Payload::Null,
            headers: Vec::new(),
            tag: 0,
        }
    }

    /// The key. Records with the same key go to the same partition, in order.
    pub fn key(mut self, key: impl Into<Payload<'a>>) -> Self {
        self.key = key.into();
        self
    }

    /// The value. Without one the record is a tombstone: on a compacted topic it deletes its key.
    pub fn value(mut self, value: impl Into<Payload<'a>>) -> Self {
        self.value = value.into();
        self
    }

    /// Adds a header; keys may repeat, and the order is kept.
    pub fn header<'h>(mut self, key: impl Into<String>, value: impl Into<Payload<'h>>) -> Self {
        self.headers.push(header(key, value));
        self
    }

    /// Sends it to this partition, whatever its key.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The record's time, in milliseconds since the Unix epoch; by default the time of acceptance.
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }

    /// A number of the application's own, by which
    /// [`on_delivery`](crate::Builder::on_delivery) knows the record again. It isn't sent.
    pub fn tag(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }

    /// Adds a header in place; keys may repeat, and the order is kept.
    pub fn add_header<'h>(&mut self, key: impl Into<String>, value: impl Into<Payload<'h>>) {
        self.headers.push(header(key, value));
    }

    /// The topic's name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The headers so far.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The same record, with nothing borrowed.
    pub fn into_owned(self) -> Record<'static> {
        Record {
            topic: Cow::Owned(self.topic.into_owned()),
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key.into_owned(),
            value: self.value.into_owned(),
            headers: self.headers,
            tag: self.tag,
        }
    }

    /// A serialized record for a topic, for interceptors to see.
    pub(crate) fn of(topic: &'a str, record: &NewRecord<'a>) -> Self {
        Self {
            topic: Cow::Borrowed(topic),
            partition: record.partition,
            timestamp: record.timestamp,
            key: record.key.into(),
            value: record.value.into(),
            headers: record.headers.to_vec(),
            tag: record.tag,
        }
    }

    pub(crate) fn as_new(&self) -> NewRecord<'_> {
        NewRecord {
            partition: self.partition,
            timestamp: self.timestamp,
            key: self.key.as_bytes(),
            value: self.value.as_bytes(),
            headers: &self.headers,
            tag: self.tag,
            callback: None,
        }
    }
}

pub(crate) fn header<'h>(key: impl Into<String>, value: impl Into<Payload<'h>>) -> Header {
    Header {
        key: key.into(),
        value: value.into().into_bytes(),
    }
}

/// The bytes of a key, a value or a header's value: borrowed, owned, or null.
///
/// Made from `&str`, `String`, `&[u8]`, `[u8; N]`, `Vec<u8>`, [`Bytes`], and `Option`s of them.
#[derive(Debug, Clone, Default)]
pub enum Payload<'a> {
    /// No bytes at all, which is not the same as empty ones.
    #[default]
    Null,
    /// Bytes of someone else's.
    Borrowed(&'a [u8]),
    /// Bytes of its own.
    Owned(Vec<u8>),
    /// Bytes shared by counting.
    Shared(Bytes),
}

impl Payload<'_> {
    /// The bytes; `None` for null.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Null => None,
            Self::Borrowed(bytes) => Some(bytes),
            Self::Owned(bytes) => Some(bytes),
            Self::Shared(bytes) => Some(bytes),
        }
    }

    /// The bytes, copied only if they are borrowed; `None` for null.
    pub fn into_bytes(self) -> Option<Bytes> {
        match self {
            Self::Null => None,
            Self::Borrowed(bytes) => Some(Bytes::copy_from_slice(bytes)),
            Self::Owned(bytes) => Some(Bytes::from(bytes)),
            Self::Shared(bytes) => Some(bytes),
        }
    }

    fn into_owned(self) -> Payload<'static> {
        match self {
            Self::Null => Payload::Null,
            Self::Borrowed(bytes) => Payload::Owned(bytes.to_vec()),
            Self::Owned(bytes) => Payload::Owned(bytes),
            Self::Shared(bytes) => Payload::Shared(bytes),
        }
    }
}

impl PartialEq for Payload<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Payload<'_> {}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Payload<'_> {
    fn from(bytes: [u8; N]) -> Self {
        Self::Owned(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Payload<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Borrowed(bytes)
    }
}

impl From<Bytes> for Payload<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::Shared(bytes)
    }
}

impl<'a> From<&'a Bytes> for Payload<'a> {
    fn from(bytes: &'a Bytes) -> Self {
        Self::Borrowed(bytes)
    }
}

impl<'a> From<&'a str> for Payload<'a> {
    fn from(text: &'a str) -> Self {
        Self::Borrowed(text.as_bytes())
    }
}

impl From<String> for Payload<'_> {
    fn from(text: String) -> Self {
        Self::Owned(text.into_bytes())
    }
}

impl<'a> From<&'a String> for Payload<'a> {
    fn from(text: &'a String) -> Self {
        Self::Borrowed(text.as_bytes())
    }
}

impl<'a> From<Cow<'a, [u8]>> for Payload<'a> {
    fn from(bytes: Cow<'a, [u8]>) -> Self {
        match bytes {
            Cow::Borrowed(bytes) => Self::Borrowed(bytes),
            Cow::Owned(bytes) => Self::Owned(bytes),
        }
    }
}

impl<'a> From<Cow<'a, str>> for Payload<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl<'a, T: Into<Payload<'a>>> From<Option<T>> for Payload<'a> {
    fn from(bytes: Option<T>) -> Self {
        bytes.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_empty_differ() {
        let record = Record::to("t").key("").value(None::<&str>);
        let new = record.as_new();
        assert_eq!((new.key, new.value), (Some(&b""[..]), None));
    }

    #[test]
    fn an_owned_record_equals_the_borrowed_one() {
        let (topic, key, value) = (String::from("t"), String::from("k"), vec![1, 2]);
        let record = Record::to(&topic)
            .key(&key)
            .value(&value)
            .header("h", "1")
            .header("h", Payload::Null)
            .partition(3)
            .timestamp(4);
        let owned: Record<'static> = record.clone().into_owned();
        assert_eq!(owned, record);
        assert_eq!(owned.as_new().headers[1].value, None);
    }
}
