//! Tests of the testbed itself. Those that need real Kafka are ignored unless `RABAN_REAL_KAFKA=1`.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod control;
mod kafka;
mod proxy;
