//! A real Prometheus scrapes `raban produce`, and answers what was asked of it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{PATIENCE, alone};

/// Killed when a test ends, however that is.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn prometheus_answers_queries_for_rates_and_latencies() {
    let _alone = alone();
    let produce = Command::new(env!("CARGO_BIN_EXE_raban"))
        .args([
            "produce",
            "-t",
            "scraped",
            "-b",
            "embedded:",
            "--metrics-port",
            "0",
        ])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut produce = Killed(produce.unwrap());
    let mut told = String::new();
    let mut stderr = BufReader::new(produce.0.stderr.take().unwrap());
    stderr.read_line(&mut told).unwrap();
    let target = told.trim().strip_prefix("metrics: http://").unwrap();
    let target = target.strip_suffix("/metrics").unwrap().to_owned();
    let mut stdin = produce.0.stdin.take().unwrap();
    for number in 0..1000 {
        writeln!(stdin, "record {number}").unwrap();
    }
    stdin.flush().unwrap();

    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("prometheus.yml");
    let text = format!(
        "scrape_configs:\n- job_name: raban\n  scrape_interval: 1s\n  static_configs:\n  - targets: ['{target}']\n"
    );
    fs::write(&config, text).unwrap();
    let address = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().to_string()
    };
    let prometheus = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            dir.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("install prometheus (Debian: prometheus) and put it on PATH");
    let _prometheus = Killed(prometheus);

    assert_eq!(
        await_value(&address, "kafka_producer_record_send_total"),
        1000.0
    );
    let rate = await_value(&address, "kafka_producer_record_send_rate");
    assert!(rate > 0.0 && rate <= 1000.0 / 30.0, "{rate}");
    for name in ["avg", "max", "p99"] {
        let latency = await_value(&address, &format!("kafka_producer_request_latency_{name}"));
        assert!(latency > 0.0, "{name}: {latency}");
    }
    let topic = r#"kafka_producer_topic_record_send_total{topic="scraped"}"#;
    assert_eq!(await_value(&address, topic), 1000.0);
}

/// The only value that Prometheus has for a query, as soon as it has one that is a number and not 0.
fn await_value(address: &str, query: &str) -> f64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ask(address, query).filter(|value| *value > 0.0) {
            return value;
        }
        assert!(Instant::now() < deadline, "Prometheus has no {query}");
        // It scrapes once a second, and tells nobody.
        thread::sleep(Duration::from_millis(100));
    }
}

fn ask(address: &str, query: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(address).ok()?;
    let query = query
        .replace('{', "%7B")
        .replace('}', "%7D")
        .replace('"', "%22");
    // Of version 1.0, so that the answer comes in one piece.
    write!(stream, "GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let json: Value = serde_json::from_str(body).ok()?;
    let value = &json["data"]["result"][0]["value"][1];
    value.as_str()?.parse().ok()
}
