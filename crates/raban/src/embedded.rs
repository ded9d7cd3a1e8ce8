//! A Kafka broker in this process: for tests, for a first try, for records kept in a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raban_broker::{BrokerConfig, Server, StorageKind};
use raban_core::config::Address;

use crate::builder::Keep;
use crate::reader::ReadRecord;

/// A broker that listens on a free port of the loopback interface, for any Kafka client. It stops
/// when it is dropped.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use raban::embedded::Broker;
/// use raban::{Producer, Record};
///
/// let broker = Broker::start()?;
/// let producer = Producer::new(broker.bootstrap_servers())?;
/// producer.blocking().send(Record::to("hello").key("k").value("v"))?;
/// assert_eq!(broker.records("hello")?[0].value.as_deref(), Some(&b"v"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Broker {
    server: Server,
}

impl Broker {
    /// Starts a broker that keeps its records in memory.
    ///
    /// # Errors
    /// That the system gives it no port or no thread.
    pub fn start() -> Result<Self, BrokerError> {
        Self::with_storage(StorageKind::Memory)
    }

    /// Starts a broker that keeps its records in this directory, which is created if need be.
    ///
    /// # Errors
    /// That the directory can't be written to, or is used by a running broker; which one is said.
    pub fn at(dir: impl AsRef<Path>) -> Result<Self, BrokerError> {
        Self::with_storage(StorageKind::Disk(dir.as_ref().to_owned()))
    }

    fn with_storage(storage: StorageKind) -> Result<Self, BrokerError> {
        Ok(Self {
            server: Server::start(config(storage)).map_err(BrokerError::because)?,
        })
    }

    /// Where clients find it, as a value for `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        self.server.bootstrap_servers()
    }

    /// All records of the topic, partition by partition.
    ///
    /// # Errors
    /// That there is no such topic, or that its log can't be read.
    pub fn records(&self, topic: &str) -> Result<Vec<ReadRecord>, BrokerError> {
        let name: Arc<str> = Arc::from(topic);
        let records = self.server.records(topic).map_err(BrokerError::because)?;
        let record = |found: raban_broker::PartitionRecord| {
            ReadRecord::new(Arc::clone(&name), found.partition, found.record)
        };
        Ok(records.into_iter().map(record).collect())
    }
}

/// Why the embedded broker can't start, or can't tell its records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BrokerError(String);

impl BrokerError {
    fn because(error: impl std::error::Error) -> Self {
        Self(error.to_string())
    }
}

fn config(storage: StorageKind) -> BrokerConfig {
    BrokerConfig {
        storage,
        ..BrokerConfig::default()
    }
}

/// The broker of `embedded:`, one for the whole process and to its end, so that what one client
/// writes another one reads.
static IN_MEMORY: Mutex<Option<Server>> = Mutex::new(None);

/// The brokers of `embedded:DIR`, by directory, each with the number of its clients in this process.
static IN_DIRECTORIES: Mutex<BTreeMap<PathBuf, (Server, usize)>> = Mutex::new(BTreeMap::new());

/// One client's hold on the broker of a directory; the last one stops it. Counted under the map's
/// lock, so that nobody starts a broker on the directory while another one lets go of it.
#[derive(Debug)]
struct Lease(PathBuf);

impl Drop for Lease {
    fn drop(&mut self) {
        let mut brokers = lock(&IN_DIRECTORIES);
        if let Some((_, clients)) = brokers.get_mut(&self.0) {
            *clients -= 1;
            if *clients == 0 {
                brokers.remove(&self.0);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The broker that `embedded:` or `embedded:DIR` stands for: started, or found. A directory that
/// another process's broker uses is served by that one.
pub(crate) fn lease(dir: Option<&Path>) -> Result<(Address, Keep), BrokerError> {
    match dir {
        None => Ok((in_memory()?, None)),
        Some(dir) => in_directory(dir),
    }
}

fn in_memory() -> Result<Address, BrokerError> {
    let mut held = lock(&IN_MEMORY);
    let server = match held.take() {
        Some(server) => server,
        None => Server::start(config(StorageKind::Memory)).map_err(BrokerError::because)?,
    };
    let address = address(&server);
    *held = Some(server);
    Ok(address)
}

fn in_directory(dir: &Path) -> Result<(Address, Keep), BrokerError> {
    let failed = |error: std::io::Error| {
        BrokerError(format!(
            "cannot use {} as data directory: {error}; choose a directory that may be written to",
            dir.display()
        ))
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let dir = dir.canonicalize().map_err(failed)?;
    let mut brokers = lock(&IN_DIRECTORIES);
    if let Some((server, clients)) = brokers.get_mut(&dir) {
        *clients += 1;
        return Ok((address(server), Some(Arc::new(Lease(dir)))));
    }
    match Server::start(config(StorageKind::Disk(dir.clone()))) {
        Ok(server) => {
            let address = address(&server);
            brokers.insert(dir.clone(), (server, 1));
            Ok((address, Some(Arc::new(Lease(dir)))))
        }
        Err(raban_broker::StartError::InUse { address, .. }) => {
            let (host, port) = (address.ip().to_string(), address.port());
            Ok((Address { host, port }, None))
        }
        Err(error) => Err(BrokerError::because(error)),
    }
}

fn address(server: &Server) -> Address {
    let address = server.address();
    Address {
        host: address.ip().to_string(),
        port: address.port(),
    }
}
