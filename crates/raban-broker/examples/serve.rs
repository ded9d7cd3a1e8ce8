//! Runs a broker until it is killed: `cargo run --example serve -- 127.0.0.1:9092 memory|discard|DIR`.
use std::error::Error;

use raban_broker::{BrokerConfig, Server, StorageKind};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let listen = args
        .next()
        .unwrap_or_else(|| "127.0.0.1:9092".to_owned())
        .parse()?;
    let storage = match args.next().as_deref() {
        None | Some("memory") => StorageKind::Memory,
        Some("discard") => StorageKind::Discard,
        Some(dir) => StorageKind::Disk(dir.into()),
    };
    let server = Server::start(BrokerConfig {
        listen,
        storage,
        ..BrokerConfig::default()
    })?;
    println!("listening at {}", server.bootstrap_servers());
    loop {
        std::thread::park();
    }
}
