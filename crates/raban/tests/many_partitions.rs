//! Memory follows what is held, not the number of partitions: a process with one small record for each of 10,000
//! partitions stays below 64 MB. The broker is in another process, which starts this one.

#![allow(clippy::unwrap_used)]

use std::process::Command;
use std::time::Duration;

use raban::embedded::Broker;
use raban::{Admin, NewTopic, Producer, Record};

const PARTITIONS: i32 = 10_000;
/// 64 MB.
const MOST_KB: u64 = 64_000_000 / 1024;
/// In front of the broker's address.
const PROGRAM: &str = "--program";

fn main() {
    let args: Vec<_> = std::env::args().collect();
    match &args[..] {
        [_, option, server] if option == PROGRAM => program(server),
        _ if cfg!(target_os = "linux") => judge(),
        _ => println!("only Linux tells how much memory a process ever had"),
    }
}

fn judge() {
    let broker = Broker::start().unwrap();
    let server = broker.bootstrap_servers();
    let admin = Admin::new(&server).unwrap();
    let topic = NewTopic {
        partitions: Some(PARTITIONS),
        ..NewTopic::default()
    };
    admin.blocking().create_topic("t", topic).unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap());
    let output = program.args([PROGRAM, &server]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let trouble = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{trouble}");
    let peaks: Vec<u64> = said.lines().map(|line| line.parse().unwrap()).collect();
    println!("{peaks:?} KiB at most: at the start, with all records held, with all delivered");
    assert_eq!(peaks.len(), 3);
    assert!(peaks.iter().all(|peak| *peak < MOST_KB), "{peaks:?} KiB");
}

fn program(server: &str) {
    let builder = Producer::builder()
        .bootstrap_servers(server)
        .set("linger.ms", "60000");
    let producer = builder.build().unwrap();
    println!("{}", peak_kb());
    let record = |partition| Record::to("t").partition(partition).value("small");
    let deliveries: Vec<_> = (0..PARTITIONS)
        .map(|partition| producer.blocking().enqueue(record(partition)).unwrap())
        .collect();
    println!("{}", peak_kb());
    producer.blocking().flush().unwrap();
    for delivery in deliveries {
        delivery.wait().unwrap();
    }
    println!("{}", peak_kb());
    producer.blocking().close(Duration::from_secs(60)).unwrap();
}

/// The most memory that was resident in this process so far.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let lines = status.lines();
    let peak = lines.filter_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    peak.map(|peak| peak.trim().parse().unwrap())
        .next()
        .unwrap()
}
