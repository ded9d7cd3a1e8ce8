//! `raban verify`: its lines, its options, and how it ends.

use std::io::{BufRead, BufReader};

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Run, RunningBroker, command, nobody, raban, signal, wait};

/// Standard output with what differs from run to run made the same.
fn lines(run: &Run) -> String {
    let text = str::from_utf8(&run.stdout).unwrap();
    let mut out = String::new();
    for (line, told) in text.lines().zip(run.json()) {
        assert!(told["timestamp"].as_i64().unwrap() > 1_700_000_000_000);
        let mut line = line.replace(&told["timestamp"].to_string(), "[now]");
        if let Some(at) = line.find("\"avg_throughput\":") {
            assert!(told["avg_throughput"].as_f64().unwrap() >= 0.0, "{line}");
            line.replace_range(at.., "\"avg_throughput\":[rate]}");
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn named<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["name"] == name).collect()
}

#[test]
fn every_line_of_a_run() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "memory"]);
    let server = [
        "verify",
        "--topic",
        "a",
        "--bootstrap-server",
        &broker.address,
    ];
    let plain = raban(
        dir.path(),
        &[&server[..], &["--max-messages", "2"]].concat(),
        "",
    );
    assert_eq!((plain.code, plain.stderr.as_str()), (0, ""));
    insta::assert_snapshot!("lines", lines(&plain));

    let options = [
        "--max-messages=4",
        "--repeating-keys=3",
        "--value-prefix=7",
        "--message-create-time=1000",
        "--throughput=1000",
        "--acks=0",
    ];
    let run = raban(dir.path(), &[&server[..], &options].concat(), "");
    assert_eq!(run.code, 0, "{run:?}");
    insta::assert_snapshot!("lines_with_options", lines(&run));
    let consume = [
        "consume",
        "-t",
        "a",
        "-b",
        &broker.address,
        "--from-beginning",
        "-e",
    ];
    let all = [&consume[..], &["--print-key", "--format", "json"]].concat();
    let read = raban(dir.path(), &all, "").json();
    let records: Vec<_> = read.iter().map(|r| (&r["key"], &r["value"])).collect();
    let expected = [
        (None, "0"),
        (None, "1"),
        (Some("0"), "7.0"),
        (Some("1"), "7.1"),
        (Some("2"), "7.2"),
        (Some("0"), "7.3"),
    ]
    .map(|(key, value)| (Value::from(key), Value::from(value)));
    assert_eq!(
        records,
        expected.each_ref().map(|(key, value)| (key, value))
    );
    let timestamps: Vec<_> = read[2..]
        .iter()
        .map(|r| r["timestamp"].as_i64().unwrap())
        .collect();
    assert!(
        timestamps[0] >= 1000 && timestamps.is_sorted(),
        "{timestamps:?}"
    );
    assert!(timestamps[3] < 1_000_000, "{timestamps:?}");
}

#[test]
fn what_is_not_delivered_is_told_and_ends_nothing() {
    let dir = tempdir().unwrap();
    let options = ["--max-messages", "2", "-X", "max.block.ms=100"];
    let nobody = nobody();
    let args = [&["verify", "-t", "a", "-b", &nobody], &options[..]].concat();
    let run = raban(dir.path(), &args, "");
    assert_eq!(run.code, 0, "{run:?}");
    let lines = run.json();
    let errors = named(&lines, "producer_send_error");
    assert_eq!(errors.len(), 2, "{run:?}");
    for (error, value) in errors.iter().zip(["0", "1"]) {
        assert_eq!(error["exception"], "MetadataTimeout");
        assert_eq!(error["value"], value);
        assert!(error["message"].as_str().unwrap().contains(&nobody));
    }
    let last = named(&lines, "tool_data")[0];
    assert_eq!((&last["sent"], &last["acked"]), (&2.into(), &0.into()));
}

#[test]
fn a_properties_file_and_what_wins() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "memory"]);
    std::fs::write(dir.path().join("c.properties"), "acks=0\nretries=3\n").unwrap();
    let server = [
        "verify",
        "-t",
        "a",
        "-b",
        &broker.address,
        "--max-messages",
        "1",
    ];
    for (options, offset, warned) in [
        // With acks=0 there is no offset.
        (&["--producer.config", "c.properties"][..], -1, true),
        (
            &["--command-config", "c.properties", "--acks", "-1"],
            1,
            false,
        ),
        (&["--acks", "0"], -1, false),
    ] {
        let run = raban(dir.path(), &[&server[..], options].concat(), "");
        assert_eq!(run.code, 0, "{run:?}");
        let lines = run.json();
        let told = named(&lines, "producer_send_success");
        assert_eq!(told[0]["offset"], offset, "{options:?}: {run:?}");
        assert_eq!(
            run.stderr.contains("turns idempotence off"),
            warned,
            "{run:?}"
        );
    }
}

#[test]
fn an_interruption_delivers_what_was_accepted() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "memory"]);
    for (name, throughput) in [("INT", "-1"), ("TERM", "0")] {
        let args = [
            "verify",
            "-t",
            name,
            "-b",
            &broker.address,
            "--throughput",
            throughput,
        ];
        let mut child = command(dir.path(), &args).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while !text.contains("producer_send_success") {
            assert_ne!(out.read_line(&mut text).unwrap(), 0, "{text}");
        }
        signal(&child, name);
        for line in out.lines() {
            text.push_str(&line.unwrap());
            text.push('\n');
        }
        assert_eq!(wait(child).code, 130);
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let names: Vec<_> = lines
            .iter()
            .map(|line| line["name"].as_str().unwrap())
            .collect();
        assert_eq!(names[0], "startup_complete");
        assert_eq!(names[names.len() - 2..], ["shutdown_complete", "tool_data"]);
        let acked = named(&lines, "producer_send_success").len() as u64;
        assert_eq!(lines.last().unwrap()["acked"], acked, "{name}");
        assert_eq!(lines.last().unwrap()["sent"], acked, "{name}");
        assert_eq!(
            names.len() as u64,
            acked + 3,
            "no line is missing and none too many"
        );
        let read = [
            "consume",
            "-t",
            name,
            "-b",
            &broker.address,
            "--from-beginning",
            "-e",
        ];
        let read = raban(dir.path(), &read, "").text();
        let numbers: Vec<String> = (0..acked).map(|number| number.to_string()).collect();
        assert_eq!(read.lines().collect::<Vec<_>>(), numbers, "{name}");
    }
}

#[test]
fn an_output_that_nobody_reads_ends_it() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "memory"]);
    let mut child = command(dir.path(), &["verify", "-t", "a", "-b", &broker.address])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = wait(child);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn wrong_words() {
    let dir = tempdir().unwrap();
    let said = |args: &[&str]| {
        let run = raban(dir.path(), &[&["verify"], args].concat(), "");
        format!("exit code {}\n{}", run.code, run.stderr)
    };
    insta::assert_snapshot!("verify_without_topic", said(&[]));
    insta::assert_snapshot!(
        "verify_acks",
        said(&["-t", "a", "-b", "h:1", "--acks", "2"])
    );
    let topic = ["-t", "my topic", "-b", "localhost:9092"];
    insta::assert_snapshot!("verify_illegal_topic", said(&topic));
    let idempotent = [
        "-t",
        "a",
        "-b",
        "localhost:9092",
        "--acks",
        "1",
        "-X",
        "enable.idempotence=true",
    ];
    insta::assert_snapshot!("verify_acks_and_idempotence", said(&idempotent));
}
