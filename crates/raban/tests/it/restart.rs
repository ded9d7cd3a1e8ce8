//! The broker dies under load and comes back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use raban::{Producer, Record};
use raban_broker::{BrokerConfig, Server, StorageKind};

use crate::support::{LONG, read_all};

fn start(listen: SocketAddr, dir: &Path) -> Server {
    let storage = StorageKind::Disk(dir.to_owned());
    Server::start(BrokerConfig {
        listen,
        storage,
        default_partitions: 3,
        ..BrokerConfig::default()
    })
    .unwrap()
}

fn kill_and_restart(times: u32, compression: &str) {
    let dir = tempfile::tempdir().unwrap();
    let server = start("127.0.0.1:0".parse().unwrap(), dir.path());
    let address = server.address();
    let producer = Producer::builder()
        .bootstrap_servers(address.to_string())
        .linger(Duration::from_millis(1))
        .set("compression.type", compression)
        .set("reconnect.backoff.ms", "5")
        .set("reconnect.backoff.max.ms", "20")
        .set("retry.backoff.ms", "5")
        .build()
        .unwrap();
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let (deliveries, server) = std::thread::scope(|scope| {
        let mut server = server;
        let feeding = scope.spawn(|| {
            let mut deliveries = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let value = deliveries.len().to_string();
                let record = Record::to("t")
                    .key(format!("{}", deliveries.len() % 10))
                    .value(value);
                deliveries.push(producer.blocking().enqueue(record).unwrap());
                sent.fetch_add(1, Ordering::Relaxed);
            }
            deliveries
        });
        for round in 0..times {
            // Each round has records on their way.
            while sent.load(Ordering::Relaxed) < u64::from(round + 1) * 2000 {
                std::thread::yield_now();
            }
            server.kill();
            server = start(address, dir.path());
        }
        let before = sent.load(Ordering::Relaxed);
        while sent.load(Ordering::Relaxed) < before + 2000 {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        (feeding.join().unwrap(), server)
    });
    let count = deliveries.len();
    let places: Vec<_> = deliveries
        .into_iter()
        .map(|delivery| delivery.wait().unwrap())
        .collect();
    producer.blocking().close(LONG).unwrap();
    let in_flight = producer.metrics().requests_in_flight_max;
    assert!(
        in_flight >= 2,
        "only {in_flight} request was in flight at a time"
    );
    let read = read_all(&address.to_string(), "t");
    assert_eq!(read.len(), count, "none is lost and none doubled");
    for record in &read {
        let index: usize = std::str::from_utf8(record.value.as_ref().unwrap())
            .unwrap()
            .parse()
            .unwrap();
        let place = &places[index];
        assert_eq!(
            (place.partition, place.offset),
            (record.partition, Some(record.offset))
        );
    }
    for partition in 0..3 {
        let of_partition = read.iter().filter(|record| record.partition == partition);
        let values = of_partition.map(|r| {
            std::str::from_utf8(r.value.as_ref().unwrap())
                .unwrap()
                .parse::<u64>()
                .unwrap()
        });
        assert!(values.is_sorted(), "partition {partition} is in order");
    }
    server.stop();
}

#[test]
fn killed_under_load_nothing_is_lost_doubled_or_out_of_order() {
    kill_and_restart(5, "none");
}

#[test]
fn the_same_compressed() {
    kill_and_restart(3, "lz4");
}
