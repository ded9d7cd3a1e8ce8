//! What the producer tells of itself, under the names of Kafka's producer metrics.

mod group;
mod prometheus;
mod recorder;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::group::group;
pub(crate) use self::recorder::{Produced, Recorder, nanos};

/// How much there was of something.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Meter {
    /// How much a second over the last time windows (`metrics.sample.window.ms`, `metrics.num.samples`).
    pub rate: f64,
    /// How much since the start.
    pub total: u64,
}

/// How values were spread over the last time windows (`metrics.sample.window.ms`, `metrics.num.samples`). All
/// are NaN where there were no values.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Distribution {
    /// The mean.
    pub avg: f64,
    /// The largest.
    pub max: f64,
    /// Half of the values are at most this; like the other percentiles it is true to 1 %.
    pub p50: f64,
    /// 90 % of the values are at most this.
    pub p90: f64,
    /// 99 % of the values are at most this.
    pub p99: f64,
    /// 99.9 % of the values are at most this.
    pub p999: f64,
}

impl Default for Distribution {
    fn default() -> Self {
        Self {
            avg: f64::NAN,
            max: f64::NAN,
            p50: f64::NAN,
            p90: f64::NAN,
            p99: f64::NAN,
            p999: f64::NAN,
        }
    }
}

/// One value by its name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Metric<'a> {
    /// `producer-metrics`, `producer-node-metrics` or `producer-topic-metrics`.
    pub group: &'static str,
    /// Kafka's name, such as `record-send-rate`.
    pub name: String,
    /// What it counts, and in what unit.
    pub description: &'static str,
    /// `node-id` or `topic` with its value; the group `producer-metrics` has none.
    pub tag: Option<(&'static str, &'a str)>,
    /// Whether it only grows.
    pub is_total: bool,
    /// NaN where there was nothing to measure.
    pub value: f64,
}

group! {
    /// What the producer tells of itself at one moment (`producer-metrics`).
    ///
    /// Times are in milliseconds and sizes in bytes unless a name says otherwise.
    "producer-metrics" Metrics {
        {
            /// The setting `client.id`.
            pub client_id: Arc<str>,
            /// What it tells of brokers, by their id (`producer-node-metrics`). Requests that go to
            /// a bootstrap address or serve metadata are none of a broker's.
            pub nodes: BTreeMap<i32, NodeMetrics>,
            /// What it tells of topics (`producer-topic-metrics`).
            pub topics: BTreeMap<Arc<str>, TopicMetrics>,
        }
        record_send: Meter = "record-send", "Records handed to a connection for the first time.";
        record_retry: Meter = "record-retry", "Records handed to a connection again.";
        record_resolve: Meter = "record-resolve", "Records in doubt of which it was found out whether sending them again is safe or needless, apart from retries. Not one of Kafka's own.";
        record_error: Meter = "record-error", "Records that failed.";
        record_size: Distribution = "record-size", "The largest record of each batch sent, in bytes uncompressed with a batch's header.";
        record_queue_time: Distribution = "record-queue-time", "Milliseconds from a batch's first record to when it was first sent.";
        records_per_request_avg: f64 = "records-per-request-avg", "Records in a Produce request.";
        batch_size: Distribution = "batch-size", "Bytes of a batch as it is sent.";
        batch_split: Meter = "batch-split", "Batches that were too large for their topic and taken apart.";
        compression_rate_avg: f64 = "compression-rate-avg", "Size of a batch as it is sent, by its size uncompressed.";
        byte: Meter = "byte", "Bytes of batches handed to connections for the first time. Kafka has it of topics only.";
        request_latency: Distribution = "request-latency", "Milliseconds from a Produce request to its answer.";
        produce_throttle_time: Distribution = "produce-throttle-time", "Milliseconds for which brokers asked to be left alone (KIP-219), of all answers to Produce.";
        requests_in_flight: u64 = "requests-in-flight", "Requests that wait for an answer.";
        requests_in_flight_max: u64 = "requests-in-flight-max", "Most Produce requests that waited for an answer at once on one connection. Not one of Kafka's own.";
        request: Meter = "request", "Requests of every kind.";
        response: Meter = "response", "Answers of every kind.";
        request_size: Distribution = "request-size", "Bytes of a request.";
        outgoing_byte: Meter = "outgoing-byte", "Bytes of requests.";
        incoming_byte: Meter = "incoming-byte", "Bytes of answers.";
        network_io: Meter = "network-io", "Requests and answers.";
        connection_count: u64 = "connection-count", "Connections that stand.";
        connection_creation: Meter = "connection-creation", "Connections made.";
        connection_close: Meter = "connection-close", "Connections ended.";
        successful_authentication: Meter = "successful-authentication", "Connections that authenticated; 0 as long as raban has no SASL.";
        failed_authentication: Meter = "failed-authentication", "Connections that failed to; 0 as long as raban has no SASL.";
        metadata_age: f64 = "metadata-age", "Seconds since metadata were told last; NaN before.";
        metadata_wait_time_ns_total: u64 = "metadata-wait-time-ns-total", "Nanoseconds that calls waited for a topic's metadata.";
        flush_time_ns_total: u64 = "flush-time-ns-total", "Nanoseconds that flushes took.";
        txn_init_time_ns_total: u64 = "txn-init-time-ns-total", "Nanoseconds in which transactions were made ready; 0 as long as raban has none.";
        txn_begin_time_ns_total: u64 = "txn-begin-time-ns-total", "Nanoseconds in which transactions began; 0 as long as raban has none.";
        txn_send_offsets_time_ns_total: u64 = "txn-send-offsets-time-ns-total", "Nanoseconds in which offsets were sent to transactions; 0 as long as raban has none.";
        txn_prepare_time_ns_total: u64 = "txn-prepare-time-ns-total", "Nanoseconds in which transactions were prepared; 0 as long as raban has none.";
        txn_commit_time_ns_total: u64 = "txn-commit-time-ns-total", "Nanoseconds in which transactions were committed; 0 as long as raban has none.";
        txn_abort_time_ns_total: u64 = "txn-abort-time-ns-total", "Nanoseconds in which transactions were aborted; 0 as long as raban has none.";
        waiting_threads: u64 = "waiting-threads", "Calls that wait for memory.";
        buffer_total_bytes: u64 = "buffer-total-bytes", "The setting buffer.memory.";
        buffer_available_bytes: u64 = "buffer-available-bytes", "The part of buffer.memory that is free.";
        buffer_exhausted: Meter = "buffer-exhausted", "Records that waited for memory in vain.";
        bufferpool_wait_ratio: f64 = "bufferpool-wait-ratio", "The part of the time that calls waited for memory; with several at once it may be more than 1.";
        bufferpool_wait_time_ns_total: u64 = "bufferpool-wait-time-ns-total", "Nanoseconds that calls waited for memory.";
    }
}

