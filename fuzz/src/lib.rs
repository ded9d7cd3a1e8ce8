//! Bytes from anybody, fed to what must bear them: each target with what it checks and where it starts.
#![forbid(unsafe_code)]

pub mod batches;
pub mod broker;
pub mod compress;
pub mod decompress;
mod entropy;
mod faulty;
pub mod frames;
pub mod messages;
pub mod operations;
pub mod settings;

/// What libFuzzer, or a test, runs.
pub struct Target {
    /// As `cargo fuzz run` has it.
    pub name: &'static str,
    /// Panics if something is wrong.
    pub run: fn(&[u8]),
    /// Where to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($name:ident),*) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[$(
            Target { name: stringify!($name), run: $name::run, seeds: $name::seeds }
        ),*];
    };
}

targets![
    messages, batches, decompress, compress, frames, settings, broker, operations
];
