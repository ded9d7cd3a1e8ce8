//! A cluster of three nodes in memory, and what may befall it.

use std::time::Duration;

use raban_broker::{BrokerConfig, Cluster, MemoryLogDir, Now, Operation, TopicConfig};
use raban_protocol::api::ApiKey;
use raban_protocol::error_code::ErrorCode;

use crate::entropy::Entropy;

pub(crate) const NODES: i32 = 3;
pub(crate) const TOPICS: [&str; 2] = ["a", "b"];
pub(crate) const PARTITIONS: i32 = 2;

pub(crate) fn now(elapsed: Duration) -> Now {
    Now {
        elapsed,
        unix_ms: 1_700_000_000_000 + elapsed.as_millis() as i64,
    }
}

/// With two topics of two partitions each; every node is advertised as `node-N`.
pub(crate) fn cluster() -> Cluster {
    let config = BrokerConfig {
        node_id: 1,
        nodes: NODES,
        default_replication: NODES as i16,
        max_partitions: 20,
        max_message_bytes: 1 << 14,
        max_request_bytes: 1 << 20,
        segment_bytes: 1 << 12,
        ..BrokerConfig::default()
    };
    let start = now(Duration::ZERO);
    let logs = Box::new(MemoryLogDir::new());
    let mut cluster = Cluster::open(config, 7, logs, start).expect("the settings are right");
    for node in 1..=NODES {
        cluster.advertise(node, &format!("node-{node}"), 9092);
    }
    for topic in TOPICS {
        let created = cluster.create_topic(start, topic, PARTITIONS);
        created.expect("the name is legal and free");
    }
    cluster
}

pub(crate) fn error_code(entropy: &mut Entropy<'_>) -> ErrorCode {
    ErrorCode(i16::from(entropy.byte() as i8))
}

/// What a cluster of Kafka's may go through without a record being lost that was acknowledged with acks=all.
pub(crate) fn mishap(cluster: &mut Cluster, now: Now, entropy: &mut Entropy<'_>) -> Mishap {
    let node = 1 + entropy.below(NODES as usize) as i32;
    let topic = entropy.pick(&TOPICS);
    let partition = entropy.below(PARTITIONS as usize) as i32;
    match entropy.below(8) {
        0 => {
            cluster.stop_node(now, node);
            return Mishap::Stopped(node);
        }
        1 => {
            let window = entropy.pick(&[1, 5]);
            cluster.start_node(now, node, window);
            return Mishap::Started(node);
        }
        2 => drop(cluster.elect(now, topic, partition, node, false)),
        3 => cluster.lag(node, entropy.flag()),
        4 => cluster.drop_from_isr(topic, partition, node),
        5 => {
            let (window, reload) = (entropy.pick(&[1, 5]), entropy.flag());
            cluster.shrink_producer_window(topic, partition, window, reload);
        }
        6 => cluster.forget_producers(topic, partition),
        _ => cluster.throttle(node, i32::from(entropy.byte())),
    }
    Mishap::Other
}

pub(crate) enum Mishap {
    Stopped(i32),
    Started(i32),
    Other,
}

/// What takes records away, denies what is needed, or answers with what isn't so.
pub(crate) fn disaster(cluster: &mut Cluster, now: Now, entropy: &mut Entropy<'_>) {
    let node = 1 + entropy.below(NODES as usize) as i32;
    let topic = entropy.pick(&TOPICS);
    let partition = entropy.below(PARTITIONS as usize) as i32;
    match entropy.below(10) {
        0 => drop(cluster.elect(now, topic, partition, node, true)),
        1 => cluster.delete_records(topic, partition, i64::from(entropy.byte())),
        2 => {
            let each = entropy.byte();
            let compacted = cluster.compact(topic, partition, &mut |record| {
                record.offset % 8 != i64::from(each % 8)
            });
            // The topic may be gone.
            let _ = compacted;
        }
        3 => drop(cluster.delete_topic(topic)),
        4 => drop(cluster.create_topic(now, topic, PARTITIONS)),
        5 => drop(cluster.create_partitions(now, topic, PARTITIONS + entropy.below(3) as i32)),
        6 => {
            let operations = [
                Operation::Read,
                Operation::Write,
                Operation::Describe,
                Operation::IdempotentWrite,
            ];
            let operation = entropy.pick(&operations);
            cluster.deny(operation, None, entropy.flag());
        }
        7 => {
            let (code, with_offset) = (error_code(entropy), entropy.flag());
            cluster.answer_after_append(node, code, with_offset, 1 + u32::from(entropy.byte() % 4));
        }
        8 => {
            let code = error_code(entropy);
            cluster.reject_before_append(node, code, 1 + u32::from(entropy.byte() % 4));
        }
        _ => {
            let config = TopicConfig {
                max_message_bytes: entropy.flag().then_some(200),
                min_insync_replicas: entropy.flag().then_some(2),
                log_append_time: entropy.flag(),
                compacted: entropy.flag(),
            };
            cluster.set_topic_config(topic, config);
            let key = entropy.pick(ApiKey::ALL);
            let versions = key.versions();
            let max = versions.min + i16::from(entropy.byte()) % (versions.max - versions.min + 1);
            cluster.limit_version(node, key, max);
        }
    }
}

/// All is well again, as far as it can be.
pub(crate) fn heal(cluster: &mut Cluster, now: Now) {
    for node in 1..=NODES {
        cluster.start_node(now, node, 5);
        cluster.lag(node, false);
        cluster.throttle(node, 0);
        cluster.answer_after_append(node, ErrorCode::NONE, false, 0);
        cluster.reject_before_append(node, ErrorCode::NONE, 0);
        for key in ApiKey::ALL {
            cluster.limit_version(node, *key, key.versions().max);
        }
    }
    for operation in [
        Operation::Read,
        Operation::Write,
        Operation::Describe,
        Operation::IdempotentWrite,
    ] {
        cluster.deny(operation, None, false);
    }
    for topic in TOPICS {
        cluster.set_topic_config(topic, TopicConfig::default());
    }
}
