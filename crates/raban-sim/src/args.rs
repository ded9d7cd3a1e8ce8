//! The command line.

use std::time::Duration;

pub(crate) const USAGE: &str = "\
raban-sim [--seeds N] [--from N] [--minutes N] [--threads N]    runs many seeds
raban-sim --seed N [--trace] [--shrink]                         runs one and tells of it

  --seeds N     how many seeds (default 10000)
  --from N      the first of them (default 0)
  --minutes N   goes on for so long, however many seeds that are
  --threads N   how many at a time (default: one a core)
  --trace       prints what happened, line by line
  --shrink      leaves out of a failing seed what isn't needed to fail";

/// What is to be run.
#[derive(Debug, Clone)]
pub(crate) struct Args {
    pub(crate) from: u64,
    pub(crate) seeds: u64,
    pub(crate) time: Option<Duration>,
    pub(crate) threads: Option<usize>,
    pub(crate) seed: Option<u64>,
    pub(crate) trace: bool,
    pub(crate) shrink: bool,
}

impl Args {
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            from: 0,
            seeds: 10_000,
            time: None,
            threads: None,
            seed: None,
            trace: false,
            shrink: false,
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            let mut number = || {
                let value = args.next().ok_or_else(|| format!("{arg} needs a number"))?;
                value
                    .parse::<u64>()
                    .map_err(|_| format!("{arg} needs a number, not {value:?}"))
            };
            match arg.as_str() {
                "--from" => parsed.from = number()?,
                "--seeds" => parsed.seeds = number()?,
                "--minutes" => parsed.time = Some(Duration::from_secs(60 * number()?)),
                "--threads" => parsed.threads = Some(number()?.clamp(1, 1024) as usize),
                "--seed" => parsed.seed = Some(number()?),
                "--trace" => parsed.trace = true,
                "--shrink" => parsed.shrink = true,
                other => return Err(format!("unknown argument {other:?}")),
            }
        }
        Ok(parsed)
    }
}
