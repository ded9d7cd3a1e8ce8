//! Metrics at regular intervals, to whoever wants them, on a thread of their own.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use raban_core::{Accumulator, Metrics};

use crate::clock::Clock;

/// Takes the producer's metrics at regular intervals; see
/// [`Builder::metrics_reporter`](crate::Builder::metrics_reporter). Closures do.
pub trait MetricsReporter: Send {
    /// Called once in an interval, and once more when the producer has ended. It may
    /// block: records don't wait for it. A panic is logged, and the next call comes in its time.
    fn report(&mut self, metrics: &Metrics);
}

impl<F: FnMut(&Metrics) + Send> MetricsReporter for F {
    fn report(&mut self, metrics: &Metrics) {
        self(metrics);
    }
}

/// A reporter and its interval.
pub(crate) struct Reporting {
    pub(crate) every: Duration,
    pub(crate) reporter: Box<dyn MetricsReporter>,
}

impl fmt::Debug for Reporting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporting")
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

impl Reporting {
    /// Starts the thread, which ends when the other end of `alive` is dropped.
    pub(crate) fn start(
        mut self,
        name: &str,
        accumulator: Arc<Accumulator>,
        clock: Clock,
        alive: Receiver<()>,
    ) -> io::Result<()> {
        let serve = move || {
            loop {
                let ended = alive.recv_timeout(self.every) != Err(RecvTimeoutError::Timeout);
                let metrics = accumulator.metrics(clock.now());
                let report = AssertUnwindSafe(|| self.reporter.report(&metrics));
                if catch_unwind(report).is_err() {
                    tracing::error!("a metrics reporter panicked");
                }
                if ended {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name(format!("{name}-metrics"));
        thread.spawn(serve)?;
        Ok(())
    }
}

/// `statistics.interval.ms`: the metrics as one line of JSON.
#[cfg(feature = "json")]
pub(crate) fn log_statistics(metrics: &Metrics) {
    tracing::info!(target: "raban::statistics", "{}", to_json(metrics));
}

/// The values by Kafka's names, those of brokers and topics under `nodes` and `topics`. What isn't a number is null.
#[cfg(feature = "json")]
fn to_json(metrics: &Metrics) -> serde_json::Value {
    use serde_json::{Map, Value};

    let mut all = Map::new();
    all.insert("client-id".to_owned(), Value::from(&*metrics.client_id));
    metrics.for_each(|metric| {
        let at = match metric.tag {
            None => &mut all,
            Some((tag, value)) => {
                let group = if tag == "topic" { "topics" } else { "nodes" };
                object_in(object_in(&mut all, group), value)
            }
        };
        at.insert(metric.name, Value::from(metric.value));
    });
    Value::Object(all)
}

#[cfg(feature = "json")]
fn object_in<'a>(
    map: &'a mut serde_json::Map<String, serde_json::Value>,
    key: &str,
) -> &'a mut serde_json::Map<String, serde_json::Value> {
    let held = map
        .entry(key)
        .or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()));
    held.as_object_mut().expect("it was made as one")
}

#[cfg(all(test, feature = "json"))]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_json_by_kafkas_names() {
        let mut metrics = Metrics::default();
        metrics.client_id = "a\"b".into();
        metrics.record_send.total = 7;
        metrics.topics.entry("t".into()).or_default().byte.rate = 2.5;
        metrics.nodes.entry(3).or_default().request.total = 1;
        let json = to_json(&metrics);
        assert_eq!(json["client-id"], "a\"b");
        assert_eq!(json["record-send-total"], 7.0);
        assert!(json["request-latency-avg"].is_null());
        assert_eq!(json["topics"]["t"]["byte-rate"], 2.5);
        assert_eq!(json["nodes"]["node-3"]["request-total"], 1.0);
    }
}
