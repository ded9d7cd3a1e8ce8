//! Where segments live: a flat directory of append-only files.
use std::io;

use bytes::Bytes;

pub(crate) mod disk;
pub(crate) mod memory;

/// A sync that may run on any thread. It covers all bytes that were appended before it was made.
pub type SyncJob = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// A file in a [`Storage`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileEntry {
    /// Its name, without directory.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
}

/// A directory of append-only files.
///
/// Appended bytes survive a crash of the process at once, and a crash of the machine after a sync; the names of files, as
/// [`create`](Self::create), [`remove`](Self::remove) and [`replace`](Self::replace) leave them, survive both when the call returns.
pub trait Storage: Send {
    /// All files, in any order.
    fn list(&mut self) -> io::Result<Vec<FileEntry>>;
    /// Creates an empty file; one that exists is an error.
    fn create(&mut self, name: &str) -> io::Result<()>;
    /// Appends `parts`, one after the other, to a file. After an error any prefix of them may have been written.
    fn append(&mut self, name: &str, parts: &[Bytes]) -> io::Result<()>;
    /// Reads exactly `len` bytes from `position`; a shorter file is [`io::ErrorKind::UnexpectedEof`].
    fn read_at(&mut self, name: &str, position: u64, len: usize) -> io::Result<Bytes>;
    /// Cuts a file to `len` bytes. Not durable before the next sync.
    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()>;
    /// Makes all bytes of a file durable.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// The same as a job for another thread, so that appends go on meanwhile.
    fn sync_job(&mut self, name: &str) -> io::Result<SyncJob>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Gives the file `from` the name `to`, whose file goes: after a crash there is the one or the other.
    fn replace(&mut self, from: &str, to: &str) -> io::Result<()>;
}

impl<S: Storage + ?Sized> Storage for Box<S> {
    fn list(&mut self) -> io::Result<Vec<FileEntry>> {
        (**self).list()
    }
    fn create(&mut self, name: &str) -> io::Result<()> {
        (**self).create(name)
    }
    fn append(&mut self, name: &str, parts: &[Bytes]) -> io::Result<()> {
        (**self).append(name, parts)
    }
    fn read_at(&mut self, name: &str, position: u64, len: usize) -> io::Result<Bytes> {
        (**self).read_at(name, position, len)
    }
    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        (**self).truncate(name, len)
    }
    fn sync(&mut self, name: &str) -> io::Result<()> {
        (**self).sync(name)
    }
    fn sync_job(&mut self, name: &str) -> io::Result<SyncJob> {
        (**self).sync_job(name)
    }
    fn remove(&mut self, name: &str) -> io::Result<()> {
        (**self).remove(name)
    }
    fn replace(&mut self, from: &str, to: &str) -> io::Result<()> {
        (**self).replace(from, to)
    }
}
