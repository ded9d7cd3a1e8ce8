//! ListOffsets and OffsetForLeaderEpoch.
use bytes::BytesMut;
use raban_protocol::compression::{Codec, Compression};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopic,
};
use raban_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use raban_protocol::messages::{ListOffsetsRequest, OffsetForLeaderEpochRequest};
use raban_protocol::record_batch::{RecordRef, RecordsBuilder};

use crate::support::{Client, batch, start, start_in};

fn list(
    client: &mut Client,
    version: i16,
    partitions: &[(i32, i64)],
) -> Vec<ListOffsetsPartitionResponse> {
    let wanted = |(partition_index, timestamp): &(i32, i64)| ListOffsetsPartition {
        partition_index: *partition_index,
        timestamp: *timestamp,
        ..Default::default()
    };
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: partitions.iter().map(wanted).collect(),
        }],
        ..Default::default()
    };
    client.call(version, &request).topics.remove(0).partitions
}

fn epoch_end(client: &mut Client, partition: i32, leader_epoch: i32) -> EpochEndOffset {
    let request = OffsetForLeaderEpochRequest {
        topics: vec![OffsetForLeaderTopic {
            topic: "t".to_owned(),
            partitions: vec![OffsetForLeaderPartition {
                partition,
                leader_epoch,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    client
        .call(4, &request)
        .topics
        .remove(0)
        .partitions
        .remove(0)
}

#[test]
fn offsets_are_listed_in_each_version() {
    let server = start();
    server.create_topic("t", 2).unwrap();
    let mut client = Client::to(&server);
    for timestamps in [[100, 300], [200, 250]] {
        let mut builder = RecordsBuilder::new(BytesMut::new());
        for timestamp in timestamps {
            builder.append(timestamp, &RecordRef::default());
        }
        let codec = Codec::new(Compression::Lz4, None).unwrap();
        let (sealed, _) = builder.seal(&codec, BytesMut::new()).unwrap();
        client.produce(9, "t", 0, sealed.stamp(-1, -1, -1).into_bytes());
    }
    for version in 1..=11 {
        let epoch = if version >= 4 { 0 } else { -1 };
        let expected = |timestamp, offset| ListOffsetsPartitionResponse {
            error_code: ErrorCode::NONE,
            timestamp,
            offset,
            leader_epoch: if offset == -1 { -1 } else { epoch },
            ..Default::default()
        };
        let mut cases = vec![
            (-2, expected(-1, 0)),
            (-1, expected(-1, 4)),
            (0, expected(100, 0)),
            (101, expected(300, 1)),
            (300, expected(300, 1)),
            (301, expected(-1, -1)),
        ];
        if version >= 7 {
            cases.push((-3, expected(300, 1)));
        }
        if version >= 9 {
            cases.push((-4, expected(-1, 0)));
            cases.push((-5, expected(-1, -1)));
        }
        for (timestamp, expected) in cases {
            assert_eq!(
                list(&mut client, version, &[(0, timestamp)]),
                [expected],
                "{timestamp} in version {version}"
            );
        }
    }
    let empty = list(&mut client, 11, &[(1, -3)]).remove(0);
    assert_eq!((empty.error_code, empty.offset), (ErrorCode::NONE, -1));
}

#[test]
fn bad_requests_for_offsets_are_refused() {
    let server = start();
    server.create_topic("t", 2).unwrap();
    let mut client = Client::to(&server);
    let codes = |answers: Vec<ListOffsetsPartitionResponse>| -> Vec<ErrorCode> {
        answers.iter().map(|a| a.error_code).collect()
    };
    let answers = list(&mut client, 5, &[(0, -1), (0, -2), (1, -3), (7, -1)]);
    let expected = [
        ErrorCode::INVALID_REQUEST,
        ErrorCode::INVALID_REQUEST,
        ErrorCode::UNSUPPORTED_VERSION,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ];
    assert_eq!(codes(answers), expected);
}

#[test]
fn each_start_is_a_leader_epoch() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let server = start_in(dir.path());
        if round == 0 {
            server.create_topic("t", 1).unwrap();
        }
        let mut client = Client::to(&server);
        // Nothing is written in the second epoch.
        if round != 1 {
            client.produce(9, "t", 0, batch(&["a", "b"]));
        }
        let end = epoch_end(&mut client, 0, round);
        let offset = if round < 2 { 2 } else { 4 };
        assert_eq!((end.leader_epoch, end.end_offset), (round, offset));
        if round == 2 {
            let first = epoch_end(&mut client, 0, 0);
            assert_eq!((first.leader_epoch, first.end_offset), (0, 2));
            let later = epoch_end(&mut client, 0, 3);
            assert_eq!(
                (later.error_code, later.leader_epoch, later.end_offset),
                (ErrorCode::NONE, -1, -1)
            );
            assert_eq!(list(&mut client, 4, &[(0, -1)])[0].leader_epoch, 2);
            assert_eq!(list(&mut client, 4, &[(0, -2)])[0].leader_epoch, 0);
        }
        server.stop();
    }
    let server = start();
    let end = epoch_end(&mut Client::to(&server), 3, 0);
    assert_eq!(end.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}
