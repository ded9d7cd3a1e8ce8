//! How keys and values become bytes: the trait, what a handle takes, and the serializers of bytes
//! and UTF-8; further serializers, one kind a file.

mod asynchronous;
mod java;
#[cfg(feature = "json")]
mod json;
mod list;
mod numbers;
mod text;
mod uuid;

use std::fmt;

use bytes::Bytes;
use raban_core::Header;

use crate::record::{Payload, header};

pub(crate) use asynchronous::Bound;
pub use asynchronous::{AsyncSerializer, SerializeFuture};
pub use java::{JavaSerializer, UnknownSerializer};
#[cfg(feature = "json")]
pub use json::Json;
pub use list::{List, ListItem};
pub use numbers::{BigEndian, Void};
pub use text::{Charset, Text, UnknownCharset};
pub use uuid::UuidText;

/// Turns a `T` into bytes, for a [`Topic`](crate::Topic) handle's keys or values.
///
/// ```
/// use raban::{Serializer, SerializeError, SerializeContext};
///
/// struct LittleEndian;
///
/// impl Serializer<u32> for LittleEndian {
///     fn serialize(
///         &self,
///         _: &mut SerializeContext<'_>,
///         value: &u32,
///         out: &mut Vec<u8>,
///     ) -> Result<(), SerializeError> {
///         out.extend_from_slice(&value.to_le_bytes());
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

    /// The bytes of `value`, where it holds them as they are sent: then [`serialize`](Self::serialize) isn't
    /// called, and they are copied once, into their batch. It may be asked more than once.
    fn as_bytes<'v>(&self, value: &'v T) -> Option<&'v [u8]> {
        let _ = value;
        None
    }

    /// Whether a [`List`] leaves out the sizes of such items. Java's reader must know the same, so
    /// it is true only of what replaces Kafka's serializers for short, integer, long, float, double
    /// and UUID.
    fn constant_size(&self) -> bool {
        false
    }
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
    /// `key` or `value`.
    pub const fn name(self) -> &'static str {
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
    /// For calling a serializer without a handle, as its tests do. What it adds goes to `headers`.
    ///
    /// ```
    /// use raban::{BigEndian, RecordPart, SerializeContext, Serializer};
    ///
    /// let (mut headers, mut out) = (Vec::new(), Vec::new());
    /// let mut context = SerializeContext::new("prices", RecordPart::Value, &mut headers);
    /// BigEndian.serialize(&mut context, &42_i32, &mut out)?;
    /// assert_eq!(out, [0, 0, 0, 42]);
    /// # Ok::<(), raban::SerializeError>(())
    /// ```
    pub fn new(topic: &'a str, part: RecordPart, headers: &'a mut Vec<Header>) -> Self {
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

    fn as_bytes<'v>(&self, value: &'v [u8]) -> Option<&'v [u8]> {
        Some(value)
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

    fn as_bytes<'v>(&self, value: &'v str) -> Option<&'v [u8]> {
        Some(value.as_bytes())
    }
}

/// What a typed handle takes for a key or a value of type `T`: `&T`, or an `Option` of it, where
/// `None` is null. Where `T` is `str` or `[u8]`, references to `String`, `Vec<u8>`, arrays and
/// [`Bytes`] do too; where it is a number or a `bool`, itself.
pub trait Nullable<T: ?Sized> {
    /// The key or value, or `None` for null.
    fn nullable(&self) -> Option<&T>;
}

impl<T: ?Sized> Nullable<T> for &T {
    fn nullable(&self) -> Option<&T> {
        Some(self)
    }
}

impl<T: ?Sized> Nullable<T> for Option<&T> {
    fn nullable(&self) -> Option<&T> {
        *self
    }
}

impl Nullable<str> for &String {
    fn nullable(&self) -> Option<&str> {
        Some(self)
    }
}

impl Nullable<[u8]> for &Vec<u8> {
    fn nullable(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl<const N: usize> Nullable<[u8]> for &[u8; N] {
    fn nullable(&self) -> Option<&[u8]> {
        Some(*self)
    }
}

impl Nullable<[u8]> for &Bytes {
    fn nullable(&self) -> Option<&[u8]> {
        Some(self)
    }
}

macro_rules! by_value {
    ($($type:ty)*) => {$(
        impl Nullable<$type> for $type {
            fn nullable(&self) -> Option<&$type> {
                Some(self)
            }
        }
    )*};
}

by_value!(bool i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of one serializer in `tests/golden/serializers.tsv`, written by Kafka's own.
    pub(super) fn golden(serializer: &str) -> Vec<(&'static str, Vec<u8>)> {
        let mut rows = Vec::new();
        for line in include_str!("../tests/golden/serializers.tsv").lines() {
            let mut columns = line.split('\t');
            let mut column = || columns.next().unwrap();
            let (name, text, hex) = (column(), column(), column());
            if name == serializer {
                let digits = hex.as_bytes().chunks(2);
                let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
                rows.push((text, digits.map(|pair| byte(pair).unwrap()).collect()));
            }
        }
        assert!(!rows.is_empty(), "{serializer}");
        rows
    }

    pub(super) fn serialize<T: ?Sized>(
        serializer: &impl Serializer<T>,
        value: &T,
    ) -> Result<Vec<u8>, SerializeError> {
        let (mut headers, mut out) = (Vec::new(), Vec::from(*b"before"));
        let mut context = SerializeContext::new("t", RecordPart::Value, &mut headers);
        serializer.serialize(&mut context, value, &mut out)?;
        assert!(out.starts_with(b"before"));
        Ok(out.split_off(6))
    }

    #[test]
    fn text_and_bytes_are_as_they_were() {
        assert_eq!(serialize(&Utf8, "Ä").unwrap(), "Ä".as_bytes());
        assert_eq!(serialize(&Raw, &[0, 255][..]).unwrap(), [0, 255]);
    }
}
