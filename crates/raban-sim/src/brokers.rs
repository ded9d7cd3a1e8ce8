//! The brokers: the real cluster, handed each request as its server hands it, and watched for what it appends.

mod answers;
mod change;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use raban_broker::{BrokerConfig, Cluster, MemoryLogDir, Outcome, TopicInfo};
use raban_protocol::api::{ApiKey, Message};
use raban_protocol::compression::Compression;
use raban_protocol::frame::decode_request_header;
use raban_protocol::messages::ProduceRequest;
use raban_protocol::primitives::Reader;
use raban_protocol::record_batch::BatchHeader;

pub(crate) use self::answers::Answer;
use self::answers::Asked;
use self::answers::{Produce, Sent};
pub(crate) use self::change::Aftermath;
use crate::history::History;
use crate::hits::Hit;
use crate::ledger::Ledger;
use crate::network::Arrived;
use crate::setup::{Age, Setup, topic_name};
use crate::stage::Stage;

/// The cluster with its account.
#[derive(Debug)]
pub(crate) struct Brokers {
    cluster: Cluster,
    pub(crate) history: History,
    nodes: i32,
    old_nodes: Vec<i32>,
    mixed: bool,
    late_epoch: bool,
    batch_size: usize,
    /// Nodes that are down, and how many faults keep them so.
    down: BTreeMap<i32, u32>,
    /// Requests whose answers are to come, by connection.
    asked: BTreeMap<u64, Asked>,
    /// When the wait of a connection's request is over.
    waiting: BTreeMap<u64, Duration>,
}

