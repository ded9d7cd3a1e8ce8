//! Runs a command beside one node of real Apache Kafka, whose address it finds in `BOOTSTRAP_SERVERS`:
//!
//! ```sh
//! cargo run -p testbed --example with_kafka -- sh -c 'kcat -b $BOOTSTRAP_SERVERS -L'
//! ```

use std::error::Error;
use std::process::{Command, ExitCode};

use testbed::Kafka;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments
        .next()
        .ok_or("name the command to run: with_kafka COMMAND [ARGUMENT]…")?;
    let kafka = Kafka::builder()
        .config("auto.create.topics.enable", "true")
        .start()?;
    let status = Command::new(&program)
        .args(arguments)
        .env("BOOTSTRAP_SERVERS", kafka.bootstrap_servers())
        .status()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    drop(kafka);
    // Ended by a signal, it has no code.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(1).into())
}
