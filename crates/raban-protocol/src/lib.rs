//! Kafka's bytes: values to bytes and back. No state, no clock, no socket.
//!
//! From the inside out: [`primitives`] are the values that [`messages`] consist of, [`frame`] puts a
//! message on the wire and takes it off, [`record_batch`] is the format of records within messages
//! and logs, with [`compression`] inside it; [`api`] and [`error_code`] are Kafka's numbers.
//!
//! Decoding takes bytes from anyone: it never panics, and never allocates more than a small multiple of
//! what it was given.
//!
//! This crate is a part of raban. Users depend on the crate `raban`; this one makes no semver promise.
#![forbid(unsafe_code)]

pub mod api;
pub mod compression;
pub mod error_code;
pub mod frame;
pub mod messages;
pub mod primitives;
pub mod record_batch;
