//! What is said about wrong input: the cause and the remedy, kept as snapshots, with the exit code.

use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::support::{RunningBroker, nobody, raban, server_answering};

/// What a TLS listener answers to bytes that are no handshake: a fatal alert.
const TLS_ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 10];
const HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
/// The wait for the network, short enough for a test.
const SOON: &str = "max.block.ms=300";

/// Exit code and standard error, with what differs from run to run made the same.
fn told(dir: &TempDir, args: &[&str], input: &str, replace: &[(&str, &str)]) -> String {
    let run = raban(dir.path(), args, input);
    assert!(run.stdout.is_empty(), "{run:?}");
    let mut text = run
        .stderr
        .replace(&dir.path().display().to_string(), "[dir]");
    for (what, with) in replace {
        text = text.replace(what, with);
    }
    format!(
        "exit code {}\n{}",
        run.code,
        without_ports(&without_times(&text))
    )
}

/// Durations as they are printed, `1.0003s` or `12.5ms`, become `[time]`.
pub(crate) fn without_times(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive([' ', '\n', '(', ')']) {
        let bare = word.trim_end_matches([' ', '\n', ')', ';', ',', ':']);
        let number = bare.trim_end_matches(['s', 'm', 'µ', 'n']);
        let is_time = number.len() < bare.len() && number.parse::<f64>().is_ok();
        if is_time {
            out.push_str("[time]");
            out.push_str(&word[bare.len()..]);
        } else {
            out.push_str(word);
        }
    }
    out
}

/// The port of a loopback address becomes `[port]`.
pub(crate) fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|digit: char| digit.is_ascii_digit());
        out.push_str(&format!("127.0.0.1:[port]{rest}"));
    }
    out
}

/// `raban produce -t a` with these options and one line.
fn produce(options: &[&str]) -> String {
    let dir = tempdir().unwrap();
    told(
        &dir,
        &[&["produce", "-t", "a"], options].concat(),
        "x\n",
        &[],
    )
}

#[test]
fn settings() {
    let server = ["-b", "localhost:9092"];
    for (name, options) in [
        ("unknown_setting", &["-X", "linger=5"][..]),
        ("invalid_setting", &["-X", "acks=2"]),
        ("setting_out_of_range", &["-X", "linger.ms=-1"]),
        (
            "conflicting_settings",
            &["-X", "enable.idempotence=true", "-X", "acks=1"],
        ),
        ("several_problems", &["-X", "linger=5", "-X", "acks=2"]),
        ("no_setting", &["-X", "linger.ms"]),
        ("tls_asked_for", &["-X", "security.protocol=SSL"]),
    ] {
        insta::assert_snapshot!(name, produce(&[&server, options].concat()));
    }
}

#[test]
fn servers() {
    for (name, options) in [
        ("server_without_port", &["-b", "localhost"][..]),
        ("server_as_url", &["-b", "http://localhost:8080"]),
        (
            "cluster_settings_without_server",
            &[
                "-X",
                "security.protocol=SASL_SSL",
                "-X",
                "sasl.mechanism=PLAIN",
            ],
        ),
        (
            "cluster_settings_with_folder",
            &["--data-dir", "d", "-X", "security.protocol=PLAINTEXT"],
        ),
        (
            "server_and_folder",
            &["-b", "localhost:9092", "--data-dir", "d"],
        ),
        (
            "server_property_and_folder",
            &["-X", "bootstrap.servers=localhost:9092", "--data-dir", "d"],
        ),
    ] {
        insta::assert_snapshot!(name, produce(options));
    }
}

#[test]
fn serializers() {
    for (name, options) in [
        ("serializer_unknown", &["--value-serializer", "int"][..]),
        (
            "serializer_unknown_class",
            &["-X", "value.serializer=com.example.OrderSerializer"],
        ),
        ("serializer_charset", &["-X", "serializer.encoding=EBCDIC"]),
        ("serializer_without_keys", &["--key-serializer", "long"]),
    ] {
        insta::assert_snapshot!(name, produce(options));
    }
    let dir = tempdir().unwrap();
    let args = ["produce", "-t", "a", "--data-dir", "d", "-q", "-K", ":"];
    let typed = ["--key-serializer", "integer", "--value-serializer", "uuid"];
    let input = "one:0188f5c3-8d0e-7b5a-9c1d-00e0ff10203a\n2147483648:x\n2:x\n";
    insta::assert_snapshot!(
        "serializer_lines",
        told(&dir, &[&args[..], &typed].concat(), input, &[])
    );
}

