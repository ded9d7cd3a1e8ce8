//! Appending: versions, validation, duplicates.
use bytes::Bytes;
use raban_protocol::compression::Compression;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::DescribeProducersRequest;
use raban_protocol::messages::describe_producers::TopicRequest;
use raban_protocol::primitives::Uuid;
use raban_protocol::record_batch::{BatchHeader, HEADER_LEN};

use crate::support::{Client, batch, produce_request, stamped, start, stored};

/// The batch with its header changed, and the checksum made right again.
fn changed(batch: &Bytes, change: impl FnOnce(&mut BatchHeader)) -> Bytes {
    let mut header = BatchHeader::read(batch).unwrap();
    change(&mut header);
    let mut bytes = header.write().to_vec();
    bytes.extend_from_slice(&batch[HEADER_LEN..]);
    // The checksum covers everything after itself.
    let crc = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.into()
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0x82F6_3B78 & 0u32.wrapping_sub(crc & 1));
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn each_version_appends_with_each_compression() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let id = server.topics()[0].id;
    let mut client = Client::to(&server);
    let mut offset = 0;
    let all = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    for version in 3..=13 {
        for compression in all {
            let records = stamped(&["a", "b"], compression, (-1, -1, -1));
            let topic_id = if version >= 13 { id } else { Uuid::ZERO };
            let mut response = client.call(version, &produce_request("t", topic_id, 0, records));
            let answer = response.responses.remove(0).partition_responses.remove(0);
            if compression == Compression::Zstd && version < 7 {
                assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
                continue;
            }
            assert_eq!(
                answer.error_code,
                ErrorCode::NONE,
                "{compression} in version {version}"
            );
            assert_eq!(
                (answer.base_offset, answer.log_append_time_ms),
                (offset, -1)
            );
            offset += 2;
        }
    }
    assert_eq!(stored(&server, "t").len() as i64, offset);
}

#[test]
fn records_are_refused_as_kafka_refuses_them() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let mut client = Client::to(&server);
    let good = batch(&["a", "b"]);
    let mut corrupt = good.to_vec();
    *corrupt.last_mut().unwrap() ^= 1;
    let mut old_magic = good.to_vec();
    old_magic[16] = 1;
    let mut no_magic = good.to_vec();
    no_magic[16] = 9;
    let mut short = good.to_vec();
    short[11] = 3;
    let with = |change: fn(&mut BatchHeader)| changed(&good, change);
    let cases: Vec<(&str, Bytes, ErrorCode)> = vec![
        ("nothing", Bytes::new(), ErrorCode::INVALID_RECORD),
        ("half a batch", good.slice(..70), ErrorCode::INVALID_RECORD),
        (
            "two batches",
            [&good[..], &good[..]].concat().into(),
            ErrorCode::INVALID_RECORD,
        ),
        ("an old format", old_magic.into(), ErrorCode::INVALID_RECORD),
        (
            "an unknown format",
            no_magic.into(),
            ErrorCode::CORRUPT_MESSAGE,
        ),
        (
            "a length too small",
            short.into(),
            ErrorCode::CORRUPT_MESSAGE,
        ),
        ("a flipped bit", corrupt.into(), ErrorCode::CORRUPT_MESSAGE),
        (
            "an offset",
            with(|h| h.base_offset = 1),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "a wrong count",
            with(|h| h.record_count = 3),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "no count",
            with(|h| h.record_count = 0),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "a negative delta",
            with(|h| h.last_offset_delta = -2),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "fewer records than the header says",
            with(|h| (h.record_count, h.last_offset_delta) = (3, 2)),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "more records than the header says",
            with(|h| (h.record_count, h.last_offset_delta) = (1, 0)),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "a control batch",
            with(|h| h.attributes |= 0x20),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "a transaction",
            with(|h| h.attributes |= 0x10),
            ErrorCode::INVALID_TXN_STATE,
        ),
        (
            "log append time",
            with(|h| h.attributes |= 8),
            ErrorCode::INVALID_TIMESTAMP,
        ),
        (
            "the far future",
            with(|h| h.max_timestamp = i64::MAX),
            ErrorCode::INVALID_TIMESTAMP,
        ),
        (
            "no sequence",
            with(|h| h.producer_id = 1),
            ErrorCode::INVALID_RECORD,
        ),
        (
            "an unknown compression",
            with(|h| h.attributes |= 7),
            ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
        ),
        (
            "no gzip at all",
            with(|h| h.attributes |= 1),
            ErrorCode::CORRUPT_MESSAGE,
        ),
    ];
    for (what, records, expected) in cases {
        let answer = client.produce(9, "t", 0, records);
        assert_eq!(
            answer.error_code, expected,
            "{what}: {:?}",
            answer.error_message
        );
        assert_eq!(answer.base_offset, -1);
        assert!(answer.error_message.is_some());
    }
    let big = batch(&["x".repeat(1_100_000).as_str()]);
    assert_eq!(
        client.produce(9, "t", 0, big).error_code,
        ErrorCode::MESSAGE_TOO_LARGE
    );
    assert!(stored(&server, "t").is_empty());
}

