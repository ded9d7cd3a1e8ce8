//! A broker that says yes to all: it leads all partitions, and its log is nowhere.

use bytes::Bytes;
use raban_protocol::api::{ApiKey, Message};
use raban_protocol::frame::{Frame, decode_request_header, encode_response};
use raban_protocol::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use raban_protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use raban_protocol::messages::list_offsets::*;
use raban_protocol::messages::metadata::*;
use raban_protocol::messages::produce::*;
use raban_protocol::primitives::{Reader, Uuid};

/// Bytes of a frame's size, which stands before it.
const SIZE_LEN: usize = 4;
const PORT: i32 = 9092;

#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) partitions: i32,
}

impl Broker {
    /// The answer to a request.
    pub(crate) fn answer(&self, frame: &Frame) -> Bytes {
        let mut reader = Reader::new(frame.to_bytes().slice(SIZE_LEN..));
        let header = decode_request_header(&mut reader).expect("raban wrote it");
        let (version, id) = (header.api_version, header.correlation_id);
        let answer = match ApiKey::try_from(header.api_key) {
            Ok(ApiKey::ApiVersions) => {
                encode_response::<ApiVersionsRequest>(version, id, &versions())
            }
            Ok(ApiKey::Metadata) => {
                let response = self.metadata(&decode(version, &mut reader));
                encode_response::<MetadataRequest>(version, id, &response)
            }
            Ok(ApiKey::InitProducerId) => {
                let response = InitProducerIdResponse {
                    producer_id: 1,
                    producer_epoch: 0,
                    ..InitProducerIdResponse::default()
                };
                encode_response::<InitProducerIdRequest>(version, id, &response)
            }
            Ok(ApiKey::ListOffsets) => {
                let response = offsets(&decode(version, &mut reader));
                encode_response::<ListOffsetsRequest>(version, id, &response)
            }
            Ok(ApiKey::Produce) => {
                let response = produced(&decode(version, &mut reader));
                encode_response::<ProduceRequest>(version, id, &response)
            }
            other => unreachable!("nobody should ask for {other:?}"),
        };
        let answer = answer.expect("the version is the request's");
        answer.to_bytes().slice(SIZE_LEN..)
    }

    fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let partition = |partition_index| MetadataResponsePartition {
            partition_index,
            leader_id: 0,
            leader_epoch: 0,
            ..MetadataResponsePartition::default()
        };
        let topic = |topic: &MetadataRequestTopic| MetadataResponseTopic {
            name: topic.name.clone(),
            topic_id: Uuid([7; 16]),
            partitions: (0..self.partitions).map(partition).collect(),
            ..MetadataResponseTopic::default()
        };
        MetadataResponse {
            brokers: vec![MetadataResponseBroker {
                node_id: 0,
                host: "broker".to_owned(),
                port: PORT,
                rack: None,
            }],
            topics: request.topics.iter().flatten().map(topic).collect(),
            ..MetadataResponse::default()
        }
    }
}

fn decode<M: Message>(version: i16, reader: &mut Reader) -> M {
    M::decode(version, reader).expect("raban wrote it")
}

fn versions() -> ApiVersionsResponse {
    let newest = |(key, max_version)| ApiVersion {
        api_key: key as i16,
        min_version: 0,
        max_version,
    };
    let keys = [
        (ApiKey::Produce, ProduceRequest::VERSIONS.max),
        (ApiKey::Metadata, MetadataRequest::VERSIONS.max),
        (ApiKey::ApiVersions, 4),
        (ApiKey::InitProducerId, 5),
        (ApiKey::ListOffsets, ListOffsetsRequest::VERSIONS.max),
    ];
    ApiVersionsResponse {
        api_keys: keys.into_iter().map(newest).collect(),
        ..ApiVersionsResponse::default()
    }
}

fn offsets(request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let partition = |asked: &ListOffsetsPartition| ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        offset: 0,
        leader_epoch: 0,
        ..ListOffsetsPartitionResponse::default()
    };
    let topic = |topic: &ListOffsetsTopic| ListOffsetsTopicResponse {
        name: topic.name.clone(),
        partitions: topic.partitions.iter().map(partition).collect(),
    };
    ListOffsetsResponse {
        topics: request.topics.iter().map(topic).collect(),
        ..ListOffsetsResponse::default()
    }
}

fn produced(request: &ProduceRequest) -> ProduceResponse {
    let partition = |data: &PartitionProduceData| PartitionProduceResponse {
        index: data.index,
        base_offset: 0,
        ..PartitionProduceResponse::default()
    };
    let topic = |topic: &TopicProduceData| TopicProduceResponse {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partition_responses: topic.partition_data.iter().map(partition).collect(),
    };
    ProduceResponse {
        responses: request.topic_data.iter().map(topic).collect(),
        ..ProduceResponse::default()
    }
}
