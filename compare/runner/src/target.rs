//! What records are sent to: real Apache Kafka, or raban's broker that keeps nothing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use raban::{Admin, AdminError, BlockingAdmin, NewTopic};
use serde::Serialize;
use testbed::Kafka;

use crate::build::{KAFKA, Places, Skipped};

/// How long a topic's partitions may take to have leaders.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TargetKind {
    /// Apache Kafka from its Maven jars, one node on this machine.
    Kafka,
    /// `raban broker --storage discard`: checks, acknowledges and drops.
    Discard,
}

impl TargetKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Discard => "discard",
        }
    }
}

/// A running broker; it ends when this is dropped.
pub(crate) struct Target {
    bootstrap: String,
    admin: BlockingAdmin,
    broker: Broker,
}

enum Broker {
    Kafka(Kafka),
    Discard(Child),
}

impl Target {
    /// Starts it.
    ///
    /// # Errors
    /// What it needs and isn't there, or why it doesn't start.
    pub(crate) fn start(kind: TargetKind, places: &Places) -> Result<Self, Skipped> {
        let skipped = |error: &dyn std::fmt::Display| Skipped(error.to_string());
        let (bootstrap, broker) = match kind {
            TargetKind::Kafka => {
                // Deleted topics' files go at once, or rounds would fill the disk.
                let kafka = Kafka::builder()
                    .version(KAFKA)
                    .config("log.segment.delete.delay.ms", "0")
                    .config("file.delete.delay.ms", "0");
                let kafka = kafka.start().map_err(|error| skipped(&error))?;
                (kafka.bootstrap_servers(), Broker::Kafka(kafka))
            }
            TargetKind::Discard => discard(places)?,
        };
        let admin = Admin::new(bootstrap.clone())
            .map_err(|error| skipped(&error))?
            .blocking();
        Ok(Self {
            bootstrap,
            admin,
            broker,
        })
    }

    /// Its address.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Creates a topic and waits until each of its partitions has a leader.
    ///
    /// # Errors
    /// Why it can't be had.
    pub(crate) fn create(&self, topic: &str, partitions: i32) -> Result<(), AdminError> {
        let new = NewTopic {
            partitions: Some(partitions),
            ..NewTopic::default()
        };
        self.admin.create_topic(topic, new)?;
        // The node that creates a topic and the one that tells of it learn from each other in time.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let described = self.admin.describe(topic);
            let led = described.as_ref().map(|described| {
                let led = described
                    .partitions
                    .iter()
                    .filter(|partition| partition.end_offset.is_some());
                led.count() == partitions.unsigned_abs() as usize
            });
            if matches!(led, Ok(true)) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return described.map(drop);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Deletes a topic with what it holds.
    ///
    /// # Errors
    /// Why it stays.
    pub(crate) fn delete(&self, topic: &str) -> Result<(), AdminError> {
        self.admin.delete_topic(topic)
    }

    /// What a topic holds.
    ///
    /// # Errors
    /// That nobody tells.
    pub(crate) fn holds(&self, topic: &str) -> Result<Holding, AdminError> {
        let described = self.admin.describe(topic)?;
        let ends = described
            .partitions
            .iter()
            .filter_map(|partition| partition.end_offset);
        Ok(Holding {
            records: ends.sum::<i64>().unsigned_abs(),
            bytes: match &self.broker {
                Broker::Kafka(kafka) => Some(log_bytes(kafka.node(1).log_dir(), topic)),
                Broker::Discard(_) => None,
            },
        })
    }
}

/// What a topic holds: records by its partitions' end offsets, bytes by its log's files, where it has some.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Holding {
    pub(crate) records: u64,
    pub(crate) bytes: Option<u64>,
}

fn discard(places: &Places) -> Result<(String, Broker), Skipped> {
    let mut command = places.raban()?.command();
    command
        .args(["broker", "--storage", "discard", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command
        .spawn()
        .map_err(|error| Skipped(format!("raban broker can't be started: {error}")))?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        // Without an address the line is empty, which is what is looked at.
        let _ = BufReader::new(out).read_line(&mut line);
    }
    // From here on it is ended when it is dropped.
    let broker = Broker::Discard(child);
    match line.trim_end() {
        "" => Err(Skipped("raban broker told no address".to_owned())),
        address => Ok((address.to_owned(), broker)),
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Self::Discard(child) = self {
            // It has nothing to keep; one that has ended already can't be killed.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Bytes of the segments below `folder` of a topic's partitions, whose folders are named TOPIC-NUMBER.
fn log_bytes(folder: &Path, topic: &str) -> u64 {
    let partitions = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of_topic = partitions.filter(|partition| {
        let name = partition.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(topic)?.strip_prefix('-'));
        number.is_some_and(|number| number.parse::<i32>().is_ok())
    });
    of_topic
        .flat_map(|partition| {
            std::fs::read_dir(partition.path())
                .into_iter()
                .flatten()
                .flatten()
        })
        .filter(|file| {
            file.path()
                .extension()
                .is_some_and(|extension| extension == "log")
        })
        .filter_map(|file| Some(file.metadata().ok()?.len()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_topics_segments_count() {
        let folder = tempfile::tempdir().unwrap();
        for (file, bytes) in [
            ("t-0/0.log", 3),
            ("t-12/9.log", 4),
            ("t-12/9.index", 100),
            ("t-x/0.log", 100),
            ("tt-0/0.log", 100),
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![0; bytes]).unwrap();
        }
        assert_eq!(log_bytes(folder.path(), "t"), 7);
        assert_eq!(log_bytes(&folder.path().join("none"), "t"), 0);
    }
}
