//! Random frames, and valid requests of each API with mutated bodies: the broker serves on, and its memory stays flat.
//!
//! `RABAN_FUZZ=100000` sets how many of each kind; the default keeps the run short.
use std::time::Duration;

use raban_broker::{BrokerConfig, Server};
use raban_protocol::api::Request;
use raban_protocol::frame::encode_request;
use raban_protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use raban_protocol::messages::delete_topics::DeleteTopicState;
use raban_protocol::messages::describe_producers::TopicRequest;
use raban_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use raban_protocol::messages::metadata::MetadataRequestTopic;
use raban_protocol::messages::offset_for_leader_epoch::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use raban_protocol::messages::*;
use raban_protocol::primitives::Uuid;

use crate::process::{BrokerProcess, SEED};
use crate::support::{Client, batch, fetch_request, produce_request};

const DEFAULT_COUNT: usize = 1_500;
/// Memory that the broker may take on top while it is fed nonsense, in bytes.
const FLAT: u64 = 32 << 20;
/// A mutated Fetch may wait long, and a Produce may have got acks=0: then the connection is given up.
const ANSWER_WAIT: Duration = Duration::from_millis(100);
/// Bytes of a frame before the body: size, key, version, correlation id, client id "test".
const HEADER_LEN: usize = 4 + 8 + 6;

fn count() -> usize {
    let set = std::env::var("RABAN_FUZZ").ok();
    set.map_or(DEFAULT_COUNT, |n| n.parse().unwrap())
}

/// A Metadata request that creates a topic.
pub(crate) fn create(topic: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic {
        name: Some(topic.to_owned()),
        ..Default::default()
    };
    MetadataRequest {
        topics: Some(vec![topic]),
        ..Default::default()
    }
}

/// The id of the first topic of a [`BrokerProcess`].
fn topic_id() -> Uuid {
    let config = BrokerConfig {
        seed: Some(SEED),
        ..BrokerConfig::default()
    };
    let server = Server::start(config).unwrap();
    server.create_topic("t", 1).unwrap();
    server.topics()[0].id
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, max: usize) -> Vec<u8> {
        (0..self.below(max)).map(|_| self.next() as u8).collect()
    }

    /// Changes a body in up to four places.
    fn mutate(&mut self, body: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(body.len() + 1);
            let byte = body.get_mut(at);
            match (self.below(7), byte) {
                (0, Some(byte)) => *byte ^= 1 << self.below(8),
                (1, Some(byte)) => *byte = self.next() as u8,
                (2, Some(byte)) => *byte = [0, 0x7f, 0x80, 0xff][self.below(4)],
                (3, Some(_)) => {
                    let end = body.len().min(at + 1 + self.below(16));
                    body.drain(at..end);
                }
                (4, _) => {
                    let inserted = self.bytes(16);
                    body.splice(at..at, inserted);
                }
                (5, Some(_)) => body.truncate(at),
                _ => {
                    let end = body.len().min(at + self.below(64));
                    let copy = body[at.min(end)..end].to_vec();
                    body.splice(at..at, copy);
                }
            }
        }
    }
}

/// Frames of a request in all its versions.
fn frames<R: Request>(request: impl Fn(i16) -> R) -> Vec<Vec<u8>> {
    let versions = R::VERSIONS.min..=R::VERSIONS.max;
    let frame = |version| encode_request(version, 1, Some("test"), &request(version)).unwrap();
    versions
        .map(|version| frame(version).to_bytes().to_vec())
        .collect()
}

/// Feeds the broker and checks that it lives on with flat memory.
fn feed(name: &str, mut next: impl FnMut(&mut Random) -> Vec<u8>) {
    let broker = BrokerProcess::start("memory");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let ping = encode_request(0, -7, None, &ApiVersionsRequest::default())
        .unwrap()
        .to_bytes();
    let mut client = broker.client();
    let mut resident = None;
    let count = count();
    for at in 0..count {
        if at % 500 == 0 {
            // What was mutated may have deleted it.
            broker.client().call(9, &create("t"));
        }
        if at == count / 10 {
            resident = broker.resident();
        }
        let frame = next(&mut random);
        client.socket().set_read_timeout(Some(ANSWER_WAIT)).unwrap();
        let sent = client
            .send_raw(&frame)
            .and_then(|()| client.send_raw(&ping));
        if sent.is_err() || !answered(&mut client) {
            client = broker.client();
        }
    }
    let mut client = broker.client();
    client.call(0, &ApiVersionsRequest::default());
    if let (Some(before), Some(after)) = (resident, broker.resident()) {
        let grown = after.saturating_sub(before);
        assert!(
            grown < FLAT,
            "{name}: memory grew by {grown} bytes from {before}"
        );
    }
}

