//! Reserves loopback ports that stay free while a node that owns one is down.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::Error;

// Below the ports that Linux and macOS hand out by themselves: an outgoing connection never takes the port of a
// node that is down.
const FIRST: u16 = 20_000;
const LAST: u16 = 29_999;

/// A port that no other testbed, in this process or another, uses while this value lives.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    pub(crate) fn reserve() -> Result<Self, Error> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let folder = folder();
        fs::create_dir_all(&folder)
            .map_err(Error::io(format!("cannot create {}", folder.display())))?;
        let count = u32::from(LAST - FIRST) + 1;
        let spread = process::id().wrapping_mul(97) % count;
        for _ in 0..count {
            let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
            let offset =
                u16::try_from((spread + step) % count).expect("the range is smaller than u16");
            let number = FIRST + offset;
            let path = folder.join(number.to_string());
            let Ok(lock) = File::options()
                .create(true)
                .write(true)
                .truncate(false)
                .open(path)
            else {
                continue;
            };
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self {
                    number,
                    _lock: lock,
                });
            }
        }
        Err(Error::NoFreePort {
            first: FIRST,
            last: LAST,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.number))
    }
}

/// One folder of lock files for everybody on the machine who shares the temporary folder and the user name.
fn folder() -> PathBuf {
    let user = std::env::var("USER").unwrap_or_else(|_| "nobody".to_owned());
    std::env::temp_dir().join(format!("raban-testbed-ports-{user}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reservations_differ() {
        let one = Port::reserve().unwrap();
        let other = Port::reserve().unwrap();
        assert_ne!(one.address(), other.address());
        assert!((FIRST..=LAST).contains(&one.address().port()));
    }
}
