//! What is there again after a broker was stopped or killed.
use std::fs::{self, OpenOptions};
use std::io::Write;

use raban_broker::Server;
use raban_protocol::compression::Compression;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::MetadataRequest;

use crate::support::{Client, batch, stamped, start_in, stored};

/// Both ways for a broker to end.
const ENDS: [fn(Server); 2] = [Server::stop, Server::kill];

#[test]
fn records_topics_and_ids_are_there_again() {
    for end in ENDS {
        let dir = tempfile::tempdir().unwrap();
        let server = start_in(dir.path());
        server.create_topic("a", 2).unwrap();
        server.create_topic("b-0", 1).unwrap();
        let mut client = Client::to(&server);
        for partition in [0, 1] {
            client.produce(9, "a", partition, batch(&["x", "y"]));
        }
        let (topics, records) = (server.topics(), server.records("a").unwrap());
        let cluster_id = client.call(8, &MetadataRequest::default()).cluster_id;
        end(server);
        let server = start_in(dir.path());
        assert_eq!(
            (server.topics(), server.records("a").unwrap()),
            (topics, records)
        );
        let mut client = Client::to(&server);
        assert_eq!(
            client.call(8, &MetadataRequest::default()).cluster_id,
            cluster_id
        );
        assert_eq!(client.produce(9, "a", 0, batch(&["z"])).base_offset, 2);
    }
}

#[test]
fn all_five_batches_of_a_producer_are_known_again() {
    for end in ENDS {
        let dir = tempfile::tempdir().unwrap();
        let server = start_in(dir.path());
        server.create_topic("t", 1).unwrap();
        let mut client = Client::to(&server);
        let id = client.producer_id();
        let send = |client: &mut Client, sequence: i32| {
            let records = stamped(
                &[&sequence.to_string()],
                Compression::None,
                (id, 0, sequence),
            );
            let answer = client.produce(9, "t", 0, records);
            (answer.error_code, answer.base_offset)
        };
        for sequence in 0..7 {
            send(&mut client, sequence);
        }
        end(server);
        let server = start_in(dir.path());
        let mut client = Client::to(&server);
        for sequence in 2..7 {
            assert_eq!(
                send(&mut client, sequence),
                (ErrorCode::NONE, i64::from(sequence))
            );
        }
        assert_eq!(
            send(&mut client, 1).0,
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        );
        assert_eq!(
            send(&mut client, 8).0,
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        );
        assert_eq!(send(&mut client, 7), (ErrorCode::NONE, 7));
        assert_eq!(
            stored(&server, "t"),
            ["0", "1", "2", "3", "4", "5", "6", "7"]
        );
    }
}

#[test]
fn producer_ids_are_never_given_out_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = -1;
    for round in 0..4 {
        let server = start_in(dir.path());
        let mut client = Client::to(&server);
        for _ in 0..600 {
            let id = client.producer_id();
            assert!(id > last);
            last = id;
        }
        ENDS[round % 2](server);
    }
}

#[test]
fn half_a_batch_at_the_end_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let server = start_in(dir.path());
    server.create_topic("t", 1).unwrap();
    Client::to(&server).produce(9, "t", 0, batch(&["a"]));
    server.kill();
    let log = dir.path().join("t-0/00000000000000000000.log");
    let len = fs::metadata(&log).unwrap().len();
    let mut file = OpenOptions::new().append(true).open(&log).unwrap();
    file.write_all(&batch(&["torn"])[..50]).unwrap();
    let server = start_in(dir.path());
    assert_eq!(fs::metadata(&log).unwrap().len(), len);
    assert_eq!(
        Client::to(&server)
            .produce(9, "t", 0, batch(&["b"]))
            .base_offset,
        1
    );
    assert_eq!(stored(&server, "t"), ["a", "b"]);
}

#[test]
fn deleted_topics_stay_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let server = start_in(dir.path());
    server.create_topic("t", 2).unwrap();
    let mut client = Client::to(&server);
    client.produce(9, "t", 0, batch(&["a"]));
    let request = raban_protocol::messages::DeleteTopicsRequest {
        topic_names: vec!["t".to_owned()],
        ..Default::default()
    };
    client.call(4, &request);
    assert!(!dir.path().join("t-0").exists());
    server.kill();
    let server = start_in(dir.path());
    assert!(server.topics().is_empty());
    server.create_topic("t", 1).unwrap();
    assert!(stored(&server, "t").is_empty());
}
