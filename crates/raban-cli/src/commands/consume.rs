//! `raban consume`: a topic's records on standard output.

use std::time::{Duration, Instant};

use raban::{ErrorCode, ReadError, ReadRecord, Reader};

use crate::args::{Consume, Format};
use crate::cluster::{illegal_topic, not_started};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::json::{Bytes, OutputHeader, OutputRecord};
use crate::output::{Data, Stopped};

/// How soon an interruption is noticed while no record comes.
const LOOK_UP: Duration = Duration::from_millis(50);

pub(crate) fn run(args: &Consume) -> Result<Exit, Failure> {
    let settings = args.cluster.settings()?;
    let interrupt = Interrupt::watch(|| {})
        .map_err(|error| Failure::failed(format!("can't watch for Ctrl-C: {error}")))?;
    let mut builder = Reader::builder(&args.topic).settings(&settings);
    if let Some(partition) = args.partition {
        builder = builder.partition(partition);
    }
    if args.from_beginning {
        builder = builder.from_beginning();
    }
    if args.exit_at_end {
        builder = builder.exit_at_end();
    }
    let mut reader = builder.open().map_err(not_started)?;
    let mut printer = Printer {
        args,
        out: Data::stdout(),
        line: Vec::new(),
    };
    let ended = print_records(&mut reader, &mut printer, &interrupt);
    let flushed = printer.out.flush();
    match ended.and_then(|exit| flushed.map(|()| exit).map_err(Ended::Output)) {
        Ok(exit) => Ok(exit),
        Err(Ended::Input(error)) => Err(failure(&error)),
        // Whoever read has had enough.
        Err(Ended::Output(stopped)) => stopped.into_failure().map_or(Ok(Exit::Done), Err),
    }
}

enum Ended {
    Input(ReadError),
    Output(Stopped),
}

/// Until the end that was asked for.
fn print_records(
    reader: &mut Reader,
    printer: &mut Printer<'_>,
    interrupt: &Interrupt,
) -> Result<Exit, Ended> {
    let timeout = printer.args.timeout_ms.map(Duration::from_millis);
    let mut left = printer.args.max_messages.unwrap_or(u64::MAX);
    let mut latest = Instant::now();
    while left > 0 {
        if interrupt.is_asked() {
            return Ok(Exit::Interrupted);
        }
        // What is there already comes without a wait, and is written in large pieces.
        let mut next = reader
            .blocking_next_timeout(Duration::ZERO)
            .map_err(Ended::Input)?;
        if next.is_none() && !reader.is_done() {
            printer.out.flush().map_err(Ended::Output)?;
            let idle = timeout.map(|timeout| timeout.saturating_sub(latest.elapsed()));
            let wait = idle.map_or(LOOK_UP, |idle| idle.min(LOOK_UP));
            next = reader.blocking_next_timeout(wait).map_err(Ended::Input)?;
        }
        match next {
            Some(record) => {
                printer.print(&record).map_err(Ended::Output)?;
                left -= 1;
                latest = Instant::now();
            }
            None if reader.is_done() => break,
            None if timeout.is_some_and(|timeout| latest.elapsed() >= timeout) => break,
            None => {}
        }
    }
    Ok(Exit::Done)
}

pub(crate) fn failure(error: &ReadError) -> Failure {
    match error {
        ReadError::Refused {
            topic,
            code: ErrorCode::INVALID_TOPIC_EXCEPTION,
            ..
        } => illegal_topic(topic),
        _ => Failure::failed(error.to_string()),
    }
}

/// Prints records in the form asked for.
struct Printer<'a> {
    args: &'a Consume,
    out: Data,
    line: Vec<u8>,
}

impl Printer<'_> {
    fn print(&mut self, record: &ReadRecord) -> Result<(), Stopped> {
        match self.args.format {
            Format::Json => self.out.write_json(&as_json(record)),
            Format::Lines => {
                self.line.clear();
                self.fields(record);
                self.line
                    .extend_from_slice(record.value.as_deref().unwrap_or(NULL));
                self.line.push(b'\n');
                self.out.write(&self.line)
            }
        }
    }

    /// What is printed before the value.
    fn fields(&mut self, record: &ReadRecord) {
        let args = self.args;
        if args.print_timestamp {
            self.field(record.timestamp.to_string().as_bytes());
        }
        if args.print_partition {
            self.field(record.partition.to_string().as_bytes());
        }
        if args.print_offset {
            self.field(record.offset.to_string().as_bytes());
        }
        if args.print_headers {
            for (index, header) in record.headers.iter().enumerate() {
                if index > 0 {
                    self.line.push(b',');
                }
                self.line.extend_from_slice(header.key.as_bytes());
                if let Some(value) = &header.value {
                    self.line.push(b'=');
                    self.line.extend_from_slice(value);
                }
            }
            self.line.push(b'\t');
        }
        if args.print_key {
            self.field(record.key.as_deref().unwrap_or(NULL));
        }
    }

    fn field(&mut self, bytes: &[u8]) {
        self.line.extend_from_slice(bytes);
        self.line.push(b'\t');
    }
}

/// How null is printed in a line.
const NULL: &[u8] = b"null";

fn as_json(record: &ReadRecord) -> OutputRecord<'_> {
    let headers = record.headers.iter();
    OutputRecord {
        topic: &record.topic,
        partition: record.partition,
        offset: record.offset,
        // -1: the record has none.
        timestamp: (record.timestamp >= 0).then_some(record.timestamp),
        key: Bytes(record.key.as_deref()),
        value: Bytes(record.value.as_deref()),
        headers: headers
            .map(|header| OutputHeader {
                key: &header.key,
                value: Bytes(header.value.as_deref()),
            })
            .collect(),
    }
}
