//! Resident memory stays within `buffer.memory` and 32 MB more, whatever the input's size and lines.

use std::fs;
use std::io::{BufWriter, Write};
use std::time::Instant;

use testbed::Kafka;

use crate::support::{alone, assert_all_delivered, create_topic, finish, spawn};

/// 32 MiB each: `buffer.memory` unless set, and all the rest of the process.
const BOUND_KB: u64 = 64 * 1024;

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn memory_stays_within_its_bound() {
    let _alone = alone();
    let kafka = Kafka::builder().start().unwrap();
    let server = kafka.bootstrap_servers();
    create_topic(&server, "sink", 6);
    for (line, count) in [(100, 2_000_000), (1_000_000, 100), (3, 2_000_000)] {
        for options in [&[][..], &["-X", "compression.type=lz4"]] {
            let peak = peak_kb(
                &[&["produce", "-t", "sink", "-b", &server], options].concat(),
                line,
                count,
            );
            assert!(
                peak <= BOUND_KB,
                "{count} lines of {line} bytes {options:?}: {peak} KiB"
            );
        }
    }
}

/// The most memory resident at one time, read when all of the input is with the process.
fn peak_kb(args: &[&str], line: usize, count: u64) -> u64 {
    let began = Instant::now();
    let mut child = spawn(args);
    let mut out = BufWriter::with_capacity(1 << 16, child.stdin.take().unwrap());
    let text = [vec![b'x'; line - 1], vec![b'\n']].concat();
    for _ in 0..count {
        out.write_all(&text).unwrap();
    }
    out.flush().unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    drop(out);
    let run = finish(child, began);
    assert_all_delivered(&run, count);
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    let peak = peak.unwrap().trim().parse().unwrap();
    eprintln!(
        "{args:?}: {count} lines of {line} bytes in {:.1?}, at most {peak} KiB resident",
        run.took
    );
    peak
}
