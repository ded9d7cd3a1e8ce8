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

/// Writes a record into the bytes counted for it. It goes from call to call by value, so that it stays in registers.
#[must_use = "what is left is where the next bytes go"]
pub(super) struct Output<'a> {
    /// Those that aren't written yet.
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
    pub(super) fn put_u8(self, byte: u8) -> Self {
        self.put([byte])
    }

    #[inline(always)]
    pub(super) fn put_varint(self, value: i32) -> Self {
        self.put_unsigned(u64::from(zigzag(value)))
    }

    #[inline(always)]
    pub(super) fn put_varlong(self, value: i64) -> Self {
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
