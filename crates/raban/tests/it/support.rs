//! Brokers, listeners and shorthands for the tests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use raban::embedded::Broker;
use raban::{Builder, Producer, ReadRecord, Reader};

/// What a test waits at most for what must happen.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn broker() -> Broker {
    Broker::start().unwrap()
}

pub(crate) fn builder(broker: &Broker) -> Builder {
    Producer::builder().bootstrap_servers(broker.bootstrap_servers())
}

pub(crate) fn producer(broker: &Broker) -> Producer {
    builder(broker).build().unwrap()
}

/// All records of the topic as a client reads them.
pub(crate) fn read_all(bootstrap_servers: &str, topic: &str) -> Vec<ReadRecord> {
    let mut reader = Reader::builder(topic)
        .bootstrap_servers(bootstrap_servers)
        .from_beginning()
        .exit_at_end()
        .open()
        .unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.blocking_next().unwrap() {
        records.push(record);
    }
    records
}

/// What a listener does with a connection after it has read the first bytes.
pub(crate) enum Answer {
    /// These bytes, then the end.
    Bytes(&'static [u8]),
    /// The end at once.
    Nothing,
    /// Silence, for as long as the other side stays.
    Silence,
}

/// A listener that isn't a broker. It lives as long as the process.
pub(crate) fn listener(answer: Answer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            match answer {
                Answer::Nothing => {}
                Answer::Bytes(bytes) => {
                    let _ = stream.read(&mut buffer);
                    let _ = stream.write_all(bytes);
                }
                Answer::Silence => {
                    std::thread::spawn(move || {
                        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
                    });
                }
            }
        }
    });
    address
}

/// An address at which nobody listens. Its port is none that the system gives out by itself, to another test's listener say.
pub(crate) fn nobody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1))
}
