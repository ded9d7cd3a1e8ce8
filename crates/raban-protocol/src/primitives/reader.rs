//! Values from bytes.

use bytes::{Buf, Bytes};

use super::{DecodeError, MAX_STRING_LEN, Records, Uuid};

/// Reads values from the front of a byte string. What it hands out as [`Bytes`] shares memory with
/// its input.
///
/// Every method fails with [`DecodeError::Truncated`] if too few bytes are left. After an error
/// the reader stands somewhere within the message: drop it.
#[derive(Debug, Clone)]
pub struct Reader {
    bytes: Bytes,
    /// Bytes that elements still to be read take at least, so that nested arrays can't each claim
    /// all that is left.
    claimed: usize,
}

macro_rules! get_number {
    ($($(#[$meta:meta])* $name:ident: $type:ty;)*) => {$(
        $(#[$meta])*
        #[inline]
        pub fn $name(&mut self) -> Result<$type, DecodeError> {
            self.need(size_of::<$type>())?;
            Ok(self.bytes.$name())
        }
    )*};
}

impl Reader {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, claimed: 0 }
    }

    /// Bytes that are left.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// Ends the reading: an error if bytes are left.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(DecodeError::TrailingBytes { left }),
        }
    }

    #[inline]
    fn need(&self, needed: usize) -> Result<(), DecodeError> {
        let left = self.remaining();
        if needed > left {
            return Err(DecodeError::Truncated { needed, left });
        }
        Ok(())
    }

    get_number! {
        /// An `int8`.
        get_i8: i8;
        /// An `int16`, big-endian like all numbers.
        get_i16: i16;
        /// An `int32`.
        get_i32: i32;
        /// An `int64`.
        get_i64: i64;
        /// A `uint32`.
        get_u32: u32;
    }

    /// A `boolean`: every byte but zero is true.
    #[inline]
    pub fn get_bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.get_i8()? != 0)
    }

    /// A `uuid`.
    #[inline]
    pub fn get_uuid(&mut self) -> Result<Uuid, DecodeError> {
        self.need(16)?;
        let mut id = [0; 16];
        self.bytes.copy_to_slice(&mut id);
        Ok(Uuid(id))
    }

    /// An unsigned variable-length integer (KIP-482): seven bits a byte, the lowest first.
    #[inline]
    pub fn get_unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            self.need(1)?;
            let byte = self.bytes.get_u8();
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::VarintTooLong)
    }

    /// The next `len` bytes, not copied.
    #[inline]
    pub fn get_bytes(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        self.need(len)?;
        Ok(self.bytes.split_to(len))
    }

    /// A nullable `string`; `flexible` says how its length is written.
    pub fn get_nullable_string(&mut self, flexible: bool) -> Result<Option<String>, DecodeError> {
        let len = if flexible {
            self.get_compact_len()?
        } else {
            let len = self.get_i16()?;
            self.checked_len(i64::from(len))?
        };
        let Some(len) = len else { return Ok(None) };
        if len > MAX_STRING_LEN {
            return Err(self.invalid_len(len as i64));
        }
        self.need(len)?;
        let text = std::str::from_utf8(&self.bytes[..len])
            .map_err(|_| DecodeError::InvalidUtf8)?
            .to_owned();
        self.bytes.advance(len);
        Ok(Some(text))
    }

    /// Nullable `bytes`, not copied; `flexible` says how their length is written.
    pub fn get_nullable_bytes(&mut self, flexible: bool) -> Result<Option<Bytes>, DecodeError> {
        match self.get_len(flexible)? {
            Some(len) => self.get_bytes(len).map(Some),
            None => Ok(None),
        }
    }

    /// Nullable `records`, not copied; `flexible` says how their length is written.
    pub fn get_nullable_records(&mut self, flexible: bool) -> Result<Option<Records>, DecodeError> {
        Ok(self.get_nullable_bytes(flexible)?.map(Records::from))
    }

    /// A nullable array. Its count is believed only as far as the bytes that are left, and that no
    /// array around it has claimed, can hold so many elements of at least `min_len` bytes.
    pub(crate) fn get_nullable_array<T>(
        &mut self,
        flexible: bool,
        min_len: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = self.get_len(flexible)? else {
            return Ok(None);
        };
        let min_len = min_len.max(1);
        let free = self.remaining().saturating_sub(self.claimed);
        if count > free / min_len {
            return Err(self.invalid_len(count as i64));
        }
        let mut elements = Vec::with_capacity(count);
        self.claimed += count * min_len;
        for _ in 0..count {
            self.claimed -= min_len;
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// The tagged fields at the end of a struct (KIP-482). `known` reads a field's value from a
    /// reader of its own, or returns false: the field is then skipped.
    pub(crate) fn get_tagged_fields(
        &mut self,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = self.get_unsigned_varint()?;
        for _ in 0..count {
            let tag = self.get_unsigned_varint()?;
            let len = self.get_unsigned_varint()? as usize;
            let mut field = Self::new(self.get_bytes(len)?);
            if known(tag, &mut field)? {
                field.finish()?;
            }
        }
        Ok(())
    }

    /// A length or count, none for null.
    fn get_len(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        if flexible {
            return self.get_compact_len();
        }
        let len = self.get_i32()?;
        self.checked_len(i64::from(len))
    }

    /// A length as flexible versions write it: one more than it is, zero for null.
    fn get_compact_len(&mut self) -> Result<Option<usize>, DecodeError> {
        let len = self.get_unsigned_varint()?;
        self.checked_len(i64::from(len) - 1)
    }

    fn checked_len(&self, len: i64) -> Result<Option<usize>, DecodeError> {
        if len == -1 {
            return Ok(None);
        }
        if len > i64::from(i32::MAX) {
            return Err(self.invalid_len(len));
        }
        usize::try_from(len)
            .map(Some)
            .map_err(|_| self.invalid_len(len))
    }

    fn invalid_len(&self, length: i64) -> DecodeError {
        DecodeError::InvalidLength {
            length,
            left: self.remaining(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &'static [u8]) -> Reader {
        Reader::new(Bytes::from_static(bytes))
    }

    #[test]
    fn numbers_are_big_endian() {
        let mut r = reader(&[0xff, 0x01, 0x02, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xfe, 2]);
        assert_eq!(r.get_i8().unwrap(), -1);
        assert_eq!(r.get_i16().unwrap(), 0x0102);
        assert_eq!(r.get_i32().unwrap(), 5);
        assert_eq!(r.get_u32().unwrap(), 0xffff_fffe);
        assert!(r.get_bool().unwrap());
        r.finish().unwrap();
        assert_eq!(
            r.get_i64(),
            Err(DecodeError::Truncated { needed: 8, left: 0 })
        );
    }

    #[test]
    fn varints_have_at_most_32_bits() {
        let value = |bytes| reader(bytes).get_unsigned_varint();
        assert_eq!(value(&[0]), Ok(0));
        assert_eq!(value(&[0xac, 0x02]), Ok(300));
        assert_eq!(value(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(u32::MAX));
        assert_eq!(value(&[0x80, 0x80, 0x80, 0x80, 0x00]), Ok(0));
        let too_long = Err(DecodeError::VarintTooLong);
        assert_eq!(value(&[0xff, 0xff, 0xff, 0xff, 0x1f]), too_long);
        assert_eq!(value(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), too_long);
        let cut = Err(DecodeError::Truncated { needed: 1, left: 0 });
        assert_eq!(value(&[0x80]), cut);
    }

    #[test]
    fn strings_are_checked() {
        let plain = |bytes| reader(bytes).get_nullable_string(false);
        assert_eq!(plain(&[0xff, 0xff]), Ok(None));
        assert_eq!(plain(&[0, 2, b'h', b'i']), Ok(Some("hi".to_owned())));
        assert_eq!(
            plain(&[0xff, 0xfe]),
            Err(DecodeError::InvalidLength {
                length: -2,
                left: 0
            })
        );
        assert_eq!(plain(&[0, 1, 0xff]), Err(DecodeError::InvalidUtf8));
        let compact = |bytes| reader(bytes).get_nullable_string(true);
        assert_eq!(compact(&[0]), Ok(None));
        assert_eq!(compact(&[1]), Ok(Some(String::new())));
        assert_eq!(compact(&[3, b'h', b'i']), Ok(Some("hi".to_owned())));
        assert!(matches!(
            compact(&[0xff, 0xff, 0xff, 0xff, 0x0f]),
            Err(DecodeError::InvalidLength { .. })
        ));
    }

    #[test]
    fn counts_are_believed_as_far_as_the_bytes_go() {
        let mut r = reader(&[0, 0, 0, 3, 1, 2, 3]);
        let array = r.get_nullable_array(false, 1, Reader::get_i8);
        assert_eq!(array, Ok(Some(vec![1, 2, 3])));
        let mut bomb = reader(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
        assert_eq!(
            bomb.get_nullable_array(false, 4, Reader::get_i32),
            Err(DecodeError::InvalidLength {
                length: 0x7fff_ffff,
                left: 4
            })
        );
    }

    #[test]
    fn an_inner_array_cannot_claim_what_the_outer_one_needs() {
        // Two elements of at least two bytes; the first one says that it holds four of them.
        let mut r = reader(&[3, 5, 0, 0, 0, 0]);
        let nested =
            r.get_nullable_array(true, 2, |r| r.get_nullable_array(true, 1, Reader::get_i8));
        assert!(matches!(
            nested,
            Err(DecodeError::InvalidLength { length: 4, .. })
        ));
    }

    #[test]
    fn unknown_tagged_fields_are_skipped_and_known_ones_read_whole() {
        let tagged = &[2, 0, 2, 9, 9, 1, 1, 7];
        let mut seen = 0;
        reader(tagged)
            .get_tagged_fields(|tag, field| {
                if tag == 1 {
                    seen = field.get_i8()?;
                }
                Ok(tag == 1)
            })
            .unwrap();
        assert_eq!(seen, 7);
        let partly_read = reader(tagged).get_tagged_fields(|_, field| Ok(field.get_i8()? != 0));
        assert_eq!(partly_read, Err(DecodeError::TrailingBytes { left: 1 }));
    }
}
