//! From the producer's metrics to the bytes of a push: names, values, times, and what was told before.

use std::collections::BTreeMap;

use prost::Message;

use super::Subscription;
use super::otlp::{
    AggregationTemporality, AnyValue, Data, Gauge, KeyValue, Metric, MetricsData, NumberDataPoint,
    Resource, ResourceMetrics, ScopeMetrics, Sum,
};
use crate::config::Config;
use crate::metrics::{self, Metrics};

/// A metric's name and its node or topic.
type Series = (String, Option<String>);

/// A total, and when it was told, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
struct Told {
    total: f64,
    at_ms: i64,
}

/// Makes pushes out of metrics.
#[derive(Debug)]
pub(crate) struct Exporter {
    resource: Resource,
    /// Since when totals count.
    began_ms: Option<i64>,
    /// What deltas are told from.
    told: BTreeMap<Series, Told>,
    /// What the push says that waits for its answer.
    pending: BTreeMap<Series, Told>,
}

/// Metrics that are left out of a push that would be too large, the many ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeftOut {
    None,
    Topics,
    TopicsAndNodes,
}

impl LeftOut {
    fn leaves_out(self, metric: &metrics::Metric<'_>) -> bool {
        match (self, metric.tag) {
            (Self::None, _) | (_, None) => false,
            (Self::Topics, Some((tag, _))) => tag == "topic",
            (Self::TopicsAndNodes, Some(_)) => true,
        }
    }
}

impl Exporter {
    pub(crate) fn new(config: &Config) -> Self {
        let rack = config.client_rack.as_deref();
        let rack = rack.map(|rack| key_value("client_rack", rack));
        Self {
            resource: Resource {
                attributes: rack.into_iter().collect(),
            },
            began_ms: None,
            told: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// Totals count from now on, unless they did before.
    pub(crate) fn begin(&mut self, wall_ms: i64) {
        self.began_ms.get_or_insert(wall_ms);
    }

    /// The next push, not compressed. `Err`: its size, if even the least of it is too large.
    pub(crate) fn export(
        &mut self,
        metrics: &Metrics,
        subscription: &Subscription,
        wall_ms: i64,
    ) -> Result<Vec<u8>, usize> {
        let mut size = 0;
        for left_out in [LeftOut::None, LeftOut::Topics, LeftOut::TopicsAndNodes] {
            let data = self.collect(metrics, subscription, wall_ms, left_out);
            size = data.encoded_len();
            if size <= subscription.max_bytes {
                return Ok(data.encode_to_vec());
            }
        }
        self.pending.clear();
        Err(size)
    }

    /// The last push was answered: deltas go on from it if it was taken, else from the one before.
    pub(crate) fn taken(&mut self, taken: bool) {
        let pending = std::mem::take(&mut self.pending);
        if taken {
            self.told.extend(pending);
        }
    }

    /// Deltas are told from the beginning again.
    pub(crate) fn reset(&mut self) {
        self.told.clear();
        self.pending.clear();
    }

    fn collect(
        &mut self,
        metrics: &Metrics,
        subscription: &Subscription,
        wall_ms: i64,
        left_out: LeftOut,
    ) -> MetricsData {
        let mut by_name: BTreeMap<String, Metric> = BTreeMap::new();
        self.pending.clear();
        metrics.for_each(|metric| {
            let name = telemetry_name(&metric);
            if left_out.leaves_out(&metric) || !subscription.wants(&name) {
                return;
            }
            let mut point = NumberDataPoint {
                time_unix_nano: nanos(wall_ms),
                as_double: Some(metric.value),
                attributes: attributes(&metric),
                ..NumberDataPoint::default()
            };
            if metric.is_total {
                self.note_total(&name, &metric, subscription.delta, wall_ms, &mut point);
            }
            by_name
                .entry(name)
                .or_insert_with_key(|name| empty(name, metric.is_total, subscription.delta))
                .push(point);
        });
        if by_name.is_empty() {
            return MetricsData::default();
        }
        MetricsData {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    metrics: by_name.into_values().collect(),
                }],
            }],
        }
    }

    fn note_total(
        &mut self,
        name: &str,
        metric: &metrics::Metric<'_>,
        delta: bool,
        wall_ms: i64,
        point: &mut NumberDataPoint,
    ) {
        let mut from = Told {
            total: 0.0,
            at_ms: self.began_ms.unwrap_or(wall_ms),
        };
        if delta {
            let tag = metric.tag.map(|(_, value)| value.to_owned());
            let series = (name.to_owned(), tag);
            from = self.told.get(&series).copied().unwrap_or(from);
            let told = Told {
                total: metric.value,
                at_ms: wall_ms,
            };
            self.pending.insert(series, told);
        }
        point.start_time_unix_nano = nanos(from.at_ms);
        point.as_double = Some(metric.value - from.total);
    }
}

impl Metric {
    fn push(&mut self, point: NumberDataPoint) {
        match &mut self.data {
            Some(Data::Gauge(gauge)) => gauge.data_points.push(point),
            Some(Data::Sum(sum)) => sum.data_points.push(point),
            None => {}
        }
    }
}

fn empty(name: &str, is_total: bool, delta: bool) -> Metric {
    let temporality = if delta {
        AggregationTemporality::Delta
    } else {
        AggregationTemporality::Cumulative
    };
    Metric {
        name: name.to_owned(),
        data: Some(if is_total {
            Data::Sum(Sum {
                data_points: Vec::new(),
                aggregation_temporality: temporality.into(),
                is_monotonic: true,
            })
        } else {
            Data::Gauge(Gauge::default())
        }),
    }
}

/// `producer-node-metrics` and `request-latency-avg` make `org.apache.kafka.producer.node.request.latency.avg`.
/// The KIP leaves that domain to metrics that Kafka has.
fn telemetry_name(metric: &metrics::Metric<'_>) -> String {
    let domain = if metric.is_kafkas() {
        "org.apache.kafka"
    } else {
        "raban"
    };
    let group = metric.group;
    let group = group.strip_suffix("-metrics").unwrap_or(group);
    format!("{domain}.{group}.{}", metric.name).replace('-', ".")
}

/// The broker adds what it knows of the client itself, such as its `client.id`.
fn attributes(metric: &metrics::Metric<'_>) -> Vec<KeyValue> {
    let tag = metric.tag.into_iter();
    tag.map(|(key, value)| key_value(&key.replace('-', "_"), value))
        .collect()
}

fn key_value(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            string_value: Some(value.to_owned()),
        }),
    }
}

fn nanos(wall_ms: i64) -> u64 {
    u64::try_from(wall_ms).unwrap_or(0) * 1_000_000
}
