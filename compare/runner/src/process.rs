//! One run of one program: bounded in time, its report read from its output.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

/// Lines of a program's output that are shown if it fails.
const SHOWN: usize = 5;

/// Why a run has no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("it was not done after {} s (--timeout)", .0.as_secs())]
    TimedOut(Duration),
    #[error("it ended with {status}: {said}")]
    Failed { status: ExitStatus, said: String },
    #[error("it printed no report: {0}")]
    NoReport(String),
    #[error("{what}: {source}")]
    Io {
        what: &'static str,
        source: io::Error,
    },
}

fn io_error(what: &'static str) -> impl FnOnce(io::Error) -> RunError {
    move |source| RunError::Io { what, source }
}

/// Runs it to its end, at the latest after `timeout`, when it is killed.
///
/// # Errors
/// Whatever leaves it without a report.
pub(crate) fn run<R: DeserializeOwned>(
    mut command: Command,
    scratch: &Path,
    timeout: Duration,
) -> Result<R, RunError> {
    // Files, since a program that tells much would wait for a pipe that nobody reads.
    let (out, err) = (scratch.join("stdout"), scratch.join("stderr"));
    command
        .stdin(Stdio::null())
        .stdout(File::create(&out).map_err(io_error("its output"))?)
        .stderr(File::create(&err).map_err(io_error("its output"))?);
    let child = command.spawn().map_err(io_error("it can't be started"))?;
    let status = wait(child, timeout)?;
    let out = read(&out)?;
    if !status.success() {
        let said = tail(&read(&err)?);
        return Err(RunError::Failed { status, said });
    }
    let line = out.lines().next_back().unwrap_or_default();
    serde_json::from_str(line).map_err(|error| RunError::NoReport(format!("{error} in {line:?}")))
}

fn wait(mut child: Child, timeout: Duration) -> Result<ExitStatus, RunError> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait().map_err(io_error("waiting for it"))? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            child.kill().map_err(io_error("killing it"))?;
            child.wait().map_err(io_error("waiting for it"))?;
            return Err(RunError::TimedOut(timeout));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn read(path: &Path) -> Result<String, RunError> {
    let bytes = std::fs::read(path).map_err(io_error("its output"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("; ")
}

#[cfg(test)]
mod tests {
    use load::Report;

    use super::*;

    fn shell(script: &str, timeout: Duration) -> Result<Report, RunError> {
        let scratch = tempfile::tempdir().unwrap();
        let mut sh = Command::new("sh");
        sh.args(["-c", script]);
        run(sh, scratch.path(), timeout)
    }

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn the_last_line_is_the_report() {
        let report =
            r#"{"settings":{"a":"1"},"records":3,"seconds":2.0,"cpu_seconds":1.0,"peak_kib":9}"#;
        let report = shell(&format!("echo hello; echo '{report}'"), PATIENCE).unwrap();
        assert_eq!((report.records, report.latency), (3, None));
    }

    #[test]
    fn whatever_goes_wrong_is_said() {
        let error = shell("echo broken >&2; exit 3", PATIENCE)
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 3: broken"), "{error}");
        let error = shell("echo hello", PATIENCE).unwrap_err().to_string();
        assert!(
            error.contains("no report") && error.contains("hello"),
            "{error}"
        );
        assert!(matches!(shell("", PATIENCE), Err(RunError::NoReport(_))));
    }

    #[test]
    fn a_hanging_program_is_ended() {
        let error = shell("exec sleep 1000", Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, RunError::TimedOut(_)), "{error}");
    }
}
