//! The text that all records are cut from: the same bytes for each program, whatever its language.

use std::fmt::Write as _;

/// More than any batch, so that no batch has the same text twice, and more than the processor's nearer caches.
pub(crate) const LEN: usize = 4 << 20;
const WORDS: usize = 1 << 10;

/// Words of 3 to 10 letters, frequent ones and rare ones, as log lines have them: compresses to about a third.
pub(crate) fn text() -> Vec<u8> {
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let words: Vec<String> = (0..WORDS)
        .map(|_| {
            let len = 3 + random.below(8);
            (0..len)
                .map(|_| char::from(b'a' + random.below(26) as u8))
                .collect()
        })
        .collect();
    let mut text = String::with_capacity(LEN + 16);
    while text.len() < LEN {
        // Both bits set in few numbers: low ones come often.
        let word = random.below(WORDS) & random.below(WORDS);
        // Writing to a string doesn't fail.
        let _ = write!(text, "{} ", words[word]);
    }
    text.truncate(LEN);
    text.into_bytes()
}

struct XorShift(u64);

impl XorShift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_always_the_same_printable_text() {
        let text = text();
        assert_eq!(text.len(), LEN);
        assert!(
            text.iter()
                .all(|byte| *byte == b' ' || byte.is_ascii_lowercase())
        );
        assert_eq!(text, super::text());
        // Few of the 65,536 keys of 16 bytes are the same.
        let mut keys: Vec<&[u8]> = text.chunks_exact(16).take(65_536).collect();
        keys.sort_unstable();
        let all = keys.len();
        keys.dedup();
        assert!(keys.len() > all * 9 / 10, "{} of {all}", keys.len());
    }
}
