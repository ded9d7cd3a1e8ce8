//! Real Apache Kafka and a misbehaving network, for raban's tests.
//!
//! [`Kafka`] starts Apache Kafka from its Maven jars, one node or three, and stops, kills, pauses and restarts nodes.
//! [`Proxy`] stands between a client and a broker, understands Kafka's frames, and swallows, delays, holds or cuts them.
//! [`kcat`] is a second, independent reader; [`sarama`] has that client's partitioners.
//!
//! A test never waits by sleeping: [`Kafka`] returns once nodes answer, and [`Proxy::wait_until`] and
//! [`Proxy::wait_hits`] return as soon as what they wait for has happened.

#![forbid(unsafe_code)]

mod control;
mod error;
mod jars;
mod java_producer;
mod kafka;
pub mod kcat;
mod port;
mod process;
mod proxy;
mod record;
pub mod sarama;
mod small_disk;
mod telemetry;
mod tool;

pub use error::Error;
pub use jars::{VERSIONS, class_path};
pub use java_producer::JavaProducer;
pub use kafka::{Builder, Kafka, Node};
pub use proxy::{
    Accepting, ApiKey, Direction, Observed, Proxy, Rule, RuleBuilder, RuleId, WaitTimeout,
};
pub use record::{Header, Record};
pub use small_disk::SmallDisk;
pub use telemetry::{Push, Told};
pub use tool::Read;
