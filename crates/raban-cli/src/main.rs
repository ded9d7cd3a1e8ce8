//! The `raban` command.

mod args;
mod cluster;
mod commands;
mod deliveries;
mod exit;
mod input;
mod interrupt;
mod json;
mod log;
mod output;
mod progress;
mod records;
mod scraped;
mod serializers;
mod summary;
mod trails;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(matches!(&cli.command, Command::Produce(args) if args.quiet));
    let ended = match &cli.command {
        Command::Produce(args) => commands::produce::run(args),
        Command::Consume(args) => commands::consume::run(args),
        Command::Broker(args) => commands::broker::run(args),
        Command::Topic(args) => commands::topic::run(args),
        Command::Partition(args) => commands::partition::run(args),
        Command::Config(args) => commands::config::run(args),
        Command::Verify(args) => commands::verify::run(args),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            progress::tell(&format!("error: {failure}"));
            failure.exit.into()
        }
    }
}
