//! Kafka's identifiers, of topics above all.

use std::fmt;

/// A 128-bit identifier: a topic's id (KIP-516), a directory's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// All bits zero: no id.
    pub const ZERO: Self = Self([0; 16]);

    /// Whether this is [`ZERO`](Self::ZERO), which stands for no id.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

/// The form that Kafka's tools print: base64url without padding, 22 characters.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::with_capacity(22);
        for group in self.0.chunks(3) {
            let bits = group
                .iter()
                .fold(0, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - group.len()));
            for place in 0..=group.len() {
                let index = bits >> (18 - 6 * place) & 0x3f;
                text.push(char::from(ALPHABET[index as usize]));
            }
        }
        f.pad(&text)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_kafka_does() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        let mut one = Uuid::ZERO;
        one.0[15] = 1;
        assert_eq!(one.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
        let counting: [u8; 16] = std::array::from_fn(|i| i as u8);
        assert_eq!(Uuid(counting).to_string(), "AAECAwQFBgcICQoLDA0ODw");
        assert!(Uuid::ZERO.is_zero() && !one.is_zero());
    }
}
