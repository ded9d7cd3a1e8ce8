//! Record data inside Produce and Fetch: bytes that are passed on, not looked into.

use std::fmt;

use bytes::{Bytes, BytesMut};

/// The record batches of a partition, as one or more segments that follow each other.
///
/// A batch to be sent has its header in one segment and its records in another, so that the header
/// can be stamped anew while the records stay where they are. Two values are equal if their bytes
/// are, however they are cut.
#[derive(Clone, Default)]
pub struct Records {
    first: Bytes,
    rest: Vec<Bytes>,
}

impl Records {
    /// Record data made of the segments, in this order.
    pub fn new(segments: Vec<Bytes>) -> Self {
        let mut rest = segments;
        if rest.is_empty() {
            return Self::default();
        }
        let first = rest.remove(0);
        Self { first, rest }
    }

    /// The segments, in order. There may be empty ones.
    pub fn segments(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.segments().map(Bytes::len).sum()
    }

    /// Whether there isn't a single byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes in one piece: as they are if they are one segment, copied together if not.
    pub fn into_bytes(self) -> Bytes {
        if self.rest.is_empty() {
            return self.first;
        }
        let mut joined = BytesMut::with_capacity(self.len());
        for segment in self.segments() {
            joined.extend_from_slice(segment);
        }
        joined.freeze()
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self {
            first: bytes,
            rest: Vec::new(),
        }
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.segments().flatten().eq(other.segments().flatten())
    }
}

impl Eq for Records {}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_does_not_matter() {
        let whole = Records::from(Bytes::from_static(b"header and body"));
        let cut = Records::new(vec![
            Bytes::from_static(b"header "),
            Bytes::new(),
            Bytes::from_static(b"and body"),
        ]);
        assert_eq!(whole, cut);
        assert_eq!(cut.len(), 15);
        assert_eq!(cut.into_bytes(), whole.clone().into_bytes());
        assert_ne!(whole, Records::from(Bytes::from_static(b"header and bodY")));
        assert!(Records::new(Vec::new()).is_empty());
    }

    #[test]
    fn one_segment_is_not_copied() {
        let bytes = Bytes::from(vec![7; 1000]);
        assert_eq!(
            Records::from(bytes.clone()).into_bytes().as_ptr(),
            bytes.as_ptr()
        );
    }
}
