//! Zigzag varints of records: a record spends most of its few overhead bytes on them.
//!
//! They are written where they belong ([`Output`]): put together elsewhere and copied, they would be read before the processor has
//! done with writing them.

use super::{BatchError, record_int};

/// Bytes of the longest varint of 32 bits.
pub(super) const MAX_VARINT_LEN: usize = 5;
/// Bytes of the longest varint of 64 bits.
pub(super) const MAX_VARLONG_LEN: usize = 10;

#[inline]
const fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

#[inline]
const fn zigzag_long(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Bytes that `value` takes as a varint, 1 to 5.
#[inline]
pub(super) const fn varint_len(value: i32) -> usize {
    // ceil(bits / 7) without a division by 7.
    let bits = 32 - (zigzag(value) | 1).leading_zeros() as usize;
    (bits * 9 + 64) / 64
}

/// Bytes that `value` takes as a varint, 1 to 10.
#[inline]
pub(super) const fn varlong_len(value: i64) -> usize {
    let bits = 64 - (zigzag_long(value) | 1).leading_zeros() as usize;
    (bits * 9 + 64) / 64
}

/// Bytes of a record: timestamp and offset are counted from the batch's, key, value and headers take `payload_len` bytes.
#[inline]
pub(super) fn encoded_len(timestamp: i64, offset: i32, payload_len: usize) -> usize {
    let body = body_len(timestamp, offset, payload_len);
    varint_len(record_int(body)) + body
}

/// Bytes of the record after its length.
#[inline]
fn body_len(timestamp: i64, offset: i32, payload_len: usize) -> usize {
    1 + varlong_len(timestamp) + varint_len(offset) + payload_len
}

/// What stands before a record's key: its length, its attributes (0), its timestamp and its offset, counted from the batch's. Put together
/// in a register and written as one, if no varint of it takes more than two bytes, as is the rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lead {
    /// The first byte is the lowest.
    bytes: u64,
    len: usize,
}

impl Lead {
    /// Of a record whose key, value and headers take `payload_len` bytes.
    #[inline(always)]
    pub(super) fn new(timestamp: i64, offset: i32, payload_len: usize) -> Option<Self> {
        let (timestamp, offset) = (zigzag_long(timestamp), u64::from(zigzag(offset)));
        let attributes = Self { bytes: 0, len: 1 };
        let counted = attributes.and(timestamp).and(offset);
        let length = ((counted.len + payload_len) as u64) << 1;
        if timestamp | offset | length >= 0x4000 {
            return None;
        }
        let lead = Self { bytes: 0, len: 0 }.and(length);
        Some(Self {
            bytes: lead.bytes | counted.bytes << (8 * lead.len),
            len: lead.len + counted.len,
        })
    }

    #[inline(always)]
    fn and(self, value: u64) -> Self {
        let (bytes, len) = match value < 0x80 {
            true => (value, 1),
            false => (value & 0x7f | 0x80 | value >> 7 << 8, 2),
        };
        Self {
            bytes: self.bytes | bytes << (8 * self.len),
            len: self.len + len,
        }
    }

    #[inline]
    pub(super) fn len(self) -> usize {
        self.len
    }
}

/// Writes a record where it belongs. It goes from call to call by value, so that it stays in registers.
#[must_use = "what is left is where the next bytes go"]
pub(super) struct Output<'a> {
    /// Those that aren't written yet; what is behind the record is written over by the next.
    left: &'a mut [u8],
}

impl<'a> Output<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self { left: bytes }
    }

    #[inline(always)]
    fn put<const N: usize>(self, bytes: [u8; N]) -> Self {
        let (written, left) = self
            .left
            .split_first_chunk_mut()
            .expect("they were counted");
        *written = bytes;
        Self { left }
    }

    #[inline(always)]
    pub(super) fn put_lead(self, lead: Lead) -> Self {
        let bytes = lead.bytes.to_le_bytes();
        match self.left.first_chunk_mut() {
            Some(written) => *written = bytes,
            None => self.left[..lead.len].copy_from_slice(&bytes[..lead.len]),
        }
        Self {
            left: &mut self.left[lead.len..],
        }
    }

    /// The same where it has longer varints.
    #[cold]
    pub(super) fn put_long_lead(self, timestamp: i64, offset: i32, payload_len: usize) -> Self {
        let body = body_len(timestamp, offset, payload_len);
        self.put_varint(record_int(body))
            .put([0])
            .put_varlong(timestamp)
            .put_varint(offset)
    }

    #[inline(always)]
    pub(super) fn put_varint(self, value: i32) -> Self {
        self.put_unsigned(u64::from(zigzag(value)))
    }

    #[inline(always)]
    fn put_varlong(self, value: i64) -> Self {
        self.put_unsigned(zigzag_long(value))
    }

    #[inline(always)]
    fn put_unsigned(self, value: u64) -> Self {
        // Nearly all are so short, and done without a loop.
        if value < 0x80 {
            self.put([value as u8])
        } else if value < 0x4000 {
            self.put([value as u8 | 0x80, (value >> 7) as u8])
        } else {
            self.put_long(value)
        }
    }

    #[inline(never)]
    fn put_long(mut self, mut rest: u64) -> Self {
        while rest >= 0x80 {
            self = self.put([rest as u8 | 0x80]);
            rest >>= 7;
        }
        self.put([rest as u8])
    }

    /// The length, -1 for null, and the bytes.
    #[inline(always)]
    pub(super) fn put_nullable(self, bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else {
            return self.put_varint(-1);
        };
        let out = self.put_varint(record_int(bytes.len()));
        let (written, left) = out.left.split_at_mut(bytes.len());
        written.copy_from_slice(bytes);
        Self { left }
    }
}

