//! `raban produce`: input, report, summary and exit codes.

use std::io::Write;
use std::thread;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{RunningBroker, command, halt, raban, read_line, wait};

fn offsets(report: &[Value]) -> Vec<Option<i64>> {
    report.iter().map(|line| line["offset"].as_i64()).collect()
}

#[test]
fn lines_without_key() {
    let dir = tempdir().unwrap();
    let run = raban(dir.path(), &["produce", "-t", "a"], "one\r\n\nthree");
    assert_eq!((run.code, run.stdout.len()), (0, 0), "{run:?}");
    assert!(
        run.stderr
            .contains("using the embedded broker in ./raban-data"),
        "{run:?}"
    );
    assert!(
        run.stderr.contains("3 records (8 B) delivered to a in "),
        "{run:?}"
    );
    assert!(
        run.stderr.contains("retries: 0, failed: 0, in doubt: 0"),
        "{run:?}"
    );
    let read = raban(
        dir.path(),
        &[
            "consume",
            "-t",
            "a",
            "--from-beginning",
            "-e",
            "--print-key",
        ],
        "",
    );
    assert_eq!(read.text(), "null\tone\nnull\t\nnull\tthree\n");
}

#[test]
fn an_empty_input_is_no_record() {
    let dir = tempdir().unwrap();
    let run = raban(dir.path(), &["produce", "-t", "a", "--data-dir", "d"], "");
    assert_eq!(run.code, 0);
    assert!(
        run.stderr.starts_with("0 records (0 B) delivered to a in "),
        "{run:?}"
    );
}

#[test]
fn a_line_without_separator_fails_alone() {
    let dir = tempdir().unwrap();
    let args = [
        "produce",
        "-t",
        "a",
        "--data-dir",
        "d",
        "-K",
        "\\t",
        "--report",
        "json",
    ];
    let run = raban(dir.path(), &args, "k\tv\nnothing\n\t\n");
    assert_eq!(run.code, 1);
    assert!(
        run.stderr
            .contains("error: line 2: it has no key separator (-K)"),
        "{run:?}"
    );
    let report = run.json();
    assert_eq!(offsets(&report), [Some(0), None, Some(1)]);
    assert_eq!(report[1]["line"], 2);
    assert_eq!(report[1]["in_doubt"], false);
    let args = [
        "consume",
        "-t",
        "a",
        "--data-dir",
        "d",
        "--from-beginning",
        "-e",
        "--print-key",
    ];
    assert_eq!(raban(dir.path(), &args, "").text(), "k\tv\n\t\n");
}

#[test]
fn a_record_too_large_fails_alone() {
    let dir = tempdir().unwrap();
    let mut input = b"a\n".to_vec();
    // Over max.request.size as a record, as a line, and by far.
    for size in [1_048_570, 1_048_577, 5_000_000] {
        input.resize(input.len() + size, b'x');
        input.extend_from_slice(b"\nb\n");
    }
    let args = [
        "produce",
        "-t",
        "a",
        "--data-dir",
        "d",
        "--report",
        "json",
        "-q",
    ];
    let run = raban(dir.path(), &args, input);
    assert_eq!(run.code, 1);
    let report = run.json();
    assert_eq!(
        offsets(&report),
        [Some(0), None, Some(1), None, Some(2), None, Some(3)]
    );
    for line in [1, 3, 5] {
        let error = report[line]["error"].as_str().unwrap();
        assert!(
            error.starts_with("record too large") && error.contains("max.request.size"),
            "{error}"
        );
    }
}

#[test]
fn the_report_tells_topic_partition_offset_and_timestamp() {
    let dir = tempdir().unwrap();
    let input = r#"{"value":"x","timestamp":1735689600000}
{"value":"y","timestamp":-5}
{"value":"z","timestamp":1735689600001,"partition":0}
"#;
    let args = [
        "produce",
        "-t",
        "a",
        "--data-dir",
        "d",
        "--format",
        "json",
        "--report",
        "json",
    ];
    let run = raban(dir.path(), &args, input);
    assert_eq!(run.code, 1);
    let report = run.json();
    assert_eq!(
        report[0],
        json!({"topic": "a", "partition": 0, "offset": 0, "timestamp": 1_735_689_600_000_i64})
    );
    assert!(
        report[1]["error"]
            .as_str()
            .unwrap()
            .contains("timestamp -5"),
        "{report:?}"
    );
    assert_eq!(
        report[2],
        json!({"topic": "a", "partition": 0, "offset": 1, "timestamp": 1_735_689_600_001_i64})
    );
}

