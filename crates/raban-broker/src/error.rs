//! What can go wrong outside of a request.
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use raban_log::LogError;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::record_batch::BatchError;

/// A broker could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another broker runs on the data directory: use that one.
    #[error("a broker at {address} uses the data directory {}; use that broker or another directory", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// Where the other broker listens.
        address: SocketAddr,
    },
    /// Another process has locked the data directory, but doesn't say where it listens.
    #[error("another process has locked the data directory {}; wait for it to end or use another directory", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// The data directory can't be read or written.
    #[error("cannot use {} as data directory: {source}; choose a directory that may be written to", dir.display())]
    DataDir {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The metadata can't be read or written.
    #[error("cannot use the broker's metadata: {reason}")]
    Metadata {
        /// What is wrong.
        reason: String,
    },
    /// A partition's log can't be opened.
    #[error("cannot open the log of {topic}-{partition}: {source}")]
    Log {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// What is wrong.
        source: LogError,
    },
    /// The address can't be listened at.
    #[error(
        "cannot listen at {address}: {source}; choose another address, or port 0 for a free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A setting is out of range.
    #[error("{setting} is {value}, but must be {range}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        value: i64,
        /// What it may be.
        range: &'static str,
    },
    /// A thread or its event loop could not be started.
    #[error("cannot start the broker's thread: {0}")]
    Thread(io::Error),
}

/// A topic could not be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot create topic {topic:?}: {message}")]
pub struct TopicError {
    /// The topic's name.
    pub topic: String,
    /// The error that a client would get.
    pub code: ErrorCode,
    /// Why.
    pub message: String,
}

/// A topic's records could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// There is no such topic.
    #[error("there is no topic {0:?}")]
    UnknownTopic(String),
    /// The log could not be read.
    #[error("cannot read the log: {0}")]
    Log(#[from] LogError),
    /// A batch could not be unpacked.
    #[error("cannot unpack a batch: {0}")]
    Batch(#[from] BatchError),
}
