//! Each version of Apache Kafka: a million records, every compression with every `acks`, every kind of bytes.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testbed::{Header, Kafka, Read, Record, kcat};

use crate::support::{alone, ask, assert_all_delivered, create_topic, partitions_of, raban};

const PARTITIONS: i32 = 6;
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const ACKS: [&str; 3] = ["0", "1", "all"];

/// Who reads a million records back.
#[derive(Clone, Copy, Debug)]
enum Reader {
    Java,
    Kcat,
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn kafka_4_4_0() {
    let _alone = alone();
    let kafka = start("4.4.0");
    a_million(&kafka, "none", "all", Reader::Kcat);
    a_million(&kafka, "gzip", "1", Reader::Java);
    a_million(&kafka, "zstd", "0", Reader::Java);
    every_codec_with_every_acks(&kafka);
    every_kind_of_bytes(&kafka);
    keys_lie_where_the_java_client_puts_them(&kafka);
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn kafka_4_3_1() {
    let _alone = alone();
    let kafka = start("4.3.1");
    a_million(&kafka, "none", "0", Reader::Java);
    a_million(&kafka, "lz4", "1", Reader::Java);
    a_million(&kafka, "gzip", "all", Reader::Java);
    every_codec_with_every_acks(&kafka);
    every_kind_of_bytes(&kafka);
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn kafka_3_9_1() {
    let _alone = alone();
    let kafka = start("3.9.1");
    a_million(&kafka, "zstd", "1", Reader::Java);
    a_million(&kafka, "snappy", "all", Reader::Java);
    every_codec_with_every_acks(&kafka);
    every_kind_of_bytes(&kafka);
}

fn start(version: &str) -> Kafka {
    let kafka = Kafka::builder().version(version);
    kafka
        .config("num.partitions", &PARTITIONS.to_string())
        .start()
        .unwrap()
}

fn a_million(kafka: &Kafka, codec: &str, acks: &str, reader: Reader) {
    const COUNT: u64 = 1_000_000;
    const KEYS: u64 = 1000;
    let (topic, server) = (format!("million-{codec}"), kafka.bootstrap_servers());
    // Unless what comes too early is lost, the topic is made by being used.
    if acks == "0" {
        create_topic(&server, &topic, PARTITIONS);
    }
    let (compression, acks) = (format!("compression.type={codec}"), format!("acks={acks}"));
    let args = [
        "produce",
        "-t",
        &topic,
        "-b",
        &server,
        "-K",
        ":",
        "-X",
        &compression,
        "-X",
        &acks,
    ];
    let run = raban(&args, |out| {
        (0..COUNT).try_for_each(|number| {
            let (key, value) = (number % KEYS, number / KEYS);
            writeln!(
                out,
                "key-{key}:{value} and some text that makes it a line of a usual length"
            )
        })
    });
    assert_all_delivered(&run, COUNT);

    let keys: Vec<String> = (0..KEYS).map(|key| format!("key-{key}")).collect();
    let partitions = partitions_of(&keys, PARTITIONS);
    let mut next = vec![0; keys.len()];
    let each = |record: Record| {
        let key = String::from_utf8(record.key.unwrap()).unwrap();
        let value = String::from_utf8(record.value.unwrap()).unwrap();
        let index: usize = key.strip_prefix("key-").unwrap().parse().unwrap();
        let number: u64 = value.split(' ').next().unwrap().parse().unwrap();
        assert_eq!(
            (number, record.partition),
            (next[index], partitions[index]),
            "{key}"
        );
        assert!(value.ends_with("of a usual length"), "{value}");
        next[index] += 1;
    };
    let began = Instant::now();
    let read = match reader {
        Reader::Java => kafka.consume_each(&Read::topic(&topic), each),
        Reader::Kcat => kcat::consume_each(&server, &topic, &[], each),
    };
    assert_eq!(read.unwrap(), COUNT);
    assert!(next.iter().all(|number| *number == COUNT / KEYS));
    eprintln!(
        "Kafka {}, {compression}, {acks}: {COUNT} records in {:.1?}, read by {reader:?} in {:.1?}\n{}",
        kafka.version(),
        run.took,
        began.elapsed(),
        run.stderr
    );
}

fn every_codec_with_every_acks(kafka: &Kafka) {
    const COUNT: usize = 20_000;
    let (topic, server) = ("combinations", kafka.bootstrap_servers());
    create_topic(&server, topic, PARTITIONS);
    let mut reports = Vec::new();
    let began = Instant::now();
    for codec in CODECS {
        for acks in ACKS {
            let (compression, property) =
                (format!("compression.type={codec}"), format!("acks={acks}"));
            let args = [
                "produce",
                "-t",
                topic,
                "-b",
                &server,
                "-K",
                ":",
                "-X",
                &compression,
                "-X",
                &property,
                "--report",
                "json",
            ];
            let run = raban(&args, move |out| {
                (0..COUNT).try_for_each(|number| writeln!(out, "{codec}-{acks}:{number}"))
            });
            assert_all_delivered(&run, COUNT as u64);
            reports.push((codec, acks, run.report()));
        }
    }
    let took = began.elapsed();

    let mut log = HashMap::new();
    let mut in_order: BTreeMap<String, usize> = BTreeMap::new();
    let codecs = batch_codecs(kafka, topic);
    let read = kafka.consume_each(&Read::topic(topic), |record| {
        let key = String::from_utf8(record.key.unwrap()).unwrap();
        let value = String::from_utf8(record.value.unwrap()).unwrap();
        let next = in_order.entry(key.clone()).or_default();
        assert_eq!(value, next.to_string(), "{key}");
        *next += 1;
        let batch = codecs
            .range(..=(record.partition, record.offset))
            .next_back();
        let codec = CODECS[usize::from(*batch.unwrap().1)];
        assert_eq!(
            key.split('-').next(),
            Some(codec),
            "the batch at {:?}",
            batch
        );
        log.insert(
            (record.partition, record.offset),
            (key, value, record.timestamp),
        );
    });
    assert_eq!(read.unwrap(), (COUNT * CODECS.len() * ACKS.len()) as u64);

    for (codec, acks, report) in reports {
        assert_eq!(report.len(), COUNT);
        for (number, told) in report.iter().enumerate() {
            assert_eq!(told.error, None);
            let Some(offset) = told.offset else {
                assert_eq!(acks, "0");
                continue;
            };
            assert_ne!(acks, "0");
            let (key, value, timestamp) = &log[&(told.partition.unwrap(), offset)];
            assert_eq!(
                (key, value),
                (&format!("{codec}-{acks}"), &number.to_string())
            );
            assert_eq!(Some(*timestamp), told.timestamp);
        }
    }
    eprintln!(
        "Kafka {}: {COUNT} records by every codec with every acks in {took:.1?}",
        kafka.version()
    );
}

/// How the broker has stored each batch of a topic: the codec's id by partition and base offset, from its files.
fn batch_codecs(kafka: &Kafka, topic: &str) -> BTreeMap<(i32, i64), u8> {
    let mut codecs = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let folder = kafka.node(1).log_dir().join(format!("{topic}-{partition}"));
        let files = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        for file in files.filter(|path: &PathBuf| path.extension().is_some_and(|end| end == "log"))
        {
            let bytes = fs::read(file).unwrap();
            let mut rest = &bytes[..];
            // Base offset 8, length 4, leader epoch 4, magic 1, checksum 4, attributes 2 bytes.
            while let Some(header) = rest.get(..23) {
                let base_offset = i64::from_be_bytes(header[..8].try_into().unwrap());
                let length = u32::from_be_bytes(header[8..12].try_into().unwrap());
                codecs.insert((partition, base_offset), header[22] & 7);
                rest = &rest[12 + length as usize..];
            }
        }
    }
    codecs
}

/// Key, value and headers of records that are easily mistaken for others.
fn odd_records() -> Vec<Record> {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let noise: Vec<u8> = (0..1_000_000_u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let header = |key: &str, value: Option<&[u8]>| Header {
        key: key.to_owned(),
        value: value.map(<[u8]>::to_vec),
    };
    let headers = vec![
        header("h", Some(b"1")),
        header("h", Some(b"2")),
        header("other", None),
        header("h", Some(b"")),
        header("h", Some(&all_bytes)),
        header("", Some(b"no name")),
    ];
    let record = |key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]| Record {
        partition: 0,
        offset: 0,
        timestamp: 0,
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers: headers.to_vec(),
    };
    vec![
        record(None, None, &[]),
        record(Some(b""), Some(b""), &[]),
        record(None, Some(b""), &headers),
        record(Some(b""), None, &headers),
        record(Some(b"null"), Some(b"null"), &[]),
        record(
            Some("k\té\0\r\n".as_bytes()),
            Some(b"{\"base64\":\"eA==\"}"),
            &[],
        ),
        record(Some(&all_bytes), Some(&all_bytes), &headers),
        record(Some(b"large"), Some(&[b'x'; 1_000_000]), &[]),
        record(Some(b"large"), Some(&noise), &headers),
    ]
}

fn every_kind_of_bytes(kafka: &Kafka) {
    let (topic, server) = ("bytes", kafka.bootstrap_servers());
    create_topic(&server, topic, PARTITIONS);
    let records = odd_records();
    let lines: String = records
        .iter()
        .map(|record| format!("{}\n", to_json(record)))
        .collect();
    for (partition, codec) in CODECS.iter().enumerate() {
        let (partition, compression) = (partition.to_string(), format!("compression.type={codec}"));
        let args = [
            "produce",
            "-t",
            topic,
            "-b",
            &server,
            "--format",
            "json",
            "-p",
            &partition,
            "-X",
            &compression,
        ];
        let lines = lines.clone();
        let run = raban(&args, move |out| out.write_all(lines.as_bytes()));
        assert_all_delivered(&run, records.len() as u64);
    }

    let consumed = ask(&[
        "consume",
        "-t",
        topic,
        "-b",
        &server,
        "--from-beginning",
        "-e",
        "--format",
        "json",
    ]);
    let by_raban = consumed
        .lines()
        .map(|line| from_json(&serde_json::from_str(line).unwrap()));
    let by_java = kafka.consume(topic).unwrap();
    assert_eq!(by_java.len(), records.len() * CODECS.len());
    for (reader, read) in [("raban", by_raban.collect()), ("Java", by_java)] {
        for (partition, codec) in (0..).zip(CODECS) {
            let of_partition: Vec<&Record> = read
                .iter()
                .filter(|record| record.partition == partition)
                .collect();
            assert_eq!(
                of_partition.len(),
                records.len(),
                "{codec}, read by {reader}"
            );
            for ((offset, expected), record) in (0..).zip(&records).zip(of_partition) {
                assert_eq!(record.offset, offset);
                let same = (&record.key, &record.value, &record.headers)
                    == (&expected.key, &expected.value, &expected.headers);
                assert!(
                    same,
                    "record {offset} of {codec}, read by {reader}: {:.1000}",
                    format!("{record:?}")
                );
            }
        }
    }
}

fn to_json(record: &Record) -> Value {
    let bytes = |bytes: &Option<Vec<u8>>| match bytes {
        Some(bytes) => json!({"base64": BASE64.encode(bytes)}),
        None => Value::Null,
    };
    let header = |header: &Header| json!({"key": header.key, "value": bytes(&header.value)});
    json!({
        "key": bytes(&record.key),
        "value": bytes(&record.value),
        "headers": record.headers.iter().map(header).collect::<Vec<_>>(),
    })
}

fn from_json(json: &Value) -> Record {
    let bytes = |json: &Value| match json {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into_bytes()),
        other => Some(BASE64.decode(other["base64"].as_str().unwrap()).unwrap()),
    };
    let header = |json: &Value| Header {
        key: json["key"].as_str().unwrap().to_owned(),
        value: bytes(&json["value"]),
    };
    Record {
        partition: json["partition"].as_i64().unwrap().try_into().unwrap(),
        offset: json["offset"].as_i64().unwrap(),
        timestamp: json["timestamp"].as_i64().unwrap(),
        key: bytes(&json["key"]),
        value: bytes(&json["value"]),
        headers: json["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(header)
            .collect(),
    }
}

fn keys_lie_where_the_java_client_puts_them(kafka: &Kafka) {
    let keys: Vec<String> = (0..300)
        .map(|number| format!("{}{number}", "é-key".repeat(number % 7)))
        .collect();
    let (topic, server) = ("java-keys", kafka.bootstrap_servers());
    create_topic(&server, topic, 17);
    let lines: String = keys.iter().map(|key| format!("{key}\t\n")).collect();
    let args = [
        "--bootstrap-server",
        &server,
        "--topic",
        topic,
        "--property",
        "parse.key=true",
    ];
    kafka
        .run_tool(
            "org.apache.kafka.tools.ConsoleProducer",
            args,
            lines.as_bytes(),
        )
        .unwrap();
    let by_key: BTreeMap<Vec<u8>, i32> = kafka
        .consume(topic)
        .unwrap()
        .into_iter()
        .map(|record| (record.key.unwrap(), record.partition))
        .collect();
    let by_java: Vec<i32> = keys.iter().map(|key| by_key[key.as_bytes()]).collect();
    assert_eq!(partitions_of(&keys, 17), by_java);
}