/// Reads a varint of 32 bits from the front of `input` and moves `input` past it.
#[inline]
pub(super) fn read_varint(input: &mut &[u8]) -> Result<i32, BatchError> {
    // Five groups of seven bits are 35: the last byte may bring four.
    let value = read_unsigned(input, MAX_VARINT_LEN, 0x0f)? as u32;
    Ok((value >> 1) as i32 ^ -((value & 1) as i32))
}

/// Reads a varint of 64 bits from the front of `input` and moves `input` past it.
#[inline]
pub(super) fn read_varlong(input: &mut &[u8]) -> Result<i64, BatchError> {
    let value = read_unsigned(input, MAX_VARLONG_LEN, 0x01)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[inline]
fn read_unsigned(input: &mut &[u8], max_len: usize, last_max: u8) -> Result<u64, BatchError> {
    let mut value = 0_u64;
    for (index, &byte) in input.iter().take(max_len).enumerate() {
        if index + 1 == max_len && byte > last_max {
            return Err(BatchError::VarintTooLong { max_len });
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *input = &input[index + 1..];
            return Ok(value);
        }
    }
    Err(BatchError::Truncated {
        needed: input.len() + 1,
        available: input.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of(value: i32) -> Vec<u8> {
        let mut bytes = [0; MAX_VARINT_LEN];
        let left = Output::new(&mut bytes).put_varint(value).left.len();
        let len = bytes.len() - left;
        bytes[..len].to_vec()
    }

    fn bytes_of_long(value: i64) -> Vec<u8> {
        let mut bytes = [0; MAX_VARLONG_LEN];
        let left = Output::new(&mut bytes).put_varlong(value).left.len();
        let len = bytes.len() - left;
        bytes[..len].to_vec()
    }

    #[test]
    fn values_known_from_kafka() {
        let known: [(i32, &[u8]); 9] = [
            (0, &[0x00]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (-65, &[0x81, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for (value, bytes) in known {
            assert_eq!(bytes_of(value), bytes, "{value}");
        }
        let longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(bytes_of_long(i64::MIN), longest);
    }

    #[test]
    fn refuses_varints_that_are_too_long_or_cut() {
        let too_long = [0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(
            read_varint(&mut too_long.as_slice()),
            Err(BatchError::VarintTooLong { max_len: 5 })
        );
        let too_large = [0xff, 0xff, 0xff, 0xff, 0x1f];
        assert_eq!(
            read_varint(&mut too_large.as_slice()),
            Err(BatchError::VarintTooLong { max_len: 5 })
        );
        let too_long = [0xff; 11];
        assert_eq!(
            read_varlong(&mut too_long.as_slice()),
            Err(BatchError::VarintTooLong { max_len: 10 })
        );
        for cut in [&[][..], &[0x80], &[0x80, 0xff, 0xff, 0xff]] {
            let mut input = cut;
            assert!(matches!(
                read_varint(&mut input),
                Err(BatchError::Truncated { .. })
            ));
        }
    }

    proptest! {
        #[test]
        fn a_lead_is_what_its_varints_are(timestamp: i64, offset: i32, payload_len: u16, shift in 0_u32..64, room in 0_usize..9) {
            let (timestamp, offset) = (timestamp >> shift, offset >> (shift / 2));
            let payload_len = usize::from(payload_len >> (shift / 8));
            let (timestamp_bytes, offset_bytes) = (bytes_of_long(timestamp), bytes_of(offset));
            let body = 1 + timestamp_bytes.len() + offset_bytes.len() + payload_len;
            let length_bytes = bytes_of(body as i32);
            let expected = [&length_bytes[..], &[0], &timestamp_bytes, &offset_bytes].concat();
            let mut bytes = vec![0xff; expected.len() + room];
            let left = Output::new(&mut bytes).put_long_lead(timestamp, offset, payload_len).left.len();
            prop_assert_eq!((left, &bytes[..expected.len()]), (room, &expected[..]));
            prop_assert_eq!(encoded_len(timestamp, offset, payload_len), expected.len() + payload_len);

            let lead = Lead::new(timestamp, offset, payload_len);
            let is_short = |varint: &[u8]| varint.len() <= 2;
            let are_short = is_short(&length_bytes) && is_short(&timestamp_bytes) && is_short(&offset_bytes);
            prop_assert_eq!(lead.is_some(), are_short);
            if let Some(lead) = lead {
                prop_assert_eq!(lead.len(), expected.len());
                bytes.fill(0xff);
                prop_assert_eq!(Output::new(&mut bytes).put_lead(lead).left.len(), room);
                prop_assert_eq!(&bytes[..lead.len()], expected);
            }
        }

        #[test]
        fn varints_round_trip(value: i32, shift in 0_u32..32) {
            let value = value >> shift;
            let bytes = bytes_of(value);
            prop_assert_eq!(bytes.len(), varint_len(value));
            let mut input = bytes.as_slice();
            prop_assert_eq!(read_varint(&mut input), Ok(value));
            prop_assert!(input.is_empty());
        }

        #[test]
        fn varlongs_round_trip(value: i64, shift in 0_u32..64) {
            let value = value >> shift;
            let bytes = bytes_of_long(value);
            prop_assert_eq!(bytes.len(), varlong_len(value));
            let mut input = bytes.as_slice();
            prop_assert_eq!(read_varlong(&mut input), Ok(value));
            prop_assert!(input.is_empty());
        }
    }
}
