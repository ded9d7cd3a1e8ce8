//! Compares raban with its peers: every program in turn, round after round, each in a process of its own.

mod args;
mod build;
mod cell;
mod html;
mod measure;
mod memory;
mod plot;
mod pool;
mod process;
mod program;
mod python;
mod results;
mod sink;
mod stats;
mod summary;
mod table;
mod target;
mod venv;
mod verdict;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;

use crate::args::Args;
use crate::build::Places;
use crate::measure::Measure;
use crate::results::{Machine, Outcome, Results, Taking};
use crate::summary::Block;
use crate::target::TargetKind;

/// What `[profile.release]` of this workspace says.
const BUILD: &str = "cargo build --release, Cargo's own release profile (no LTO), for all alike";

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        return list();
    }
    let done = match args.python_memory {
        true => memory::check(Duration::from_secs(args.timeout)),
        false => compare(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn list() -> ExitCode {
    for program in program::all() {
        println!("program {}: {}", program.name, program.note);
    }
    for cell in cell::Cell::standard() {
        println!("cell {cell}: {} records", cell.records());
    }
    ExitCode::SUCCESS
}

/// Whether each run that was to be had gave figures.
fn compare(args: &Args) -> Result<bool, Box<dyn Error>> {
    let targets = args.target.kinds();
    let cells = |target: &TargetKind| args.cells(*target);
    let selected = program::select(&args.only, args.python)?;
    fs::create_dir_all(&args.out)
        .map_err(|error| format!("--out {}: {error}", args.out.display()))?;
    let places = Places::find()?;
    let began = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut results = Results {
        machine: Machine::this(began),
        build: BUILD,
        rounds: args.rounds,
        programs: Vec::new(),
        skipped: BTreeMap::new(),
        samples: Vec::new(),
    };
    let mut programs = Vec::new();
    for program in selected {
        if !(targets.iter().flat_map(cells)).any(|cell| program.takes_part(&cell)) {
            continue;
        }
        eprintln!("building {}", program.name);
        match places.build(program) {
            Ok(start) => {
                programs.push((program, start));
                results.programs.push(Taking {
                    name: program.name,
                    kind: program.kind,
                    version: places.version(program),
                    note: program.note,
                });
            }
            Err(skipped) => {
                eprintln!("SKIPPED: {}: {skipped}", program.name);
                results
                    .skipped
                    .insert(program.name.to_owned(), skipped.to_string());
            }
        }
    }
    if programs.is_empty() {
        return Err("no program is left to run".into());
    }
    let scratch = tempfile::tempdir()?;
    let pool = scratch.path().join("pool");
    fs::write(&pool, pool::text())?;
    let kept = args.out.join("results.json");
    let measure = Measure {
        places: &places,
        programs,
        rounds: args.rounds,
        records: args.records,
        timeout: Duration::from_secs(args.timeout),
        pool,
        sink: sink::start()?,
        scratch: scratch.path(),
        kept,
    };
    for target in targets {
        measure.against(*target, &cells(target), &mut results)?;
    }
    measure.keep(&results)?;
    tell(&results, &args.out)?;
    let measured = |outcome: &Outcome| matches!(outcome, Outcome::Measured { .. });
    Ok(!results.samples.is_empty()
        && results
            .samples
            .iter()
            .all(|sample| measured(&sample.outcome)))
}

/// Prints the table, and writes it and the page.
fn tell(results: &Results, out: &Path) -> Result<(), Box<dyn Error>> {
    let blocks = Block::all(results);
    let verdicts = verdict::judge(&blocks);
    let text = table::text(results, &blocks, &verdicts);
    print!("{text}");
    fs::write(out.join("results.txt"), &text)?;
    fs::write(
        out.join("results.html"),
        html::page(results, &blocks, &verdicts),
    )?;
    eprintln!(
        "written to {}: results.txt, results.json, results.html",
        out.display()
    );
    if !results.skipped.is_empty() {
        let skipped = results
            .skipped
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        eprintln!("NOT COMPLETE, skipped: {skipped}");
    }
    Ok(())
}
