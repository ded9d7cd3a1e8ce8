//! A TCP proxy that understands Kafka's frames and fails on demand.

mod connection;
mod frame;
mod listener;
mod observed;
mod rule;
mod state;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use frame::ApiKey;
pub use observed::{Observed, WaitTimeout};
pub use rule::{Direction, Rule, RuleBuilder, RuleId};

use crate::port::Port;
use listener::Command;
use state::State;

/// What the proxy does with new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepting {
    /// Accepts them and connects to the target.
    Forward,
    /// Closes the port: connecting is refused.
    Refuse,
    /// Leaves them in the kernel's backlog: connecting succeeds, nothing is ever answered.
    Stall,
}

/// A proxy on a loopback port of its own, in front of one broker.
///
/// It passes on whole frames, in order, and applies to each the first [`Rule`] that fits. Bytes that aren't Kafka's
/// frames, such as TLS, pass as they are. Rules may be added and removed at any time; a rule added while a frame is on
/// its way may miss it. Dropping the proxy closes its port and connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    commands: tokio::sync::mpsc::UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
    _port: Port,
}

impl Proxy {
    /// Starts a proxy in front of `target`, which needn't be up yet.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        let port = Port::reserve().map_err(io::Error::other)?;
        let address = port.address();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let state = Arc::new(State::new(target));
        let (commands, received) = tokio::sync::mpsc::unbounded_channel();
        let listener = runtime.block_on(listener::Listener::bind(
            address,
            Arc::clone(&state),
            received,
        ))?;
        let thread = thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || runtime.block_on(listener.run()))?;
        Ok(Self {
            address,
            state,
            commands,
            thread: Some(thread),
            _port: port,
        })
    }

    /// Where the proxy listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends new connections to another broker.
    pub fn set_target(&self, target: SocketAddr) {
        self.state.set_target(target);
    }

    /// Adds a rule; of several that fit a frame, the one added first applies.
    pub fn add(&self, rule: Rule) -> RuleId {
        self.state.add_rule(rule)
    }

    /// Removes a rule and lets go of what it holds. Removing it twice does nothing.
    pub fn remove(&self, rule: RuleId) {
        self.state.remove_rule(rule);
    }

    /// Removes all rules and lets go of what they hold.
    pub fn clear(&self) {
        self.state.clear_rules();
    }

    /// How many frames a rule was applied to.
    pub fn hits(&self, rule: RuleId) -> u64 {
        self.state.hits(rule)
    }

    /// Waits until a rule was applied to at least `hits` frames.
    pub fn wait_hits(
        &self,
        rule: RuleId,
        hits: u64,
        timeout: Duration,
    ) -> Result<Observed, WaitTimeout> {
        self.state
            .wait_until(timeout, |state| state.hits(rule) >= hits)
    }

    /// What went through so far.
    pub fn observed(&self) -> Observed {
        self.state.observed()
    }

    /// Waits until `condition` holds for what went through.
    pub fn wait_until(
        &self,
        timeout: Duration,
        mut condition: impl FnMut(&Observed) -> bool,
    ) -> Result<Observed, WaitTimeout> {
        self.state
            .wait_until(timeout, |state| condition(&state.observed))
    }

    /// Resets all open connections now and returns their number, once they are gone: clients see a reset, the target an
    /// orderly close after what was forwarded.
    pub fn cut_all(&self) -> usize {
        self.state.cut_all()
    }

    /// What to do with new connections from now on. Open connections stay.
    ///
    /// # Errors
    /// If the port, closed by [`Accepting::Refuse`], can't be opened again.
    pub fn set_accepting(&self, accepting: Accepting) -> io::Result<()> {
        let (done, wait) = mpsc::channel();
        let sent = self.commands.send(Command::Accepting(accepting, done));
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        wait.recv().map_err(|_| io::ErrorKind::BrokenPipe)?
    }

    /// Limits each connection to so many bytes per second in one direction; `None` lifts the limit.
    ///
    /// # Panics
    /// If the limit is 0: to stop the flow, add a rule that holds.
    pub fn set_throughput(&self, direction: Direction, bytes_per_second: Option<u64>) {
        assert_ne!(
            bytes_per_second,
            Some(0),
            "a throughput of 0 bytes per second never ends"
        );
        self.state
            .set_throughput(direction, bytes_per_second.unwrap_or(0));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Either may be gone already, and then there is nothing to end.
        let _ = self.commands.send(Command::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
