//! Many seeds, on as many threads as there are cores.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the clock and the threads of the binary"
)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use raban_sim::{Counts, Hits, Plan, Violation, shrink};

use crate::args::Args;

/// Failing seeds that are told of in full.
const TOLD: usize = 5;

#[derive(Debug, Default)]
struct Sum {
    seeds: u64,
    hits: Hits,
    counts: Counts,
    failed: Vec<(u64, Violation)>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let started = Instant::now();
    let next = AtomicU64::new(args.from);
    let sum = Mutex::new(Sum::default());
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..args.threads.unwrap_or(cores) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let on = match args.time {
                        Some(time) => started.elapsed() < time,
                        None => seed - args.from < args.seeds,
                    };
                    if !on {
                        return;
                    }
                    one(seed, &sum);
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    tell(args, &sum, started.elapsed().as_secs_f64())
}

fn one(seed: u64, sum: &Mutex<Sum>) {
    let report = raban_sim::run(&Plan::of(seed), false);
    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    sum.seeds += 1;
    sum.hits += &report.hits;
    sum.counts += report.counts;
    if let Some(violation) = report.violation {
        println!("seed {seed} fails: {violation}");
        sum.failed.push((seed, violation));
    }
}

fn tell(args: &Args, sum: &Sum, seconds: f64) -> ExitCode {
    let failed = sum.failed.iter().filter(|_| args.shrink);
    for (seed, violation) in failed.take(TOLD) {
        let (plan, violation) = shrink(&Plan::of(*seed), violation.clone());
        println!("\nthe least of seed {seed} that fails:\n{plan}{violation}");
    }
    println!("\nfaults that struck:\n{}", sum.hits);
    println!("{}", sum.counts);
    let missing = sum.hits.missing();
    for hit in &missing {
        println!("no seed met with: {hit}");
    }
    let (seeds, failed) = (sum.seeds, sum.failed.len());
    let first = args.from;
    println!(
        "{seeds} seeds from {first} on in {seconds:.0} s: {failed} failed, {} faults never struck",
        missing.len()
    );
    match failed == 0 && missing.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
