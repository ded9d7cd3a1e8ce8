//! Reading: versions, limits, waiting.
use std::time::{Duration, Instant};

use raban_broker::{BrokerConfig, Server, StorageKind};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::fetch::FetchPartition;
use raban_protocol::messages::{DeleteTopicsRequest, FetchRequest};
use raban_protocol::primitives::Uuid;

use crate::support::{Client, batch, fetch_request, start, values};

#[test]
fn each_version_reads_what_was_produced() {
    let server = start();
    server.create_topic("t", 2).unwrap();
    let id = server.topics()[0].id;
    let mut client = Client::to(&server);
    client.produce(9, "t", 1, batch(&["a", "b"]));
    client.produce(9, "t", 1, batch(&["c"]));
    for version in 4..=18 {
        let topic_id = if version >= 13 { id } else { Uuid::ZERO };
        let response = client.call(version, &fetch_request("t", topic_id, 1, 2));
        let data = &response.responses[0].partitions[0];
        assert_eq!(data.error_code, ErrorCode::NONE, "version {version}");
        assert_eq!((data.high_watermark, data.last_stable_offset), (3, 3));
        assert_eq!(values(data), [(2, "c".to_owned())]);
    }
    let all = client.fetch(11, "t", 1, 1);
    assert_eq!(
        values(&all).len(),
        3,
        "the whole batch that holds the offset comes"
    );
}

#[test]
fn errors_are_those_of_kafka() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let mut client = Client::to(&server);
    client.produce(9, "t", 0, batch(&["a"]));
    let cases = [
        ("t", 0, 2, -1, ErrorCode::OFFSET_OUT_OF_RANGE),
        ("t", 0, -1, -1, ErrorCode::OFFSET_OUT_OF_RANGE),
        ("t", 1, 0, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("u", 0, 0, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("t", 0, 0, 1, ErrorCode::UNKNOWN_LEADER_EPOCH),
        ("t", 0, 0, 0, ErrorCode::NONE),
    ];
    for (topic, partition, offset, current_leader_epoch, expected) in cases {
        let mut request = fetch_request(topic, Uuid::ZERO, partition, offset);
        request.max_wait_ms = 60_000;
        request.topics[0].partitions[0].current_leader_epoch = current_leader_epoch;
        let data = client
            .call(11, &request)
            .responses
            .remove(0)
            .partitions
            .remove(0);
        assert_eq!(data.error_code, expected, "{topic}-{partition} at {offset}");
    }
    let response = client.call(13, &fetch_request("", Uuid([9; 16]), 0, 0));
    assert_eq!(
        response.responses[0].partitions[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_ID
    );
}

#[test]
fn limits_hold_but_for_the_first_batch() {
    let server = start();
    server.create_topic("t", 2).unwrap();
    let mut client = Client::to(&server);
    let one = batch(&["x".repeat(1_000).as_str()]);
    for partition in [0, 1] {
        for _ in 0..3 {
            client.produce(9, "t", partition, one.clone());
        }
    }
    let lens = |max_bytes: usize, partition_max_bytes: usize, client: &mut Client| -> Vec<usize> {
        let mut request = fetch_request("t", Uuid::ZERO, 0, 0);
        request.max_bytes = max_bytes as i32;
        let partition = FetchPartition {
            partition_max_bytes: partition_max_bytes as i32,
            ..Default::default()
        };
        let of = |index| FetchPartition {
            partition: index,
            ..partition.clone()
        };
        request.topics[0].partitions = vec![of(0), of(1)];
        let response = client.call(11, &request);
        let partitions = response.responses[0].partitions.iter();
        partitions
            .map(|p| p.records.as_ref().unwrap().len() / one.len())
            .collect()
    };
    assert_eq!(lens(1 << 20, 1 << 20, &mut client), [3, 3]);
    assert_eq!(lens(1 << 20, 2 * one.len(), &mut client), [2, 2]);
    assert_eq!(lens(4 * one.len(), 1 << 20, &mut client), [3, 1]);
    assert_eq!(lens(10, 10, &mut client), [1, 0]);
    assert_eq!(lens(1 << 20, 10, &mut client), [1, 0]);
}

fn waiting(topic: &str, min_bytes: i32, max_wait_ms: i32) -> FetchRequest {
    FetchRequest {
        min_bytes,
        max_wait_ms,
        ..fetch_request(topic, Uuid::ZERO, 0, 0)
    }
}

#[test]
fn a_fetch_waits_for_records() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let (mut reader, mut writer) = (Client::to(&server), Client::to(&server));
    let len = batch(&["a"]).len() as i32;
    reader.send(11, &waiting("t", 2 * len, 60_000)).unwrap();
    writer.produce(9, "t", 0, batch(&["a"]));
    writer.produce(9, "t", 0, batch(&["b"]));
    let response = reader.receive::<FetchRequest>(11).unwrap();
    let found = values(&response.responses[0].partitions[0]);
    assert_eq!(found, [(0, "a".to_owned()), (1, "b".to_owned())]);
}

#[test]
fn a_fetch_that_waited_in_vain_answers_with_what_there_is() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let mut client = Client::to(&server);
    client.produce(9, "t", 0, batch(&["a"]));
    let before = Instant::now();
    let response = client.call(11, &waiting("t", 1_000_000, 50));
    assert!(before.elapsed() >= Duration::from_millis(50));
    assert_eq!(values(&response.responses[0].partitions[0]).len(), 1);
}

#[test]
fn a_fetch_does_not_wait_for_more_than_its_limits_allow() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let mut client = Client::to(&server);
    for _ in 0..3 {
        client.produce(9, "t", 0, batch(&["a"]));
    }
    let mut request = waiting("t", 1_000_000, 60_000);
    request.topics[0].partitions[0].partition_max_bytes = 100;
    let response = client.call(11, &request);
    assert_eq!(values(&response.responses[0].partitions[0]).len(), 1);
}

#[test]
fn a_deleted_topic_ends_the_wait() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let (mut reader, mut admin) = (Client::to(&server), Client::to(&server));
    reader.send(11, &waiting("t", 1, 60_000)).unwrap();
    let request = DeleteTopicsRequest {
        topic_names: vec!["t".to_owned()],
        ..Default::default()
    };
    assert_eq!(
        admin.call(4, &request).responses[0].error_code,
        ErrorCode::NONE
    );
    let response = reader.receive::<FetchRequest>(11).unwrap();
    let code = response.responses[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn stopping_ends_the_wait() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let mut client = Client::to(&server);
    client.send(11, &waiting("t", 1, 60_000)).unwrap();
    server.stop();
    // Answered or closed: what matters is that it ends.
    let _ = client.receive_frame();
}

#[test]
fn discarded_records_are_acknowledged_and_gone() {
    let config = BrokerConfig {
        storage: StorageKind::Discard,
        ..BrokerConfig::default()
    };
    let server = Server::start(config).unwrap();
    server.create_topic("t", 1).unwrap();
    let mut client = Client::to(&server);
    for expected in [0, 2] {
        let answer = client.produce(9, "t", 0, batch(&["a", "b"]));
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (ErrorCode::NONE, expected)
        );
    }
    assert_eq!(
        client.fetch(11, "t", 0, 0).error_code,
        ErrorCode::OFFSET_OUT_OF_RANGE
    );
    let data = client.fetch(11, "t", 0, 4);
    assert_eq!(
        (data.error_code, data.high_watermark, data.log_start_offset),
        (ErrorCode::NONE, 4, 4)
    );
    assert!(server.records("t").unwrap().is_empty());
}
