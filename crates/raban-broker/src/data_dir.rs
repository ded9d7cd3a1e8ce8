//! A data directory on disk: its lock, the address of the broker that holds it, its metadata, its partitions.
//!
//! ```text
//! DIR/raban-broker.lock          locked while a broker runs
//! DIR/raban-broker.address       where that broker listens
//! DIR/raban-broker.metadata      cluster id, topics; replaced as a whole
//! DIR/<topic>-<partition>/       partition.metadata (topic id, as Kafka's), 00000000000000000000.log …
//! ```
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use raban_log::{DiskStorage, Storage};
use raban_protocol::primitives::Uuid;

use crate::error::StartError;
use crate::storage::LogDir;

const LOCK: &str = "raban-broker.lock";
const ADDRESS: &str = "raban-broker.address";
const METADATA: &str = "raban-broker.metadata";
const PARTITION_METADATA: &str = "partition.metadata";
/// Ending of a partition's directory that is being removed.
const REMOVED: &str = ".removed";
/// How long to wait for a broker that has locked the directory, but doesn't listen yet.
const ADDRESS_WAIT: Duration = Duration::from_secs(5);

/// A locked data directory; unlocked when dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    dir: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates the directory if need be and locks it.
    pub(crate) fn lock(dir: &Path) -> Result<Self, StartError> {
        let unusable = |source| StartError::DataDir {
            dir: dir.to_owned(),
            source,
        };
        fs::create_dir_all(dir).map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let lock = options.open(dir.join(LOCK)).map_err(unusable)?;
        let deadline = Instant::now() + ADDRESS_WAIT;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            if let Some(address) = read_address(dir) {
                return Err(StartError::InUse {
                    dir: dir.to_owned(),
                    address,
                });
            }
            if Instant::now() >= deadline {
                return Err(StartError::Locked {
                    dir: dir.to_owned(),
                });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // An address that a killed broker left behind must not be taken for this one's.
        match fs::remove_file(dir.join(ADDRESS)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
        Ok(Self {
            dir: dir.to_owned(),
            _lock: lock,
        })
    }

    /// Tells other processes where the broker listens.
    pub(crate) fn publish_address(&self, address: SocketAddr) -> Result<(), StartError> {
        let written = replace(&self.dir, ADDRESS, address.to_string().as_bytes());
        written.map_err(|source| StartError::DataDir {
            dir: self.dir.clone(),
            source,
        })
    }

    /// The partitions' part of the directory, which must not outlive the lock.
    pub(crate) fn log_dir(&self) -> DiskLogDir {
        DiskLogDir {
            dir: self.dir.clone(),
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Left behind, it is removed by the next broker.
        let _ = fs::remove_file(self.dir.join(ADDRESS));
    }
}

fn read_address(dir: &Path) -> Option<SocketAddr> {
    fs::read_to_string(dir.join(ADDRESS)).ok()?.parse().ok()
}

/// The metadata and partitions in a data directory.
#[derive(Debug)]
pub(crate) struct DiskLogDir {
    dir: PathBuf,
}

impl DiskLogDir {
    fn partition_dir(&self, topic: &str, partition: i32) -> PathBuf {
        self.dir.join(format!("{topic}-{partition}"))
    }

    /// Removes what deleted topics left behind when the broker was killed: directories that are marked as removed, and
    /// partitions of topic ids that the metadata doesn't know.
    fn clean(&self, metadata: Option<&str>) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == &REMOVED[1..]) && path.is_dir() {
                fs::remove_dir_all(&path)?;
            } else if let Ok(partition) = fs::read_to_string(path.join(PARTITION_METADATA)) {
                let Some(metadata) = metadata else {
                    let reason = format!(
                        "it holds partitions ({}), but no file {METADATA}; restore that file or use another directory",
                        path.display()
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
                };
                let name = path
                    .file_name()
                    .and_then(|n| n.to_str())
                    .unwrap_or_default();
                if !known(metadata, name, &partition) {
                    tracing::info!(directory = name, "removing a partition of a deleted topic");
                    remove_dir(&path)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether the metadata has a topic that the partition's directory belongs to.
fn known(metadata: &str, dir_name: &str, partition_metadata: &str) -> bool {
    let Ok(metadata) = crate::metadata::ClusterMetadata::decode(metadata) else {
        return true;
    };
    let topic = dir_name.rsplit_once('-').map_or("", |(topic, _)| topic);
    let id = metadata.topics.get(topic).map(|t| t.id);
    id.is_some_and(|id| partition_metadata == partition_text(id))
}

/// The content of Kafka's `partition.metadata`.
fn partition_text(id: Uuid) -> String {
    format!("version: 0\ntopic_id: {id}\n")
}

impl LogDir for DiskLogDir {
    fn load(&mut self) -> io::Result<Option<String>> {
        let metadata = match fs::read_to_string(self.dir.join(METADATA)) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        self.clean(metadata.as_deref())?;
        Ok(metadata)
    }

    fn save(&mut self, metadata: &str) -> io::Result<()> {
        replace(&self.dir, METADATA, metadata.as_bytes())
    }

    fn open(
        &mut self,
        topic: &str,
        id: Uuid,
        partition: i32,
    ) -> io::Result<Option<Box<dyn Storage>>> {
        let dir = self.partition_dir(topic, partition);
        let text = partition_text(id);
        let file = dir.join(PARTITION_METADATA);
        if fs::read_to_string(&file).is_ok_and(|found| found != text) {
            remove_dir(&dir)?;
        }
        if !file.exists() {
            fs::create_dir_all(&dir)?;
            let mut file = File::create(&file)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
        }
        Ok(Some(Box::new(DiskStorage::new(dir))))
    }

    fn remove(&mut self, topic: &str, _id: Uuid, partition: i32) -> io::Result<()> {
        remove_dir(&self.partition_dir(topic, partition))
    }
}

/// Removes a partition's directory so that no half of it can be taken for a partition after a crash.
fn remove_dir(dir: &Path) -> io::Result<()> {
    let mut marked = dir.as_os_str().to_owned();
    marked.push(REMOVED);
    if Path::new(&marked).exists() {
        fs::remove_dir_all(&marked)?;
    }
    match fs::rename(dir, &marked) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => fs::remove_dir_all(&marked),
    }
}

/// Replaces a small file as a whole.
fn replace(dir: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(name))?;
    if cfg!(unix) {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{ClusterMetadata, TopicMetadata};

    #[test]
    fn a_locked_directory_names_its_broker() {
        let dir = tempfile::tempdir().unwrap();
        let address = "127.0.0.1:4711".parse().unwrap();
        let first = DataDir::lock(dir.path()).unwrap();
        first.publish_address(address).unwrap();
        match DataDir::lock(dir.path()) {
            Err(StartError::InUse { address: found, .. }) => assert_eq!(found, address),
            other => panic!("{other:?}"),
        }
        drop(first);
        drop(DataDir::lock(dir.path()).unwrap());
        assert_eq!(read_address(dir.path()), None);
    }

    #[test]
    fn a_directory_that_is_a_file_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = DataDir::lock(file.path()).unwrap_err();
        assert!(matches!(error, StartError::DataDir { .. }), "{error}");
    }

    #[test]
    fn partitions_of_deleted_topics_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mut logs = DiskLogDir {
            dir: dir.path().to_owned(),
        };
        assert_eq!(logs.load().unwrap(), None);
        let mut metadata = ClusterMetadata::new(1);
        let mut id = || metadata.next_topic_id(1);
        let (kept, gone) = (id(), id());
        logs.open("kept", kept, 0).unwrap();
        logs.open("gone", gone, 0).unwrap();
        assert!(logs.load().is_err(), "partitions without metadata");
        let topic = TopicMetadata {
            id: kept,
            partitions: 1,
            created_in: 0,
        };
        metadata.topics.insert("kept".to_owned(), topic);
        logs.save(&metadata.encode()).unwrap();
        assert_eq!(logs.load().unwrap(), Some(metadata.encode()));
        assert!(dir.path().join("kept-0").is_dir());
        assert!(!dir.path().join("gone-0").exists());

        fs::write(dir.path().join("kept-0/00000000000000000000.log"), "x").unwrap();
        logs.open("kept", gone, 0).unwrap();
        assert!(
            !dir.path().join("kept-0/00000000000000000000.log").exists(),
            "a topic that was made anew is empty"
        );
        logs.remove("kept", gone, 0).unwrap();
        logs.remove("kept", gone, 0).unwrap();
        assert!(!dir.path().join("kept-0").exists());
    }
}
