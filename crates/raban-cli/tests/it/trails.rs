//! What is told of records that failed, or came through at a later attempt.

use std::io::Write;
use std::path::Path;

use raban_broker::{BrokerConfig, Server};
use serde_json::{Value, json};
use tempfile::tempdir;
use testbed::{ApiKey, Proxy, Rule};

use crate::errors::{without_ports, without_times};
use crate::support::{Run, RunningBroker, command, halt, raban, read_line, wait};

/// `raban produce -t a` to this broker.
fn produce(dir: &Path, server: &str, options: &[&str], input: &str) -> Run {
    let args = ["produce", "-t", "a", "-q", "-b", server];
    raban(dir, &[&args[..], options].concat(), input)
}

/// Exit code and standard error, but for warnings: they come from another thread.
fn told(run: &Run) -> String {
    let lines = run.stderr.split_inclusive('\n');
    let text: String = lines
        .filter(|line| !line.starts_with("warning: "))
        .collect();
    let text = without_ports(&without_times(&text));
    format!("exit code {}\n{text}", run.code)
}

/// A broker that takes batches of 200 bytes and no larger ones.
fn small_batches() -> Server {
    let config = BrokerConfig {
        max_message_bytes: 200,
        ..BrokerConfig::default()
    };
    Server::start(config).unwrap()
}

/// Three records for one batch, the second too large for the broker.
const TOGETHER: [&str; 2] = ["-X", "linger.ms=60000"];

fn three() -> String {
    format!("one\n{}\nthree\n", "2".repeat(300))
}

#[test]
fn a_record_too_large_for_its_topic() {
    let dir = tempdir().unwrap();
    let broker = small_batches();
    let run = produce(dir.path(), &broker.bootstrap_servers(), &TOGETHER, &three());
    insta::assert_snapshot!(told(&run));
}

#[test]
fn delivered_at_a_later_attempt() {
    let dir = tempdir().unwrap();
    let broker = small_batches();
    let options = [&TOGETHER[..], &["--trail"]].concat();
    let input = format!("{0}\n{0}\n", "2".repeat(80));
    let run = produce(dir.path(), &broker.bootstrap_servers(), &options, &input);
    insta::assert_snapshot!(told(&run));
}

/// A broker behind a proxy with this rule.
fn behind(rule: Rule) -> (Server, Proxy) {
    let proxy = Proxy::start(([127, 0, 0, 1], 0).into()).unwrap();
    let address = proxy.address();
    let config = BrokerConfig {
        advertised: Some((address.ip().to_string(), address.port())),
        ..BrokerConfig::default()
    };
    let broker = Server::start(config).unwrap();
    proxy.set_target(broker.address());
    proxy.add(rule);
    (broker, proxy)
}

#[test]
fn given_up_after_some_retries() {
    let dir = tempdir().unwrap();
    let (_broker, proxy) = behind(Rule::requests(ApiKey::PRODUCE).cut_after(0));
    let options = ["-X", "retries=2", "-X", "retry.backoff.ms=1"];
    let run = produce(dir.path(), &proxy.address().to_string(), &options, "one\n");
    insta::assert_snapshot!(told(&run));
}

#[test]
fn delivered_after_a_lost_answer() {
    let dir = tempdir().unwrap();
    let (_broker, proxy) = behind(Rule::responses(ApiKey::PRODUCE).times(1).cut_after(0));
    let server = proxy.address().to_string();
    let run = produce(dir.path(), &server, &["--trail"], "one\n");
    insta::assert_snapshot!(told(&run));
}

#[test]
fn in_doubt() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "memory"]);
    let args = [
        "produce",
        "-t",
        "a",
        "-q",
        "-b",
        &broker.address,
        "--report",
        "json",
        "-X",
        "request.timeout.ms=300",
        "-X",
        "delivery.timeout.ms=600",
        "-X",
        "linger.ms=0",
    ];
    let mut child = command(dir.path(), &args).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\n").unwrap();
    read_line(child.stdout.as_mut().unwrap());
    halt(&broker.child);
    stdin.write_all(b"two\n").unwrap();
    drop(stdin);
    // Which request ran out of time last, differs.
    let told = told(&wait(child)).replace("answer Metadata", "answer Produce");
    insta::assert_snapshot!(told);
}

/// The trail without its durations.
fn outcomes(trail: &Value) -> Value {
    let attempts = trail["attempts"].as_array().unwrap().iter();
    attempts
        .map(|attempt| json!([attempt["number"], attempt["outcome"], attempt["error"]]))
        .collect()
}

#[test]
fn the_report_has_each_trail_once() {
    let dir = tempdir().unwrap();
    let broker = small_batches();
    let options = [&TOGETHER[..], &["--trail", "--report", "json"]].concat();
    let run = produce(dir.path(), &broker.bootstrap_servers(), &options, &three());
    let report = run.json();
    let refused = |number| json!([number, "answered", "MESSAGE_TOO_LARGE"]);
    let failed = &report[1]["trail"];
    assert_eq!(report[1]["in_doubt"], json!(false));
    assert_eq!(outcomes(failed), json!([refused(1), refused(2)]));
    assert_eq!(failed["attempts"][0]["code"], json!(10));
    for time in ["linger_ms", "buffer_ms", "wire_ms"] {
        assert!(failed[time].is_number(), "{failed}");
    }
    for good in [&report[0], &report[2]] {
        let outcomes = outcomes(&good["trail"]);
        let outcomes = outcomes.as_array().unwrap();
        assert_eq!(outcomes[0], refused(1));
        assert_eq!(outcomes.last().unwrap()[1], json!("acknowledged"));
    }

    // Two that stay together after the split.
    let input = format!("{0}\n{0}\n{0}\n{0}\n", "2".repeat(40));
    let report = produce(dir.path(), &broker.bootstrap_servers(), &options, &input).json();
    let lines: Vec<_> = report
        .iter()
        .map(|line| line["trail_of_line"].as_u64())
        .collect();
    assert_eq!(lines, [None, Some(1), None, Some(3)]);
}

#[test]
fn without_trail_delivered_records_are_reported_as_ever() {
    let dir = tempdir().unwrap();
    let broker = small_batches();
    let options = [&TOGETHER[..], &["--report", "json"]].concat();
    let report = produce(dir.path(), &broker.bootstrap_servers(), &options, &three()).json();
    let has_trail = |line: &Value| line.get("trail").is_some();
    let trails: Vec<_> = report.iter().map(has_trail).collect();
    assert_eq!(trails, [false, true, false]);
}
