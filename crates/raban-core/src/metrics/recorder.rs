//! Counts what happens: once a batch, a request or a wait, never once a record.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::window::{Mean, Spread, Sum, Windows};
use super::{Metrics, NodeMetrics, TopicMetrics};
use crate::config::Config;
use crate::sync::{Mutex, MutexGuard};
use crate::time::Instant;

/// What is known of a batch when it is sent.
#[derive(Debug)]
pub(crate) struct Produced {
    pub(crate) topic: Arc<str>,
    pub(crate) records: u32,
    pub(crate) bytes: usize,
    pub(crate) uncompressed: usize,
    pub(crate) largest_record: usize,
    /// How long it waited; `None` where it is sent again.
    pub(crate) queued: Option<Duration>,
}

#[derive(Debug)]
pub(crate) struct Recorder {
    windows: Windows,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    resolved: Sum,
    retried: Sum,
    sent: Sum,
    failed: Sum,
    bytes: Sum,
    splits: Sum,
    record_size: Spread,
    queue_time: Spread,
    batch_size: Spread,
    compression: Mean,
    records_per_request: Mean,
    latency: Spread,
    throttle: Spread,
    traffic: Traffic,
    in_flight: u64,
    produce_in_flight_max: u64,
    connected: Sum,
    disconnected: Sum,
    told_metadata: Option<Instant>,
    metadata_wait: Duration,
    memory_wait: Sum,
    exhausted: Sum,
    nodes: BTreeMap<i32, Node>,
    topics: BTreeMap<Arc<str>, Topic>,
}

/// Requests and answers.
#[derive(Debug, Default)]
struct Traffic {
    requests: Sum,
    responses: Sum,
    sizes: Spread,
    outgoing: Sum,
    incoming: Sum,
}

impl Traffic {
    fn request(&mut self, now: Instant, windows: Windows, bytes: u64) {
        self.requests.add(now, windows, 1);
        self.sizes.record(now, windows, bytes);
        self.outgoing.add(now, windows, bytes);
    }

    fn response(&mut self, now: Instant, windows: Windows, bytes: u64) {
        self.responses.add(now, windows, 1);
        self.incoming.add(now, windows, bytes);
    }
}

#[derive(Debug, Default)]
struct Node {
    traffic: Traffic,
    latency: Spread,
}

#[derive(Debug, Default)]
struct Topic {
    sent: Sum,
    retried: Sum,
    failed: Sum,
    bytes: Sum,
    compression: Mean,
}

impl State {
    fn topic(&mut self, name: &Arc<str>) -> &mut Topic {
        if !self.topics.contains_key(name) {
            self.topics.insert(Arc::clone(name), Topic::default());
        }
        self.topics.get_mut(name).expect("it is there now")
    }
}

impl Recorder {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            windows: Windows {
                length: config.metrics_sample_window,
                samples: config.metrics_num_samples,
            },
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A Produce request with these batches is sent.
    pub(crate) fn produced(&self, now: Instant, batches: &[Produced], in_flight: usize) {
        let (state, windows) = (&mut *self.state(), self.windows);
        for batch in batches {
            let (records, bytes) = (u64::from(batch.records), batch.bytes as u64);
            let Some(queued) = batch.queued else {
                state.retried.add(now, windows, records);
                let topic = state.topic(&batch.topic);
                topic.retried.add(now, windows, records);
                continue;
            };
            let ratio = batch.bytes as f64 / batch.uncompressed as f64;
            state.sent.add(now, windows, records);
            state.bytes.add(now, windows, bytes);
            state.batch_size.record(now, windows, bytes);
            state.queue_time.record(now, windows, micros(queued));
            state
                .record_size
                .record(now, windows, batch.largest_record as u64);
            state.compression.record(now, windows, ratio);
            let topic = state.topic(&batch.topic);
            topic.sent.add(now, windows, records);
            topic.bytes.add(now, windows, bytes);
            topic.compression.record(now, windows, ratio);
        }
        let records: u32 = batches.iter().map(|batch| batch.records).sum();
        state
            .records_per_request
            .record(now, windows, f64::from(records));
        state.produce_in_flight_max = state.produce_in_flight_max.max(in_flight as u64);
    }

    /// A Produce request was answered.
    pub(crate) fn produce_answered(
        &self,
        now: Instant,
        node: Option<i32>,
        latency: Duration,
        throttle_ms: i32,
    ) {
        let (state, windows) = (&mut *self.state(), self.windows);
        state.latency.record(now, windows, micros(latency));
        let throttle_ms = u64::try_from(throttle_ms).unwrap_or(0);
        state.throttle.record(now, windows, throttle_ms);
        if let Some(node) = node {
            let node = state.nodes.entry(node).or_default();
            node.latency.record(now, windows, micros(latency));
        }
    }

    /// A request was written.
    pub(crate) fn request(&self, now: Instant, node: Option<i32>, bytes: usize) {
        let (state, windows) = (&mut *self.state(), self.windows);
        state.traffic.request(now, windows, bytes as u64);
        state.in_flight += 1;
        if let Some(node) = node {
            let node = state.nodes.entry(node).or_default();
            node.traffic.request(now, windows, bytes as u64);
        }
    }

