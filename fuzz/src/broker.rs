//! Requests of any bytes to a cluster that goes through mishaps: no panic, answers that can be read, logs that hold together.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use raban_broker::{Cluster, Outcome};
use raban_protocol::api::{ApiKey, Message, Request};
use raban_protocol::compression::{Codec, Compression};
use raban_protocol::frame::{Frame, decode_response, encode_request};
use raban_protocol::messages::fetch::{FetchPartition, FetchTopic};
use raban_protocol::messages::produce::{PartitionProduceData, TopicProduceData};
use raban_protocol::messages::*;
use raban_protocol::primitives::{Records, Uuid};
use raban_protocol::record_batch::{RecordRef, RecordsBuilder};

use crate::entropy::Entropy;
use crate::faulty::{self, NODES, PARTITIONS, TOPICS};

const CONNECTIONS: u64 = 4;
const STEPS: usize = 200;

/// A list of steps, each a byte that says which, and what it takes.
pub fn run(data: &[u8]) {
    let mut entropy = Entropy::new(data);
    let mut world = World {
        cluster: faulty::cluster(),
        elapsed: Duration::ZERO,
        waiting: BTreeMap::new(),
    };
    for _ in 0..STEPS {
        if entropy.is_empty() {
            break;
        }
        world.step(&mut entropy);
        world.answer_waiting();
    }
    world.check_logs();
}

struct World {
    cluster: Cluster,
    elapsed: Duration,
    /// Connections with a request that waits: until when, and what it was.
    waiting: BTreeMap<u64, (Duration, (i16, i16))>,
}

impl World {
    fn now(&self) -> raban_broker::Now {
        faulty::now(self.elapsed)
    }

    fn step(&mut self, entropy: &mut Entropy<'_>) {
        let now = self.now();
        match entropy.below(8) {
            0 | 1 => {
                let content = any_request(entropy);
                self.request(entropy, content);
            }
            2 | 3 => {
                let content = produce(entropy);
                self.request(entropy, content);
            }
            4 => {
                let content = fetch(entropy);
                self.request(entropy, content);
            }
            5 => {
                self.elapsed += Duration::from_millis(1 << entropy.below(32));
                self.cluster.handle_tick(self.now());
            }
            6 => drop(faulty::mishap(&mut self.cluster, now, entropy)),
            _ if entropy.flag() => faulty::disaster(&mut self.cluster, now, entropy),
            _ => {
                let connection = entropy.byte() as u64 % CONNECTIONS;
                self.cluster.handle_disconnect(connection);
                self.waiting.remove(&connection);
            }
        }
    }

    fn request(&mut self, entropy: &mut Entropy<'_>, content: Bytes) {
        let connection = entropy.byte() as u64 % CONNECTIONS;
        // A connection is served one request at a time.
        if self.waiting.contains_key(&connection) {
            return;
        }
        let node = 1 + entropy.below(NODES as usize) as i32;
        let asked = match content.first_chunk::<4>() {
            Some([a, b, c, d]) => (i16::from_be_bytes([*a, *b]), i16::from_be_bytes([*c, *d])),
            None => (-1, -1),
        };
        let outcome = self
            .cluster
            .handle_request(self.now(), node, connection, content);
        match outcome {
            Outcome::Wait { deadline } => drop(self.waiting.insert(connection, (deadline, asked))),
            outcome => check(outcome, asked),
        }
    }

    /// Answers what can be answered now, and what has waited long enough.
    fn answer_waiting(&mut self) {
        while let Some((connection, outcome)) = self.cluster.poll_reply(self.now()) {
            let (_, asked) = self.waiting.remove(&connection).expect("it waited");
            check(outcome, asked);
        }
        let due: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, (deadline, _))| *deadline <= self.elapsed)
            .map(|(connection, _)| *connection)
            .collect();
        for connection in due {
            let (_, asked) = self.waiting.remove(&connection).expect("it is there");
            if let Some(outcome) = self.cluster.handle_timeout(self.now(), connection) {
                check(outcome, asked);
            }
        }
    }

    /// Offsets go up without a gap but for what was compacted, and marks lie in their order.
    fn check_logs(&mut self) {
        for topic in self.cluster.topics() {
            for partition in 0..topic.partitions {
                let log = self.cluster.log_from(&topic.name, partition, 0);
                let log = log.expect("what was appended can be read");
                let state = log.state;
                assert!(state.start_offset <= state.high_watermark);
                assert!(state.high_watermark <= state.end_offset);
                let mut next = 0;
                for (header, records) in log.batches {
                    assert!(header.base_offset >= next);
                    next = header.last_offset() + 1;
                    for record in records {
                        assert!((header.base_offset..next).contains(&record.offset));
                    }
                }
                assert!(next <= state.end_offset);
            }
        }
    }
}

