//! Numbers over the last time windows, counted as Kafka's sampled stats count them.
//!
//! A sample collects for `metrics.sample.window.ms`; those count whose last event is younger than
//! `metrics.num.samples` of them.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::{Distribution, Meter};
use crate::time::Instant;

/// `metrics.sample.window.ms` and `metrics.num.samples`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) length: Duration,
    pub(crate) samples: u32,
}

/// One time window's worth of something.
#[derive(Debug)]
struct Sample<T> {
    began: Instant,
    last: Instant,
    held: T,
}

#[derive(Debug)]
struct Sampled<T>(VecDeque<Sample<T>>);

impl<T> Default for Sampled<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Default> Sampled<T> {
    /// The window that an event of `now` falls into.
    fn at(&mut self, now: Instant, windows: Windows) -> &mut T {
        let is_over = |sample: &Sample<T>| now - sample.began >= windows.length;
        if self.0.back().is_none_or(is_over) {
            // One more than count in full: the oldest may reach into the time that is looked at.
            if self.0.len() > windows.samples as usize {
                self.0.pop_front();
            }
            self.0.push_back(Sample {
                began: now,
                last: now,
                held: T::default(),
            });
        }
        let sample = self.0.back_mut().expect("there is one now");
        sample.last = now;
        &mut sample.held
    }

    fn recent(&self, now: Instant, windows: Windows) -> impl Iterator<Item = &Sample<T>> {
        let expired = windows.length.saturating_mul(windows.samples);
        self.0
            .iter()
            .filter(move |sample| now - sample.last < expired)
    }
}

/// How much there was of something.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    total: u64,
    sampled: Sampled<u64>,
}

impl Sum {
    pub(crate) fn add(&mut self, now: Instant, windows: Windows, amount: u64) {
        self.total += amount;
        *self.sampled.at(now, windows) += amount;
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn meter(&self, now: Instant, windows: Windows) -> Meter {
        Meter {
            rate: self.rate(now, windows),
            total: self.total,
        }
    }

    /// How much a second. The time counts from the oldest window on, as if all but one were full.
    pub(crate) fn rate(&self, now: Instant, windows: Windows) -> f64 {
        let recent = || self.sampled.recent(now, windows);
        let sum: u64 = recent().map(|sample| sample.held).sum();
        let oldest = recent().map(|sample| sample.began).min().unwrap_or(now);
        let elapsed = now - oldest;
        let full = elapsed.as_nanos() / windows.length.as_nanos().max(1);
        let missing = u128::from(windows.samples - 1).saturating_sub(full);
        let missing = windows
            .length
            .saturating_mul(u32::try_from(missing).unwrap_or(u32::MAX));
        let elapsed = (elapsed + missing).max(Duration::from_millis(1));
        sum as f64 / elapsed.as_secs_f64()
    }
}

/// How values are spread.
#[derive(Debug, Default)]
pub(crate) struct Spread(Sampled<Values>);

#[derive(Debug)]
struct Values {
    sum: f64,
    max: u64,
    histogram: Histogram<u32>,
}

/// Percentiles are true to one part in a hundred.
const SIGNIFICANT_DIGITS: u8 = 2;

fn empty() -> Histogram<u32> {
    Histogram::new(SIGNIFICANT_DIGITS).expect("two digits are among those it can keep")
}

impl Default for Values {
    fn default() -> Self {
        Self {
            sum: 0.0,
            max: 0,
            histogram: empty(),
        }
    }
}

impl Spread {
    pub(crate) fn record(&mut self, now: Instant, windows: Windows, value: u64) {
        let values = self.0.at(now, windows);
        values.sum += value as f64;
        values.max = values.max.max(value);
        values
            .histogram
            .record(value)
            .expect("it grows to what is recorded");
    }

