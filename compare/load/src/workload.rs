//! What to send and how: the arguments that every program takes, in whatever language it is written.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// One run of one program.
#[derive(Clone, Debug, Parser)]
pub struct Workload {
    /// The broker, HOST:PORT; the floor's sink.
    #[arg(long)]
    pub bootstrap: String,
    #[arg(long)]
    pub topic: String,
    /// The topic's partitions, for clients that leave their choice to the application.
    #[arg(long)]
    pub partitions: i32,
    /// Records of which nothing is measured, sent first.
    #[arg(long)]
    pub warmup: u64,
    /// Records that are measured.
    #[arg(long)]
    pub records: u64,
    /// Bytes of a value.
    #[arg(long)]
    pub size: usize,
    /// Give each record a key of 16 bytes, one of some 61,000.
    #[arg(long)]
    pub keyed: bool,
    #[arg(long, value_enum)]
    pub compression: Codec,
    /// Threads or tasks that send at the same time, each its part of the records.
    #[arg(long)]
    pub senders: u64,
    #[arg(long, value_enum)]
    pub settings: Profile,
    /// Records per second of all senders together, each with a time at which it is meant to be sent; without it, as fast as the
    /// client takes them.
    #[arg(long)]
    pub rate: Option<u64>,
    /// Replaces the linger of the settings.
    #[arg(long)]
    pub linger_ms: Option<u64>,
    /// The text that values and keys are cut from.
    #[arg(long)]
    pub pool: PathBuf,
    /// Which of its ways a program takes, if it has several.
    #[arg(long, default_value = "")]
    pub variant: String,
}

impl Workload {
    /// The linger to use where the settings say `otherwise`.
    pub fn linger(&self, otherwise: Duration) -> Duration {
        self.linger_ms.map_or(otherwise, Duration::from_millis)
    }
}

/// How batches are compressed, at each codec's default level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    None,
    Lz4,
    Zstd,
    Gzip,
}

impl Codec {
    /// Kafka's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// Which settings a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// What the client does when told nothing but servers and compression.
    Defaults,
    /// What is known to be fastest, with acks=all.
    Best,
}