/// Reads until the ping is answered.
fn answered(client: &mut Client) -> bool {
    while let Ok(content) = client.receive_frame() {
        if content.starts_with(&(-7i32).to_be_bytes()) {
            return true;
        }
    }
    false
}

fn feed_mutated<R: Request>(request: impl Fn(i16) -> R) {
    let frames = frames(request);
    feed(&R::KEY.to_string(), |random| {
        let frame = &frames[random.below(frames.len())];
        let mut body = frame[HEADER_LEN..].to_vec();
        random.mutate(&mut body);
        let mut mutated = ((HEADER_LEN - 4 + body.len()) as u32)
            .to_be_bytes()
            .to_vec();
        mutated.extend(&frame[4..HEADER_LEN]);
        mutated.extend(body);
        mutated
    });
}

#[test]
fn random_frames() {
    feed("random frames", |random| {
        let mut content = random.bytes(200);
        if random.below(2) == 0 && content.len() >= 10 {
            // A header that could be one.
            content[..4].copy_from_slice(&[0, random.below(70) as u8, 0, random.below(20) as u8]);
            content[8..10].copy_from_slice(&[0xff, 0xff]);
        }
        let mut frame = (content.len() as u32).to_be_bytes().to_vec();
        if random.below(100) == 0 {
            frame = random.bytes(5);
        }
        frame.extend(content);
        frame
    });
}

#[test]
fn mutated_produce() {
    feed_mutated(|version| {
        let id = if version >= 13 {
            Uuid([1; 16])
        } else {
            Uuid::ZERO
        };
        produce_request("t", id, 0, batch(&["some value", "another value"]))
    });
}

#[test]
fn mutated_fetch() {
    let topic_id = topic_id();
    feed_mutated(|version| {
        let id = if version >= 13 { topic_id } else { Uuid::ZERO };
        fetch_request("t", id, 0, 0)
    });
}

#[test]
fn mutated_list_offsets() {
    feed_mutated(|_| ListOffsetsRequest {
        topics: vec![ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: vec![ListOffsetsPartition {
                timestamp: 5,
                ..Default::default()
            }],
        }],
        ..Default::default()
    });
}

#[test]
fn mutated_metadata() {
    feed_mutated(|_| create("t"));
}

#[test]
fn mutated_api_versions() {
    feed_mutated(|_| ApiVersionsRequest {
        client_software_name: "test".to_owned(),
        client_software_version: "1".to_owned(),
        ..Default::default()
    });
}

#[test]
fn mutated_init_producer_id() {
    feed_mutated(|_| InitProducerIdRequest::default());
}

#[test]
fn mutated_offset_for_leader_epoch() {
    feed_mutated(|_| OffsetForLeaderEpochRequest {
        topics: vec![OffsetForLeaderTopic {
            topic: "t".to_owned(),
            partitions: vec![OffsetForLeaderPartition::default()],
        }],
        ..Default::default()
    });
}

#[test]
fn mutated_create_topics() {
    feed_mutated(|_| CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: "created".to_owned(),
            num_partitions: 2,
            replication_factor: 1,
            configs: vec![CreatableTopicConfig::default()],
            ..Default::default()
        }],
        ..Default::default()
    });
}

#[test]
fn mutated_delete_topics() {
    feed_mutated(|version| {
        let topics = vec![DeleteTopicState {
            name: Some("t".to_owned()),
            topic_id: Uuid::ZERO,
        }];
        DeleteTopicsRequest {
            topics: if version >= 6 { topics } else { Vec::new() },
            topic_names: if version >= 6 {
                Vec::new()
            } else {
                vec!["t".to_owned()]
            },
            ..Default::default()
        }
    });
}

#[test]
fn mutated_describe_producers() {
    feed_mutated(|_| DescribeProducersRequest {
        topics: vec![TopicRequest {
            name: "t".to_owned(),
            partition_indexes: vec![0, 1],
        }],
    });
}

#[test]
fn mutated_sasl() {
    feed_mutated(|_| SaslHandshakeRequest {
        mechanism: "PLAIN".to_owned(),
    });
    feed_mutated(|_| SaslAuthenticateRequest {
        auth_bytes: b"\0user\0password"[..].into(),
    });
}
