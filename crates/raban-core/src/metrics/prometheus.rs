//! Metrics as a scraper reads them: Prometheus' text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::{Metric, Metrics};

impl Metrics {
    /// All values in Prometheus' text format (version 0.0.4). A name is Kafka's with underscores, behind
    /// `kafka_producer_`, `kafka_producer_node_` or `kafka_producer_topic_`: `kafka_producer_record_send_rate`,
    /// `kafka_producer_topic_byte_total`. Labels are `client_id`, `node_id` and `topic`.
    ///
    /// ```
    /// # let (accumulator, _sender) = raban_core::new(raban_core::Config::from_properties([("bootstrap.servers", "b:9092")])?, 1);
    /// # let metrics = accumulator.metrics(raban_core::Now::default());
    /// let text = metrics.to_prometheus();
    /// assert!(text.contains("kafka_producer_record_send_total{client_id=\"raban\"} 0\n"));
    /// # Ok::<(), raban_core::config::ConfigError>(())
    /// ```
    pub fn to_prometheus(&self) -> String {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        self.for_each(|metric| {
            let family = families
                .entry(family_name(&metric))
                .or_insert_with(|| Family {
                    description: metric.description,
                    is_counter: metric.is_total,
                    samples: Vec::new(),
                });
            family.samples.push((self.labels(&metric), metric.value));
        });
        let mut text = String::new();
        for (name, family) in &families {
            write!(text, "{}", Named(name, family)).expect("a string takes all that is written");
        }
        text
    }

    fn labels(&self, metric: &Metric<'_>) -> String {
        let mut labels = format!("client_id=\"{}\"", escaped(&self.client_id));
        if let Some((name, value)) = metric.tag {
            let (name, value) = (name.replace('-', "_"), escaped(value));
            labels += &format!(",{name}=\"{value}\"");
        }
        labels
    }
}

/// The samples of one name, which the format wants together.
struct Family {
    description: &'static str,
    is_counter: bool,
    samples: Vec<(String, f64)>,
}

struct Named<'a>(&'a str, &'a Family);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, family) = self;
        let kind = if family.is_counter {
            "counter"
        } else {
            "gauge"
        };
        writeln!(f, "# HELP {name} {}", family.description)?;
        writeln!(f, "# TYPE {name} {kind}")?;
        for (labels, value) in &family.samples {
            writeln!(f, "{name}{{{labels}}} {value}")?;
        }
        Ok(())
    }
}

/// `producer-node-metrics` and `request-rate` make `kafka_producer_node_request_rate`.
fn family_name(metric: &Metric<'_>) -> String {
    let group = metric
        .group
        .strip_suffix("-metrics")
        .unwrap_or(metric.group);
    format!("kafka_{group}_{}", metric.name).replace('-', "_")
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use crate::metrics::{Meter, Metrics, NodeMetrics, TopicMetrics};

    #[test]
    fn each_name_stands_once_with_all_of_its_samples() {
        let mut metrics = Metrics {
            client_id: "a \"b\"\\\n".into(),
            record_send: Meter {
                rate: 1.5,
                total: 12,
            },
            ..Metrics::default()
        };
        metrics.nodes.insert(1, NodeMetrics::default());
        metrics.nodes.insert(2, NodeMetrics::default());
        metrics.topics.insert("t".into(), TopicMetrics::default());
        let text = metrics.to_prometheus();
        let lines: Vec<&str> = text.lines().collect();
        let client = r#"client_id="a \"b\"\\\n""#;
        for expected in [
            "# TYPE kafka_producer_record_send_total counter".to_owned(),
            "# TYPE kafka_producer_record_send_rate gauge".to_owned(),
            format!("kafka_producer_record_send_total{{{client}}} 12"),
            format!("kafka_producer_record_send_rate{{{client}}} 1.5"),
            format!("kafka_producer_request_latency_p99{{{client}}} NaN"),
            format!("kafka_producer_topic_byte_total{{{client},topic=\"t\"}} 0"),
        ] {
            assert!(lines.contains(&expected.as_str()), "{expected}\n{text}");
        }
        let node =
            |id| format!("kafka_producer_node_request_rate{{{client},node_id=\"node-{id}\"}} 0");
        let at = lines.iter().position(|line| *line == node(1));
        assert_eq!(lines[at.unwrap() + 1], node(2));
        let mut names: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .collect();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
