//! The lines of Kafka's verifiable producer: names, members and their order are its contract.

use std::time::{SystemTime, UNIX_EPOCH};

use raban::{AttemptOutcome, ErrorKind, RecordMetadata};
use serde::Serialize;

/// A record on its way.
pub(super) struct Sent {
    pub(super) topic: String,
    pub(super) key: Option<String>,
    pub(super) value: String,
}

/// One line.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    timestamp: i64,
    #[serde(flatten)]
    event: Event<'a>,
}

#[derive(Serialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    StartupComplete,
    ProducerSendSuccess {
        key: Option<&'a str>,
        value: &'a str,
        topic: &'a str,
        partition: i32,
        offset: i64,
    },
    ProducerSendError {
        exception: String,
        key: Option<&'a str>,
        value: &'a str,
        topic: &'a str,
        message: String,
    },
    ShutdownComplete,
    ToolData {
        sent: u64,
        acked: u64,
        target_throughput: i64,
        avg_throughput: f64,
    },
}

impl<'a> Event<'a> {
    pub(super) fn success(sent: &'a Sent, at: &RecordMetadata) -> Self {
        Self::ProducerSendSuccess {
            key: sent.key.as_deref(),
            value: &sent.value,
            topic: &sent.topic,
            partition: at.partition(),
            // As Java has it with acks=0.
            offset: at.offset().unwrap_or(-1),
        }
    }

    pub(super) fn error(sent: &'a Sent, kind: &ErrorKind, message: String) -> Self {
        Self::ProducerSendError {
            exception: exception(kind),
            key: sent.key.as_deref(),
            value: &sent.value,
            topic: &sent.topic,
            message,
        }
    }

    /// The line about it, as of now.
    pub(super) fn line(self) -> Line<'a> {
        Line {
            timestamp: now(),
            event: self,
        }
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Where Java names a class: the broker's error by name, or raban's own kind of error.
fn exception(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::Rejected { code, .. }
        | ErrorKind::TopicRefused { code, .. }
        | ErrorKind::RetriesExhausted {
            last: AttemptOutcome::Answered(code),
            ..
        } => code.name().to_owned(),
        // A variant's name opens what is printed for debugging.
        kind => format!("{kind:?}")
            .split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}