group! {
    /// What the producer tells of a broker at one moment (`producer-node-metrics`).
    "producer-node-metrics" NodeMetrics {
        {}
        request: Meter = "request", "Requests of every kind.";
        response: Meter = "response", "Answers of every kind.";
        request_size: Distribution = "request-size", "Bytes of a request.";
        outgoing_byte: Meter = "outgoing-byte", "Bytes of requests.";
        incoming_byte: Meter = "incoming-byte", "Bytes of answers.";
        request_latency: Distribution = "request-latency", "Milliseconds from a Produce request to its answer.";
    }
}

group! {
    /// What the producer tells of a topic at one moment (`producer-topic-metrics`).
    "producer-topic-metrics" TopicMetrics {
        {}
        record_send: Meter = "record-send", "Records handed to a connection for the first time.";
        record_retry: Meter = "record-retry", "Records handed to a connection again.";
        record_error: Meter = "record-error", "Records that failed.";
        byte: Meter = "byte", "Bytes of batches handed to connections for the first time.";
        compression_rate: f64 = "compression-rate", "Size of a batch as it is sent, by its size uncompressed.";
    }
}

impl Metric<'_> {
    /// Whether Kafka's producer has it, too.
    #[cfg_attr(not(feature = "telemetry"), allow(dead_code))]
    pub(crate) fn is_kafkas(&self) -> bool {
        let is_percentile = ["-p50", "-p90", "-p99", "-p999"]
            .iter()
            .any(|suffix| self.name.ends_with(suffix));
        let is_own = match self.name.as_str() {
            "requests-in-flight-max" => true,
            // Kafka has it of topics only.
            "byte-rate" | "byte-total" => self.tag.is_none(),
            name => name.starts_with("record-resolve-"),
        };
        !is_percentile && !is_own
    }
}

impl Metrics {
    /// The producer's own values (`producer-metrics`) by Kafka's names, such as `record-send-rate` or `request-latency-p99`;
    /// `None` for a name that there isn't.
    pub fn get(&self, name: &str) -> Option<f64> {
        let mut found = None;
        self.visit(None, &mut |metric| {
            if metric.name == name {
                found = Some(metric.value);
            }
        });
        found
    }

    /// All values of producer, brokers and topics, by name.
    pub fn for_each(&self, mut see: impl FnMut(Metric<'_>)) {
        self.visit(None, &mut see);
        for (node, metrics) in &self.nodes {
            let node = format!("node-{node}");
            metrics.visit(Some(("node-id", &node)), &mut see);
        }
        for (topic, metrics) in &self.topics {
            metrics.visit(Some(("topic", topic)), &mut see);
        }
    }
}
