//! `raban consume`: what is printed, and when it ends.

use std::io::Write;

use serde_json::json;
use tempfile::{TempDir, tempdir};

use crate::support::{RunningBroker, command, raban, read_line, signal, wait};

/// A data directory with three records in each of two partitions of `a`.
fn six_records() -> TempDir {
    let dir = tempdir().unwrap();
    raban(
        dir.path(),
        &[
            "topic",
            "create",
            "a",
            "--partitions",
            "2",
            "--data-dir",
            "d",
        ],
        "",
    )
    .text();
    let mut input = String::new();
    for index in 0..6 {
        let (partition, timestamp) = (index % 2, 1_700_000_000_000_i64 + index);
        let record = json!({
            "key": format!("k{index}"), "value": format!("v{index}"), "partition": partition, "timestamp": timestamp,
            "headers": [{"key": "h", "value": "x"}, {"key": "n", "value": null}],
        });
        input.push_str(&format!("{record}\n"));
    }
    let run = raban(
        dir.path(),
        &["produce", "-t", "a", "--data-dir", "d", "--format", "json"],
        input,
    );
    assert_eq!(run.code, 0, "{run:?}");
    dir
}

fn consume(dir: &TempDir, args: &[&str]) -> String {
    raban(
        dir.path(),
        &[&["consume", "-t", "a", "--data-dir", "d"], args].concat(),
        "",
    )
    .text()
}

#[test]
fn fields_come_before_the_value_separated_by_tabs() {
    let dir = six_records();
    let one = ["--from-beginning", "-e", "-p", "1", "--max-messages", "1"];
    let with = |options: &[&str]| consume(&dir, &[&one, options].concat());
    assert_eq!(with(&[]), "v1\n");
    assert_eq!(with(&["--print-key"]), "k1\tv1\n");
    assert_eq!(with(&["--print-partition", "--print-offset"]), "1\t0\tv1\n");
    assert_eq!(
        with(&[
            "--print-key",
            "--print-headers",
            "--print-offset",
            "--print-partition",
            "--print-timestamp"
        ]),
        "1700000000001\t1\t0\th=x,n\tk1\tv1\n"
    );
    assert_eq!(
        with(&["--format", "json"]),
        "{\"topic\":\"a\",\"partition\":1,\"offset\":0,\"timestamp\":1700000000001,\"key\":\"k1\",\"value\":\"v1\",\
         \"headers\":[{\"key\":\"h\",\"value\":\"x\"},{\"key\":\"n\",\"value\":null}]}\n"
    );
}

#[test]
fn one_partition_or_all_of_them() {
    let dir = six_records();
    assert_eq!(
        consume(&dir, &["--from-beginning", "-e", "-p", "0"]),
        "v0\nv2\nv4\n"
    );
    let all = consume(&dir, &["--from-beginning", "-e"]);
    let mut all: Vec<_> = all.lines().collect();
    all.sort_unstable();
    assert_eq!(all, ["v0", "v1", "v2", "v3", "v4", "v5"]);
}

#[test]
fn at_the_end_there_is_nothing_but_what_comes() {
    let dir = six_records();
    assert_eq!(consume(&dir, &["-e"]), "");
    assert_eq!(consume(&dir, &["--timeout-ms", "1"]), "");
    assert_eq!(
        consume(
            &dir,
            &["--from-beginning", "--timeout-ms", "300", "-p", "0"]
        ),
        "v0\nv2\nv4\n"
    );
    assert_eq!(
        consume(&dir, &["--from-beginning", "--max-messages", "0"]),
        ""
    );
}

#[test]
fn records_are_printed_as_they_come() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "memory"]);
    raban(
        dir.path(),
        &["topic", "create", "a", "-b", &broker.address],
        "",
    )
    .text();
    let mut consumer = command(
        dir.path(),
        &[
            "consume",
            "-t",
            "a",
            "-b",
            &broker.address,
            "--from-beginning",
        ],
    )
    .spawn()
    .unwrap();
    let mut producer = command(dir.path(), &["produce", "-t", "a", "-b", &broker.address])
        .spawn()
        .unwrap();
    for value in ["one", "two"] {
        writeln!(producer.stdin.as_mut().unwrap(), "{value}").unwrap();
        assert_eq!(read_line(consumer.stdout.as_mut().unwrap()), value);
    }
    assert_eq!(wait(producer).code, 0);
    signal(&consumer, "INT");
    let run = wait(consumer);
    assert_eq!((run.code, run.stderr.as_str()), (130, ""));
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let dir = tempdir().unwrap();
    let many: String = (0..20_000)
        .map(|index| format!("some text {index}\n"))
        .collect();
    assert_eq!(
        raban(dir.path(), &["produce", "-t", "a", "--data-dir", "d"], many).code,
        0
    );
    let args = ["consume", "-t", "a", "--data-dir", "d", "--from-beginning"];
    let mut child = command(dir.path(), &args).spawn().unwrap();
    assert_eq!(read_line(child.stdout.as_mut().unwrap()), "some text 0");
    drop(child.stdout.take());
    let run = wait(child);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn bytes_pass_as_they_are() {
    let dir = tempdir().unwrap();
    let bytes: Vec<u8> = (0..=255)
        .filter(|byte| !b"\r\n".contains(byte))
        .chain(*b"\n")
        .collect();
    assert_eq!(
        raban(
            dir.path(),
            &["produce", "-t", "a", "--data-dir", "d"],
            bytes.clone()
        )
        .code,
        0
    );
    let run = raban(
        dir.path(),
        &[
            "consume",
            "-t",
            "a",
            "--data-dir",
            "d",
            "--from-beginning",
            "-e",
        ],
        "",
    );
    assert_eq!(run.stdout, bytes);
}
