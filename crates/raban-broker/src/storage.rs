//! Where a cluster keeps its metadata and its partitions' logs.
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raban_log::{MemoryStorage, Storage};
use raban_protocol::primitives::Uuid;

/// A place for a cluster's metadata and logs.
pub trait LogDir: Send {
    /// The metadata that was saved last.
    fn load(&mut self) -> io::Result<Option<String>>;
    /// Replaces the metadata: after a crash there is the old or the new one.
    fn save(&mut self, metadata: &str) -> io::Result<()>;
    /// The storage of a partition's log, empty if it is new; `None` if records are not kept at all.
    fn open(
        &mut self,
        topic: &str,
        id: Uuid,
        partition: i32,
    ) -> io::Result<Option<Box<dyn Storage>>>;
    /// Removes a partition's log, which is not used any more.
    fn remove(&mut self, topic: &str, id: Uuid, partition: i32) -> io::Result<()>;
}

/// Keeps everything in memory. Clones share it, so that a cluster can crash and another one open what is left.
#[derive(Clone, Debug, Default)]
pub struct MemoryLogDir {
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    metadata: Option<String>,
    partitions: BTreeMap<([u8; 16], i32), MemoryStorage>,
}

impl MemoryLogDir {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a crash of the machine does; see [`MemoryStorage::crash`].
    pub fn crash(&self, seed: u64) {
        for (at, storage) in self.lock().partitions.values().enumerate() {
            storage.crash(seed.wrapping_add(at as u64));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogDir for MemoryLogDir {
    fn load(&mut self) -> io::Result<Option<String>> {
        Ok(self.lock().metadata.clone())
    }

    fn save(&mut self, metadata: &str) -> io::Result<()> {
        self.lock().metadata = Some(metadata.to_owned());
        Ok(())
    }

    fn open(
        &mut self,
        _topic: &str,
        id: Uuid,
        partition: i32,
    ) -> io::Result<Option<Box<dyn Storage>>> {
        let storage = self
            .lock()
            .partitions
            .entry((id.0, partition))
            .or_default()
            .clone();
        Ok(Some(Box::new(storage)))
    }

    fn remove(&mut self, _topic: &str, id: Uuid, partition: i32) -> io::Result<()> {
        self.lock().partitions.remove(&(id.0, partition));
        Ok(())
    }
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiscardLogDir;

impl LogDir for DiscardLogDir {
    fn load(&mut self) -> io::Result<Option<String>> {
        Ok(None)
    }

    fn save(&mut self, _metadata: &str) -> io::Result<()> {
        Ok(())
    }

    fn open(
        &mut self,
        _topic: &str,
        _id: Uuid,
        _partition: i32,
    ) -> io::Result<Option<Box<dyn Storage>>> {
        Ok(None)
    }

    fn remove(&mut self, _topic: &str, _id: Uuid, _partition: i32) -> io::Result<()> {
        Ok(())
    }
}
