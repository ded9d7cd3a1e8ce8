//! Integration tests.

mod golden;
mod record_batch;
