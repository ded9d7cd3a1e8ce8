//! The cluster without server: virtual time, seeds, crashes.
use std::time::Duration;

use bytes::Bytes;
use raban_broker::{BrokerConfig, Cluster, MemoryLogDir, Now, Outcome};
use raban_protocol::api::Request;
use raban_protocol::compression::Compression;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::frame::{Frame, decode_response, encode_request};
use raban_protocol::messages::{FetchRequest, InitProducerIdRequest, ProduceRequest};
use raban_protocol::primitives::Uuid;

use crate::support::{batch, fetch_request, produce_request, stamped, values};

fn at(seconds: u64) -> Now {
    Now {
        elapsed: Duration::from_secs(seconds),
        unix_ms: 1_000_000 + seconds as i64 * 1_000,
    }
}

fn open(logs: &MemoryLogDir) -> Cluster {
    Cluster::open(BrokerConfig::default(), 7, Box::new(logs.clone()), at(0)).unwrap()
}

fn content(frame: &Frame) -> Bytes {
    frame.to_bytes().slice(4..)
}

fn handle<R: Request>(
    cluster: &mut Cluster,
    now: Now,
    connection: u64,
    version: i16,
    request: &R,
) -> Outcome {
    let frame = encode_request(version, 1, None, request).unwrap();
    cluster.handle_request(now, 1, connection, content(&frame))
}

fn reply<R: Request>(outcome: Outcome, version: i16) -> R::Response {
    match outcome {
        Outcome::Reply(frame) => decode_response::<R>(version, content(&frame)).unwrap().1,
        other => panic!("{other:?}"),
    }
}

fn produce(cluster: &mut Cluster, now: Now, records: Bytes) -> (ErrorCode, i64) {
    let request = produce_request("t", Uuid::ZERO, 0, records);
    let response = reply::<ProduceRequest>(handle(cluster, now, 9, 9, &request), 9);
    let answer = &response.responses[0].partition_responses[0];
    (answer.error_code, answer.base_offset)
}

fn offsets_and_values(cluster: &mut Cluster) -> Vec<(i64, Bytes)> {
    let records = cluster.records("t").unwrap().into_iter();
    records
        .map(|r| (r.record.offset, r.record.value.unwrap()))
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_ids() {
    let ids = |seed| {
        let logs = MemoryLogDir::new();
        let mut cluster =
            Cluster::open(BrokerConfig::default(), seed, Box::new(logs), at(0)).unwrap();
        cluster.create_topic(at(0), "t", 1).unwrap();
        cluster.topics()[0].id
    };
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
}

#[test]
fn a_fetch_waits_in_virtual_time() {
    let mut cluster = open(&MemoryLogDir::new());
    cluster.create_topic(at(0), "t", 1).unwrap();
    let request = FetchRequest {
        max_wait_ms: 5_000,
        ..fetch_request("t", Uuid::ZERO, 0, 0)
    };
    for connection in [1, 2] {
        let outcome = handle(&mut cluster, at(10), connection, 11, &request);
        assert!(
            matches!(outcome, Outcome::Wait { deadline } if deadline == Duration::from_secs(15)),
            "{outcome:?}"
        );
    }
    assert_eq!(cluster.next_deadline(), Some(Duration::from_secs(15)));
    assert!(cluster.poll_reply(at(11)).is_none());
    cluster.handle_disconnect(2);
    produce(&mut cluster, at(11), batch(&["a"]));
    let (connection, outcome) = cluster.poll_reply(at(11)).unwrap();
    let response = reply::<FetchRequest>(outcome, 11);
    assert_eq!(
        (
            connection,
            values(&response.responses[0].partitions[0]).len()
        ),
        (1, 1)
    );
    assert!(cluster.poll_reply(at(11)).is_none() && cluster.next_deadline().is_none());

    let request = FetchRequest {
        max_wait_ms: i32::MAX,
        min_bytes: i32::MAX,
        ..fetch_request("t", Uuid::ZERO, 0, 0)
    };
    let outcome = handle(&mut cluster, at(20), 1, 11, &request);
    assert!(
        matches!(outcome, Outcome::Wait { deadline } if deadline == Duration::from_secs(80)),
        "{outcome:?}"
    );
    let response = reply::<FetchRequest>(cluster.handle_timeout(at(80), 1).unwrap(), 11);
    assert_eq!(values(&response.responses[0].partitions[0]).len(), 1);
    assert!(cluster.handle_timeout(at(80), 1).is_none());
}

#[test]
fn producers_that_are_silent_for_a_day_are_forgotten() {
    let mut cluster = open(&MemoryLogDir::new());
    cluster.create_topic(at(0), "t", 1).unwrap();
    let send = |cluster: &mut Cluster, now, sequence| {
        produce(
            cluster,
            now,
            stamped(&["a"], Compression::None, (5, 0, sequence)),
        )
    };
    assert_eq!(send(&mut cluster, at(0), 0), (ErrorCode::NONE, 0));
    cluster.handle_tick(at(23 * 3600));
    assert_eq!(
        send(&mut cluster, at(23 * 3600), 0),
        (ErrorCode::NONE, 0),
        "a duplicate, however old its records are"
    );
    cluster.handle_tick(at(25 * 3600));
    assert_eq!(
        send(&mut cluster, at(25 * 3600), 9),
        (ErrorCode::NONE, 1),
        "without state any sequence is accepted"
    );
}

#[test]
fn what_was_synced_survives_crashes_and_is_not_doubled() {
    for seed in 0..100 {
        let logs = MemoryLogDir::new();
        let mut cluster = open(&logs);
        cluster.create_topic(at(0), "t", 1).unwrap();
        let response = handle(&mut cluster, at(0), 1, 4, &InitProducerIdRequest::default());
        let id = reply::<InitProducerIdRequest>(response, 4).producer_id;
        let records = |n: i32| stamped(&[&n.to_string()], Compression::None, (id, 0, n));
        for n in 0..10 {
            assert_eq!(
                produce(&mut cluster, at(0), records(n)),
                (ErrorCode::NONE, i64::from(n))
            );
            if n == 6 {
                cluster.sync();
            }
        }
        drop(cluster);
        logs.crash(seed);
        let mut cluster = open(&logs);
        let left = offsets_and_values(&mut cluster).len() as i32;
        assert!((7..=10).contains(&left), "{left}");
        // What the client has not given up is sent again: the window of five covers what was there, the rest is appended.
        for n in (left - 5).max(5)..12 {
            assert_eq!(
                produce(&mut cluster, at(1), records(n)),
                (ErrorCode::NONE, i64::from(n)),
                "seed {seed}"
            );
        }
        let expected: Vec<(i64, Bytes)> = (0..12).map(|n| (n, n.to_string().into())).collect();
        assert_eq!(offsets_and_values(&mut cluster), expected);
    }
}

#[test]
fn a_sync_in_two_halves_covers_what_was_there_at_its_start() {
    let logs = MemoryLogDir::new();
    let mut cluster = open(&logs);
    cluster.create_topic(at(0), "t", 1).unwrap();
    produce(&mut cluster, at(0), batch(&["a"]));
    let begun = cluster.begin_sync();
    assert_eq!(begun.len(), 1);
    produce(&mut cluster, at(0), batch(&["b"]));
    for sync in begun {
        cluster.finish_sync(sync.run());
    }
    assert_eq!(
        cluster.begin_sync().len(),
        1,
        "the second batch is still to be synced"
    );
    logs.crash(3);
    let mut cluster = open(&logs);
    assert_eq!(
        offsets_and_values(&mut cluster)[0],
        (0, Bytes::from_static(b"a"))
    );
}
