//! Counts since the start, by the names of Kafka's producer metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of the producer's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// `record-send-total`: records handed to a connection for the first time.
    pub record_send_total: u64,
    /// `record-retry-total`: records handed to a connection again.
    pub record_retry_total: u64,
    /// `record-resolve-total`: records in doubt of which it was found out whether sending them again is safe or
    /// needless, apart from retries. Not one of Kafka's own.
    pub record_resolve_total: u64,
    /// `record-error-total`: records that failed.
    pub record_error_total: u64,
    /// `batch-split-total`: batches that were too large for their topic and taken apart.
    pub batch_split_total: u64,
    /// `byte-total`: bytes of batches handed to connections for the first time, compressed.
    pub byte_total: u64,
    /// `request-total`: requests of every kind.
    pub request_total: u64,
    /// Most Produce requests in flight at once on one connection.
    pub requests_in_flight_max: u64,
    /// `connection-creation-total`: connections made.
    pub connection_creation_total: u64,
    /// `buffer-total-bytes`: the setting `buffer.memory`.
    pub buffer_total_bytes: u64,
    /// `buffer-available-bytes`: the part of it that is free.
    pub buffer_available_bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    retried: AtomicU64,
    resolved: AtomicU64,
    failed: AtomicU64,
    split: AtomicU64,
    bytes: AtomicU64,
    requests: AtomicU64,
    in_flight_max: AtomicU64,
    connections: AtomicU64,
}

impl Counters {
    pub(crate) fn sent(&self, records: u32, bytes: usize) {
        self.sent.fetch_add(u64::from(records), Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn retried(&self, records: u32) {
        self.retried
            .fetch_add(u64::from(records), Ordering::Relaxed);
    }

    pub(crate) fn resolved(&self, records: u32) {
        self.resolved
            .fetch_add(u64::from(records), Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, records: u32) {
        self.failed.fetch_add(u64::from(records), Ordering::Relaxed);
    }

    pub(crate) fn split(&self) {
        self.split.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn in_flight(&self, requests: usize) {
        self.in_flight_max
            .fetch_max(requests as u64, Ordering::Relaxed);
    }

    pub(crate) fn connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, buffer_total: usize, buffer_available: usize) -> Metrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Metrics {
            record_send_total: get(&self.sent),
            record_retry_total: get(&self.retried),
            record_resolve_total: get(&self.resolved),
            record_error_total: get(&self.failed),
            batch_split_total: get(&self.split),
            byte_total: get(&self.bytes),
            request_total: get(&self.requests),
            requests_in_flight_max: get(&self.in_flight_max),
            connection_creation_total: get(&self.connections),
            buffer_total_bytes: buffer_total as u64,
            buffer_available_bytes: buffer_available as u64,
        }
    }
}
