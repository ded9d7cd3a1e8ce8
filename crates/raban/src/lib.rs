//! raban: a Kafka producer in pure Rust.
//!
//! ```
//! # #[cfg(feature = "embedded")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use raban::{Producer, Record};
//! use std::time::Duration;
//!
//! // A broker in this process; with a cluster it is "localhost:9092".
//! let producer = Producer::new("embedded:")?;
//! # raban::block_on(async {
//!
//! // Sent: acknowledged by the brokers.
//! let at = producer.send(Record::to("hello").key("k").value("v")).await?;
//! println!("partition {}, offset {:?}", at.partition(), at.offset());
//!
//! // Enqueued: accepted, and delivered while this goes on.
//! let delivery = producer.enqueue(Record::to("hello").value("x")).await?;
//! delivery.await?;
//!
//! producer.close(Duration::from_secs(10)).await?;
//! # Ok(())
//! # })
//! # }
//! # #[cfg(not(feature = "embedded"))]
//! # fn main() {}
//! ```
//!
//! Futures run on any executor. Threads without one use [`Producer::blocking`], or
//! [`Delivery::wait`].
//!
//! | to | see |
//! |---|---|
//! | send records | [`Producer`], [`Record`], [`Delivery`] |
//! | send typed keys and values | [`Topic`], [`Serializer`], [`AsyncSerializer`] |
//! | find Kafka's Java serializers by name | [`JavaSerializer`] |
//! | choose settings | [`Builder`] |
//! | choose partitions | [`partitioner`] |
//! | know why a record failed | [`ProduceError`], [`ErrorKind`], [`Cause`] |
//! | know where its time went | [`Delivery::trail`], [`Trail`] |
//! | read records back | [`Reader`] |
//! | create and describe topics | [`Admin`] |
//! | test without a cluster | `raban::embedded`, with feature `embedded` |
//!
//! # Features
//! `gzip`, `snappy`, `lz4`, `zstd` (pure Rust) and `json` are on by default; `zstd-c` takes C zstd,
//! `uuid` serializes that crate's type, `embedded` adds the broker.
#![deny(unsafe_code)]

mod accept;
mod admin;
pub mod blocking;
mod builder;
mod callbacks;
mod client;
mod clock;
mod connector;
mod delivery;
mod driver;
#[cfg(feature = "embedded")]
pub mod embedded;
mod many;
mod producer;
mod reader;
mod record;
mod reporter;
mod resolver;
mod serializer;
mod signal;
mod ticks;
mod timer;
mod topic;
mod trace_context;
mod transport;

pub use admin::{
    Admin, AdminBuilder, AdminError, BlockingAdmin, NewTopic, PartitionDescription,
    TopicDescription, TopicListing,
};
pub use blocking::block_on;
pub use builder::{Builder, StartError};
pub use callbacks::{DeliveryReport, ProducerInterceptor};
pub use delivery::Delivery;
pub use many::{ManyDeliveries, SendManyReport};
pub use producer::{CloseError, Producer, TryEnqueueError};
pub use reader::{ReadError, ReadRecord, Reader, ReaderBuilder};
pub use record::{Payload, Record};
pub use reporter::MetricsReporter;
#[cfg(feature = "json")]
pub use serializer::Json;
pub use serializer::{
    AsyncSerializer, BigEndian, Charset, JavaSerializer, List, ListItem, Nullable, Raw, RecordPart,
    SerializeContext, SerializeError, SerializeFuture, Serializer, Text, UnknownCharset,
    UnknownSerializer, Utf8, UuidText, Void,
};
pub use topic::{Topic, TopicRecord};
pub use trace_context::{SpanContext, TraceContext};

pub use raban_core::config::{
    Acks, ConfigError, ConfigProblem, ConfigProblemKind, ConfigWarning, Settings,
};
pub use raban_core::{
    Attempt, AttemptOutcome, Cause, ClientInstanceIdError, Distribution, EnqueueError, ErrorKind,
    Found, Header, Meter, Metric, Metrics, NodeMetrics, PartitionInfo, ProduceError, Purge,
    RecordMetadata, Resolution, ResolvedBy, Speaks, TopicMetrics, Trail, Unresolved,
};
pub use raban_protocol::compression::{Compression, CompressionError};
pub use raban_protocol::error_code::ErrorCode;
pub use raban_protocol::primitives::Uuid;

/// The settings of a producer, one by one: name, type, default, meaning, and what is in force.
pub mod config {
    pub use raban_core::config::{
        CheckedSettings, EffectiveValue, Importance, SETTINGS, Setting, SettingType, Source,
        Treatment, Valid,
    };
}

/// Which partition a record goes to: partitioners of other clients by name, their hashes, and one's own.
pub mod partitioner {
    pub use raban_core::{
        NamedPartitioner, Partitioner, UnknownPartitioner, Unpartitioned, crc32, fnv1a, murmur2,
    };
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The guide's code, compiled with the tests.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../../../docs/delivery-guarantees.md")]
    struct DeliveryGuarantees;
    #[doc = include_str!("../../../docs/tuning.md")]
    struct Tuning;
    #[doc = include_str!("../../../docs/performance.md")]
    struct Performance;
    #[doc = include_str!("../../../docs/errors.md")]
    struct Errors;
    #[doc = include_str!("../../../docs/monitoring.md")]
    struct Monitoring;
    #[doc = include_str!("../../../docs/migration.md")]
    struct Migration;
    #[doc = include_str!("../../../README.md")]
    struct Readme;
}
