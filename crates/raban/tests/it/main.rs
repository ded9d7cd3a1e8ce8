//! The whole producer against the embedded broker, over real sockets.
#![allow(clippy::unwrap_used)]

mod callbacks;
mod contents;
mod dropping;
mod executors;
mod log;
mod many;
mod promises;
mod reading;
mod restart;
mod send;
mod settings;
mod support;
#[cfg(feature = "telemetry")]
mod telemetry;
mod threads;
mod topics;
mod trouble;
mod typed;
