//! Each target on its seeds, and on some that were changed in a few places.

use raban_fuzz::TARGETS;

/// Changed inputs for each seed.
const CHANGED: u32 = 20;

#[test]
fn targets_bear_their_seeds() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty());
        for (number, seed) in (1_u32..).zip(&seeds) {
            (target.run)(seed);
            let mut random = Random(number.wrapping_mul(0x9e37_79b9) | 1);
            for _ in 0..CHANGED {
                (target.run)(&random.change(seed));
            }
        }
    }
}

struct Random(u32);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % bound.max(1)
    }

    fn change(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut changed = seed.to_vec();
        for _ in 0..=self.below(6) {
            let at = self.below(changed.len());
            match (self.below(4), changed.get_mut(at)) {
                (0, Some(_)) => changed.truncate(at),
                (1, Some(byte)) => *byte ^= 1 << self.below(8),
                (_, Some(byte)) => *byte = self.below(256) as u8,
                (_, None) => changed.push(self.below(256) as u8),
            }
        }
        changed
    }
}
