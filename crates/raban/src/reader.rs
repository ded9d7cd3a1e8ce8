//! Reads a topic's records back: for tools and tests, without groups and without committed offsets.

mod follow;
mod plan;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raban_core::config::Settings;
use raban_core::{Cause, Header};
use raban_protocol::error_code::ErrorCode;
use tokio::sync::mpsc;

use crate::blocking::{block_on, block_on_timeout};
use crate::builder::{Builder, StartError};
use crate::client::{self, Client};

/// Reads a topic's records, each partition in order. Connections live on a thread of its own; at
/// most a few batches are held in memory.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use raban::Reader;
///
/// let mut reader = Reader::builder("hello")
///     .bootstrap_servers("localhost:9092")
///     .from_beginning()
///     .exit_at_end()
///     .open()?;
/// while let Some(record) = reader.blocking_next()? {
///     println!("{}@{}: {:?}", record.partition, record.offset, record.value);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reader {
    chunks: mpsc::Receiver<Chunk>,
    ready: std::vec::IntoIter<ReadRecord>,
    done: bool,
}

/// Some records of one partition, or the error that ends the reading.
type Chunk = Result<Vec<ReadRecord>, ReadError>;

impl Reader {
    /// A reader of this topic, to be told where to read and from where.
    pub fn builder(topic: impl Into<String>) -> ReaderBuilder {
        ReaderBuilder {
            topic: topic.into(),
            settings: Builder::default(),
            partition: None,
            start: Start::End,
            exit_at_end: false,
        }
    }

    /// The next record; `None` when all partitions' ends are reached and
    /// [`exit_at_end`](ReaderBuilder::exit_at_end) was asked for. Dropping the future loses nothing.
    ///
    /// # Errors
    /// What ended the reading; nothing comes after it.
    pub async fn next(&mut self) -> Result<Option<ReadRecord>, ReadError> {
        loop {
            if let Some(record) = self.ready.next() {
                return Ok(Some(record));
            }
            if self.done {
                return Ok(None);
            }
            match self.chunks.recv().await {
                Some(Ok(records)) => self.ready = records.into_iter(),
                Some(Err(error)) => {
                    self.done = true;
                    return Err(error);
                }
                None => self.done = true,
            }
        }
    }

    /// As [`next`](Self::next), blocking this thread.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn blocking_next(&mut self) -> Result<Option<ReadRecord>, ReadError> {
        block_on(self.next())
    }

    /// As [`next`](Self::next), blocking this thread for at most `timeout`; then it is `None` while
    /// [`is_done`](Self::is_done) is `false`.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn blocking_next_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<ReadRecord>, ReadError> {
        block_on_timeout(self.next(), timeout).unwrap_or(Ok(None))
    }

    /// Whether no further record will come: the ends are reached, or an error was told.
    pub fn is_done(&self) -> bool {
        self.done && self.ready.len() == 0
    }
}

/// Where a [`Reader`] reads, and from where. By default it reads all partitions, from what comes
/// after now, and goes on for ever.
#[derive(Debug)]
#[must_use = "nothing is read before open()"]
pub struct ReaderBuilder {
    topic: String,
    settings: Builder,
    partition: Option<i32>,
    start: Start,
    exit_at_end: bool,
}

impl ReaderBuilder {
    /// `bootstrap.servers`, as a producer has it; `embedded:` and `embedded:./dir` too.
    pub fn bootstrap_servers(mut self, servers: impl Into<String>) -> Self {
        self.settings = self.settings.bootstrap_servers(servers);
        self
    }

    /// Any setting of a producer by Kafka's name; those about servers, connections and timeouts
    /// have an effect here.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings = self.settings.set(key, value);
        self
    }

    /// All of these settings.
    pub fn settings(mut self, settings: &Settings) -> Self {
        self.settings = self.settings.settings(settings);
        self
    }

    /// All settings of a Java `.properties` file.
    ///
    /// # Errors
    /// That it can't be read, or a malformed line as `FILE:LINE: …`.
    pub fn properties_file(mut self, path: impl AsRef<Path>) -> Result<Self, StartError> {
        self.settings = self.settings.properties_file(path)?;
        Ok(self)
    }

    /// Only this partition.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// From the first record that the log still has.
    pub fn from_beginning(mut self) -> Self {
        self.start = Start::Beginning;
        self
    }

    /// From this offset, in each partition.
    pub fn from_offset(mut self, offset: i64) -> Self {
        self.start = Start::Offset(offset);
        self
    }

    /// Stops at the ends that the partitions have when the reading starts.
    pub fn exit_at_end(mut self) -> Self {
        self.exit_at_end = true;
        self
    }

    /// Starts reading, on a thread of its own. Nobody need be there yet: that shows with the
    /// first record, at the latest after `max.block.ms`.
    ///
    /// # Errors
    /// All that is wrong with the settings, at once; or why thread or embedded broker can't be had.
    pub fn open(self) -> Result<Reader, StartError> {
        let client = Client::new(self.settings.as_settings())?;
        let (sender, chunks) = mpsc::channel(2);
        let reading = plan::Reading {
            client,
            topic: Arc::from(self.topic),
            partition: self.partition,
            start: self.start,
            exit_at_end: self.exit_at_end,
            chunks: sender,
        };
        client::spawn("raban-reader", reading.run()).map_err(StartError::Thread)?;
        Ok(Reader {
            chunks,
            ready: Vec::new().into_iter(),
            done: false,
        })
    }
}

/// Where in a partition to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Beginning,
    End,
    Offset(i64),
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// The headers in order; keys may repeat.
    pub headers: Vec<Header>,
}

impl ReadRecord {
    pub(crate) fn new(
        topic: Arc<str>,
        partition: i32,
        record: raban_protocol::record_batch::Record,
    ) -> Self {
        Self {
            topic,
            partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: record.headers,
        }
    }
}

/// Why the reading ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Nothing could be read for `max.block.ms`.
    #[error(
        "nothing could be read from topic {topic} within max.block.ms ({waited:?}); the latest trouble: {cause}"
    )]
    Unreachable {
        /// The topic.
        topic: Arc<str>,
        /// Since when.
        waited: Duration,
        /// The latest trouble.
        cause: Cause,
    },
    /// There is no such topic.
    #[error("there is no topic {topic}; create it, or correct the name")]
    UnknownTopic {
        /// The topic.
        topic: Arc<str>,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has no partition {partition}: its partitions are 0 to {}", count - 1)]
    UnknownPartition {
        /// The topic.
        topic: Arc<str>,
        /// The partition asked for.
        partition: i32,
        /// How many the topic has.
        count: usize,
    },
    /// The brokers refuse it for good.
    #[error("{api} of topic {topic} is refused: {code}: {}", code.message())]
    Refused {
        /// The topic.
        topic: Arc<str>,
        /// The request's name.
        api: &'static str,
        /// The brokers' answer.
        code: ErrorCode,
    },
    /// A batch's bytes are damaged, or of a format that isn't read here.
    #[error(
        "topic {topic}, partition {partition}: the batch at offset {offset} can't be read: {reason}"
    )]
    Unreadable {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// The batch's first offset, or the one asked for if not even that can be told.
        offset: i64,
        /// What is wrong with it.
        reason: String,
    },
}
