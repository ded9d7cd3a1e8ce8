//! `raban broker`: the embedded broker on its own, for any Kafka client.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc::sync_channel;

use raban_broker::{BrokerConfig, Server, StartError, StorageKind};

use crate::args::{Broker, Storage};
use crate::cluster::DEFAULT_DATA_DIR;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Stopped, print};
use crate::progress::tell;

pub(crate) fn run(args: &Broker) -> Result<Exit, Failure> {
    let (storage, kept) = storage(args)?;
    let config = BrokerConfig {
        listen: resolve(&args.listen)?,
        storage,
        default_partitions: args.partitions,
        ..BrokerConfig::default()
    };
    let (stop, stopped) = sync_channel(1);
    Interrupt::watch(move || {
        let _ = stop.send(());
    })
    .map_err(|error| Failure::failed(format!("can't watch for Ctrl-C: {error}")))?;
    let server = Server::start(config).map_err(failure)?;
    let address = server.address();
    tell(&format!(
        "raban {}: the embedded broker listens at {address}; {kept}; Ctrl-C stops it",
        env!("CARGO_PKG_VERSION")
    ));
    if let Some(failure) = print(&format!("{address}\n"))
        .err()
        .and_then(Stopped::into_failure)
    {
        return Err(failure);
    }
    // The sender lives as long as the watch, which lives as long as the process.
    let _ = stopped.recv();
    server.stop();
    Ok(Exit::Done)
}

/// Where records are kept, also in words.
fn storage(args: &Broker) -> Result<(StorageKind, String), Failure> {
    let kind = match (args.storage, &args.data_dir) {
        (Storage::Disk, dir) => {
            let dir = dir.as_deref().unwrap_or(Path::new(DEFAULT_DATA_DIR));
            let kept = format!("records are kept in {}", dir.display());
            return Ok((StorageKind::Disk(dir.to_owned()), kept));
        }
        (_, Some(_)) => {
            return Err(Failure::usage(
                "--data-dir is for --storage disk; leave one of the two out",
            ));
        }
        (kind, None) => kind,
    };
    Ok(match kind {
        Storage::Discard => (
            StorageKind::Discard,
            "records are acknowledged and dropped".to_owned(),
        ),
        _ => (
            StorageKind::Memory,
            "records are kept in memory until it stops".to_owned(),
        ),
    })
}

fn resolve(listen: &str) -> Result<SocketAddr, Failure> {
    let mut addresses = listen.to_socket_addrs().map_err(|error| {
        Failure::usage(format!("can't listen at {listen:?} (--listen): {error}; write HOST:PORT, such as 127.0.0.1:9092"))
    })?;
    addresses
        .next()
        .ok_or_else(|| Failure::usage(format!("{listen:?} (--listen) has no address")))
}

fn failure(error: StartError) -> Failure {
    match error {
        StartError::InUse { .. }
        | StartError::Locked { .. }
        | StartError::DataDir { .. }
        | StartError::Listen { .. }
        | StartError::Setting { .. } => Failure::usage(error.to_string()),
        _ => Failure::failed(error.to_string()),
    }
}
