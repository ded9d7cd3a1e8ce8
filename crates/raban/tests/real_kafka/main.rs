//! The producer against real Apache Kafka under faults; each test is ignored unless `RABAN_REAL_KAFKA=1`.
//! What was written is read back by the Java consumer.
#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod adaptive;
mod campaign;
mod clients;
mod deciding;
mod metrics;
mod misrouted;
mod partitioners;
mod refused;
mod support;
mod telemetry;
