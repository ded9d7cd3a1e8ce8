//! The command as people and scripts use it: the built binary on the embedded broker.

#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod broker;
mod config;
mod consume;
mod errors;
mod help;
mod interrupt;
mod partition;
mod produce;
mod properties;
mod round_trip;
mod scraped;
mod serializers;
mod support;
mod topic;
mod trails;
mod verify;
