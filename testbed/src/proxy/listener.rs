//! A proxy's port: open, closed or unattended as its owner says.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use super::state::State;
use super::{Accepting, connection};

/// How long a port may stay taken by others.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a proxy's owner asks of its thread.
#[derive(Debug)]
pub(super) enum Command {
    Accepting(Accepting, mpsc::Sender<io::Result<()>>),
    End,
}

pub(super) struct Listener {
    address: SocketAddr,
    state: Arc<State>,
    commands: UnboundedReceiver<Command>,
    accepting: Accepting,
    socket: Option<TcpListener>,
    connections: JoinSet<()>,
}

impl Listener {
    pub(super) async fn bind(
        address: SocketAddr,
        state: Arc<State>,
        commands: UnboundedReceiver<Command>,
    ) -> io::Result<Self> {
        let socket = Some(bind(address).await?);
        let accepting = Accepting::Forward;
        let connections = JoinSet::new();
        Ok(Self {
            address,
            state,
            commands,
            accepting,
            socket,
            connections,
        })
    }

    /// Accepts connections until its owner is gone.
    pub(super) async fn run(mut self) {
        loop {
            let attended = self.accepting == Accepting::Forward;
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Accepting(accepting, done)) => {
                        // The owner waits for the answer; if it no longer does, nobody needs it.
                        let _ = done.send(self.set_accepting(accepting).await);
                    }
                    Some(Command::End) | None => return,
                },
                accepted = accept(self.socket.as_ref()), if attended => {
                    // An error here is of the one connection that went away before it was accepted.
                    if let Ok(client) = accepted {
                        self.serve(client);
                    }
                }
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    async fn set_accepting(&mut self, accepting: Accepting) -> io::Result<()> {
        match accepting {
            Accepting::Refuse => self.close()?,
            Accepting::Forward | Accepting::Stall if self.socket.is_none() => {
                self.socket = Some(bind(self.address).await?);
            }
            Accepting::Forward | Accepting::Stall => {}
        }
        self.accepting = accepting;
        Ok(())
    }

    /// Closes the port. Clients that had connected by then are served, unless they were to be left alone: closing
    /// resets whoever is still in the backlog.
    fn close(&mut self) -> io::Result<()> {
        let Some(socket) = self.socket.take() else {
            return Ok(());
        };
        let socket = socket.into_std()?;
        while self.accepting == Accepting::Forward {
            let Ok((client, _)) = socket.accept() else {
                break;
            };
            client.set_nonblocking(true)?;
            self.serve(TcpStream::from_std(client)?);
        }
        Ok(())
    }

    fn serve(&mut self, client: TcpStream) {
        self.connections
            .spawn(connection::serve(client, Arc::clone(&self.state)));
    }
}

/// The port is the proxy's alone. But a process that was forked while a listener on it was open has that, too, until it runs a
/// program of its own.
async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let until = Instant::now() + PATIENCE;
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            bound => return bound,
        }
    }
}

async fn accept(socket: Option<&TcpListener>) -> io::Result<TcpStream> {
    match socket {
        Some(socket) => socket.accept().await.map(|(client, _)| client),
        None => std::future::pending().await,
    }
}
