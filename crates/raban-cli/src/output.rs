//! Standard output: data in a buffer, and quiet about a reader that went away.

use std::io::{self, BufWriter, StdoutLock, Write};

use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::trails::ReportTrail;

const BUFFER: usize = 64 * 1024;

/// Where data goes. Errors other than a reader that went away say which file is meant.
pub(crate) struct Data<W: Write = StdoutLock<'static>>(BufWriter<W>);

/// Why nothing more can be written.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Whoever read the output went away (`… | head`): no error, there is nobody to write for.
    ReaderGone,
    Failed(io::Error),
}

impl Stopped {
    /// What to tell about it, if anything.
    pub(crate) fn into_failure(self) -> Option<Failure> {
        match self {
            Self::ReaderGone => None,
            Self::Failed(error) => Some(Failure::failed(format!(
                "can't write to standard output: {error}"
            ))),
        }
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::Failed(error)
        }
    }
}

impl Data {
    pub(crate) fn stdout() -> Self {
        Self::new(io::stdout().lock())
    }
}

impl<W: Write> Data<W> {
    pub(crate) fn new(out: W) -> Self {
        Self(BufWriter::with_capacity(BUFFER, out))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        Ok(self.0.write_all(bytes)?)
    }

    /// One JSON object and a line end.
    pub(crate) fn write_json(&mut self, object: &impl Serialize) -> Result<(), Stopped> {
        serde_json::to_writer(&mut self.0, object).map_err(io::Error::from)?;
        self.write(b"\n")
    }

    /// Hands over what is buffered; to be called before waiting for more.
    pub(crate) fn flush(&mut self) -> Result<(), Stopped> {
        Ok(self.0.flush()?)
    }
}

/// Prints on standard output, as long as somebody reads it.
pub(crate) fn printed(
    print: impl FnOnce(&mut Data) -> Result<(), Stopped>,
) -> Result<Exit, Failure> {
    let mut data = Data::stdout();
    match print(&mut data).and_then(|()| data.flush()) {
        Ok(()) => Ok(Exit::Done),
        Err(stopped) => stopped.into_failure().map_or(Ok(Exit::Done), Err),
    }
}

/// Writes a short text to standard output at once.
pub(crate) fn print(text: &str) -> Result<(), Stopped> {
    let mut data = Data::stdout();
    data.write(text.as_bytes())?;
    data.flush()
}

/// What became of one record (`--report json`).
#[derive(Debug, Serialize)]
pub(crate) struct ReportLine<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: Option<i32>,
    /// Null with `acks=0`.
    pub(crate) offset: Option<i64>,
    pub(crate) timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    pub(crate) failure: Option<ReportFailure<'a>>,
    /// Of a failed record, and on request of one that took more than one attempt.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    pub(crate) trail: Option<ReportTrail>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ReportFailure<'a> {
    pub(crate) error: &'a str,
    /// Whether the record may be in the log all the same.
    pub(crate) in_doubt: bool,
    /// The input line, counted from 1.
    pub(crate) line: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pipe(io::ErrorKind);

    impl Write for Pipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure_and_a_full_disk_is() {
        for (kind, failure) in [
            (io::ErrorKind::BrokenPipe, false),
            (io::ErrorKind::StorageFull, true),
        ] {
            let mut data = Data::new(Pipe(kind));
            data.write_json(&1).unwrap();
            assert_eq!(data.flush().unwrap_err().into_failure().is_some(), failure);
            let _ = data.0.into_parts();
        }
    }

    #[test]
    fn report_lines() {
        let line = |line: &ReportLine<'_>| serde_json::to_string(line).unwrap();
        let mut report = ReportLine {
            topic: "t",
            partition: Some(0),
            offset: Some(7),
            timestamp: Some(1),
            failure: None,
            trail: None,
        };
        assert_eq!(
            line(&report),
            r#"{"topic":"t","partition":0,"offset":7,"timestamp":1}"#
        );
        report.offset = None;
        assert_eq!(
            line(&report),
            r#"{"topic":"t","partition":0,"offset":null,"timestamp":1}"#
        );
        report.failure = Some(ReportFailure {
            error: "no",
            in_doubt: true,
            line: 3,
        });
        assert_eq!(
            line(&report),
            r#"{"topic":"t","partition":0,"offset":null,"timestamp":1,"error":"no","in_doubt":true,"line":3}"#
        );
        report.failure = None;
        report.trail = Some(ReportTrail::TrailOfLine(2));
        assert_eq!(
            line(&report),
            r#"{"topic":"t","partition":0,"offset":null,"timestamp":1,"trail_of_line":2}"#
        );
    }
}
