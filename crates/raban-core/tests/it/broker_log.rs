//! A partition's log and producer state, as a leader shows them to who asks.

use bytes::{Bytes, BytesMut};
use raban_protocol::api::{ApiKey, Message, Request};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::frame::encode_response;
use raban_protocol::messages::describe_producers::*;
use raban_protocol::messages::fetch::*;
use raban_protocol::messages::list_offsets::*;
use raban_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderTopicResult,
};
use raban_protocol::primitives::{Reader, Records, Uuid};
use raban_protocol::record_batch::{BatchHeader, RecordBatch};

/// What a leader knows.
#[derive(Debug, Default)]
pub(crate) struct BrokerLog {
    pub(crate) start: i64,
    pub(crate) end: i64,
    batches: Vec<(BatchHeader, Bytes)>,
    /// The producer's id, epoch, last sequence and last timestamp.
    pub(crate) producer: Option<(i64, i16, i32, i64)>,
    /// READ is denied.
    pub(crate) denied: bool,
    /// The same, since DescribeProducers was answered.
    pub(crate) unreadable: bool,
    /// The id of the topic, made anew; none: as it was.
    pub(crate) topic_id: Option<Uuid>,
    /// Questions aren't answered.
    pub(crate) silent: bool,
    /// Answered to DescribeProducers.
    pub(crate) state_error: ErrorCode,
}

impl BrokerLog {
    /// Appends a batch as a leader does, and remembers its producer.
    pub(crate) fn append(&mut self, batch: Bytes) -> i64 {
        let mut header = BatchHeader::read(&batch).unwrap();
        header.base_offset = self.end;
        let mut bytes = BytesMut::from(&batch[..]);
        bytes[..8].copy_from_slice(&header.base_offset.to_be_bytes());
        self.producer = Some((
            header.producer_id,
            header.producer_epoch,
            header.last_sequence(),
            header.max_timestamp,
        ));
        self.end = header.last_offset() + 1;
        self.batches.push((header, bytes.freeze()));
        header.base_offset
    }

    /// Somebody else's records.
    pub(crate) fn append_foreign(&mut self, batch: Bytes, producer_id: i64) {
        let mut bytes = BytesMut::from(&batch[..]);
        bytes[43..51].copy_from_slice(&producer_id.to_be_bytes());
        let known = self.producer;
        self.append(bytes.freeze());
        self.producer = known;
    }

    /// Judges a batch as a leader does that remembers all it has, and appends it if it is next.
    pub(crate) fn carry_out(&mut self, batch: Bytes) -> Result<i64, ErrorCode> {
        let header = BatchHeader::read(&batch).unwrap();
        if header.producer_id < 0 {
            return Ok(self.append(batch));
        }
        let of_producer = self.batches.iter().map(|(known, _)| known);
        let of_producer = of_producer.filter(|known| known.producer_id == header.producer_id);
        let same = |known: &&BatchHeader| {
            let name = |header: &BatchHeader| (header.producer_epoch, header.base_sequence);
            name(known) == name(&header)
        };
        if let Some(known) = of_producer.clone().find(same) {
            return Ok(known.base_offset);
        }
        let epoch = of_producer.clone().map(|known| known.producer_epoch).max();
        let of_epoch = of_producer.filter(|known| Some(known.producer_epoch) == epoch);
        let last = of_epoch.map(BatchHeader::last_sequence).last();
        let next = match epoch {
            Some(epoch) if header.producer_epoch < epoch => {
                return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
            }
            Some(epoch) if header.producer_epoch == epoch => last.map_or(0, |last| last + 1),
            _ => 0,
        };
        if header.base_sequence == next {
            Ok(self.append(batch))
        } else {
            Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
        }
    }

    /// All records' offsets and values, in order.
    pub(crate) fn records(&self) -> Vec<(i64, String)> {
        let records = self.batches.iter().flat_map(|(_, bytes)| {
            let batch = RecordBatch::decode(bytes.clone(), 1 << 20).unwrap();
            batch.records
        });
        let text = |value: Option<Bytes>| String::from_utf8(value.unwrap().to_vec()).unwrap();
        records
            .map(|record| (record.offset, text(record.value)))
            .collect()
    }

    /// Takes a batch out, as compaction does.
    pub(crate) fn remove(&mut self, index: usize) {
        self.batches.remove(index);
    }

