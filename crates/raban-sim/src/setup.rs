//! What a seed's world is made of: the producer's settings, the brokers, the topics, the network's usual ways.

use std::fmt;
use std::time::Duration;

use raban_broker::TopicConfig;
use raban_core::Config;

use crate::network::Temper;
use crate::random::Random;
use crate::schedule::Situation;

/// A topic at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicSetup {
    pub(crate) partitions: i32,
    /// The broker stamps records with the time of the append.
    pub(crate) log_append_time: bool,
    /// Records need a key.
    pub(crate) compacted: bool,
}

/// Everything that stays as it is during a run.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) nodes: i32,
    pub(crate) replicas: i16,
    pub(crate) topics: Vec<TopicSetup>,
    pub(crate) min_in_sync: usize,
    pub(crate) settings: Vec<(&'static str, String)>,
    pub(crate) temper: Temper,
    /// How long the driver takes to get to run, up to.
    pub(crate) driver_latency: Duration,
    /// Brokers that are older than the others: how much.
    pub(crate) old_nodes: Vec<(i32, Age)>,
    /// The first producer id comes with an epoch that is near its end.
    pub(crate) late_epoch: bool,
    /// The first sequence of each partition: 0, or near the end of sequences.
    pub(crate) first_sequence: i32,
    pub(crate) situation: Option<Situation>,
}

/// How old a broker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// No topic ids in Produce.
    Kafka4_0,
    /// No topic ids, no flexible versions.
    Kafka2_3,
    /// The oldest that can do without zstd.
    Kafka1_0,
}

pub(crate) fn topic_name(topic: usize) -> String {
    format!("topic-{topic}")
}

impl Setup {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::of(seed, "setup");
        let random = &mut random;
        let nodes = random.weighted(&[(3, 1), (2, 2), (5, 3)]);
        let topics = (0..random.within(1, 3)).map(|_| TopicSetup {
            partitions: random.weighted(&[(3, 1), (3, 2), (2, 3), (1, 6)]),
            log_append_time: random.chance(120),
            compacted: random.chance(100),
        });
        let topics = topics.collect();
        let latency_from = random.weighted(&[(3, 50), (3, 500), (1, 10_000)]);
        let temper = Temper {
            latency: (
                Duration::from_micros(latency_from),
                Duration::from_micros(latency_from * random.within(1, 4)),
            ),
            service: Duration::from_micros(random.weighted(&[(3, 20), (3, 500), (1, 5_000)])),
            late: random.weighted(&[(1, 0), (2, 2), (1, 5)]),
            split: random.weighted(&[(2, 0), (2, 50), (1, 500)]),
        };
        let codec_limit = random.chance(100);
        let old_nodes = (1..=nodes)
            .filter_map(|node| {
                let age = random.weighted(&[
                    (16, None),
                    (2, Some(Age::Kafka4_0)),
                    (1, Some(Age::Kafka2_3)),
                    (u64::from(codec_limit), Some(Age::Kafka1_0)),
                ]);
                age.map(|age| (node, age))
            })
            .collect::<Vec<_>>();
        let zstd = old_nodes.iter().all(|(_, age)| *age != Age::Kafka1_0);
        let situation = Situation::draw(seed);
        let margin = situation.and_then(|situation| situation.delivery_margin(seed));
        let replicas = nodes as i16 - i16::from(nodes > 1 && random.chance(200));
        Self {
            nodes,
            replicas,
            topics,
            min_in_sync: (replicas as usize).min(random.weighted(&[(3, 1), (2, 2)])),
            settings: settings(random, zstd, margin),
            temper,
            driver_latency: Duration::from_micros(random.weighted(&[(1, 0), (3, 100), (1, 2_000)])),
            old_nodes,
            late_epoch: random.chance(30),
            first_sequence: first_sequence(seed),
            situation,
        }
    }

    /// A topic's settings at the brokers.
    pub(crate) fn topic_config(&self, topic: usize) -> TopicConfig {
        let TopicSetup {
            log_append_time,
            compacted,
            ..
        } = self.topics[topic];
        TopicConfig {
            log_append_time,
            compacted,
            ..TopicConfig::default()
        }
    }

    /// Whether some brokers know topic ids and others don't: then a topic made anew can't be told from the one before.
    pub(crate) fn has_mixed_ids(&self) -> bool {
        let without = self
            .old_nodes
            .iter()
            .filter(|(_, age)| *age != Age::Kafka4_0)
            .count();
        without > 0 && without < self.nodes as usize
    }

    pub(crate) fn few_retries(&self) -> bool {
        self.config().retries < 10
    }

    /// The producer's settings, checked.
    pub(crate) fn config(&self) -> Config {
        let servers: Vec<String> = (1..=self.nodes)
            .map(|node| format!("node-{node}:9092"))
            .collect();
        let bootstrap = ("bootstrap.servers", servers.join(","));
        let all = std::iter::once(&bootstrap).chain(&self.settings);
        match Config::from_properties(all.map(|(key, value)| (*key, value.clone()))) {
            Ok(config) => config,
            Err(error) => panic!("the settings drawn are wrong: {error}"),
        }
    }
}

