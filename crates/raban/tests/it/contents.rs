//! What comes back is what went in, byte for byte.

use raban::{Compression, Header, ReadRecord, Record};

use crate::support::{broker, builder, read_all};

fn headers() -> Vec<Header> {
    let header = |key: &str, value: Option<&'static [u8]>| Header {
        key: key.to_owned(),
        value: value.map(bytes::Bytes::from_static),
    };
    vec![
        header("repeated", Some(b"1")),
        header("repeated", Some(b"2")),
        header("repeated", Some(b"1")),
        header("null", None),
        header("empty", Some(b"")),
        header("", Some(b"\x00\xff")),
    ]
}

fn with_headers(record: Record<'_>) -> Record<'_> {
    headers().into_iter().fold(record, |record, header| {
        record.header(header.key, header.value)
    })
}

/// One million bytes that compress a little.
fn large() -> Vec<u8> {
    (0..1_000_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 26) as u8)
        .collect()
}

fn records(large: &[u8]) -> Vec<Record<'_>> {
    let mut records = vec![
        Record::to("t").key("key").value("value"),
        Record::to("t"),
        Record::to("t").key("").value(""),
        Record::to("t").key("k"),
        Record::to("t").value("v"),
        with_headers(Record::to("t").key("h").value("v")),
        Record::to("t")
            .key(b"\x00\xff\xfe")
            .value(large)
            .timestamp(1),
        Record::to("t")
            .key(&large[..70_000])
            .value("key of 70,000 bytes"),
    ];
    records.extend((0..500).map(|i| {
        Record::to("t")
            .key(format!("k{}", i % 7))
            .value(format!("value {i}"))
    }));
    records
}

fn check(read: &[ReadRecord], sent: &[Record<'_>]) {
    assert_eq!(read.len(), sent.len());
    for (offset, (read, sent)) in read.iter().zip(sent).enumerate() {
        assert_eq!(read.offset, offset as i64);
        let mut again = Record::to(&*read.topic)
            .key(read.key.clone())
            .value(read.value.clone());
        for header in &read.headers {
            again = again.header(header.key.clone(), header.value.clone());
        }
        if read.timestamp == 1 {
            again = again.timestamp(1);
        }
        assert_eq!(again, *sent, "offset {offset}");
    }
}

fn round_trip(compression: Compression) {
    let broker = broker();
    let producer = builder(&broker)
        .compression(compression)
        .build()
        .unwrap()
        .blocking();
    let large = large();
    let sent = records(&large);
    let report = producer.send_many(sent.clone());
    assert!(report.is_ok(), "{:?}", report.failures);
    check(&broker.records("t").unwrap(), &sent);
    check(&read_all(&broker.bootstrap_servers(), "t"), &sent);
}

#[test]
fn uncompressed() {
    round_trip(Compression::None);
}

#[test]
fn gzip() {
    round_trip(Compression::Gzip);
}

#[test]
fn snappy() {
    round_trip(Compression::Snappy);
}

#[test]
fn lz4() {
    round_trip(Compression::Lz4);
}

#[test]
fn zstd() {
    round_trip(Compression::Zstd);
}
