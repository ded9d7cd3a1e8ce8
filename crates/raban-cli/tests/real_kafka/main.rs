//! The command against real Apache Kafka; each test is ignored unless `RABAN_REAL_KAFKA=1`.
//! What was written is read back by the Java consumer or kcat.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod broker_loss;
mod load;
mod memory;
mod prometheus;
mod refusals;
mod support;
mod verify;
mod versions;
