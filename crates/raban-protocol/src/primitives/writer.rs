//! Bytes from values.

use bytes::{BufMut, Bytes, BytesMut};

use super::{EncodeError, MAX_STRING_LEN, Records, Uuid};

/// Up to here a copy is cheaper than one more segment in a vectored write.
const SHARE_FROM: usize = 512;

/// What a frame takes as a rule, record data aside.
const INITIAL_CAPACITY: usize = 256;

/// Writes values one after the other; large byte strings are taken over by reference.
#[derive(Debug)]
pub struct Writer {
    /// All bytes that are not shared, without gaps.
    own: BytesMut,
    /// Shared bytes, each with the place in `own` that it stands before.
    shared: Vec<(usize, Bytes)>,
    shared_len: usize,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self {
            own: BytesMut::with_capacity(INITIAL_CAPACITY),
            shared: Vec::new(),
            shared_len: 0,
        }
    }

    /// Bytes written so far.
    #[inline]
    pub fn len(&self) -> usize {
        self.own.len() + self.shared_len
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was written, as segments that follow each other.
    pub fn into_segments(mut self) -> Vec<Bytes> {
        let mut segments = Vec::with_capacity(2 * self.shared.len() + 1);
        let mut cut = 0;
        for (place, shared) in self.shared {
            if place > cut {
                segments.push(self.own.split_to(place - cut).freeze());
                cut = place;
            }
            segments.push(shared);
        }
        if !self.own.is_empty() {
            segments.push(self.own.freeze());
        }
        segments
    }

    /// An `int8`.
    #[inline]
    pub fn put_i8(&mut self, value: i8) {
        self.own.put_i8(value);
    }

    /// An `int16`, big-endian like all numbers.
    #[inline]
    pub fn put_i16(&mut self, value: i16) {
        self.own.put_i16(value);
    }

    /// An `int32`.
    #[inline]
    pub fn put_i32(&mut self, value: i32) {
        self.own.put_i32(value);
    }

    /// An `int64`.
    #[inline]
    pub fn put_i64(&mut self, value: i64) {
        self.own.put_i64(value);
    }

    /// A `uint32`.
    #[inline]
    pub fn put_u32(&mut self, value: u32) {
        self.own.put_u32(value);
    }

    /// A `boolean`.
    #[inline]
    pub fn put_bool(&mut self, value: bool) {
        self.own.put_u8(u8::from(value));
    }

    /// A `uuid`.
    #[inline]
    pub fn put_uuid(&mut self, value: Uuid) {
        self.own.put_slice(&value.0);
    }

    /// An unsigned variable-length integer (KIP-482): seven bits a byte, the lowest first.
    #[inline]
    pub fn put_unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.own.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.own.put_u8(value as u8);
    }

    /// Bytes as they are, copied.
    #[inline]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.own.put_slice(bytes);
    }

    /// Bytes as they are: by reference from 512 bytes on, copied below.
    pub fn put_shared(&mut self, bytes: Bytes) {
        if bytes.len() < SHARE_FROM {
            self.own.put_slice(&bytes);
        } else {
            self.shared_len += bytes.len();
            self.shared.push((self.own.len(), bytes));
        }
    }

    /// A nullable `string`; `flexible` says how its length is written.
    pub fn put_nullable_string(
        &mut self,
        value: Option<&str>,
        flexible: bool,
    ) -> Result<(), EncodeError> {
        let len = value.map(str::len);
        if let Some(len) = len.filter(|len| *len > MAX_STRING_LEN) {
            return Err(EncodeError::StringTooLong { len });
        }
        if flexible {
            self.put_len(len, true)?;
        } else {
            self.put_i16(len.map_or(-1, |len| len as i16));
        }
        self.put_slice(value.unwrap_or_default().as_bytes());
        Ok(())
    }

    /// Nullable `bytes`; `flexible` says how their length is written.
    pub fn put_nullable_bytes(
        &mut self,
        value: Option<&Bytes>,
        flexible: bool,
    ) -> Result<(), EncodeError> {
        self.put_len(value.map(Bytes::len), flexible)?;
        if let Some(bytes) = value {
            self.put_shared(bytes.clone());
        }
        Ok(())
    }

    /// Nullable `records`; `flexible` says how their length is written.
    pub fn put_nullable_records(
        &mut self,
        value: Option<&Records>,
        flexible: bool,
    ) -> Result<(), EncodeError> {
        self.put_len(value.map(Records::len), flexible)?;
        for segment in value.into_iter().flat_map(Records::segments) {
            self.put_shared(segment.clone());
        }
        Ok(())
    }

    /// A nullable length or count.
    pub(crate) fn put_len(
        &mut self,
        len: Option<usize>,
        flexible: bool,
    ) -> Result<(), EncodeError> {
        let limit = i32::MAX as usize;
        if let Some(len) = len.filter(|len| *len > limit) {
            return Err(EncodeError::TooLarge { len });
        }
        if flexible {
            self.put_unsigned_varint(len.map_or(0, |len| len as u32 + 1));
        } else {
            self.put_i32(len.map_or(-1, |len| len as i32));
        }
        Ok(())
    }

    /// A tagged field (KIP-482): its tag, its size, and what `value` writes.
    pub(crate) fn put_tagged_field(
        &mut self,
        tag: u32,
        value: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let mut field = Self::new();
        value(&mut field)?;
        let len = field.len();
        self.put_unsigned_varint(tag);
        self.put_unsigned_varint(u32::try_from(len).map_err(|_| EncodeError::TooLarge { len })?);
        for segment in field.into_segments() {
            self.put_shared(segment);
        }
        Ok(())
    }

    /// Writes a number over the four bytes at `place`, which were written by `put_i32`.
    pub(crate) fn set_i32(&mut self, place: usize, value: i32) {
        self.own[place..place + 4].copy_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::Reader;

    fn joined(w: Writer) -> Bytes {
        Records::new(w.into_segments()).into_bytes()
    }

    #[test]
    fn large_bytes_are_shared_and_small_ones_copied() {
        let (small, large) = (Bytes::from(vec![1; 511]), Bytes::from(vec![2; 512]));
        let mut w = Writer::new();
        w.put_i16(3);
        w.put_shared(small.clone());
        w.put_shared(large.clone());
        w.put_shared(large.clone());
        w.put_i8(4);
        assert_eq!(w.len(), 2 + 511 + 512 + 512 + 1);
        let segments = w.into_segments();
        assert_eq!(segments.len(), 4);
        assert_eq!(segments[0].len(), 513);
        assert_eq!(segments[1].as_ptr(), large.as_ptr());
        assert_eq!(segments[2].as_ptr(), large.as_ptr());
        assert_eq!(segments[3], [4][..]);
    }

    #[test]
    fn varints_read_back() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u32::MAX] {
            let mut w = Writer::new();
            w.put_unsigned_varint(value);
            let mut r = Reader::new(joined(w));
            assert_eq!(r.get_unsigned_varint(), Ok(value));
            r.finish().unwrap();
        }
    }

    #[test]
    fn strings_have_a_limit() {
        let longest = "x".repeat(MAX_STRING_LEN);
        for flexible in [false, true] {
            let mut w = Writer::new();
            w.put_nullable_string(Some(&longest), flexible).unwrap();
            let read = Reader::new(joined(w)).get_nullable_string(flexible);
            assert_eq!(read.unwrap().as_deref(), Some(longest.as_str()));
            let too_long = format!("{longest}x");
            assert_eq!(
                Writer::new().put_nullable_string(Some(&too_long), flexible),
                Err(EncodeError::StringTooLong { len: 32_768 })
            );
        }
    }

    #[test]
    fn a_tagged_field_knows_its_size() {
        let mut w = Writer::new();
        w.put_tagged_field(3, |w| {
            w.put_i32(1);
            w.put_shared(Bytes::from(vec![0; 600]));
            Ok(())
        })
        .unwrap();
        let bytes = joined(w);
        assert_eq!(bytes[..3], [3, 0xdc, 0x04]);
        assert_eq!(bytes.len(), 3 + 604);
    }
}
