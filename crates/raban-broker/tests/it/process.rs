//! A broker in a process of its own: killed under load, and looked at for its memory.
use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use raban_broker::{BrokerConfig, Server, StorageKind};
use raban_protocol::compression::Compression;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::ProduceRequest;
use raban_protocol::primitives::Uuid;

use crate::support::{Client, produce_request, stamped, start_in, stored};

/// Set for the process that is to be a broker: where to store, `memory` or a directory.
const STORAGE: &str = "RABAN_TEST_BROKER";

/// Fixes the topic ids of these brokers.
pub(crate) const SEED: u64 = 1;

/// Not a test: what the process of a [`BrokerProcess`] runs.
#[test]
#[ignore = "no test, but what a child process runs"]
fn broker_process() {
    let storage = std::env::var_os(STORAGE).expect("set by BrokerProcess");
    let storage = match storage.to_str() {
        Some("memory") => StorageKind::Memory,
        _ => StorageKind::Disk(storage.into()),
    };
    let config = BrokerConfig {
        storage,
        max_partitions: 1_000,
        seed: Some(SEED),
        ..BrokerConfig::default()
    };
    let server = Server::start(config).unwrap();
    println!("listening at {}", server.address());
    // Ends with the process that started it.
    std::io::stdin().lines().for_each(drop);
}

pub(crate) struct BrokerProcess {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl BrokerProcess {
    pub(crate) fn start(storage: impl AsRef<std::ffi::OsStr>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "process::broker_process",
                "--exact",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(STORAGE, storage)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let address = output.lines().find_map(|line| {
            let line = line.unwrap();
            line.split_once("listening at ")
                .map(|(_, address)| address.parse().unwrap())
        });
        Self {
            child,
            address: address.unwrap(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    /// Memory that the process holds, in bytes; `None` where the system doesn't say.
    pub(crate) fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kib << 10)
    }
}

impl Drop for BrokerProcess {
    /// Kills it as by SIGKILL.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An idempotent producer with up to five batches in flight, which after a lost connection sends again all that was not
/// acknowledged.
struct Producer {
    id: i64,
    client: Client,
    in_flight: VecDeque<(i32, Bytes)>,
    next: i32,
    resent: usize,
}

impl Producer {
    const RECORDS: i32 = 3;

    fn new(mut client: Client) -> Self {
        let id = client.producer_id();
        Self {
            id,
            client,
            in_flight: VecDeque::new(),
            next: 0,
            resent: 0,
        }
    }

    /// Sends until five are in flight. A failure shows when the answers are read.
    fn fill(&mut self, end: i32) {
        while self.in_flight.len() < 5 && self.next < end {
            let values: Vec<String> = (0..Self::RECORDS)
                .map(|i| (self.next + i).to_string())
                .collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let records = stamped(&values, Compression::None, (self.id, 0, self.next));
            self.in_flight.push_back((self.next, records.clone()));
            let _ = self
                .client
                .send(9, &produce_request("t", Uuid::ZERO, 0, records));
            self.next += Self::RECORDS;
        }
    }

    /// Reads one answer; false if the connection is lost.
    fn settle(&mut self) -> bool {
        let Ok(response) = self.client.receive::<ProduceRequest>(9) else {
            return false;
        };
        let (sequence, _) = self.in_flight.pop_front().unwrap();
        let answer = &response.responses[0].partition_responses[0];
        assert_eq!(answer.error_code, ErrorCode::NONE, "batch {sequence}");
        assert_eq!(
            answer.base_offset,
            i64::from(sequence),
            "nothing lost, nothing doubled before it"
        );
        true
    }

    fn reconnect(&mut self, client: Client) {
        self.client = client;
        for (_, records) in &self.in_flight {
            self.resent += 1;
            let request = produce_request("t", Uuid::ZERO, 0, records.clone());
            self.client.send(9, &request).unwrap();
        }
    }
}

#[test]
fn killing_the_broker_under_load_loses_and_doubles_nothing() {
    const KILLS: i32 = 8;
    const RECORDS_PER_LIFE: i32 = 300;
    const END: i32 = KILLS * RECORDS_PER_LIFE;
    let dir = tempfile::tempdir().unwrap();
    let mut broker = BrokerProcess::start(dir.path());
    let mut client = broker.client();
    client.call(12, &crate::mutated::create("t"));
    let mut producer = Producer::new(client);
    let mut kills = 0;
    while kills < KILLS || !producer.in_flight.is_empty() || producer.next < END {
        producer.fill(END);
        if kills < KILLS && producer.next >= (kills + 1) * RECORDS_PER_LIFE {
            assert!(
                producer.in_flight.len() >= 2,
                "a kill must hit batches in flight"
            );
            drop(broker);
            kills += 1;
            broker = BrokerProcess::start(dir.path());
        }
        if !producer.in_flight.is_empty() && !producer.settle() {
            producer.reconnect(broker.client());
        }
    }
    assert!(producer.resent >= 2);
    drop(broker);
    let server = start_in(dir.path());
    let expected: Vec<String> = (0..END).map(|n| n.to_string()).collect();
    assert_eq!(stored(&server, "t"), expected);
}