    pub(crate) fn answer(
        &self,
        api: ApiKey,
        version: i16,
        id: i32,
        reader: &mut Reader,
    ) -> Option<Bytes> {
        if self.silent {
            return None;
        }
        let frame = match api {
            ApiKey::DescribeProducers => {
                let request = DescribeProducersRequest::decode(version, reader).unwrap();
                encode::<DescribeProducersRequest>(version, id, &self.describe(&request))
            }
            ApiKey::ListOffsets => {
                let request = ListOffsetsRequest::decode(version, reader).unwrap();
                encode::<ListOffsetsRequest>(version, id, &self.offsets(&request))
            }
            ApiKey::OffsetForLeaderEpoch => {
                let request = OffsetForLeaderEpochRequest::decode(version, reader).unwrap();
                encode::<OffsetForLeaderEpochRequest>(version, id, &self.epoch_end(&request))
            }
            ApiKey::Fetch => {
                let request = FetchRequest::decode(version, reader).unwrap();
                encode::<FetchRequest>(version, id, &self.fetch(&request))
            }
            other => panic!("nobody should ask for {other}"),
        };
        Some(frame)
    }

    fn describe(&self, request: &DescribeProducersRequest) -> DescribeProducersResponse {
        let known = self
            .producer
            .iter()
            .map(|(id, epoch, sequence, timestamp)| ProducerState {
                producer_id: *id,
                producer_epoch: i32::from(*epoch),
                last_sequence: *sequence,
                last_timestamp: *timestamp,
                ..ProducerState::default()
            });
        let (error_code, active_producers) = match (self.denied, self.state_error) {
            (true, _) => (ErrorCode::TOPIC_AUTHORIZATION_FAILED, Vec::new()),
            (false, ErrorCode::NONE) => (ErrorCode::NONE, known.collect()),
            (false, code) => (code, Vec::new()),
        };
        let topic = &request.topics[0];
        DescribeProducersResponse {
            topics: vec![TopicResponse {
                name: topic.name.clone(),
                partitions: vec![PartitionResponse {
                    partition_index: topic.partition_indexes[0],
                    error_code,
                    active_producers,
                    ..PartitionResponse::default()
                }],
            }],
            ..DescribeProducersResponse::default()
        }
    }

    fn offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let topic = |topic: &ListOffsetsTopic| ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: topic
                .partitions
                .iter()
                .map(|asked| ListOffsetsPartitionResponse {
                    partition_index: asked.partition_index,
                    offset: if asked.timestamp == -2 {
                        self.start
                    } else {
                        self.end
                    },
                    leader_epoch: 0,
                    ..ListOffsetsPartitionResponse::default()
                })
                .collect(),
        };
        ListOffsetsResponse {
            topics: request.topics.iter().map(topic).collect(),
            ..ListOffsetsResponse::default()
        }
    }

    fn epoch_end(&self, request: &OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
        let topic = &request.topics[0];
        let asked = &topic.partitions[0];
        OffsetForLeaderEpochResponse {
            topics: vec![OffsetForLeaderTopicResult {
                topic: topic.topic.clone(),
                partitions: vec![EpochEndOffset {
                    partition: asked.partition,
                    leader_epoch: asked.leader_epoch,
                    end_offset: self.end,
                    ..EpochEndOffset::default()
                }],
            }],
            ..OffsetForLeaderEpochResponse::default()
        }
    }

    /// One batch at a time, so that reading takes several steps.
    fn fetch(&self, request: &FetchRequest) -> FetchResponse {
        let topic = &request.topics[0];
        let asked = &topic.partitions[0];
        let batch = self
            .batches
            .iter()
            .find(|(header, _)| header.last_offset() >= asked.fetch_offset);
        let error_code = if self.topic_id.is_some_and(|id| id != topic.topic_id) {
            ErrorCode::UNKNOWN_TOPIC_ID
        } else if self.denied || self.unreadable {
            ErrorCode::TOPIC_AUTHORIZATION_FAILED
        } else if (self.start..=self.end).contains(&asked.fetch_offset) {
            ErrorCode::NONE
        } else {
            ErrorCode::OFFSET_OUT_OF_RANGE
        };
        FetchResponse {
            responses: vec![FetchableTopicResponse {
                topic: topic.topic.clone(),
                topic_id: if topic.topic_id.is_zero() {
                    Uuid::ZERO
                } else {
                    topic.topic_id
                },
                partitions: vec![PartitionData {
                    partition_index: asked.partition,
                    error_code,
                    high_watermark: self.end,
                    log_start_offset: self.start,
                    records: batch.map(|(_, bytes)| Records::from(bytes.clone())),
                    ..PartitionData::default()
                }],
            }],
            ..FetchResponse::default()
        }
    }
}

fn encode<R: Request>(version: i16, id: i32, response: &R::Response) -> Bytes {
    encode_response::<R>(version, id, response)
        .unwrap()
        .to_bytes()
        .slice(4..)
}
