//! How keys and values become bytes: the trait, and the serializers for bytes, text and JSON.

use std::fmt;

use bytes::Bytes;
use raban_core::Header;

use crate::record::{Payload, header};

/// Turns a `T` into bytes, for a [`Topic`](crate::Topic) handle's keys or values.
///
/// ```
/// use raban::{Serializer, SerializeError, SerializeContext};
///
/// struct BigEndian;
///
/// impl Serializer<u32> for BigEndian {
///     fn serialize(
///         &self,
///         _: &mut SerializeContext<'_>,
///         value: &u32,
///         out: &mut Vec<u8>,
///     ) -> Result<(), SerializeError> {
///         out.extend_from_slice(&value.to_be_bytes());
///         Ok(())
///     }
/// }
/// ```
pub trait Serializer<T: ?Sized>: Send + Sync {
    /// Appends the bytes of `value` to `out`, and touches nothing that is there already. It is
    /// never called for null, which stays null.
    ///
    /// # Errors
    /// The record isn't sent, with [`ErrorKind::Serialize`](crate::ErrorKind::Serialize).
    fn serialize(
        &self,
        context: &mut SerializeContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError>;
}

/// Whether a key or a value is serialized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordPart {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl RecordPart {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
        }
    }
}

/// What a serializer may know of the record, and add to it.
#[derive(Debug)]
pub struct SerializeContext<'a> {
    topic: &'a str,
    part: RecordPart,
    headers: &'a mut Vec<Header>,
}

impl<'a> SerializeContext<'a> {
    pub(crate) fn new(topic: &'a str, part: RecordPart, headers: &'a mut Vec<Header>) -> Self {
        Self {
            topic,
            part,
            headers,
        }
    }

    /// The record's topic.
    pub fn topic(&self) -> &str {
        self.topic
    }

    /// Whether this is the key or the value.
    pub fn part(&self) -> RecordPart {
        self.part
    }

    /// The record's headers so far.
    pub fn headers(&self) -> &[Header] {
        self.headers
    }

    /// Adds a header to the record, such as the id of a schema.
    pub fn add_header<'h>(&mut self, key: impl Into<String>, value: impl Into<Payload<'h>>) {
        self.headers.push(header(key, value));
    }
}

/// Why a serializer failed, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerializeError {
    reason: String,
}

impl SerializeError {
    /// An error with this reason.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for SerializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for SerializeError {}

/// Bytes as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Raw;

impl Serializer<[u8]> for Raw {
    fn serialize(
        &self,
        _: &mut SerializeContext<'_>,
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        out.extend_from_slice(value);
        Ok(())
    }
}

/// Text as UTF-8.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Utf8;

impl Serializer<str> for Utf8 {
    fn serialize(
        &self,
        _: &mut SerializeContext<'_>,
        value: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }
}

/// Anything that serde can serialize, as JSON.
#[cfg(feature = "json")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json;

#[cfg(feature = "json")]
impl<T: serde::Serialize + ?Sized> Serializer<T> for Json {
    fn serialize(
        &self,
        _: &mut SerializeContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        serde_json::to_writer(out, value).map_err(SerializeError::new)
    }
}

/// What a typed handle takes for a key or a value of type `T`: `&T`, or an `Option` of it, where
/// `None` is null. Where `T` is `str` or `[u8]`, references to `String`, `Vec<u8>`, arrays and
/// [`Bytes`] do too.
pub trait Nullable<'a, T: ?Sized> {
    /// The reference, or `None` for null.
    fn nullable(self) -> Option<&'a T>;
}

impl<'a, T: ?Sized> Nullable<'a, T> for &'a T {
    fn nullable(self) -> Option<&'a T> {
        Some(self)
    }
}

impl<'a, T: ?Sized> Nullable<'a, T> for Option<&'a T> {
    fn nullable(self) -> Option<&'a T> {
        self
    }
}

impl<'a> Nullable<'a, str> for &'a String {
    fn nullable(self) -> Option<&'a str> {
        Some(self)
    }
}

impl<'a> Nullable<'a, [u8]> for &'a Vec<u8> {
    fn nullable(self) -> Option<&'a [u8]> {
        Some(self)
    }
}

impl<'a, const N: usize> Nullable<'a, [u8]> for &'a [u8; N] {
    fn nullable(self) -> Option<&'a [u8]> {
        Some(self)
    }
}

impl<'a> Nullable<'a, [u8]> for &'a Bytes {
    fn nullable(self) -> Option<&'a [u8]> {
        Some(self)
    }
}