#[test]
fn the_record_at_fault_is_named() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let good = batch(&["a", "b"]);
    let mut bytes = good.to_vec();
    // The second record's offset delta, after its length, attributes and timestamp delta.
    let second = HEADER_LEN + 8;
    assert_eq!(bytes[second + 3], 2);
    bytes[second + 3] = 6;
    let answer = Client::to(&server).produce(9, "t", 0, changed(&bytes.into(), |_| ()));
    assert_eq!(answer.error_code, ErrorCode::INVALID_RECORD);
    assert_eq!(answer.record_errors[0].batch_index, 1);
}

#[test]
fn unknown_topics_partitions_ids_and_acks_are_refused() {
    let server = start();
    server.create_topic("t", 1).unwrap();
    let mut client = Client::to(&server);
    for (topic, partition) in [("u", 0), ("t", 1), ("t", -1)] {
        let answer = client.produce(9, topic, partition, batch(&["a"]));
        assert_eq!(answer.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    for id in [Uuid::ZERO, Uuid([7; 16])] {
        let response = client.call(13, &produce_request("t", id, 0, batch(&["a"])));
        let answer = &response.responses[0].partition_responses[0];
        assert_eq!(
            (response.responses[0].topic_id, answer.error_code),
            (id, ErrorCode::UNKNOWN_TOPIC_ID)
        );
    }
    let mut request = produce_request("t", Uuid::ZERO, 0, batch(&["a"]));
    request.acks = 2;
    let response = client.call(9, &request);
    assert_eq!(
        response.responses[0].partition_responses[0].error_code,
        ErrorCode::INVALID_REQUIRED_ACKS
    );
    assert!(server.topics().len() == 1 && stored(&server, "t").is_empty());
}

#[test]
fn duplicates_are_acknowledged_with_their_offsets_and_not_appended() {
    let server = start();
    server.create_topic("t", 2).unwrap();
    let mut client = Client::to(&server);
    let id = client.producer_id();
    let send = |client: &mut Client, value: &str, epoch, sequence| {
        let records = stamped(&[value], Compression::None, (id, epoch, sequence));
        client.produce(9, "t", 0, records)
    };
    for sequence in 0..6 {
        let answer = send(&mut client, "v", 0, sequence);
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (ErrorCode::NONE, i64::from(sequence))
        );
    }
    for sequence in 1..6 {
        let answer = send(&mut client, "other content", 0, sequence);
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (ErrorCode::NONE, i64::from(sequence))
        );
        assert_eq!(
            answer.log_append_time_ms, 1_000,
            "filled for duplicates, as in Kafka"
        );
    }
    assert_eq!(
        send(&mut client, "v", 0, 0).error_code,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
    );
    assert_eq!(
        send(&mut client, "v", 0, 7).error_code,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
    );
    assert_eq!(send(&mut client, "v", 1, 0).error_code, ErrorCode::NONE);
    assert_eq!(
        send(&mut client, "v", 0, 6).error_code,
        ErrorCode::INVALID_PRODUCER_EPOCH
    );
    assert_eq!(stored(&server, "t"), ["v"; 7]);

    let request = DescribeProducersRequest {
        topics: vec![TopicRequest {
            name: "t".to_owned(),
            partition_indexes: vec![0, 1, 0, 9],
        }],
    };
    let response = client.call(0, &request);
    let partitions = &response.topics[0].partitions;
    let codes: Vec<_> = partitions
        .iter()
        .map(|p| (p.partition_index, p.error_code))
        .collect();
    assert_eq!(
        codes,
        [
            (0, ErrorCode::NONE),
            (1, ErrorCode::NONE),
            (9, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        ]
    );
    let known = &partitions[0].active_producers[0];
    assert_eq!(
        (known.producer_id, known.producer_epoch, known.last_sequence),
        (id, 1, 0)
    );
    assert_eq!(known.last_timestamp, 1_000);
    assert!(partitions[1].active_producers.is_empty());
}