    /// The spread of the values, each times `scale`.
    pub(crate) fn distribution(&self, now: Instant, windows: Windows, scale: f64) -> Distribution {
        let mut all = empty();
        let (mut sum, mut max) = (0.0, 0);
        for Sample { held, .. } in self.0.recent(now, windows) {
            sum += held.sum;
            max = max.max(held.max);
            all.add(&held.histogram)
                .expect("it grows to what is added to it");
        }
        if all.is_empty() {
            return Distribution::default();
        }
        let at = |quantile| all.value_at_quantile(quantile).min(max) as f64 * scale;
        Distribution {
            avg: sum / all.len() as f64 * scale,
            max: max as f64 * scale,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
        }
    }
}

/// The mean of values.
#[derive(Debug, Default)]
pub(crate) struct Mean(Sampled<(f64, u64)>);

impl Mean {
    pub(crate) fn record(&mut self, now: Instant, windows: Windows, value: f64) {
        let (sum, count) = self.0.at(now, windows);
        *sum += value;
        *count += 1;
    }

    /// NaN where there were none.
    pub(crate) fn mean(&self, now: Instant, windows: Windows) -> f64 {
        let recent = self.0.recent(now, windows).map(|sample| sample.held);
        let (sum, count) = recent.fold((0.0, 0), |(sum, count), (more, times)| {
            (sum + more, count + times)
        });
        sum / count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows {
        length: Duration::from_secs(30),
        samples: 2,
    };

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_rate_counts_one_window_as_full_from_the_start() {
        let mut sum = Sum::default();
        assert_eq!(sum.meter(at(5), WINDOWS), Meter::default());
        sum.add(at(10), WINDOWS, 300);
        assert_eq!(sum.rate(at(10), WINDOWS), 10.0);
        sum.add(at(20), WINDOWS, 300);
        assert_eq!(sum.rate(at(25), WINDOWS), 600.0 / 45.0);
        sum.add(at(40), WINDOWS, 600);
        assert_eq!(sum.rate(at(50), WINDOWS), 1200.0 / 40.0);
    }

    #[test]
    fn windows_whose_last_event_is_old_count_no_more() {
        let mut sum = Sum::default();
        sum.add(at(0), WINDOWS, 90);
        sum.add(at(35), WINDOWS, 60);
        assert_eq!(sum.rate(at(59), WINDOWS), 150.0 / 59.0);
        assert_eq!(sum.rate(at(60), WINDOWS), 60.0 / 55.0);
        assert_eq!(sum.rate(at(95), WINDOWS), 0.0);
        assert_eq!(sum.total(), 150);
    }

    #[test]
    fn no_more_windows_are_held_than_count() {
        let mut sum = Sum::default();
        for seconds in 0..1000 {
            sum.add(at(seconds), WINDOWS, 1);
        }
        assert_eq!(sum.sampled.0.len(), 3);
    }

    #[test]
    fn a_spread_tells_its_percentiles() {
        let mut spread = Spread::default();
        assert!(spread.distribution(at(0), WINDOWS, 1.0).avg.is_nan());
        for value in 1..=1000 {
            spread.record(at(1), WINDOWS, value);
        }
        spread.record(at(40), WINDOWS, 500_000);
        let told = spread.distribution(at(41), WINDOWS, 0.001);
        let near = |value: f64, expected: f64| (value - expected).abs() <= expected / 50.0;
        assert!(near(told.p50, 0.5) && near(told.p90, 0.9), "{told:?}");
        assert!(near(told.p99, 0.99) && near(told.p999, 1.0), "{told:?}");
        assert_eq!(told.max, 500.0);
        assert!((told.avg - (500.5 + 500_000.0 / 1000.0) / 1.001 / 1000.0).abs() < 1e-3);
        assert_eq!(spread.distribution(at(75), WINDOWS, 1.0).p50, 500_000.0);
    }

    #[test]
    fn a_mean_of_nothing_is_not_a_number() {
        let mut mean = Mean::default();
        assert!(mean.mean(at(0), WINDOWS).is_nan());
        mean.record(at(0), WINDOWS, 0.5);
        mean.record(at(31), WINDOWS, 1.0);
        assert_eq!(mean.mean(at(32), WINDOWS), 0.75);
    }
}