/// In some seeds so late that sequences wrap.
fn first_sequence(seed: u64) -> i32 {
    let mut random = Random::of(seed, "sequences");
    match random.chance(50) {
        true => i32::MAX - random.below(150) as i32,
        false => 0,
    }
}

/// Settings that go together, idempotent ones nine times of ten.
fn settings(random: &mut Random, zstd: bool, margin: Option<u64>) -> Vec<(&'static str, String)> {
    let idempotent = random.chance(900);
    let request = random.weighted(&[(2, 700), (3, 2_000), (1, 8_000)]);
    let linger = random.weighted(&[(3, 0), (3, 5), (1, 50)]);
    let delivery = request * random.within(1, 6) + random.below(5_000);
    let delivery = linger + margin.map_or(delivery, |margin| request + margin);
    let max_request = random.weighted(&[(1, 2_000), (3, 16_384), (2, 65_536), (1, 1_048_576)]);
    let batch = random
        .weighted(&[(1, 0), (2, 200), (4, 1_000), (2, 16_384)])
        .min(max_request);
    let memory = random.weighted(&[(1, 2), (3, 8), (3, 64)]) * max_request.max(batch);
    let codec = random.weighted(&[
        (6, "none"),
        (3, "lz4"),
        (1, "snappy"),
        (1, "gzip"),
        (1, "zstd"),
    ]);
    let retries = random.weighted(&[(8, "2147483647"), (1, "3"), (1, "1")]);
    let mut settings = vec![
        ("linger.ms", linger.to_string()),
        ("batch.size", batch.to_string()),
        ("buffer.memory", memory.to_string()),
        ("max.request.size", max_request.to_string()),
        (
            "compression.type",
            if zstd || codec != "zstd" {
                codec
            } else {
                "none"
            }
            .to_owned(),
        ),
        ("retries", retries.to_owned()),
        ("request.timeout.ms", request.to_string()),
        ("delivery.timeout.ms", delivery.to_string()),
        (
            "max.block.ms",
            random.weighted(&[(1, 500), (3, 10_000)]).to_string(),
        ),
        (
            "retry.backoff.ms",
            random.weighted(&[(1, 10), (3, 100)]).to_string(),
        ),
        ("reconnect.backoff.ms", "20".to_owned()),
        (
            "reconnect.backoff.max.ms",
            random.weighted(&[(1, 100), (1, 1_000)]).to_string(),
        ),
        ("socket.connection.setup.timeout.ms", "500".to_owned()),
        ("socket.connection.setup.timeout.max.ms", "2000".to_owned()),
        (
            "metadata.max.age.ms",
            random.weighted(&[(1, 1_000), (3, 300_000)]).to_string(),
        ),
        (
            "connections.max.idle.ms",
            random.weighted(&[(1, 300), (4, 540_000)]).to_string(),
        ),
    ];
    if random.chance(50) {
        settings.push(("in.doubt.policy", "resend".to_owned()));
    }
    if idempotent {
        settings.push((IN_FLIGHT, random.within(1, 5).to_string()));
    } else {
        settings.push((IN_FLIGHT, random.within(1, 10).to_string()));
        settings.push(("enable.idempotence", "false".to_owned()));
        settings.push(("acks", (*random.pick(&["0", "1", "all"])).to_owned()));
    }
    settings
}

const IN_FLIGHT: &str = "max.in.flight.requests.per.connection";

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} nodes, {} replicas, min.insync.replicas {}, {:?}",
            self.nodes, self.replicas, self.min_in_sync, self.temper
        )?;
        for (node, age) in &self.old_nodes {
            writeln!(f, "node {node} is as old as {age:?}")?;
        }
        for (topic, setup) in self.topics.iter().enumerate() {
            writeln!(f, "{}: {setup:?}", topic_name(topic))?;
        }
        if let Some(situation) = self.situation {
            writeln!(f, "{situation:?}")?;
        }
        if self.first_sequence > 0 {
            writeln!(f, "sequences begin at {}", self.first_sequence)?;
        }
        for (key, value) in &self.settings {
            write!(f, "{key}={value} ")?;
        }
        writeln!(f)
    }
}
