//! The broker dies under load and comes back.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use raban::{Delivery, Metrics, Producer, Record};
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

/// Small, so that a backlog is many batches.
const BATCH: usize = 256;
/// More batches than three partitions can have open and in flight: the rest is sealed and waits.
const BACKLOG: u64 = 64 * BATCH as u64;
/// More records than fit into what may be in flight: so many are only handed over if some are acknowledged.
const HANDED_OVER: u64 = 2000;

/// A producer that is fed without a pause.
struct Load {
    producer: Producer,
    stop: AtomicBool,
}

impl Load {
    /// Sends without a pause until it is told to stop.
    fn feed(&self) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let number = deliveries.len();
            let record = Record::to("t").key(format!("{}", number % 10));
            let record = record.value(number.to_string());
            deliveries.push(self.producer.blocking().enqueue(record).unwrap());
        }
        deliveries
    }

    fn wait(&self, what: &str, met: impl Fn(&Metrics) -> bool) {
        let deadline = Instant::now() + LONG;
        while !met(&self.producer.metrics()) {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::yield_now();
        }
    }

    /// While no broker is there nothing leaves, and the feeder fills the memory.
    fn wait_backlog(&self) {
        self.wait("no backlog", |metrics| {
            metrics.buffer_total_bytes - metrics.buffer_available_bytes >= BACKLOG
        });
    }

    /// Until a broker has acknowledged some records since `before`.
    fn wait_going_on(&self, before: &Metrics) {
        let enough = before.record_send.total + HANDED_OVER;
        self.wait("nothing was sent", |metrics| {
            metrics.record_send.total >= enough
        });
    }

    /// After a backlog this surely comes: the first batch of a partition goes alone, and once it is acknowledged those
    /// that wait behind it leave in one turn of the driver, up to five.
    fn wait_several_in_flight(&self) {
        self.wait("one request in flight at a time", |metrics| {
            metrics.requests_in_flight_max >= 2
        });
    }
}

/// Ends the feeder, however the test ends.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn kill_and_restart(times: u32, compression: &str) {
    let dir = tempfile::tempdir().unwrap();
    let server = start("127.0.0.1:0".parse().unwrap(), dir.path());
    let address = server.address();
    let producer = Producer::builder()
        .bootstrap_servers(address.to_string())
        .linger(Duration::from_millis(1))
        .batch_size(BATCH)
        .buffer_memory(1 << 20)
        .set("compression.type", compression)
        .set("reconnect.backoff.ms", "5")
        .set("reconnect.backoff.max.ms", "20")
        .set("retry.backoff.ms", "5")
        .build()
        .unwrap();
    let load = Load {
        producer,
        stop: AtomicBool::new(false),
    };
    let (deliveries, server) = std::thread::scope(|scope| {
        let stop = StopOnDrop(&load.stop);
        let feeding = scope.spawn(|| load.feed());
        let mut server = server;
        load.wait_going_on(&Metrics::default());
        for _ in 0..times {
            server.kill();
            let before = load.producer.metrics();
            load.wait_backlog();
            server = start(address, dir.path());
            load.wait_going_on(&before);
            load.wait_several_in_flight();
        }
        drop(stop);
        (feeding.join().unwrap(), server)
    });
    let Load { producer, .. } = load;
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
            (place.partition(), place.offset()),
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
