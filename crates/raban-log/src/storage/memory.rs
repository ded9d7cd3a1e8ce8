//! Files in memory that can crash: unsynced bytes are lost or torn.
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};

use super::{FileEntry, Storage, SyncJob};

/// Bytes that a disk writes together.
const SECTOR: u64 = 512;
/// Chunks grow with their file from this size …
const MIN_CHUNK: usize = 4 << 10;
/// … to this one, which bounds what a file may waste.
const MAX_CHUNK: usize = 1 << 20;

/// A directory in memory. Clones share the files, so that one can crash and reopen what another one writes.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    files: Arc<Mutex<BTreeMap<String, MemoryFile>>>,
}

#[derive(Debug, Default)]
struct MemoryFile {
    /// Start and content. Each is filled to its capacity before the next one is added; none is ever reallocated.
    chunks: Vec<(u64, Vec<u8>)>,
    len: u64,
    synced: u64,
}

impl MemoryStorage {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a crash of the machine does: of each file's unsynced bytes, a part chosen by `seed` survives, and some of
    /// that part may be garbage, in whole sectors as a disk writes them. Logs that were open on these files must be opened again.
    pub fn crash(&self, seed: u64) {
        let mut random = SplitMix(seed);
        for file in self.lock().values_mut() {
            let kept = file.synced + random.below(file.len - file.synced + 1);
            file.truncate(kept);
            let torn = kept - file.synced;
            if torn > 0 && random.below(2) == 0 {
                let from = file.synced + random.below(torn);
                let to = from + 1 + random.below(kept - from);
                let from = (from / SECTOR * SECTOR).max(file.synced);
                let to = to.next_multiple_of(SECTOR).min(kept);
                let zeros = random.below(2) == 0;
                file.overwrite(from, to, || if zeros { 0 } else { random.next() as u8 });
            }
            file.synced = kept;
        }
    }

    /// Bytes held in all files.
    pub fn size(&self) -> u64 {
        self.lock().values().map(|file| file.len).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, MemoryFile>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(
        &self,
        name: &str,
        job: impl FnOnce(&mut MemoryFile) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut files = self.lock();
        let file = files.get_mut(name);
        job(file.ok_or(io::ErrorKind::NotFound)?)
    }
}

impl MemoryFile {
    fn append(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let room = match self.chunks.last() {
                Some((_, chunk)) => chunk.capacity() - chunk.len(),
                None => 0,
            };
            if room == 0 {
                let capacity = (self.len as usize).clamp(MIN_CHUNK, MAX_CHUNK);
                self.chunks.push((self.len, Vec::with_capacity(capacity)));
                continue;
            }
            let (now, later) = data.split_at(room.min(data.len()));
            if let Some((_, chunk)) = self.chunks.last_mut() {
                chunk.extend_from_slice(now);
            }
            self.len += now.len() as u64;
            data = later;
        }
    }

    /// Index of the chunk that holds `position`, which is less than the file's length.
    fn chunk_at(&self, position: u64) -> usize {
        self.chunks.partition_point(|(start, _)| *start <= position) - 1
    }

    fn read(&self, position: u64, len: usize) -> io::Result<Bytes> {
        if position
            .checked_add(len as u64)
            .is_none_or(|end| end > self.len)
        {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut out = BytesMut::with_capacity(len);
        if len > 0 {
            for (start, chunk) in &self.chunks[self.chunk_at(position)..] {
                let skip = position.saturating_sub(*start) as usize;
                let take = (chunk.len() - skip).min(len - out.len());
                out.put_slice(&chunk[skip..skip + take]);
                if out.len() == len {
                    break;
                }
            }
        }
        Ok(out.freeze())
    }

    fn truncate(&mut self, len: u64) {
        if len >= self.len {
            return;
        }
        self.chunks.retain(|(start, _)| *start < len);
        if let Some((start, chunk)) = self.chunks.last_mut() {
            chunk.truncate((len - *start) as usize);
        }
        self.len = len;
        self.synced = self.synced.min(len);
    }

    fn overwrite(&mut self, from: u64, to: u64, mut byte: impl FnMut() -> u8) {
        for position in from..to {
            let at = self.chunk_at(position);
            let (start, chunk) = &mut self.chunks[at];
            chunk[(position - *start) as usize] = byte();
        }
    }
}

impl Storage for MemoryStorage {
    fn list(&mut self) -> io::Result<Vec<FileEntry>> {
        let files = self.lock();
        let entry = |(name, file): (&String, &MemoryFile)| FileEntry {
            name: name.clone(),
            len: file.len,
        };
        Ok(files.iter().map(entry).collect())
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let mut files = self.lock();
        if files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        files.insert(name.to_owned(), MemoryFile::default());
        Ok(())
    }

    fn append(&mut self, name: &str, parts: &[Bytes]) -> io::Result<()> {
        self.with(name, |file| {
            parts.iter().for_each(|part| file.append(part));
            Ok(())
        })
    }

    fn read_at(&mut self, name: &str, position: u64, len: usize) -> io::Result<Bytes> {
        self.with(name, |file| file.read(position, len))
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.with(name, |file| {
            file.truncate(len);
            Ok(())
        })
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.with(name, |file| {
            file.synced = file.len;
            Ok(())
        })
    }

    fn sync_job(&mut self, name: &str) -> io::Result<SyncJob> {
        let len = self.with(name, |file| Ok(file.len))?;
        let (storage, name) = (self.clone(), name.to_owned());
        Ok(Box::new(move || {
            storage.with(&name, |file| {
                file.synced = file.synced.max(len.min(file.len));
                Ok(())
            })
        }))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.lock().remove(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(())
    }

    fn replace(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.lock();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }
}

/// SplitMix64: small, seeded, good enough to choose where files tear.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 if `bound` is 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_with_the_file_and_read_back() {
        let mut storage = MemoryStorage::new();
        storage.create("f").unwrap();
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
        for part in data.chunks(1000) {
            storage
                .append("f", &[Bytes::copy_from_slice(part)])
                .unwrap();
        }
        assert_eq!(storage.size(), data.len() as u64);
        for (position, len) in [
            (0, 10),
            (4090, 20),
            (1_000_000, 1_500_000),
            (2_999_999, 1),
            (3_000_000, 0),
        ] {
            let read = storage.read_at("f", position as u64, len).unwrap();
            assert_eq!(read, data[position..position + len]);
        }
        assert!(storage.read_at("f", 2_999_999, 2).is_err());
        assert!(storage.read_at("f", u64::MAX, 2).is_err());
        storage.truncate("f", 5000).unwrap();
        storage.append("f", &[Bytes::from_static(b"end")]).unwrap();
        assert_eq!(storage.read_at("f", 4999, 4).unwrap()[1..], *b"end");
    }

    #[test]
    fn a_crash_keeps_what_was_synced_and_replays_by_its_seed() {
        for seed in 0..200 {
            let crashed = |seed| {
                let mut storage = MemoryStorage::new();
                storage.create("f").unwrap();
                storage
                    .append("f", &[Bytes::from(vec![1; 10_000])])
                    .unwrap();
                storage.sync("f").unwrap();
                storage
                    .append("f", &[Bytes::from(vec![2; 10_000])])
                    .unwrap();
                storage.crash(seed);
                let len = storage.size() as usize;
                storage.read_at("f", 0, len).unwrap()
            };
            let left = crashed(seed);
            assert_eq!(left[..10_000], [1; 10_000]);
            assert_eq!(left, crashed(seed));
        }
    }
}
