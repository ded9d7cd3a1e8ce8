//! raban and the Java client, driven alike: send one record, hear of it later.

use std::collections::VecDeque;
use std::time::Duration;

use raban::{Delivery, Producer, Record};
use testbed::{JavaProducer, Kafka};

use crate::support::PATIENCE;

/// Longer than a broker takes to go down.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How a record ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acknowledged(i64),
    InDoubt(String),
    Failed(String),
}

/// An idempotent producer with `acks=all`.
pub(crate) trait Client {
    fn name(&self) -> &'static str;
    fn send(&mut self, topic: &str, partition: i32, timestamp: Option<i64>, value: &str);
    /// The value and end of a record sent before, each told once.
    fn next_outcome(&mut self) -> (String, Outcome);
    fn close(self: Box<Self>);
}

pub(crate) struct Raban {
    producer: Producer,
    deliveries: VecDeque<(String, Delivery)>,
}

impl Raban {
    pub(crate) fn start(kafka: &Kafka, linger: Duration) -> Self {
        let builder = Producer::builder().bootstrap_servers(kafka.bootstrap_servers());
        Self {
            producer: builder
                .linger(linger)
                .request_timeout(REQUEST_TIMEOUT)
                .build()
                .unwrap(),
            deliveries: VecDeque::new(),
        }
    }
}

impl Client for Raban {
    fn name(&self) -> &'static str {
        "raban"
    }

    fn send(&mut self, topic: &str, partition: i32, timestamp: Option<i64>, value: &str) {
        let mut record = Record::to(topic).partition(partition).value(value);
        if let Some(timestamp) = timestamp {
            record = record.timestamp(timestamp);
        }
        let delivery = self.producer.blocking().enqueue(record).unwrap();
        self.deliveries.push_back((value.to_owned(), delivery));
    }

    fn next_outcome(&mut self) -> (String, Outcome) {
        let (value, mut delivery) = self.deliveries.pop_front().unwrap();
        let outcome = match delivery.wait_timeout(PATIENCE * 2).unwrap() {
            Ok(at) => Outcome::Acknowledged(at.offset().expect("an offset with acks=all")),
            Err(error) if error.may_have_been_written() => Outcome::InDoubt(error.to_string()),
            Err(error) => Outcome::Failed(error.to_string()),
        };
        (value, outcome)
    }

    fn close(self: Box<Self>) {
        assert!(self.deliveries.is_empty());
        self.producer.blocking().close(PATIENCE).unwrap();
        let metrics = self.producer.metrics();
        eprintln!(
            "raban: {} records sent again, {} resolved",
            metrics.record_retry.total, metrics.record_resolve.total
        );
    }
}

pub(crate) struct Java(JavaProducer);

impl Java {
    pub(crate) fn start(kafka: &Kafka, linger: Duration) -> Self {
        let [linger, timeout] = [linger, REQUEST_TIMEOUT].map(|time| time.as_millis().to_string());
        let properties = [
            ("linger.ms", linger.as_str()),
            ("request.timeout.ms", &timeout),
        ];
        Self(kafka.java_producer(&properties).unwrap())
    }
}

impl Client for Java {
    fn name(&self) -> &'static str {
        "Java"
    }

    fn send(&mut self, topic: &str, partition: i32, timestamp: Option<i64>, value: &str) {
        self.0.send(topic, partition, timestamp, value).unwrap();
    }

    fn next_outcome(&mut self) -> (String, Outcome) {
        let (value, outcome) = self.0.next_outcome(PATIENCE * 2).unwrap();
        // The Java client doesn't say whether a record that failed may be in the log.
        (
            value,
            outcome.map_or_else(Outcome::Failed, Outcome::Acknowledged),
        )
    }

    fn close(self: Box<Self>) {
        let log = self.0.close().unwrap();
        let errors = log.lines().filter(|line| line.contains("ERROR"));
        errors.for_each(|line| eprintln!("  Java: {line}"));
    }
}
