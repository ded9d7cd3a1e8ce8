//! The broker as clients see it: raw frames over TCP.
#![allow(clippy::unwrap_used, missing_docs)]

mod data_dir;
mod elections;
mod fetch;
mod limits;
mod mutated;
mod offsets;
mod process;
mod produce;
mod protocol;
mod replicas;
mod restart;
mod several;
mod simulated;
mod support;
mod topics;
