//! Kafka's own Java producer, to compare with: records go in one by one, outcomes come as they come.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::{Error, tail};
use crate::jars::Jars;
use crate::kafka::Kafka;

/// A running Java producer, made by [`Kafka::java_producer`]. Dropping it kills it.
#[derive(Debug)]
pub struct JavaProducer {
    child: Child,
    input: Option<ChildStdin>,
    outcomes: Receiver<(String, Result<i64, String>)>,
    /// Lines about metrics.
    metrics: Receiver<String>,
    log: Option<JoinHandle<String>>,
}

impl Kafka {
    /// Starts a Java producer for the clients' listener, with these properties.
    pub fn java_producer(&self, properties: &[(&str, &str)]) -> Result<JavaProducer, Error> {
        let mut java = self.jars().java();
        java.arg("LineProducer")
            .arg(format!("bootstrap.servers={}", self.bootstrap_servers()));
        java.args(
            properties
                .iter()
                .map(|(key, value)| format!("{key}={value}")),
        );
        java.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = java.spawn().map_err(Jars::java_missing())?;
        let input = child.stdin.take();
        let output = child.stdout.take().expect("standard output is piped");
        let mut errors = child.stderr.take().expect("standard error is piped");
        let (sender, outcomes) = channel();
        let (told, metrics) = channel();
        thread::spawn(move || {
            // Its last lines may come after the producer is dropped: then nobody wants them.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let taken = match line.strip_prefix("metric ") {
                    Some(metric) => told.send(metric.to_owned()).is_ok(),
                    None => outcome(&line).is_some_and(|outcome| sender.send(outcome).is_ok()),
                };
                if !taken {
                    break;
                }
            }
        });
        let log = thread::spawn(move || {
            let mut bytes = Vec::new();
            // What could be read of the log is all there is to show.
            let _ = errors.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Ok(JavaProducer {
            child,
            input,
            outcomes,
            metrics,
            log: Some(log),
        })
    }
}

impl JavaProducer {
    /// Sends a value without line feeds; its timestamp in milliseconds since the epoch is now unless given.
    pub fn send(
        &mut self,
        topic: &str,
        partition: i32,
        timestamp: Option<i64>,
        value: &str,
    ) -> Result<(), Error> {
        let timestamp = timestamp.map_or_else(|| "-".to_owned(), |timestamp| timestamp.to_string());
        self.say(&format!("{topic} {partition} {timestamp} {value}\n"))
    }

    fn say(&mut self, line: &str) -> Result<(), Error> {
        let input = self.input.as_mut().expect("open until it is closed");
        input
            .write_all(line.as_bytes())
            .map_err(Error::io("sending by the Java producer"))
    }

    /// The producer's metrics once all that was sent before was taken in: by group, name, and topic, node or `-`. Empty if they
    /// don't come within `timeout`.
    pub fn metrics(
        &mut self,
        timeout: Duration,
    ) -> Result<BTreeMap<(String, String, String), f64>, Error> {
        self.say("metrics\n")?;
        let mut metrics = BTreeMap::new();
        while let Ok(line) = self.metrics.recv_timeout(timeout) {
            if line == "end" {
                return Ok(metrics);
            }
            let parts: Vec<&str> = line.split(' ').collect();
            if let [group, name, tag, value] = parts[..]
                && let Ok(value) = value.parse()
            {
                let key = [group, name, tag].map(str::to_owned);
                metrics.insert(key.into(), value);
            }
        }
        Ok(BTreeMap::new())
    }

    /// The id under which brokers know its telemetry; empty if it doesn't come within `timeout`.
    pub fn client_instance_id(&mut self, timeout: Duration) -> Result<String, Error> {
        self.say("id\n")?;
        Ok(self.metrics.recv_timeout(timeout).unwrap_or_default())
    }

    /// The next outcome: the value, and its offset or why it failed. `None` if there is none within `timeout`, or ever.
    pub fn next_outcome(&mut self, timeout: Duration) -> Option<(String, Result<i64, String>)> {
        self.outcomes.recv_timeout(timeout).ok()
    }

    /// Closes the producer in order and returns what it logged: warnings and errors.
    pub fn close(mut self) -> Result<String, Error> {
        drop(self.input.take());
        let what = "closing the Java producer";
        let status = self.child.wait().map_err(Error::io(what))?;
        let log = self.log.take().expect("joined here alone");
        let log = log.join().expect("reading standard error doesn't panic");
        match status.success() {
            true => Ok(log),
            false => Err(Error::Failed {
                what: what.to_owned(),
                status,
                output: tail(&log, 30),
            }),
        }
    }
}

impl Drop for JavaProducer {
    fn drop(&mut self) {
        // After an orderly close both find nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `VALUE OFFSET`, or `VALUE error REASON`; values have no spaces.
fn outcome(line: &str) -> Option<(String, Result<i64, String>)> {
    let (value, rest) = line.split_once(' ')?;
    let outcome = match rest.strip_prefix("error ") {
        Some(reason) => Err(reason.to_owned()),
        None => Ok(rest.parse().ok()?),
    };
    Some((value.to_owned(), outcome))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_offsets_or_reasons() {
        assert_eq!(outcome("v7 42"), Some(("v7".to_owned(), Ok(42))));
        let failed = outcome("v7 error org.x.Timeout: 3 s passed").unwrap();
        assert_eq!(failed.1.unwrap_err(), "org.x.Timeout: 3 s passed");
        assert_eq!(outcome("v7 and more"), None);
    }
}
