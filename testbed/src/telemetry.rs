//! What clients push to a cluster that collects their metrics (KIP-714).

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::kafka::Kafka;

/// One push as a broker took it.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    /// The client's `client.id`.
    pub client_id: String,
    /// Its client instance id, as Kafka writes it.
    pub client_instance_id: String,
    /// Whether it was the client's last push.
    pub terminating: bool,
    /// By name and attributes, which are `-` or `key=value`.
    pub metrics: BTreeMap<(String, String), Told>,
}

/// A value as it was pushed.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// `GAUGE`, or a sum's temporality by OpenTelemetry's name.
    pub kind: String,
    /// Attributes of the client, or `-`.
    pub resource: String,
    /// Since when a sum counts, in nanoseconds since the epoch.
    pub start: u64,
    /// When it was so, in nanoseconds since the epoch.
    pub time: u64,
    /// The value.
    pub value: f64,
}

impl Kafka {
    /// Subscribes to metrics of clients, or changes the subscription; needs
    /// [`Builder::collecting`](crate::Builder::collecting). Settings are `metrics`, `interval.ms` and `match`; `None` takes
    /// one back to its default.
    pub fn subscribe(&self, name: &str, settings: &[(&str, Option<&str>)]) -> Result<(), Error> {
        self.configure("configure-client-metrics", name, settings)
    }

    /// All that clients pushed so far, in order.
    pub fn pushes(&self) -> Vec<Push> {
        let mut pushes = Vec::new();
        let mut metrics = BTreeMap::new();
        // There is no file before the first push.
        let text = fs::read_to_string(self.telemetry_file()).unwrap_or_default();
        for line in text.lines() {
            let parts: Vec<&str> = line.split(' ').collect();
            match parts[..] {
                [
                    "metric",
                    name,
                    kind,
                    resource,
                    attributes,
                    start,
                    time,
                    value,
                ] => {
                    let told = Told {
                        kind: kind.to_owned(),
                        resource: resource.to_owned(),
                        start: start.parse().unwrap_or(0),
                        time: time.parse().unwrap_or(0),
                        value: value.parse().unwrap_or(f64::NAN),
                    };
                    metrics.insert((name.to_owned(), attributes.to_owned()), told);
                }
                ["push", client_id, client_instance_id, terminating] => pushes.push(Push {
                    client_id: client_id.to_owned(),
                    client_instance_id: client_instance_id.to_owned(),
                    terminating: terminating == "true",
                    metrics: std::mem::take(&mut metrics),
                }),
                // The last line may not be there whole.
                _ => {}
            }
        }
        pushes
    }

    /// All that clients pushed, once `is_enough` says so; `None` if it doesn't within `timeout`.
    pub fn wait_pushes(
        &self,
        timeout: Duration,
        is_enough: impl Fn(&[Push]) -> bool,
    ) -> Option<Vec<Push>> {
        let deadline = Instant::now() + timeout;
        loop {
            let pushes = self.pushes();
            if is_enough(&pushes) {
                return Some(pushes);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
