//! What goes in comes out, byte for byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{RunningBroker, raban};

fn bytes(bytes: &[u8]) -> Value {
    json!({"base64": BASE64.encode(bytes)})
}

fn records() -> Vec<Value> {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let headers = json!([
        {"key": "h", "value": "1"},
        {"key": "h", "value": "2"},
        {"key": "", "value": ""},
        {"key": "é", "value": null},
        {"key": "b", "value": {"base64": "//8="}},
    ]);
    vec![
        json!({"key": null, "value": null, "headers": []}),
        json!({"key": "", "value": "", "headers": []}),
        json!({"key": null, "value": "", "headers": headers}),
        json!({"key": "", "value": null, "headers": headers}),
        json!({"key": "k\té\u{0}\r\n", "value": "{\"base64\":\"eA==\"}", "headers": []}),
        json!({"key": bytes(&all_bytes), "value": bytes(&all_bytes), "headers": headers}),
        json!({"key": "large", "value": "x".repeat(1_000_000), "headers": []}),
        json!({"key": "large", "value": bytes(&[0xff; 1_000_000]), "headers": []}),
    ]
}

fn lines(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// Without what differs between two topics.
fn essence(mut records: Vec<Value>) -> Vec<Value> {
    for record in &mut records {
        for member in ["topic", "offset", "timestamp", "partition"] {
            record.as_object_mut().unwrap().remove(member);
        }
    }
    records
}

fn round_trip(server: &[&str], compression: &str, topic: &str) {
    let dir = tempdir().unwrap();
    let run = |args: &[&str], input: String| {
        let run = raban(dir.path(), &[args, server].concat(), input);
        assert_eq!(run.code, 0, "{}", run.stderr);
        run
    };
    let compression = format!("compression.type={compression}");
    let produce = [
        "produce",
        "--format",
        "json",
        "-q",
        "-X",
        &compression,
        "-t",
    ];
    let consume = [
        "consume",
        "--format",
        "json",
        "--from-beginning",
        "-e",
        "-t",
    ];
    run(&[&produce[..], &[topic]].concat(), lines(&records()));
    let first = run(&[&consume[..], &[topic]].concat(), String::new());
    assert_eq!(essence(first.json()), records());
    // And what consume prints goes in again.
    let copy = format!("{topic}-copy");
    run(
        &[&produce[..], &[&copy]].concat(),
        String::from_utf8(first.stdout.clone()).unwrap(),
    );
    let second = run(&[&consume[..], &[&copy]].concat(), String::new());
    assert_eq!(essence(second.json()), records());
    let timestamps = |records: Vec<Value>| {
        records
            .into_iter()
            .map(|record| record["timestamp"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(timestamps(first.json()), timestamps(second.json()));
}

#[test]
fn through_the_disk_in_every_compression() {
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
        round_trip(&["--data-dir", "d"], compression, compression);
    }
}

#[test]
fn through_memory_in_every_compression() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "memory"]);
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
        round_trip(&["-b", &broker.address], compression, compression);
    }
}

#[test]
fn the_readme_s_commands() {
    let dir = tempdir().unwrap();
    let readme = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md"));
    std::fs::write(dir.path().join("README.md"), readme).unwrap();
    assert_eq!(
        raban(
            dir.path(),
            &["produce", "--topic", "hello", "--file", "README.md"],
            ""
        )
        .code,
        0
    );
    let read = raban(
        dir.path(),
        &["consume", "--topic", "hello", "--from-beginning", "-e"],
        "",
    );
    assert_eq!(read.code, 0, "{read:?}");
    assert!(
        read.stdout == readme,
        "what is consumed isn't what was produced"
    );
}
