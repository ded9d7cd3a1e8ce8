//! What can go wrong while starting and asking Apache Kafka.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// A failure of the testbed, with its cause and, where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program that the testbed needs is not installed.
    #[error("{program} was not found: {remedy}")]
    ProgramMissing {
        /// The program's name.
        program: String,
        /// What to install or set.
        remedy: &'static str,
    },
    /// A program ran and failed.
    #[error("{what} failed with {status}:\n{output}")]
    Failed {
        /// What was to be done.
        what: String,
        /// How the program ended.
        status: ExitStatus,
        /// The last lines that it printed.
        output: String,
    },
    /// A program printed something unexpected.
    #[error("{what} printed something unexpected: {output}")]
    Unexpected {
        /// What was to be done.
        what: String,
        /// What was printed.
        output: String,
    },
    /// A file, process or socket could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A version that the project's pom does not know.
    #[error("Apache Kafka {0} is not among the versions of testbed/kafka/pom.xml: {known}", known = crate::VERSIONS.join(", "))]
    UnknownVersion(String),
    /// No loopback port is free in the range that the testbed uses.
    #[error("no free port between {first} and {last} on the loopback interface")]
    NoFreePort {
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
    },
    /// The node is not running, so it can't be signalled.
    #[error("node {0} is not running")]
    NotRunning(i32),
    /// The node is running already.
    #[error("node {0} is running already")]
    AlreadyRunning(i32),
    /// A node ended instead of starting.
    #[error("node {node} ended with {status} instead of starting; the end of its log:\n{log}")]
    NodeExited {
        /// The node's `node.id`.
        node: i32,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    /// A node did not answer, or did not end, within the time allowed.
    #[error("node {node} did not {what} within {after:?} ({reason}); the end of its log:\n{log}")]
    Deadline {
        /// The node's `node.id`.
        node: i32,
        /// What it was to do.
        what: &'static str,
        /// The time allowed.
        after: Duration,
        /// What it did instead.
        reason: String,
        /// The last lines of its log.
        log: String,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            what: what.into(),
            source,
        }
    }

    /// A program that could not be started: missing, or not executable.
    pub(crate) fn spawn(program: &str, remedy: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::ProgramMissing {
                program: program.to_owned(),
                remedy,
            },
            _ => Self::Io {
                what: format!("cannot run {program}"),
                source,
            },
        }
    }
}

/// The last `lines` lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
