//! The log as its users see it, in memory and on disk.
#![allow(clippy::unwrap_used, missing_docs)]

mod compact;
mod disk;
mod log;
mod model;
mod support;
