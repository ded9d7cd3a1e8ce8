//! Files in a directory of the file system.
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};

use super::{FileEntry, Storage, SyncJob};

/// Open files kept per directory: the segment written to and those that readers are in.
const OPEN_FILES: usize = 4;

/// A directory on disk.
#[derive(Debug)]
pub struct DiskStorage {
    dir: PathBuf,
    /// Files opened last come last.
    open: Vec<(String, File)>,
}

impl DiskStorage {
    /// Uses the directory `dir`, which is created when the first file is.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            open: Vec::new(),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        match self.open.iter().position(|(open, _)| open == name) {
            Some(at) if at + 1 == self.open.len() => {}
            Some(at) => {
                let entry = self.open.remove(at);
                self.open.push(entry);
            }
            None => {
                let file = OpenOptions::new()
                    .read(true)
                    .append(true)
                    .open(self.dir.join(name))?;
                self.keep(name, file);
            }
        }
        let (_, file) = self.open.last_mut().expect("a file was put last just now");
        Ok(file)
    }

    fn keep(&mut self, name: &str, file: File) {
        if self.open.len() == OPEN_FILES {
            self.open.remove(0);
        }
        self.open.push((name.to_owned(), file));
    }

    fn sync_dir(&self) -> io::Result<()> {
        sync_directory(&self.dir)
    }
}

impl Storage for DiskStorage {
    fn list(&mut self) -> io::Result<Vec<FileEntry>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                files.push(FileEntry {
                    name,
                    len: metadata.len(),
                });
            }
        }
        Ok(files)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        if !self.dir.is_dir() {
            fs::create_dir_all(&self.dir)?;
            if let Some(parent) = self.dir.parent() {
                sync_directory(parent)?;
            }
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .open(self.dir.join(name))?;
        self.keep(name, file);
        self.sync_dir()
    }

    fn append(&mut self, name: &str, parts: &[Bytes]) -> io::Result<()> {
        write_all_vectored(self.file(name)?, parts)
    }

    fn read_at(&mut self, name: &str, position: u64, len: usize) -> io::Result<Bytes> {
        let mut buffer = BytesMut::zeroed(len);
        read_exact_at(self.file(name)?, &mut buffer, position)?;
        Ok(buffer.freeze())
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.file(name)?.set_len(len)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_data()
    }

    fn sync_job(&mut self, name: &str) -> io::Result<SyncJob> {
        let file = self.file(name)?.try_clone()?;
        Ok(Box::new(move || file.sync_data()))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open.retain(|(open, _)| open != name);
        fs::remove_file(self.dir.join(name))?;
        self.sync_dir()
    }

    fn replace(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.open.retain(|(open, _)| open != from && open != to);
        fs::rename(self.dir.join(from), self.dir.join(to))?;
        self.sync_dir()
    }
}

/// Makes the names in a directory durable. Elsewhere than on Unix a directory can't be opened and needs no sync.
fn sync_directory(dir: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let dir = if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            dir
        };
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

fn write_all_vectored(file: &mut File, parts: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let mut left = slices.as_mut_slice();
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    // Writes append whatever the cursor says, so moving it is harmless.
    file.seek(SeekFrom::Start(position))?;
    file.read_exact(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_read_cut_and_listed() {
        let dir = tempfile::tempdir().unwrap();
        let mut storage = DiskStorage::new(dir.path().join("a/b"));
        assert!(storage.list().unwrap().is_empty());
        for name in ["1", "2", "3", "4", "5", "6"] {
            storage.create(name).unwrap();
        }
        assert!(storage.create("1").is_err());
        let parts = [
            Bytes::from_static(b"ab"),
            Bytes::new(),
            Bytes::from_static(b"cde"),
        ];
        storage.append("1", &parts).unwrap();
        storage.append("1", &[Bytes::from_static(b"f")]).unwrap();
        assert_eq!(storage.read_at("1", 1, 5).unwrap(), "bcdef");
        let error = storage.read_at("1", 1, 6).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        storage.truncate("1", 2).unwrap();
        storage.append("1", &[Bytes::from_static(b"x")]).unwrap();
        assert_eq!(storage.read_at("1", 0, 3).unwrap(), "abx");
        storage.sync("1").unwrap();
        storage.sync_job("1").unwrap()().unwrap();
        storage.remove("2").unwrap();
        storage.replace("1", "3").unwrap();
        storage.replace("3", "1").unwrap();
        assert_eq!(storage.read_at("1", 0, 3).unwrap(), "abx");
        let mut files = storage.list().unwrap();
        files.sort();
        assert_eq!(files.len(), 4);
        assert_eq!((files[0].name.as_str(), files[0].len), ("1", 3));
    }
}
