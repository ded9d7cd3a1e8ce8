//! How far a topic's records shrink, so that compressed batches come near `batch.size`.

use std::sync::atomic::{AtomicU32, Ordering};

/// A batch that shrank less than expected moves the estimate at once, one that shrank more moves it
/// a little: an overfull batch costs more than a small one.
const WORSE_STEP: f32 = 0.05;
const BETTER_STEP: f32 = 0.005;
/// Kafka's safety margin on the estimate.
const MARGIN: f32 = 1.05;

/// A running estimate of compressed size by uncompressed size.
#[derive(Debug)]
pub(crate) struct CompressionRatio(AtomicU32);

impl Default for CompressionRatio {
    fn default() -> Self {
        Self(AtomicU32::new(1f32.to_bits()))
    }
}

impl CompressionRatio {
    /// Takes in what a batch came to. Of two at the same time one may be lost.
    pub(crate) fn observe(&self, compressed: usize, uncompressed: usize) {
        let observed = compressed as f32 / uncompressed.max(1) as f32;
        let held = f32::from_bits(self.0.load(Ordering::Relaxed));
        let next = if observed > held {
            observed.max(held + WORSE_STEP)
        } else {
            observed.max(held - BETTER_STEP)
        };
        self.0.store(next.to_bits(), Ordering::Relaxed);
    }

    /// Uncompressed bytes that are expected to come to `batch_size`, at most `limit`.
    pub(crate) fn uncompressed(&self, batch_size: usize, limit: usize) -> usize {
        let ratio = f32::from_bits(self.0.load(Ordering::Relaxed)) * MARGIN;
        let bytes = (batch_size as f32 / ratio) as usize;
        bytes.min(limit).max(batch_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_slowly_shrinks_at_once_and_stays_within_the_limit() {
        let ratio = CompressionRatio::default();
        assert_eq!(ratio.uncompressed(1000, 1 << 20), 1000);
        for _ in 0..1000 {
            ratio.observe(100, 1000);
        }
        let grown = ratio.uncompressed(1000, 1 << 20);
        assert!((9000..10_000).contains(&grown), "{grown}");
        assert_eq!(ratio.uncompressed(1000, 5000), 5000);
        ratio.observe(800, 1000);
        assert!(ratio.uncompressed(1000, 1 << 20) < 1200);
    }
}
