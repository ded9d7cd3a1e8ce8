//! The same log on disk, and what failing storage does to it.
use std::io;

use bytes::Bytes;
use raban_log::{DiskStorage, FileEntry, LogError, MemoryStorage, Storage, SyncJob};

use crate::support::{batch, contents, numbered, open};

#[test]
fn a_log_on_disk_reads_back_after_it_was_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(DiskStorage::new(dir.path()));
    for value in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        log.append(&batch(&[value]), 7).unwrap();
    }
    let expected = numbered(0, &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    assert_eq!(contents(&mut log), expected);
    drop(log);
    let (mut log, recovery) = open(DiskStorage::new(dir.path()));
    assert_eq!((recovery.truncated, recovery.segments), (None, 2));
    assert_eq!(contents(&mut log), expected);
}

#[test]
fn other_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["partition.metadata", "00000000000000000000.index", "0.log"] {
        std::fs::write(dir.path().join(name), "x").unwrap();
    }
    let (mut log, recovery) = open(DiskStorage::new(dir.path()));
    assert_eq!(recovery.segments, 0);
    log.append(&batch(&["a"]), 7).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4);
}

/// Storage that is full, or whose disk fails.
struct Failing {
    inner: MemoryStorage,
    /// Appends that still succeed; the next one writes half of its bytes.
    appends: usize,
    truncates: bool,
    syncs: bool,
}

fn failure() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl Storage for Failing {
    fn list(&mut self) -> io::Result<Vec<FileEntry>> {
        self.inner.list()
    }
    fn create(&mut self, name: &str) -> io::Result<()> {
        self.inner.create(name)
    }
    fn append(&mut self, name: &str, parts: &[Bytes]) -> io::Result<()> {
        if self.appends == 0 {
            self.inner.append(name, &parts[..1])?;
            return Err(failure());
        }
        self.appends -= 1;
        self.inner.append(name, parts)
    }
    fn read_at(&mut self, name: &str, position: u64, len: usize) -> io::Result<Bytes> {
        self.inner.read_at(name, position, len)
    }
    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        if self.truncates {
            self.inner.truncate(name, len)
        } else {
            Err(failure())
        }
    }
    fn sync(&mut self, name: &str) -> io::Result<()> {
        if self.syncs {
            self.inner.sync(name)
        } else {
            Err(failure())
        }
    }
    fn sync_job(&mut self, name: &str) -> io::Result<SyncJob> {
        self.inner.sync_job(name)
    }
    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }
    fn replace(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.inner.replace(from, to)
    }
}

fn failing(appends: usize, truncates: bool, syncs: bool) -> Failing {
    Failing {
        inner: MemoryStorage::new(),
        appends,
        truncates,
        syncs,
    }
}

#[test]
fn a_failed_append_leaves_nothing_behind() {
    let storage = failing(1, true, true);
    let files = storage.inner.clone();
    let (mut log, _) = open(storage);
    log.append(&batch(&["a"]), 7).unwrap();
    let size = files.size();
    assert!(matches!(
        log.append(&batch(&["b"]), 7),
        Err(LogError::Io { .. })
    ));
    assert_eq!((files.size(), log.end_offset()), (size, 1));
    assert!(
        matches!(log.append(&batch(&["b"]), 7), Err(LogError::Io { .. })),
        "it is tried again"
    );
}

#[test]
fn a_log_whose_state_is_unknown_takes_no_more_records() {
    let (mut log, _) = open(failing(0, false, true));
    assert!(log.append(&batch(&["a"]), 7).is_err());
    assert!(matches!(
        log.append(&batch(&["a"]), 7),
        Err(LogError::Failed { .. })
    ));

    let (mut log, _) = open(failing(9, true, false));
    log.append(&batch(&["a"]), 7).unwrap();
    assert!(log.sync().is_err());
    assert!(matches!(
        log.append(&batch(&["a"]), 7),
        Err(LogError::Failed { .. })
    ));
    assert_eq!(contents(&mut log), numbered(0, &["a"]));
}
