//! One node: its process, and what a test may do to it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io};

use super::{PATIENCE, ready};
use crate::error::{Error, tail};
use crate::jars::Jars;
use crate::port::Port;
use crate::process::{Process, Signal};

/// A shell's exit status when the program to run doesn't exist.
const NOT_FOUND: i32 = 127;

/// Who a node is.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) node_id: i32,
    /// 16 bytes in Base64, as Kafka's own.
    pub(super) cluster_id: String,
}

/// A node's three ports, reserved while the cluster lives.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) client: Port,
    pub(super) internal: Port,
    pub(super) controller: Port,
}

impl Ports {
    pub(super) fn reserve() -> Result<Self, Error> {
        Ok(Self {
            client: Port::reserve()?,
            internal: Port::reserve()?,
            controller: Port::reserve()?,
        })
    }
}

/// How much memory a node's JVM may use.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heap {
    /// The only node of its cluster.
    Single,
    /// One of several.
    Shared,
}

/// One node of a [`Kafka`](crate::Kafka) cluster, running or not.
#[derive(Debug)]
pub struct Node {
    id: i32,
    cluster_id: String,
    ports: Ports,
    folder: PathBuf,
    log_dir: PathBuf,
    removable: Option<PathBuf>,
    jars: Jars,
    heap: Heap,
    process: Mutex<Option<Process>>,
}

impl Node {
    pub(super) fn new(
        identity: Identity,
        ports: Ports,
        folder: PathBuf,
        log_dir: PathBuf,
        removable: Option<PathBuf>,
        jars: Jars,
        heap: Heap,
    ) -> Self {
        Self {
            id: identity.node_id,
            cluster_id: identity.cluster_id,
            ports,
            folder,
            log_dir,
            removable,
            jars,
            heap,
            process: Mutex::new(None),
        }
    }

    /// The node's `node.id`.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Where the node listens for clients under test; behind its proxy, if it has one.
    pub fn address(&self) -> SocketAddr {
        self.ports.client.address()
    }

    /// Where the node listens for other nodes and for the testbed's own tools.
    pub fn direct_address(&self) -> SocketAddr {
        self.ports.internal.address()
    }

    /// The folder with the partitions' logs.
    pub fn log_dir(&self) -> &Path {
        &self.log_dir
    }

