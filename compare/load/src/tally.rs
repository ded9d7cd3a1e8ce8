//! What became of the records: counts, the first error, and latencies.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::Failure;
use crate::report::Latency;
use crate::source::Ticket;

/// The outcomes of records. Any thread may tell.
#[derive(Debug)]
pub struct Tally {
    start: Instant,
    delivered: AtomicU64,
    failed: AtomicU64,
    first_error: Mutex<Option<String>>,
    /// In nanoseconds.
    latencies: Mutex<Histogram<u64>>,
}

impl Tally {
    pub(crate) fn new() -> Result<Self, Failure> {
        let latencies = Histogram::new_with_bounds(1_000, 60_000_000_000, 3);
        Ok(Self {
            // A ticket of 0 means none.
            start: Instant::now() - Duration::from_nanos(1),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            first_error: Mutex::new(None),
            latencies: Mutex::new(latencies.map_err(Failure::new)?),
        })
    }

    /// Forgets all, before records are measured.
    pub(crate) fn reset(&self) {
        self.delivered.store(0, Ordering::Relaxed);
        self.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reset();
    }

    pub(crate) fn ticket(&self, intended: Instant) -> Ticket {
        Ticket(intended.duration_since(self.start).as_nanos() as u64)
    }

    /// A record was acknowledged.
    pub fn delivered(&self, ticket: Ticket) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        if ticket.0 != 0 {
            let latency = (self.start.elapsed().as_nanos() as u64).saturating_sub(ticket.0);
            self.latencies
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .saturating_record(latency);
        }
    }

    /// So many records without a time were acknowledged.
    pub fn delivered_many(&self, records: u64) {
        self.delivered.fetch_add(records, Ordering::Relaxed);
    }

    /// A record failed: so does the run.
    pub fn failed(&self, error: impl Display) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.first_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| error.to_string());
    }

    /// Nothing is wrong if each of the records was delivered, once.
    pub(crate) fn check(&self, records: u64) -> Result<(), Failure> {
        let delivered = self.delivered.load(Ordering::Relaxed);
        let failed = self.failed.load(Ordering::Relaxed);
        if failed == 0 && delivered == records {
            return Ok(());
        }
        let first = self
            .first_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let first = first.as_deref().unwrap_or("none");
        Err(Failure::new(format!(
            "of {records} records {delivered} were delivered and {failed} failed; first error: {first}"
        )))
    }

    pub(crate) fn latency(&self) -> Option<Latency> {
        let latencies = self
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let us = |nanos: u64| nanos as f64 / 1_000.0;
        (!latencies.is_empty()).then(|| Latency {
            p50_us: us(latencies.value_at_quantile(0.50)),
            p99_us: us(latencies.value_at_quantile(0.99)),
            p999_us: us(latencies.value_at_quantile(0.999)),
            max_us: us(latencies.max()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_records_must_be_delivered() {
        let tally = Tally::new().unwrap();
        tally.delivered(Ticket::default());
        tally.delivered_many(2);
        tally.check(3).unwrap();
        assert!(
            tally
                .check(4)
                .unwrap_err()
                .to_string()
                .contains("of 4 records 3 were")
        );
        assert!(tally.latency().is_none());
        tally.reset();
        tally.delivered_many(4);

        tally.failed("broken");
        tally.failed("later");
        let error = tally.check(4).unwrap_err().to_string();
        assert!(error.contains("2 failed; first error: broken"), "{error}");
    }

    #[test]
    fn latency_counts_from_the_intended_time() {
        let tally = Tally::new().unwrap();
        for early in 1..=100 {
            let intended = tally.start + Duration::from_nanos(early);
            let mut ticket = tally.ticket(intended);
            assert_eq!(ticket.0, early);
            ticket = Ticket::from_bits(ticket.to_bits());
            tally.delivered(ticket);
        }
        let latency = tally.latency().unwrap();
        assert!(latency.p50_us <= latency.p99_us && latency.p99_us <= latency.max_us);
        tally.reset();
        assert!(tally.latency().is_none());
    }
}