impl Brokers {
    pub(crate) fn start(seed: u64, setup: &Setup, stage: &Stage) -> Self {
        let config = BrokerConfig {
            node_id: 1,
            nodes: setup.nodes,
            default_replication: setup.replicas,
            min_insync_replicas: setup.min_in_sync,
            auto_create_topics: false,
            ..BrokerConfig::default()
        };
        let now = stage.broker_now();
        let logs = Box::new(MemoryLogDir::new());
        let mut cluster = Cluster::open(config, seed, logs, now).expect("the settings are right");
        for node in 1..=setup.nodes {
            cluster.advertise(node, &format!("node-{node}"), 9092);
        }
        for (node, age) in &setup.old_nodes {
            for (key, max) in age.newest() {
                cluster.limit_version(*node, *key, *max);
            }
        }
        for topic in 0..setup.topics.len() {
            let (name, made) = (topic_name(topic), &setup.topics[topic]);
            let created = cluster.create_topic(now, &name, made.partitions);
            created.expect("the name is legal and free");
            cluster.set_topic_config(&name, setup.topic_config(topic));
        }
        Self {
            cluster,
            history: History::beginning_at(setup.first_sequence),
            nodes: setup.nodes,
            old_nodes: setup.old_nodes.iter().map(|(node, _)| *node).collect(),
            mixed: setup.nodes as usize > setup.old_nodes.len(),
            late_epoch: setup.late_epoch,
            batch_size: setup.config().batch_size,
            down: BTreeMap::new(),
            asked: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    pub(crate) fn is_up(&self, node: i32) -> bool {
        !self.down.contains_key(&node)
    }

    pub(crate) fn topics(&self) -> Vec<TopicInfo> {
        self.cluster.topics()
    }

    pub(crate) fn connect(&mut self, node: i32, number: u64) {
        self.cluster
            .handle_connect(number, (format!("node-{node}"), 9092));
    }

    pub(crate) fn disconnect(&mut self, number: u64) {
        self.asked.remove(&number);
        self.waiting.remove(&number);
        self.cluster.handle_disconnect(number);
    }

    /// Hands a request to its broker; the answers that are there now, its own and others'.
    pub(crate) fn handle(
        &mut self,
        stage: &mut Stage,
        ledger: &Ledger,
        arrived: Arrived,
    ) -> Vec<Answer> {
        let Arrived {
            node,
            number,
            content,
            late,
        } = arrived;
        if self.mixed && self.old_nodes.contains(&node) {
            stage.hits.hit(Hit::MixedVersions);
        }
        let asked = self.asked(&content, late);
        let now = stage.broker_now();
        let outcome = self.cluster.handle_request(now, node, number, content);
        if let Some(mut asked) = asked {
            if let Asked::Produce(produce) = &mut asked {
                self.observe(stage, ledger, produce);
            }
            self.asked.insert(number, asked);
        }
        let mut answers = Vec::new();
        match outcome {
            Outcome::Wait { deadline } => drop(self.waiting.insert(number, deadline)),
            outcome => answers.push(self.answer(stage, number, outcome)),
        }
        self.replies(stage, &mut answers);
        answers
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.waiting.values().min().copied()
    }

    /// Answers whose waits are over.
    pub(crate) fn handle_deadline(&mut self, stage: &mut Stage) -> Vec<Answer> {
        let now = stage.broker_now();
        let due = self.waiting.iter().filter(|(_, at)| **at <= now.elapsed);
        let due: Vec<u64> = due.map(|(number, _)| *number).collect();
        let mut answers = Vec::new();
        for number in due {
            self.waiting.remove(&number);
            if let Some(outcome) = self.cluster.handle_timeout(now, number) {
                answers.push(self.answer(stage, number, outcome));
            }
        }
        self.replies(stage, &mut answers);
        answers
    }

    /// What a request asks for, if its answer is of interest.
    fn asked(&mut self, content: &Bytes, late: bool) -> Option<Asked> {
        let mut reader = Reader::new(content.clone());
        let header = decode_request_header(&mut reader).ok()?;
        let version = header.api_version;
        match ApiKey::try_from(header.api_key).ok()? {
            ApiKey::Produce => {
                let request = ProduceRequest::decode(version, &mut reader).ok()?;
                Some(Asked::Produce(self.produce(version, request, late)))
            }
            ApiKey::Fetch => Some(Asked::Fetch(version)),
            ApiKey::DescribeProducers => Some(Asked::Producers(version)),
            ApiKey::InitProducerId => Some(Asked::ProducerId(version)),
            _ => None,
        }
    }

    fn produce(&mut self, version: i16, request: ProduceRequest, late: bool) -> Produce {
        let mut batches = Vec::new();
        let all = self.cluster.topics();
        for topic in request.topic_data {
            let known = all
                .iter()
                .find(|info| info.name == topic.name || info.id == topic.topic_id);
            for data in topic.partition_data {
                let bytes = data
                    .records
                    .map(|records| records.into_bytes())
                    .unwrap_or_default();
                let (Some(info), Ok(header)) = (known, BatchHeader::read(&bytes)) else {
                    continue;
                };
                let log = self.history.log(&info.name, data.index, info.id);
                batches.push(Sent {
                    topic: info.name.clone(),
                    index: data.index,
                    header,
                    appended: false,
                    known: self.history.logs[log].knows(&header),
                });
            }
        }
        Produce {
            version,
            late,
            batches,
        }
    }

    /// Looks what a Produce request did to the logs.
    fn observe(&mut self, stage: &mut Stage, ledger: &Ledger, produce: &mut Produce) {
        let late = produce.late;
        for sent in &mut produce.batches {
            let Some(log) = self.history.current(&sent.topic, sent.index) else {
                continue;
            };
            let from = self.history.logs[log].end;
            let Ok(dump) = self.cluster.log_from(&sent.topic, sent.index, from) else {
                continue;
            };
            sent.appended = !dump.batches.is_empty();
            if sent.appended && late {
                stage.hits.hit(Hit::AppliedLate);
            }
            if dump.state.high_watermark < dump.state.end_offset {
                stage.hits.hit(Hit::LaggingFollower);
            }
            for (header, records) in &dump.batches {
                if header.last_sequence() < header.base_sequence {
                    stage.hits.hit(Hit::SequencesWrapped);
                }
                let is_plain = header.compression() == Ok(Compression::None);
                if is_plain && header.record_count > 1 && header.total_len() > self.batch_size {
                    stage.hits.hit(Hit::BatchGrown);
                }
                stage.line(|| {
                    format!(
                        "{}-{} has {}",
                        sent.topic,
                        sent.index,
                        in_words(header, late)
                    )
                });
                for record in records {
                    self.history.compare(ledger, log, record);
                }
            }
            for _ in 0..self.history.append(stage.now, log, late, dump.batches) {
                stage.hits.hit(Hit::AcceptedWithoutState);
            }
            self.history.see(log, dump.state.high_watermark);
        }
    }
}

fn in_words(header: &BatchHeader, late: bool) -> String {
    format!(
        "{} records at offset {} of id {} epoch {} sequence {}, leader epoch {}{}",
        header.record_count,
        header.base_offset,
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        header.partition_leader_epoch,
        if late { ", late" } else { "" }
    )
}

impl Age {
    /// The newest versions that such a broker speaks.
    fn newest(self) -> &'static [(ApiKey, i16)] {
        match self {
            Self::Kafka4_0 => &[(ApiKey::Produce, 12)],
            Self::Kafka2_3 => &[
                (ApiKey::Produce, 7),
                (ApiKey::Fetch, 11),
                (ApiKey::ListOffsets, 5),
                (ApiKey::Metadata, 8),
                (ApiKey::ApiVersions, 2),
                (ApiKey::InitProducerId, 1),
                (ApiKey::OffsetForLeaderEpoch, 3),
                (ApiKey::DescribeProducers, -1),
            ],
            Self::Kafka1_0 => &[
                (ApiKey::Produce, 5),
                (ApiKey::Fetch, 6),
                (ApiKey::ListOffsets, 2),
                (ApiKey::Metadata, 5),
                (ApiKey::ApiVersions, 1),
                (ApiKey::InitProducerId, 0),
                (ApiKey::OffsetForLeaderEpoch, -1),
                (ApiKey::DescribeProducers, -1),
            ],
        }
    }
}
