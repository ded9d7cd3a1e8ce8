//! A disk that a test can fill up: a small tmpfs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::error::{Error, tail};

const BALLAST: &str = "ballast";

/// A mounted file system of limited size, unmounted with its content when it is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts a new one.
    ///
    /// # Errors
    /// Mounting needs root, and in a container the permission to do it.
    pub fn mount(bytes: u64) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("raban-testbed-").tempdir();
        let folder = folder.map_err(Error::io("cannot create a temporary folder"))?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o"])
            .arg(format!("size={bytes}"))
            .arg("raban-testbed")
            .arg(folder.path());
        let output = mount
            .output()
            .map_err(Error::spawn("mount", "install util-linux"))?;
        if output.status.success() {
            return Ok(Self { folder });
        }
        Err(Error::Failed {
            what: "mounting a tmpfs".to_owned(),
            status: output.status,
            output: tail(&String::from_utf8_lossy(&output.stderr), 5),
        })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all that is free.
    pub fn fill(&self) -> Result<(), Error> {
        let path = self.path().join(BALLAST);
        let filled = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(fill);
        filled.map_err(Error::io(format!("cannot write {}", path.display())))
    }

    /// Gives back what [`SmallDisk::fill`] took.
    pub fn free(&self) -> Result<(), Error> {
        let path = self.path().join(BALLAST);
        // Emptied first: a process that is just being spawned may hold the file open, and removing it would free nothing
        // yet.
        let emptied = File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(0));
        emptied
            .and_then(|()| fs::remove_file(&path))
            .map_err(Error::io(format!("cannot remove {}", path.display())))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A folder that stays mounted can't be removed, and that is all there is to tell.
        let _ = Command::new("umount")
            .args(["--lazy"])
            .arg(self.path())
            .status();
    }
}

fn fill(mut file: File) -> io::Result<()> {
    let zeros = vec![0; 64 << 10];
    for size in [zeros.len(), 1] {
        loop {
            match file.write_all(&zeros[..size]) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_takes_nothing_until_it_is_freed() {
        // Who may not mount has nothing to test here.
        let Ok(disk) = SmallDisk::mount(1 << 20) else {
            return;
        };
        let file = disk.path().join("file");
        disk.fill().unwrap();
        let error = fs::write(&file, "x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let held = File::open(disk.path().join(BALLAST)).unwrap();
        disk.free().unwrap();
        fs::write(&file, "x").unwrap();
        drop(held);
        let folder = disk.path().to_owned();
        drop(disk);
        assert!(!folder.exists());
    }
}
