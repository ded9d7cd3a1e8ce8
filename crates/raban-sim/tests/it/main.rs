//! Tests of the simulator, and with it of producer and broker.

#[cfg(feature = "mutants")]
mod mutants;
mod repeatable;
mod seeds;