#[test]
fn without_acks_no_offset_is_known() {
    let dir = tempdir().unwrap();
    let args = [
        "produce",
        "-t",
        "a",
        "--data-dir",
        "d",
        "-X",
        "acks=0",
        "--report",
        "json",
    ];
    let report = raban(dir.path(), &args, "x\ny\n").json();
    assert_eq!(offsets(&report), [None, None]);
    assert!(
        report
            .iter()
            .all(|line| line.get("error").is_none() && line["timestamp"].is_i64()),
        "{report:?}"
    );
    let read = raban(
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
    assert_eq!(read.text(), "x\ny\n");
}

#[test]
fn headers_null_values_and_a_partition_for_all() {
    let dir = tempdir().unwrap();
    raban(
        dir.path(),
        &[
            "topic",
            "create",
            "a",
            "--partitions",
            "3",
            "--data-dir",
            "d",
        ],
        "",
    )
    .text();
    let args = [
        "produce",
        "-t",
        "a",
        "--data-dir",
        "d",
        "-K",
        ":",
        "--null-value",
        "NULL",
        "-H",
        "h=1",
        "-H",
        "h=2=3",
        "-H",
        "n",
        "-p",
        "2",
    ];
    let run = raban(dir.path(), &args, "k:NULL\nk:null\n");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("partitions: 2: 2\n"), "{run:?}");
    let args = [
        "consume",
        "-t",
        "a",
        "--data-dir",
        "d",
        "--from-beginning",
        "-e",
        "--format",
        "json",
        "-p",
        "2",
    ];
    let records = raban(dir.path(), &args, "").json();
    assert_eq!(records[0]["value"], Value::Null);
    assert_eq!(records[1]["value"], "null");
    assert_eq!(
        records[0]["headers"],
        json!([{"key": "h", "value": "1"}, {"key": "h", "value": "2=3"}, {"key": "n", "value": null}])
    );
}

#[test]
fn records_are_sent_while_the_input_goes_on() {
    let dir = tempdir().unwrap();
    let mut child = command(
        dir.path(),
        &["produce", "-t", "a", "--data-dir", "d", "--report", "json"],
    )
    .spawn()
    .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for offset in 0..3 {
        stdin.write_all(b"x\n").unwrap();
        let report = read_line(child.stdout.as_mut().unwrap());
        assert!(
            report.contains(&format!("\"offset\":{offset},")),
            "{report}"
        );
    }
    drop(stdin);
    assert_eq!(wait(child).code, 0);
}

#[test]
fn a_report_that_nobody_reads_on_ends_quietly() {
    let dir = tempdir().unwrap();
    let args = [
        "produce",
        "-t",
        "a",
        "--data-dir",
        "d",
        "--report",
        "json",
        "-q",
    ];
    let mut child = command(dir.path(), &args).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let endless = thread::spawn(move || while stdin.write_all(&[b'\n'; 4096]).is_ok() {});
    read_line(child.stdout.as_mut().unwrap());
    drop(child.stdout.take());
    let run = wait(child);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    endless.join().unwrap();
}

#[test]
fn properties_win_over_the_file_and_the_file_names_the_server() {
    let dir = tempdir().unwrap();
    std::fs::write(
        dir.path().join("c.properties"),
        "bootstrap.servers = embedded:./here\nacks=0\n",
    )
    .unwrap();
    let args = [
        "produce",
        "-t",
        "a",
        "--command-config",
        "c.properties",
        "-X",
        "acks=all",
        "--report",
        "json",
    ];
    let run = raban(dir.path(), &args, "x\n");
    assert_eq!(offsets(&run.json()), [Some(0)], "{run:?}");
    assert!(!run.stderr.contains("no server given"), "{run:?}");
    assert!(dir.path().join("here").is_dir());
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded_by_buffer_memory_whatever_the_input() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "discard"]);
    let mib = 1024 * 1024;
    let args = [
        "produce",
        "-t",
        "a",
        "-b",
        &broker.address,
        "-q",
        "-X",
        "buffer.memory=8388608",
    ];
    let mut child = command(dir.path(), &args).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let block: Vec<u8> = b"x\n".repeat(512 * 1024);
    for _ in 0..4 {
        stdin.write_all(&block).unwrap();
    }
    let mut long = vec![b'y'; 900 * 1024];
    long.push(b'\n');
    for _ in 0..100 {
        stdin.write_all(&long).unwrap();
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: usize = peak
        .trim()
        .strip_suffix(" kB")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(peak * 1024 <= 8 * mib + 32 * mib, "{peak} kB");
    drop(stdin);
    assert_eq!(wait(child).code, 0);
}

#[test]
fn an_answer_that_never_comes_leaves_a_record_in_doubt() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "memory"]);
    let args = [
        "produce",
        "-t",
        "a",
        "-b",
        &broker.address,
        "--report",
        "json",
        "-K",
        ":",
        "-X",
        "linger.ms=0",
        "-X",
        "request.timeout.ms=300",
        "-X",
        "delivery.timeout.ms=600",
    ];
    let mut child = command(dir.path(), &args).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"k:one\n").unwrap();
    read_line(child.stdout.as_mut().unwrap());
    halt(&broker.child);
    stdin.write_all(b"k:two\nno key\n").unwrap();
    drop(stdin);
    let run = wait(child);
    // In doubt outweighs surely not delivered: it is what has to be looked into.
    assert_eq!(run.code, 3, "{run:?}");
    let report = run.json();
    assert_eq!(
        (&report[0]["in_doubt"], &report[0]["line"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(
        (&report[1]["in_doubt"], &report[1]["line"]),
        (&json!(false), &json!(3))
    );
    assert!(
        run.stderr
            .contains("the record may be in the log all the same"),
        "{run:?}"
    );
    // The producer may warn of its new epoch behind that.
    let mut lines = run.stderr.lines();
    let summary = lines.rfind(|line| !line.starts_with("warning: "));
    let ends = summary.is_some_and(|line| line.ends_with("failed: 1, in doubt: 1"));
    assert!(ends, "{run:?}");
}
