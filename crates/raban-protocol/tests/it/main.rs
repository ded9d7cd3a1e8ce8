//! Integration tests.
#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod allocation;
mod frame;
mod golden;
mod record_batch;
