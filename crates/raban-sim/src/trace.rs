//! What happened: a hash of everything that crossed the network, and on request a readable log.

use std::time::Duration;

use crate::random::mix;

/// The account of a run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(readable: bool) -> Self {
        Self {
            hash: 0,
            lines: readable.then(Vec::new),
        }
    }

    /// Takes bytes that moved into the hash.
    pub(crate) fn bytes(&mut self, now: Duration, conn: u64, bytes: &[u8]) {
        let mut hash = mix(self.hash ^ now.as_nanos() as u64 ^ conn.rotate_left(48));
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            hash = (hash.rotate_left(5) ^ u64::from_le_bytes(*word))
                .wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        for byte in rest {
            hash = mix(hash ^ u64::from(*byte));
        }
        self.hash = hash;
    }

    /// Adds a line, if anybody reads it.
    pub(crate) fn line(&mut self, now: Duration, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>12.6}  {}", now.as_secs_f64(), line()));
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
