//! The producer's two halves against a scripted broker, under virtual time.
#![allow(clippy::unwrap_used)]

mod harness;

mod bootstrap;
mod broker_log;
mod close;
mod cluster;
mod collector;
mod config;
mod connections;
mod doubt;
mod flush;
mod growth;
mod idempotence;
mod many;
mod memory;
mod metadata;
mod metrics;
mod news;
mod order;
mod partitioning;
mod purge;
mod retries;
mod split;
#[cfg(feature = "telemetry")]
mod telemetry;
mod timeouts;
mod told;
mod trail;
mod verdicts;
