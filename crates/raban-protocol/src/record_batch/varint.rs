//! Zigzag varints of records: a record spends most of its few overhead bytes on them.
//!
//! They are written into a small array on the stack ([`Prefix`]), so that a record costs a handful of copies into
//! the batch and no check per byte.

use super::BatchError;

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

/// A few varints put together on the stack before they are copied into the batch at once.
pub(super) struct Prefix<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Prefix<N> {
    #[inline]
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }

    #[inline]
    pub(super) fn put_u8(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    #[inline]
    pub(super) fn put_varint(&mut self, value: i32) {
        let mut rest = zigzag(value);
        while rest >= 0x80 {
            self.put_u8(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.put_u8(rest as u8);
    }

    #[inline]
    pub(super) fn put_varlong(&mut self, value: i64) {
        let mut rest = zigzag_long(value);
        while rest >= 0x80 {
            self.put_u8(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.put_u8(rest as u8);
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
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
        let mut prefix = Prefix::<MAX_VARINT_LEN>::new();
        prefix.put_varint(value);
        prefix.as_slice().to_vec()
    }

    fn bytes_of_long(value: i64) -> Vec<u8> {
        let mut prefix = Prefix::<MAX_VARLONG_LEN>::new();
        prefix.put_varlong(value);
        prefix.as_slice().to_vec()
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
