//! What is measured of raban: each step of a record's way, and all of it with few and with many partitions.
//!
//! Nothing here has threads, and time is passed in, so that a bench takes the same instructions whenever it runs.

mod broker;
mod meter;
mod protocol;
mod rig;
mod way;

pub use meter::{COUNTED, Meter};

/// One thing that is measured.
pub struct Bench {
    /// Its name in the file of instructions.
    pub name: &'static str,
    /// What the instructions are divided by.
    pub unit: &'static str,
    /// Does it, all but what is to be measured outside of the meter; returns how many units that were.
    pub run: fn(&mut Meter) -> u64,
}

const fn bench(name: &'static str, unit: &'static str, run: fn(&mut Meter) -> u64) -> Bench {
    Bench { name, unit, run }
}

/// All of them.
pub const BENCHES: [Bench; 22] = [
    bench("append, no key", "record", way::append_without_key),
    bench("append, key", "record", way::append_with_key),
    bench("append, many", "record", way::append_many),
    bench("drain", "batch", way::drain),
    bench("settle", "batch", way::settle),
    bench("await", "record", way::outcomes),
    bench("encode", "record", protocol::encode),
    bench("decode", "record", protocol::decode),
    bench("compress, gzip", "16 KiB", protocol::gzip),
    bench("compress, snappy", "16 KiB", protocol::snappy),
    bench("compress, lz4", "16 KiB", protocol::lz4),
    bench("compress, zstd", "16 KiB", protocol::zstd),
    bench("sticky, 6 partitions", "record", way::sticky::<6>),
    bench("sticky, 10000 partitions", "record", way::sticky::<10_000>),
    bench("spread, 6 partitions", "record", way::spread::<6>),
    bench("spread, 10000 partitions", "record", way::spread::<10_000>),
    bench("one fills, 6 partitions", "record", way::one_fills::<6>),
    bench(
        "one fills, 10000 partitions",
        "record",
        way::one_fills::<10_000>,
    ),
    bench("one flushed, 6 partitions", "record", way::one_flushed::<6>),
    bench(
        "one flushed, 10000 partitions",
        "record",
        way::one_flushed::<10_000>,
    ),
    bench("one each, 6 partitions", "record", way::one_each::<6>),
    bench(
        "one each, 10000 partitions",
        "record",
        way::one_each::<10_000>,
    ),
];
