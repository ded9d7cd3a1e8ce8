//! Tests of the simulator, and with it of producer and broker.

mod repeatable;
mod seeds;