/// An answer can be read by who asked.
fn check(outcome: Outcome, (key, version): (i16, i16)) {
    let Outcome::Reply(frame) = outcome else {
        return;
    };
    match ApiKey::try_from(key).expect("unknown requests aren't answered") {
        ApiKey::Produce if version < ProduceRequest::VERSIONS.min => {}
        ApiKey::Produce => read::<ProduceRequest>(version, &frame),
        ApiKey::Fetch => read::<FetchRequest>(version, &frame),
        ApiKey::ListOffsets => read::<ListOffsetsRequest>(version, &frame),
        ApiKey::Metadata => read::<MetadataRequest>(version, &frame),
        ApiKey::SaslHandshake => read::<SaslHandshakeRequest>(version, &frame),
        // A version that isn't known is answered in the first one.
        ApiKey::ApiVersions if !ApiVersionsRequest::VERSIONS.contains(version) => {
            read::<ApiVersionsRequest>(0, &frame);
        }
        // A node that is made old answers in the first one, too.
        ApiKey::ApiVersions => {
            let content = frame.to_bytes().slice(4..);
            let read = decode_response::<ApiVersionsRequest>(version, content.clone());
            read.or_else(|_| decode_response::<ApiVersionsRequest>(0, content))
                .expect("an answer can be read");
        }
        ApiKey::CreateTopics => read::<CreateTopicsRequest>(version, &frame),
        ApiKey::DeleteTopics => read::<DeleteTopicsRequest>(version, &frame),
        ApiKey::InitProducerId => read::<InitProducerIdRequest>(version, &frame),
        ApiKey::OffsetForLeaderEpoch => read::<OffsetForLeaderEpochRequest>(version, &frame),
        ApiKey::SaslAuthenticate => read::<SaslAuthenticateRequest>(version, &frame),
        ApiKey::DescribeProducers => read::<DescribeProducersRequest>(version, &frame),
        ApiKey::GetTelemetrySubscriptions | ApiKey::PushTelemetry => {
            panic!("{key} isn't served");
        }
    }
}

fn read<R: Request>(version: i16, frame: &Frame) {
    let content = frame.to_bytes().slice(4..);
    decode_response::<R>(version, content).expect("an answer can be read");
}

/// A header that could be one, and any body.
fn any_request(entropy: &mut Entropy<'_>) -> Bytes {
    let key = entropy.pick(ApiKey::ALL);
    let versions = key.versions();
    let count = (versions.max - versions.min + 3) as usize;
    let version = versions.min - 1 + entropy.below(count) as i16;
    let mut content = Vec::new();
    content.extend((key as i16).to_be_bytes());
    content.extend(version.to_be_bytes());
    content.extend([0, 0, 0, 9, 0xff, 0xff]);
    if version >= key.flexible() {
        content.push(0);
    }
    let len = usize::from(entropy.byte());
    content.extend(entropy.bytes(len));
    content.into()
}

/// A request that is right in itself.
fn encoded<R: Request>(version: i16, request: &R) -> Bytes {
    let frame = encode_request(version, 9, None, request).expect("it can be written");
    frame.to_bytes().slice(4..)
}

fn produce(entropy: &mut Entropy<'_>) -> Bytes {
    let mut builder = RecordsBuilder::new(BytesMut::new());
    for number in 0..=entropy.below(3) {
        let value = vec![number as u8; entropy.below(200)];
        let record = RecordRef {
            key: entropy.flag().then_some(b"k"),
            value: Some(&value),
            ..RecordRef::default()
        };
        builder.append(1_700_000_000_000, &record);
    }
    let compression = entropy.pick(&Compression::ALL);
    let codec = Codec::new(compression, None).expect("each has a default");
    let (sealed, _) = builder
        .seal(&codec, BytesMut::new())
        .expect("it compresses");
    let id = entropy.pick(&[-1, 0, 1, 1000]);
    let stamp = (
        id,
        entropy.pick(&[0, 0, 1, i16::MAX]),
        entropy.pick(&[0, 1, 2, 3, i32::MAX]),
    );
    let stamp = if id < 0 { (-1, -1, -1) } else { stamp };
    let records = sealed.stamp(stamp.0, stamp.1, stamp.2);
    let request = ProduceRequest {
        acks: entropy.pick(&[-1, 1, 0]),
        timeout_ms: i32::from(entropy.byte()),
        topic_data: vec![TopicProduceData {
            name: entropy.pick(&TOPICS).to_owned(),
            topic_id: Uuid::ZERO,
            partition_data: vec![PartitionProduceData {
                index: entropy.below(PARTITIONS as usize) as i32,
                records: Some(Records::from(records.into_bytes())),
            }],
        }],
        ..ProduceRequest::default()
    };
    encoded(3 + entropy.below(10) as i16, &request)
}

fn fetch(entropy: &mut Entropy<'_>) -> Bytes {
    let request = FetchRequest {
        max_wait_ms: i32::from(entropy.byte()),
        min_bytes: i32::from(entropy.byte()),
        max_bytes: 1 << 16,
        topics: vec![FetchTopic {
            topic: entropy.pick(&TOPICS).to_owned(),
            partitions: vec![FetchPartition {
                partition: entropy.below(PARTITIONS as usize) as i32,
                current_leader_epoch: entropy.pick(&[-1, 0, 1, 2]),
                fetch_offset: i64::from(entropy.byte()),
                partition_max_bytes: 1 << 14,
                ..FetchPartition::default()
            }],
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    };
    encoded(4 + entropy.below(9) as i16, &request)
}

pub fn seeds() -> Vec<Vec<u8>> {
    // Each kind of step often, with choices that differ.
    (0..32_u8)
        .map(|seed| {
            let byte =
                |at: u32| (at.wrapping_mul(2_654_435_761).rotate_left(seed.into()) >> 13) as u8;
            (0..200).map(byte).collect()
        })
        .collect()
}
