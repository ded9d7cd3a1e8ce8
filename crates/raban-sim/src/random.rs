//! Random numbers from the seed, a stream for each concern: what is left out of one leaves the others alike.

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of `concern` under `seed`.
    pub(crate) fn of(seed: u64, concern: &str) -> Self {
        let fold = |state: u64, byte: u8| mix(state ^ u64::from(byte));
        Self(concern.bytes().fold(mix(seed), fold))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// From 0 to `end` - 1; 0 for an `end` of 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// From `first` to `last`, both included.
    pub(crate) fn within(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// `true` in so many of 1,000 cases.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// One of the values, as often as its weight says.
    pub(crate) fn weighted<T: Copy>(&mut self, from: &[(u64, T)]) -> T {
        let mut at = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in from {
            if at < *weight {
                return *value;
            }
            at -= weight;
        }
        from[from.len() - 1].1
    }
}

/// SplitMix64's finalizer.
pub(crate) fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_apart() {
        let first = |concern| Random::of(7, concern).next();
        assert_eq!(first("network"), first("network"));
        assert_ne!(first("network"), first("workload"));
    }

    #[test]
    fn bounds_and_weights_hold() {
        let mut random = Random::of(1, "test");
        for _ in 0..1_000 {
            assert!((3..=5).contains(&random.within(3, 5)));
            assert_eq!(random.weighted(&[(0, 'a'), (2, 'b'), (0, 'c')]), 'b');
        }
        assert_eq!(random.below(0), 0);
    }
}