    /// The process id of the node's JVM, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(Process::pid)
    }

    /// The last lines that the node logged.
    pub fn log_tail(&self, lines: usize) -> String {
        let bytes = fs::read(self.log()).unwrap_or_default();
        tail(&String::from_utf8_lossy(&bytes), lines)
    }

    /// Shuts the node down in order (SIGTERM) and waits for its end. A paused node is resumed first.
    pub fn stop(&self) -> Result<(), Error> {
        self.end(Signal::Term)
    }

    /// Kills the node (SIGKILL) and waits for its end.
    pub fn kill(&self) -> Result<(), Error> {
        self.end(Signal::Kill)
    }

    /// Waits for a node that ends by itself, as it does when its disk is full.
    pub fn wait_end(&self, timeout: Duration) -> Result<(), Error> {
        let mut guard = self.locked();
        if let Some(process) = guard.as_ref()
            && process.wait(timeout).is_none()
        {
            return Err(self.late("end by itself", timeout, "it still runs".to_owned()));
        }
        *guard = None;
        Ok(())
    }

    /// Halts the node (SIGSTOP): its connections stay open, nothing is answered.
    pub fn pause(&self) -> Result<(), Error> {
        self.signal(Signal::Stop)
    }

    /// Lets a paused node run on (SIGCONT).
    pub fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::Cont)
    }

    /// Starts a node that was stopped or killed, on its old ports and data, and returns once it answers and is part of
    /// the cluster. That needs a majority of the nodes: where more are down, use [`Node::spawn`].
    pub fn start(&self) -> Result<(), Error> {
        self.spawn()?;
        self.wait_started()
    }

    /// [`Node::stop`], then [`Node::start`].
    pub fn restart(&self) -> Result<(), Error> {
        self.stop()?;
        self.start()
    }

    /// Starts the node and doesn't wait.
    pub fn spawn(&self) -> Result<(), Error> {
        let mut process = self.running();
        if process.is_some() {
            return Err(Error::AlreadyRunning(self.id));
        }
        let program = Jars::java_program();
        let started = Process::start(
            &program,
            self.java_args(),
            &self.log(),
            self.removable.as_deref(),
        );
        *process = Some(started.map_err(Error::spawn(
            "sh",
            "the testbed needs a POSIX shell on PATH",
        ))?);
        Ok(())
    }

    /// Waits until a node that was [spawned](Node::spawn) answers and is part of the cluster.
    pub fn wait_started(&self) -> Result<(), Error> {
        self.wait_ready(1, Instant::now() + PATIENCE)
    }

    /// Waits until the node answers and knows `nodes` nodes, itself among them.
    pub(super) fn wait_ready(&self, nodes: usize, deadline: Instant) -> Result<(), Error> {
        let began = Instant::now();
        loop {
            let reason = match ready::probe(self.id, self.address(), self.direct_address(), nodes) {
                Ok(()) => return Ok(()),
                Err(reason) => reason,
            };
            let status = self.locked().as_ref().and_then(Process::exit_status);
            if let Some(status) = status {
                if status.code() == Some(NOT_FOUND) {
                    return Err(Jars::java_missing()(io::ErrorKind::NotFound.into()));
                }
                return Err(Error::NodeExited {
                    node: self.id,
                    status,
                    log: self.log_tail(30),
                });
            }
            if Instant::now() >= deadline {
                return Err(self.late("start", began.elapsed(), reason));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(&self, signal: Signal) -> Result<(), Error> {
        let mut guard = self.running();
        let Some(process) = guard.as_mut() else {
            return Err(Error::NotRunning(self.id));
        };
        process.signal(signal);
        process.signal(Signal::Cont);
        if process.wait(PATIENCE).is_none() {
            return Err(self.late("end", PATIENCE, "it still runs".to_owned()));
        }
        *guard = None;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        match self
            .running()
            .as_mut()
            .is_some_and(|process| process.signal(signal))
        {
            true => Ok(()),
            false => Err(Error::NotRunning(self.id)),
        }
    }

    fn java_args(&self) -> Vec<String> {
        let mut args: Vec<String> = match self.heap {
            Heap::Single => vec!["-Xmx512m".to_owned()],
            Heap::Shared => vec!["-Xmx384m".to_owned()],
        };
        // The quick compiler and collector: a node lives for seconds and shares its cores with the test.
        args.extend(
            [
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Djava.awt.headless=true",
            ]
            .map(str::to_owned),
        );
        args.extend(
            [
                "showDateTime=true",
                "log.org.apache.kafka.common.config=warn",
            ]
            .map(simple_logger),
        );
        args.extend(self.jars.java_args());
        args.push("KafkaNode".to_owned());
        args.push(self.folder.join("server.properties").display().to_string());
        args.push(self.cluster_id.clone());
        args
    }

    fn log(&self) -> PathBuf {
        Path::new(&self.folder).join("server.log")
    }

    fn late(&self, what: &'static str, after: Duration, reason: String) -> Error {
        Error::Deadline {
            node: self.id,
            what,
            after,
            reason,
            log: self.log_tail(30),
        }
    }

    /// The process, unless it has ended by itself.
    fn running(&self) -> MutexGuard<'_, Option<Process>> {
        let mut guard = self.locked();
        if guard
            .as_ref()
            .is_some_and(|process| process.exit_status().is_some())
        {
            *guard = None;
        }
        guard
    }

    fn locked(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn simple_logger(setting: &str) -> String {
    format!("-Dorg.slf4j.simpleLogger.{setting}")
}
