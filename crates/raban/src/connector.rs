//! Makes connections: resolves a name anew each time, and tries its addresses in turn.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raban_core::config::Address;
use raban_core::{Config, ConnectError};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::resolver::{Resolve, SystemResolver, canonical_addresses};
use crate::transport::Stream;

/// What to set on a socket; `None` leaves it to the system.
#[derive(Debug, Clone, Copy, Default)]
struct SocketOptions {
    send_buffer: Option<u32>,
    receive_buffer: Option<u32>,
}

impl SocketOptions {
    fn of(config: &Config) -> Self {
        let size =
            |bytes: Option<usize>| bytes.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
        Self {
            send_buffer: size(config.send_buffer),
            receive_buffer: size(config.receive_buffer),
        }
    }
}

/// One client's way to connections. Clones share what they remember of names.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    options: SocketOptions,
    resolver: Arc<dyn Resolve>,
    /// For each name with several addresses the one that the latest connection went to.
    used: Arc<Mutex<BTreeMap<Address, SocketAddr>>>,
}

impl Connector {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            options: SocketOptions::of(config),
            resolver: Arc::new(SystemResolver),
            used: Arc::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// Connects to one of the addresses of `target`, or with `canonical` of their canonical names. Resolving, and each
    /// attempt, may take `setup_timeout`. The address that was used last comes last: whoever lost a connection goes to
    /// another broker behind the same name first. The error tells what each address answered.
    pub(crate) async fn connect(
        self,
        target: Address,
        canonical: bool,
        setup_timeout: Duration,
    ) -> Result<Stream, ConnectError> {
        let late =
            || format!("no answer within socket.connection.setup.timeout.ms ({setup_timeout:?})");
        let resolved = timeout(setup_timeout, self.resolve(target.clone(), canonical)).await;
        let mut addresses = match resolved {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error)) => return Err(ConnectError::Unresolved(error.to_string())),
            Err(_) => return Err(ConnectError::Unresolved(late())),
        };
        self.put_used_last(&target, &mut addresses);
        let mut errors = Vec::new();
        for address in &addresses {
            let error = match timeout(setup_timeout, open(*address, self.options)).await {
                Ok(Ok(stream)) => {
                    self.note_used(target, *address, addresses.len());
                    return Ok(Stream::Plain(stream));
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => late(),
            };
            errors.push(match addresses.len() {
                1 if address.ip().to_string() == target.host => error,
                _ => format!("{address}: {error}"),
            });
        }
        match errors.is_empty() {
            true => Err(ConnectError::Unresolved("it has no address".to_owned())),
            false => Err(ConnectError::Unreachable(errors.join("; "))),
        }
    }

    async fn resolve(&self, target: Address, canonical: bool) -> io::Result<Vec<SocketAddr>> {
        let Address { host, port } = target;
        if let (Ok(ip), false) = (host.parse::<IpAddr>(), canonical) {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let resolver = Arc::clone(&self.resolver);
        let lookup = spawn_blocking(move || match canonical {
            true => canonical_addresses(&*resolver, &host, port),
            false => resolver.addresses(&host, port),
        });
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in lookup.await.map_err(io::Error::other)?? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }

    fn used(&self) -> MutexGuard<'_, BTreeMap<Address, SocketAddr>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_used_last(&self, target: &Address, addresses: &mut [SocketAddr]) {
        let used = self.used().get(target).copied();
        let at = addresses.iter().position(|address| Some(*address) == used);
        if let Some(at) = at {
            addresses.rotate_left(at + 1);
        }
    }

    fn note_used(&self, target: Address, address: SocketAddr, of: usize) {
        match of {
            1 => self.used().remove(&target),
            _ => self.used().insert(target, address),
        };
    }
}

async fn open(address: SocketAddr, options: SocketOptions) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(size) = options.send_buffer {
        socket.set_send_buffer_size(size)?;
    }
    if let Some(size) = options.receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    socket.set_nodelay(true)?;
    socket.set_keepalive(true)?;
    socket.connect(address).await
}

// Only Linux has all of 127.0.0.0/8 on its loopback interface without setting it up.
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
