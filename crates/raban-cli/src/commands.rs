//! The commands, one file each.

pub(crate) mod broker;
pub(crate) mod config;
pub(crate) mod consume;
pub(crate) mod partition;
pub(crate) mod produce;
pub(crate) mod topic;
pub(crate) mod verify;
