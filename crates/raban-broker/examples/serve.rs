//! Runs a broker until it is killed: `cargo run --example serve -- 127.0.0.1:9092 memory|discard|DIR`.
use std::error::Error;
use std::fmt::Debug;

use raban_broker::{BrokerConfig, Server, StorageKind};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

fn main() -> Result<(), Box<dyn Error>> {
    tracing::subscriber::set_global_default(Print)?;
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

/// Prints what the broker logs, so that a client's trouble can be seen.
struct Print;

impl Subscriber for Print {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                self.0 += &format!(" {field}={value:?}");
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        eprintln!("{}{}", event.metadata().level(), fields.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
