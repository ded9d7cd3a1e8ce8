//! Waiting longer after each failure, with jitter (KIP-580).

use std::time::Duration;

use crate::partitioner::split_mix;

/// Jitter of Kafka's clients: a fifth to either side.
const JITTER: f64 = 0.2;

/// The wait after the `failures`-th failure in a row, counted from 1: doubling from `base` up to
/// `max`, ±20 %. A base above the maximum gives the constant maximum.
pub(crate) fn backoff(
    base: Duration,
    max: Duration,
    failures: u32,
    random: &mut Random,
) -> Duration {
    let doubled = base.saturating_mul(1 << failures.saturating_sub(1).min(30));
    let jitter = 1.0 + JITTER * (2.0 * random.fraction() - 1.0);
    doubled.min(max).mul_f64(jitter)
}

/// Random numbers from the producer's seed.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        split_mix(self.0)
    }

    /// From 0 to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_maximum_within_a_fifth() {
        let mut random = Random::new(5);
        let (base, max) = (Duration::from_millis(100), Duration::from_secs(1));
        for (failures, expected) in [
            (1, 100.0),
            (2, 200.0),
            (4, 800.0),
            (5, 1000.0),
            (500, 1000.0),
        ] {
            for _ in 0..100 {
                let wait = backoff(base, max, failures, &mut random).as_secs_f64() * 1e3;
                assert!(
                    (expected * 0.8..=expected * 1.2).contains(&wait),
                    "{failures}: {wait}"
                );
            }
        }
        let constant = backoff(max, base, 1, &mut random);
        assert!(constant <= base.mul_f64(1.2));
    }
}
