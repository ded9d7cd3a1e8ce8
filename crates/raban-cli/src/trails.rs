//! Trails of deliveries: as lines for people, and as data for the report.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use raban::{AttemptOutcome, Found, ProduceError, ResolvedBy, Trail};
use serde::Serialize;

/// Tells apart which trails were told already: all records of a batch share one.
#[derive(Debug, Default)]
pub(crate) struct Trails {
    /// The latest of each partition, and the line of its first record.
    latest: BTreeMap<i32, (Arc<Trail>, u64)>,
}

impl Trails {
    /// The line of the first record that has this trail: an earlier one, or this one.
    pub(crate) fn first_line(&mut self, partition: i32, trail: &Arc<Trail>, line: u64) -> u64 {
        let latest = self.latest.get(&partition);
        if let Some((_, first)) = latest.filter(|(latest, _)| Arc::ptr_eq(latest, trail)) {
            return *first;
        }
        self.latest.insert(partition, (Arc::clone(trail), line));
        line
    }
}

/// The trail as lines below the line that names the record.
pub(crate) fn lines(trail: &Trail) -> String {
    let (linger, buffer, wire) = (trail.linger(), trail.buffer(), trail.wire());
    let mut text =
        format!("\n  {linger:.1?} lingering, {buffer:.1?} in the buffer, {wire:.1?} on the wire");
    let mut next = 1;
    for attempt in trail.attempts() {
        if attempt.number > next {
            text.push_str("\n  …");
        }
        let number = attempt.number;
        // Writing to a string doesn't fail.
        let _ = write!(text, "\n  attempt {number}: {attempt}");
        next = number + 1;
    }
    for resolution in trail.resolutions() {
        let _ = write!(text, "\n  {resolution}");
    }
    text
}

/// Whether a failed record may be in the log, and what to do.
pub(crate) fn advice(error: &ProduceError) -> &'static str {
    if error.may_have_been_written() {
        "\n  in doubt: the record may be in the log all the same; look for it there before sending it again"
    } else if error.is_retriable() {
        "\n  surely not in the log: it can be sent again"
    } else {
        "\n  surely not in the log"
    }
}

/// The trail in a line of the report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReportTrail {
    Trail(TrailData),
    /// The same as that of a line before.
    TrailOfLine(u64),
}

impl ReportTrail {
    pub(crate) fn new(trail: &Trail, line: u64, first_line: u64) -> Self {
        if line == first_line {
            Self::Trail(TrailData::from(trail))
        } else {
            Self::TrailOfLine(first_line)
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct TrailData {
    linger_ms: f64,
    buffer_ms: f64,
    wire_ms: f64,
    attempts: Vec<AttemptData>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resolutions: Vec<ResolutionData>,
}

#[derive(Debug, Serialize)]
struct AttemptData {
    number: u32,
    broker: i32,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    duration_ms: f64,
}

#[derive(Debug, Serialize)]
struct ResolutionData {
    broker: i32,
    by: &'static str,
    found: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    duration_ms: f64,
}

impl From<&Trail> for TrailData {
    fn from(trail: &Trail) -> Self {
        Self {
            linger_ms: millis(trail.linger()),
            buffer_ms: millis(trail.buffer()),
            wire_ms: millis(trail.wire()),
            attempts: trail.attempts().iter().map(AttemptData::from).collect(),
            resolutions: trail
                .resolutions()
                .iter()
                .map(ResolutionData::from)
                .collect(),
        }
    }
}

impl From<&raban::Attempt> for AttemptData {
    fn from(attempt: &raban::Attempt) -> Self {
        let (mut code, mut error, mut cause) = (None, None, None);
        let outcome = match &attempt.outcome {
            AttemptOutcome::Acknowledged => "acknowledged",
            AttemptOutcome::Answered(answered) => {
                (code, error) = (Some(answered.0), Some(answered.name()));
                "answered"
            }
            AttemptOutcome::Unanswered(why) => {
                cause = Some(why.to_string());
                "unanswered"
            }
            AttemptOutcome::Awaited => "awaited",
            _ => "unknown",
        };
        Self {
            number: attempt.number,
            broker: attempt.broker,
            outcome,
            code,
            error,
            cause,
            duration_ms: millis(attempt.duration),
        }
    }
}

impl From<&raban::Resolution> for ResolutionData {
    fn from(resolution: &raban::Resolution) -> Self {
        let mut offset = None;
        let found = match resolution.found {
            Found::Present { offset: at } => {
                offset = at;
                "present"
            }
            Found::Remembered => "remembered",
            Found::Absent => "absent",
            _ => "unknown",
        };
        Self {
            broker: resolution.broker,
            by: match resolution.by {
                ResolvedBy::Asking => "asking",
                ResolvedBy::Reading => "reading",
                _ => "unknown",
            },
            found,
            offset,
            duration_ms: millis(resolution.duration),
        }
    }
}

/// Milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
