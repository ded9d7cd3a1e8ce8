//! `raban produce` with serializers: the text of the input becomes the bytes that Kafka's Java ones write.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::raban;

/// Keys and values in the topic, after `raban produce` with these options was content and quiet.
#[track_caller]
fn written(dir: &Path, options: &[&str], input: &[u8]) -> Vec<(Value, Value)> {
    let args = ["produce", "-t", "a", "--data-dir", "d", "-q"];
    let run = raban(dir, &[&args, options].concat(), input);
    assert_eq!((run.code, &*run.stderr), (0, ""));
    let consume = "consume -t a --data-dir d --from-beginning -e --format json";
    let consume: Vec<_> = consume.split(' ').collect();
    let lines = raban(dir, &consume, "").json();
    let parts = |line: Value| (line["key"].clone(), line["value"].clone());
    lines.into_iter().map(parts).collect()
}

#[test]
fn options_by_any_name() {
    let dir = tempdir().unwrap();
    let options = [
        "-K",
        ":",
        "--null-value",
        "NULL",
        "--key-serializer",
        "org.apache.kafka.common.serialization.IntegerSerializer",
        "--value-serializer",
        "long",
    ];
    assert_eq!(
        written(dir.path(), &options, b"42:7\n-1:NULL\n"),
        [
            (json!("\0\0\0*"), json!("\0\0\0\0\0\0\0\u{7}")),
            (json!({"base64": "/////w=="}), Value::Null),
        ]
    );
}

#[test]
fn json_members_are_taken_as_text() {
    let dir = tempdir().unwrap();
    let options = [
        "--format",
        "json",
        "--key-serializer",
        "ShortSerializer",
        "--value-serializer",
        "boolean",
    ];
    let input = br#"{"key": 7, "value": true}
{"key": "8", "value": null}
{"value": "false"}
"#;
    assert_eq!(
        written(dir.path(), &options, input),
        [
            (json!("\0\u{7}"), json!("\u{1}")),
            (json!("\0\u{8}"), Value::Null),
            (Value::Null, json!("\0")),
        ]
    );
}

#[test]
fn the_properties_of_a_java_producer() {
    let dir = tempdir().unwrap();
    let properties = "\
key.serializer=org.apache.kafka.common.serialization.DoubleSerializer
value.serializer=org.apache.kafka.common.serialization.StringSerializer
serializer.encoding=ISO-8859-1
value.serializer.encoding=UTF-16
";
    std::fs::write(dir.path().join("c.properties"), properties).unwrap();
    let options = ["--command-config", "c.properties", "-K", ":"];
    assert_eq!(
        written(dir.path(), &options, "7.5:ü\n".as_bytes()),
        [(json!("@\u{1e}\0\0\0\0\0\0"), json!({"base64": "/v8A/A=="}))]
    );
}

#[test]
fn strings_and_byte_arrays_pass_as_they_are() {
    let dir = tempdir().unwrap();
    let options = [
        "-K",
        ":",
        "--key-serializer",
        "string",
        "--value-serializer",
        "bytearray",
    ];
    assert_eq!(
        written(dir.path(), &options, b"\xff:\xfe\n"),
        [(json!({"base64": "/w=="}), json!({"base64": "/g=="}))]
    );
}