#[test]
fn a_properties_file() {
    let dir = tempdir().unwrap();
    let produce = |options: &[&str]| {
        told(
            &dir,
            &[
                &[
                    "produce",
                    "-t",
                    "a",
                    "-b",
                    "localhost:9092",
                    "--command-config",
                ],
                options,
            ]
            .concat(),
            "",
            &[],
        )
    };
    std::fs::write(
        dir.path().join("c.properties"),
        "# mine\nacks=all\n\nretries=many\nlinger.msec=5\n",
    )
    .unwrap();
    insta::assert_snapshot!("properties_file", produce(&["c.properties"]));
    std::fs::write(dir.path().join("e.properties"), "acks=\\u12\n").unwrap();
    insta::assert_snapshot!("properties_file_syntax", produce(&["e.properties"]));
    insta::assert_snapshot!("properties_file_missing", produce(&["missing.properties"]));
    std::fs::write(dir.path().join("binary"), [0xff, 0xfe]).unwrap();
    insta::assert_snapshot!("properties_file_binary", produce(&["binary"]));
}

#[test]
fn files_and_folders() {
    let dir = tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "x\n").unwrap();
    for (name, args) in [
        (
            "input_missing",
            &[
                "produce",
                "-t",
                "a",
                "--data-dir",
                "d",
                "--file",
                "missing.txt",
            ][..],
        ),
        (
            "input_is_a_folder",
            &["produce", "-t", "a", "--data-dir", "d", "--file", "."],
        ),
        (
            "folder_is_a_file",
            &["produce", "-t", "a", "--data-dir", "file"],
        ),
        (
            "folder_not_writable",
            &["produce", "-t", "a", "--data-dir", "file/d"],
        ),
        (
            "consume_folder_not_writable",
            &["consume", "-t", "a", "--data-dir", "file/d"],
        ),
        (
            "broker_folder_not_writable",
            &["broker", "--listen", "127.0.0.1:0", "--data-dir", "file/d"],
        ),
    ] {
        insta::assert_snapshot!(name, told(&dir, args, "x\n", &[]));
    }
    assert!(
        !dir.path().join("d").exists(),
        "nothing is made before the input is there"
    );
}

#[test]
fn topics() {
    let dir = tempdir().unwrap();
    for (name, args) in [
        (
            "illegal_topic",
            &["produce", "-t", "my topic", "--data-dir", "d"][..],
        ),
        (
            "illegal_topic_consumed",
            &["consume", "-t", "my topic", "--data-dir", "d"],
        ),
        (
            "illegal_topic_created",
            &["topic", "create", "my topic", "--data-dir", "d"],
        ),
        (
            "unknown_topic_consumed",
            &[
                "consume",
                "-t",
                "nowhere",
                "--data-dir",
                "d",
                "-e",
                "-X",
                SOON,
            ],
        ),
        (
            "unknown_topic_described",
            &[
                "topic",
                "describe",
                "nowhere",
                "--data-dir",
                "d",
                "-X",
                SOON,
            ],
        ),
        (
            "unknown_topic_deleted",
            &["topic", "delete", "nowhere", "--data-dir", "d"],
        ),
        ("no_topic", &["topic", "delete"]),
    ] {
        insta::assert_snapshot!(name, told(&dir, args, "x\n", &[]));
    }
    raban(dir.path(), &["topic", "create", "a", "--data-dir", "d"], "").text();
    let again = ["topic", "create", "a", "--data-dir", "d"];
    insta::assert_snapshot!("topic_created_twice", told(&dir, &again, "", &[]));
    let partition = [
        "produce",
        "-t",
        "a",
        "-p",
        "7",
        "--data-dir",
        "d",
        "-q",
        "-X",
        SOON,
    ];
    insta::assert_snapshot!("no_such_partition", told(&dir, &partition, "x\ny\n", &[]));
    let partition = ["consume", "-t", "a", "-p", "7", "--data-dir", "d", "-e"];
    insta::assert_snapshot!(
        "no_such_partition_consumed",
        told(&dir, &partition, "", &[])
    );
}

#[test]
fn a_topic_that_may_not_be_created() {
    use raban_broker::{BrokerConfig, Server};
    let config = BrokerConfig {
        auto_create_topics: false,
        ..BrokerConfig::default()
    };
    let broker = Server::start(config).unwrap();
    let address = broker.address().to_string();
    let dir = tempdir().unwrap();
    let args = ["produce", "-t", "a", "-b", &address, "-q", "-X", SOON];
    insta::assert_snapshot!(
        "topic_not_created",
        told(&dir, &args, "x\n", &[(&address, "[broker]")])
    );
}

