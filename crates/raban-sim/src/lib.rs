//! raban's producer and broker, simulated together.
//!
//! The real [`raban_core::Sender`] and the real [`raban_broker::Cluster`] under one virtual clock, over a network that
//! does everything a network can do, with one seed that decides it all: what goes wrong in a run goes wrong again in
//! the same run.
//!
//! ```text
//! plan.rs          what a seed decides: setup.rs (settings, brokers), schedule.rs (faults), workload.rs (the application)
//! world.rs         the loop: stage.rs (clock, queue, account), faults.rs (what each fault does), proof.rs (the end)
//!   tasks.rs       the application's tasks      content.rs   records that say who they are
//!   network.rs     connections as streams       brokers.rs   the cluster, watched
//! ledger.rs        what the application asked for and heard
//! history.rs       what ever was in a log
//! checkers/        one promise each, judged by these two
//! hits.rs          which faults really struck
//! ```
//!
//! There is no semver promise.
#![forbid(unsafe_code)]

mod brokers;
mod checkers;
mod content;
mod counts;
mod faults;
mod history;
mod hits;
mod ledger;
mod network;
mod plan;
mod proof;
mod random;
mod schedule;
mod setup;
mod shrink;
mod stage;
mod tasks;
mod trace;
mod violation;
mod workload;
mod world;

pub use counts::Counts;
pub use hits::{Hit, Hits};
pub use plan::Plan;
pub use shrink::shrink;
pub use violation::Violation;
pub use world::{Report, run};
