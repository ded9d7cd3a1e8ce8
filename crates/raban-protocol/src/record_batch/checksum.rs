//! Combining CRC-32C checksums, so that a new header costs the same for every size of batch.
//!
//! As polynomials over GF(2), putting n bytes behind others multiplies their checksum by x^8n. That factor depends on
//! n alone: it is computed once per batch, and each header costs one multiplication of 32 bits.

use crc_fast::crc32_iscsi;

use super::record_int;

/// The polynomial of CRC-32C, in the reflected order of bits: the highest bit stands for x^0.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// x^0.
const ONE: u32 = 1 << 31;
/// x^8: what one byte multiplies by.
const ONE_BYTE: u32 = ONE >> 8;

/// `POWERS[i][d]` is the factor of d * 256^i bytes.
static POWERS: [[u32; 256]; 4] = {
    let mut powers = [[ONE; 256]; 4];
    let mut base = ONE_BYTE;
    let mut digit = 0;
    while digit < 4 {
        let mut times = 1;
        while times < 256 {
            powers[digit][times] = multiply(powers[digit][times - 1], base);
            times += 1;
        }
        base = multiply(powers[digit][255], base);
        digit += 1;
    }
    powers
};

/// The product of two polynomials modulo that of CRC-32C.
const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = 32;
    while bit > 0 {
        bit -= 1;
        product ^= b & ((a >> bit) & 1).wrapping_neg();
        b = (b >> 1) ^ (POLYNOMIAL & (b & 1).wrapping_neg());
    }
    product
}

/// The checksum of some bytes, ready to be combined with those of bytes before them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suffix {
    crc: u32,
    factor: u32,
}

impl Suffix {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let digits = record_int(bytes.len()).to_le_bytes();
        let powers = POWERS.iter().zip(digits);
        let factors = powers.map(|(power, digit)| power[usize::from(digit)]);
        Self {
            crc: crc32_iscsi(bytes),
            factor: factors
                .filter(|factor| *factor != ONE)
                .reduce(multiply)
                .unwrap_or(ONE),
        }
    }

    /// The checksum of `before` with these bytes behind it.
    pub(super) fn behind(self, before: &[u8]) -> u32 {
        multiply(crc32_iscsi(before), self.factor) ^ self.crc
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_of_every_digit() {
        for len in [0, 1, 15, 16, 17, 255, 256, 4_095, 65_536, 1_048_583] {
            let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + at / 300) as u8).collect();
            let whole = [b"header".as_slice(), &bytes].concat();
            assert_eq!(
                Suffix::new(&bytes).behind(b"header"),
                crc32c::crc32c(&whole),
                "{len}"
            );
        }
    }

    proptest! {
        #[test]
        fn combined_checksums_are_those_of_the_whole(
            whole in proptest::collection::vec(any::<u8>(), 0..3_000),
            at in any::<prop::sample::Index>(),
        ) {
            let (before, behind) = whole.split_at(at.index(whole.len() + 1));
            prop_assert_eq!(Suffix::new(behind).behind(before), crc32c::crc32c(&whole));
        }
    }
}
