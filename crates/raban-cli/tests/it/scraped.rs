//! Metrics over HTTP while records are sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use tempfile::tempdir;

use crate::support::{RunningBroker, command, raban, read_line, wait};

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_scraper_reads_what_was_sent_so_far() {
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
        "--metrics-port",
        "0",
        "-X",
        "client.id=me",
    ];
    let mut child = command(dir.path(), &args).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("metrics: http://").unwrap();
    let address = url.strip_suffix("/metrics").unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\ntwo\n").unwrap();
    for _ in 0..2 {
        read_line(child.stdout.as_mut().unwrap());
    }
    let metrics = get(address, "/metrics");
    assert!(metrics.starts_with("HTTP/1.0 200 OK\r\n"), "{metrics}");
    for expected in [
        "content-type: text/plain; version=0.0.4",
        "kafka_producer_record_send_total{client_id=\"me\"} 2\n",
        "kafka_producer_topic_record_send_total{client_id=\"me\",topic=\"a\"} 2\n",
    ] {
        assert!(metrics.contains(expected), "{expected}: {metrics}");
    }
    let elsewhere = get(address, "/");
    assert!(elsewhere.starts_with("HTTP/1.0 404"), "{elsewhere}");
    assert!(elsewhere.ends_with("the metrics are at /metrics\n"));
    let taken = raban(
        dir.path(),
        &[
            "produce",
            "-t",
            "a",
            "-b",
            &broker.address,
            "--metrics-port",
            address,
        ],
        "",
    );
    assert_eq!(taken.code, 1, "{taken:?}");
    let remedy = "choose another --metrics-port, or 0 for any free one";
    assert!(taken.stderr.contains(remedy), "{taken:?}");
    drop(stdin);
    assert_eq!(wait(child).code, 0);
    assert!(TcpStream::connect(address).is_err());
}
