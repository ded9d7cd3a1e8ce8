//! What becomes of values that a version can't say, and of fields that aren't known.

use bytes::Bytes;

use super::{decode, encode};
use crate::api::Message;
use crate::error_code::ErrorCode;
use crate::messages::metadata::MetadataRequestTopic;
use crate::messages::produce::{LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse};
use crate::messages::{
    ApiVersionsRequest, FetchRequest, MetadataRequest, ProduceResponse, SaslHandshakeRequest,
};
use crate::primitives::{DecodeError, EncodeError, Reader, Uuid, Writer};

fn refusal<M: Message>(message: &M, version: i16) -> EncodeError {
    message.encode(version, &mut Writer::new()).unwrap_err()
}

#[test]
fn a_value_that_would_be_lost_is_refused() {
    let request = MetadataRequest {
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    let error = refusal(&request, 3);
    let expected = EncodeError::FieldNotInVersion {
        field: "MetadataRequest.allow_auto_topic_creation",
        version: 3,
    };
    assert_eq!(error, expected);
    assert_eq!(decode::<MetadataRequest>(encode(&request, 4), 4), request);

    let request = FetchRequest {
        replica_id: 3,
        ..FetchRequest::default()
    };
    assert!(matches!(
        refusal(&request, 15),
        EncodeError::FieldNotInVersion { .. }
    ));
}

#[test]
fn an_ignorable_value_is_dropped() {
    let request = ApiVersionsRequest {
        client_software_name: "raban".to_owned(),
        node_id: 5,
        ..ApiVersionsRequest::default()
    };
    let read = |version| decode::<ApiVersionsRequest>(encode(&request, version), version);
    assert_eq!(read(2), ApiVersionsRequest::default());
    assert_eq!(read(3).client_software_name, "raban");
    assert_eq!(read(3).node_id, -1);
    assert_eq!(read(5), request);
}

#[test]
fn null_is_refused_where_the_version_has_none() {
    let all_topics = MetadataRequest {
        topics: None,
        ..MetadataRequest::default()
    };
    let error = refusal(&all_topics, 0);
    let expected = EncodeError::UnexpectedNull {
        field: "MetadataRequest.topics",
        version: 0,
    };
    assert_eq!(error, expected);
    assert_eq!(encode(&all_topics, 1)[..], [0xff; 4]);
    let null = &mut Reader::new(Bytes::from_static(&[0xff; 4]));
    let what = "MetadataRequest.topics";
    assert_eq!(
        MetadataRequest::decode(0, null),
        Err(DecodeError::UnexpectedNull { what })
    );

    let by_id = MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            topic_id: Uuid([1; 16]),
            name: None,
        }]),
        ..MetadataRequest::default()
    };
    assert!(matches!(
        refusal(&by_id, 9),
        EncodeError::UnexpectedNull { .. }
    ));
    assert_eq!(decode::<MetadataRequest>(encode(&by_id, 10), 10), by_id);
    let no_string = &mut Reader::new(Bytes::from_static(&[0xff; 2]));
    let error = SaslHandshakeRequest::decode(0, no_string).unwrap_err();
    assert_eq!(error, DecodeError::UnexpectedNull { what: "a string" });
}

#[test]
fn a_tagged_field_is_written_only_if_it_is_set() {
    let mut response = ProduceResponse {
        responses: vec![TopicProduceResponse {
            name: "t".to_owned(),
            partition_responses: vec![PartitionProduceResponse {
                error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
                ..PartitionProduceResponse::default()
            }],
            ..TopicProduceResponse::default()
        }],
        ..ProduceResponse::default()
    };
    assert_eq!(encode(&response, 9).len(), encode(&response, 10).len());
    let leader = LeaderIdAndEpoch {
        leader_id: 2,
        leader_epoch: 7,
    };
    response.responses[0].partition_responses[0].current_leader = leader.clone();
    assert!(matches!(
        refusal(&response, 9),
        EncodeError::FieldNotInVersion { .. }
    ));
    let read = decode::<ProduceResponse>(encode(&response, 10), 10);
    assert_eq!(
        read.responses[0].partition_responses[0].current_leader,
        leader
    );
}

#[test]
fn an_unknown_tagged_field_is_skipped() {
    let plain = encode(&ApiVersionsRequest::default(), 3);
    let mut longer = plain[..plain.len() - 1].to_vec();
    longer.extend([1, 99, 3, 7, 7, 7]);
    let read = decode::<ApiVersionsRequest>(longer.into(), 3);
    assert_eq!(read, ApiVersionsRequest::default());
}

#[test]
fn a_version_that_is_not_known_is_named() {
    let error = refusal(&ProduceResponse::default(), 14);
    let text = "ProduceResponse has no version 14 here, only 3 to 13: negotiate with ApiVersions";
    assert_eq!(error.to_string(), text);
}