#[test]
fn listeners_that_aren_t_kafka() {
    let dir = tempdir().unwrap();
    let servers = [
        ("nobody", nobody()),
        ("web_server", server_answering(HTTP_ANSWER)),
        ("tls_port", server_answering(TLS_ALERT)),
        ("closes_at_once", server_answering(b"")),
        (
            "other_server",
            server_answering(b"220 mail.example ESMTP\r\n"),
        ),
    ];
    for (name, address) in &servers {
        let server = ["-b", address, "-X", SOON];
        let produce = [&["produce", "-t", "a"], &server[..], &["-q"]].concat();
        insta::assert_snapshot!(
            *name,
            told(&dir, &produce, "x\ny\n", &[(address, "[server]")])
        );
        let consume = [&["consume", "-t", "a", "-e"], &server[..]].concat();
        insta::assert_snapshot!(
            format!("{name}_consume"),
            told(&dir, &consume, "", &[(address, "[server]")])
        );
        let list = [&["topic", "list"], &server[..]].concat();
        insta::assert_snapshot!(
            format!("{name}_list"),
            told(&dir, &list, "", &[(address, "[server]")])
        );
    }
    let unknown = [
        "produce",
        "-t",
        "a",
        "-q",
        "-b",
        "no-such-host.invalid:9092",
        "-X",
        SOON,
    ];
    let text = told(&dir, &unknown, "x\n", &[]);
    // The system's words about the name differ from one to another.
    assert!(
        text.starts_with("exit code 1\n") && text.contains("no-such-host.invalid:9092"),
        "{text}"
    );
}

#[test]
fn records() {
    let dir = tempdir().unwrap();
    let large = format!("{}\nsmall\n", "x".repeat(2000));
    let args = [
        "produce",
        "-t",
        "a",
        "--data-dir",
        "d",
        "-q",
        "-X",
        "max.request.size=1000",
    ];
    insta::assert_snapshot!("record_too_large", told(&dir, &args, &large, &[]));
    let just = format!("{}\nsmall\n", "x".repeat(990));
    insta::assert_snapshot!("record_just_too_large", told(&dir, &args, &just, &[]));
    let json = [
        "produce",
        "-t",
        "a",
        "--data-dir",
        "d",
        "-q",
        "--format",
        "json",
    ];
    let lines = "plain\n{\"valeu\":1}\n{\"value\":\"\\ud800\"}\n{\"value\":{\"base64\":\"*\"}}\n{\"timestamp\":-1}\n[]\n5\n";
    insta::assert_snapshot!("json_lines", told(&dir, &json, lines, &[]));
    let options = [&json[..], &["-K", ":"]].concat();
    insta::assert_snapshot!("separator_with_json", told(&dir, &options, "", &[]));
    insta::assert_snapshot!("empty_separator", produce(&["-K", ""]));
    insta::assert_snapshot!("wrong_separator", produce(&["-K", "\\q"]));
    insta::assert_snapshot!("header_without_name", produce(&["-H", "=v"]));
}

#[test]
fn a_broker_that_can_t_start() {
    let dir = tempdir().unwrap();
    let running = RunningBroker::start(dir.path(), &["--data-dir", "d"]);
    let replace = [(running.address.as_str(), "[running]")];
    let taken = [
        "broker",
        "--listen",
        &running.address,
        "--storage",
        "memory",
    ];
    insta::assert_snapshot!("broker_address_taken", told(&dir, &taken, "", &replace));
    let twice = ["broker", "--listen", "127.0.0.1:0", "--data-dir", "d"];
    insta::assert_snapshot!("broker_folder_in_use", told(&dir, &twice, "", &replace));
    for (name, listen) in [
        ("broker_listen_without_port", "localhost"),
        ("broker_listen_port", "localhost:99999"),
    ] {
        insta::assert_snapshot!(
            name,
            told(
                &dir,
                &["broker", "--storage", "memory", "--listen", listen],
                "",
                &[]
            )
        );
    }
    let both = ["broker", "--storage", "memory", "--data-dir", "d"];
    insta::assert_snapshot!("broker_memory_with_folder", told(&dir, &both, "", &[]));
}

#[test]
fn keys_of_partition() {
    let dir = tempdir().unwrap();
    for (name, args) in [
        (
            "partition_hex",
            &[
                "partition",
                "--partitions",
                "3",
                "--key-format",
                "hex",
                "00",
                "0x1",
            ][..],
        ),
        ("partition_zero", &["partition", "--partitions", "0", "a"]),
        (
            "partition_partitioner",
            &[
                "partition",
                "--partitions",
                "3",
                "--partitioner",
                "crc",
                "a",
            ],
        ),
        ("partition_no_key", &["partition", "--partitions", "3"]),
    ] {
        insta::assert_snapshot!(name, told(&dir, args, "", &[]));
    }
    assert!(!Path::new("raban-data").exists());
}