    /// An answer came in.
    pub(crate) fn response(&self, now: Instant, node: Option<i32>, bytes: usize) {
        let (state, windows) = (&mut *self.state(), self.windows);
        state.traffic.response(now, windows, bytes as u64);
        if let Some(node) = node {
            let node = state.nodes.entry(node).or_default();
            node.traffic.response(now, windows, bytes as u64);
        }
    }

    /// So many requests wait no more, answered or not.
    pub(crate) fn settled(&self, requests: usize) {
        let state = &mut *self.state();
        state.in_flight = state.in_flight.saturating_sub(requests as u64);
    }

    pub(crate) fn connected(&self, now: Instant) {
        self.state().connected.add(now, self.windows, 1);
    }

    pub(crate) fn disconnected(&self, now: Instant) {
        self.state().disconnected.add(now, self.windows, 1);
    }

    pub(crate) fn metadata(&self, now: Instant) {
        self.state().told_metadata = Some(now);
    }

    pub(crate) fn resolved(&self, now: Instant, records: u32) {
        let records = u64::from(records);
        self.state().resolved.add(now, self.windows, records);
    }

    pub(crate) fn split(&self, now: Instant) {
        self.state().splits.add(now, self.windows, 1);
    }

    pub(crate) fn failed(&self, now: Instant, topic: &Arc<str>, records: u32) {
        let (state, windows, records) = (&mut *self.state(), self.windows, u64::from(records));
        state.failed.add(now, windows, records);
        state.topic(topic).failed.add(now, windows, records);
    }

    /// A call waited for memory; `in_vain` that it got none.
    pub(crate) fn waited_for_memory(&self, now: Instant, waited: Duration, in_vain: bool) {
        let (state, windows) = (&mut *self.state(), self.windows);
        state.memory_wait.add(now, windows, nanos(waited));
        if in_vain {
            state.exhausted.add(now, windows, 1);
        }
    }

    pub(crate) fn waited_for_metadata(&self, waited: Duration) {
        self.state().metadata_wait += waited;
    }

    /// How many records failed so far.
    pub(crate) fn record_error_total(&self) -> u64 {
        self.state().failed.total()
    }

    /// All that is counted here.
    pub(crate) fn snapshot(&self, now: Instant) -> Metrics {
        const MICROS: f64 = 1e-3;
        let (state, windows) = (&*self.state(), self.windows);
        let meter = |sum: &Sum| sum.meter(now, windows);
        let spread = |spread: &Spread, scale| spread.distribution(now, windows, scale);
        let node = |node: &Node| NodeMetrics {
            request: meter(&node.traffic.requests),
            response: meter(&node.traffic.responses),
            request_size: spread(&node.traffic.sizes, 1.0),
            outgoing_byte: meter(&node.traffic.outgoing),
            incoming_byte: meter(&node.traffic.incoming),
            request_latency: spread(&node.latency, MICROS),
        };
        let topic = |topic: &Topic| TopicMetrics {
            record_send: meter(&topic.sent),
            record_retry: meter(&topic.retried),
            record_error: meter(&topic.failed),
            byte: meter(&topic.bytes),
            compression_rate: topic.compression.mean(now, windows),
        };
        let (request, response) = (
            meter(&state.traffic.requests),
            meter(&state.traffic.responses),
        );
        Metrics {
            nodes: state
                .nodes
                .iter()
                .map(|(id, held)| (*id, node(held)))
                .collect(),
            topics: state
                .topics
                .iter()
                .map(|(name, held)| (Arc::clone(name), topic(held)))
                .collect(),
            record_send: meter(&state.sent),
            record_retry: meter(&state.retried),
            record_resolve: meter(&state.resolved),
            record_error: meter(&state.failed),
            record_size: spread(&state.record_size, 1.0),
            record_queue_time: spread(&state.queue_time, MICROS),
            records_per_request_avg: state.records_per_request.mean(now, windows),
            batch_size: spread(&state.batch_size, 1.0),
            batch_split: meter(&state.splits),
            compression_rate_avg: state.compression.mean(now, windows),
            byte: meter(&state.bytes),
            request_latency: spread(&state.latency, MICROS),
            produce_throttle_time: spread(&state.throttle, 1.0),
            requests_in_flight: state.in_flight,
            requests_in_flight_max: state.produce_in_flight_max,
            request_size: spread(&state.traffic.sizes, 1.0),
            outgoing_byte: meter(&state.traffic.outgoing),
            incoming_byte: meter(&state.traffic.incoming),
            network_io: super::Meter {
                rate: request.rate + response.rate,
                total: request.total + response.total,
            },
            request,
            response,
            connection_count: state.connected.total() - state.disconnected.total(),
            connection_creation: meter(&state.connected),
            connection_close: meter(&state.disconnected),
            metadata_age: state
                .told_metadata
                .map_or(f64::NAN, |told| (now - told).as_secs_f64()),
            metadata_wait_time_ns_total: nanos(state.metadata_wait),
            buffer_exhausted: meter(&state.exhausted),
            bufferpool_wait_ratio: state.memory_wait.rate(now, windows) * 1e-9,
            bufferpool_wait_time_ns_total: state.memory_wait.total(),
            ..Metrics::default()
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
