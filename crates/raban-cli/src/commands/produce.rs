//! `raban produce`: records from a file or standard input to a topic.

use std::sync::atomic::Ordering;
use std::time::Duration;

use raban::{EnqueueError, ErrorKind, Producer, Record, Settings};

use crate::args::{Format, Produce};
use crate::cluster::not_started;
use crate::deliveries::{Deliveries, Outcome, Sent, Settled, Shared, settle};
use crate::exit::{Exit, Failure};
use crate::input::{Blocks, Content, Line, Lines, Next, Source};
use crate::interrupt::Interrupt;
use crate::progress::{Progress, tell};
use crate::records::{Parsed, Parser};
use crate::scraped::Scraped;
use crate::serializers::Serializers;

/// How long an interrupted run may take to deliver what was accepted.
const FLUSH_WHEN_INTERRUPTED: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &Produce) -> Result<Exit, Failure> {
    let parser = Parser::new(args)?;
    let source = Source::open(&args.file, " (--file)", "a file")?;
    let mut settings = args.cluster.settings()?;
    let serializers = Serializers::take(args, &mut settings)?;
    let max_request_size = max_request_size(&settings);
    let producer = Producer::from_settings(&settings).map_err(not_started)?;
    let scraped = args
        .metrics_port
        .map(|address| Scraped::listen(address, producer.clone()))
        .transpose()?;
    if let Some(scraped) = &scraped
        && !args.quiet
    {
        tell(&format!("metrics: http://{}/metrics", scraped.address()));
    }
    if source.is_terminal && !args.quiet {
        tell("reading records from the terminal, one a line; Ctrl-D ends");
    }

    let progress = Progress::new(source.len, args.quiet);
    let name = source.name.clone();
    let (blocks, waker) = Blocks::read(source);
    let interrupt = {
        let (producer, waker) = (producer.clone(), waker.clone());
        // Closing ends waits for memory and metadata too.
        Interrupt::watch(move || {
            waker.wake();
            let _ = producer.blocking().close(FLUSH_WHEN_INTERRUPTED);
        })
    }
    .map_err(|error| Failure::failed(format!("can't watch for Ctrl-C: {error}")))?;

    let shared = Shared::default();
    let (deliveries, settling) = settle(
        &args.topic,
        args.report.is_some(),
        args.trail,
        progress,
        shared.clone(),
        waker,
    );
    let mut feeder = Feeder {
        args,
        parser: &parser,
        serializers: &serializers,
        producer: &producer,
        deliveries,
        interrupt,
        shared,
        max_request_size,
    };
    let ended = feeder.feed(
        &blocks,
        Lines::new(line_limit(max_request_size, args.format)),
    );
    let interrupt = feeder.interrupt.clone();
    drop(feeder);
    // Waits no longer than the last delivery may take; a batch that lingers is sent at once.
    let _ = producer.blocking().close(Duration::MAX);
    let mut settled = match settling.join() {
        Ok(settled) => settled,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    settled.summary.retries = producer.metrics().record_retry.total;
    conclude(args, &name, settled, ended, interrupt.is_asked())
}

/// Why the input was not read on.
enum Ended {
    AtEnd,
    /// Ctrl-C, or nobody reads the report any more.
    Asked,
    /// Any further record would fail likewise; the last one's line.
    InVain(u64),
    /// What was asked for can't be done with any input.
    Usage(String),
    Unreadable(std::io::Error),
}

fn conclude(
    args: &Produce,
    input: &str,
    settled: Settled,
    ended: Ended,
    interrupted: bool,
) -> Result<Exit, Failure> {
    let summary = settled.summary;
    let mut complete = true;
    match ended {
        Ended::Usage(error) => return Err(Failure::usage(error)),
        Ended::AtEnd => {}
        Ended::Asked if interrupted => tell("interrupted: the rest of the input was not read"),
        // Whoever read the report went away: quiet, like any command before `head`.
        Ended::Asked => {}
        Ended::InVain(line) => {
            complete = false;
            tell(&format!(
                "given up at line {line}: the rest of the input was not read"
            ));
        }
        Ended::Unreadable(error) => {
            complete = false;
            tell(&format!(
                "error: can't read {input} further: {error}; what was read before is sent"
            ));
        }
    }
    if !args.quiet {
        tell(&summary.to_string());
    }
    if let Some(failure) = settled.failure {
        return Err(failure);
    }
    Ok(match () {
        () if interrupted => Exit::Interrupted,
        () if summary.in_doubt > 0 => Exit::InDoubt,
        () if summary.failed > 0 || !complete => Exit::Failed,
        () => Exit::Done,
    })
}

fn max_request_size(settings: &Settings) -> usize {
    const DEFAULT: usize = 1_048_576;
    let size = settings
        .get("max.request.size")
        .map(|size| size.trim().parse());
    size.and_then(Result::ok).unwrap_or(DEFAULT)
}

/// Longer lines can't become a record: they aren't kept in memory. JSON may write six bytes for one.
fn line_limit(max_request_size: usize, format: Format) -> usize {
    match format {
        Format::Lines => max_request_size,
        Format::Json => max_request_size.saturating_mul(6).saturating_add(64 * 1024),
    }
}

/// Reads lines and puts their records into the producer.
struct Feeder<'a> {
    args: &'a Produce,
    parser: &'a Parser,
    serializers: &'a Serializers,
    producer: &'a Producer,
    deliveries: Deliveries,
    interrupt: Interrupt,
    shared: Shared,
    max_request_size: usize,
}

impl Feeder<'_> {
    fn feed(&mut self, blocks: &Blocks, mut lines: Lines) -> Ended {
        loop {
            let next = match blocks.poll() {
                Next::Idle => {
                    self.deliveries.hand_over();
                    blocks.wait()
                }
                next => next,
            };
            match next {
                Next::Block(block) => {
                    let mut rest = &block[..];
                    while let Some(line) = lines.next(&mut rest) {
                        if let Some(ended) = self.take(line) {
                            return ended;
                        }
                    }
                    self.shared
                        .read
                        .fetch_add(block.len() as u64, Ordering::Relaxed);
                }
                Next::Idle | Next::Woken => {}
                Next::Failed(error) => return Ended::Unreadable(error),
                Next::End => {
                    return lines
                        .finish()
                        .and_then(|line| self.take(line))
                        .unwrap_or(Ended::AtEnd);
                }
            }
            if self.is_asked() {
                return Ended::Asked;
            }
        }
    }

    fn is_asked(&self) -> bool {
        self.interrupt.is_asked() || self.shared.is_stopped()
    }

    /// Sends a line's record. `Some` if nothing more is to be read.
    fn take(&mut self, Line { number, content }: Line<'_>) -> Option<Ended> {
        if self.is_asked() {
            return Some(Ended::Asked);
        }
        let parser = self.parser;
        let parsed = match content {
            Content::TooLong(len) => Err(format!(
                "record too large: the line has {len} bytes, but max.request.size is {}; raise it \
                 (and the topic's max.message.bytes) or send less",
                self.max_request_size
            )),
            Content::Bytes(bytes) => parser
                .parse(bytes)
                .and_then(|parsed| self.serializers.serialize(parsed)),
        };
        let mut ended = None;
        let outcome = match parsed {
            Ok(None) => return None,
            Err(reason) => Outcome::Refused(reason),
            Ok(Some(parsed)) => match self.producer.blocking().enqueue(self.record(parsed)) {
                Ok(delivery) => Outcome::Accepted(delivery),
                // The interruption closed the producer while the record waited to be accepted.
                Err(error) if matches!(error.kind(), ErrorKind::Closed) && self.is_asked() => {
                    return Some(Ended::Asked);
                }
                Err(error) if matches!(error.kind(), ErrorKind::InvalidTopic { .. }) => {
                    return Some(Ended::Usage(error.to_string()));
                }
                Err(error) => {
                    ended = self.is_in_vain(&error).then_some(Ended::InVain(number));
                    Outcome::Refused(error.to_string())
                }
            },
        };
        self.deliveries.push(Sent {
            line: number,
            outcome,
        });
        ended
    }

    fn record<'r>(&'r self, parsed: Parsed<'r>) -> Record<'r> {
        let mut record = Record::to(self.args.topic.as_str())
            .key(parsed.key)
            .value(parsed.value);
        for header in parsed.headers.iter() {
            record = record.header(&header.key, header.value.clone());
        }
        if let Some(partition) = parsed.partition {
            record = record.partition(partition);
        }
        if let Some(timestamp) = parsed.timestamp {
            record = record.timestamp(timestamp);
        }
        record
    }

    /// Whether the records to come would wait as long and fail likewise.
    fn is_in_vain(&self, error: &EnqueueError) -> bool {
        match error.kind() {
            ErrorKind::RecordTooLarge { .. }
            | ErrorKind::InvalidTimestamp(_)
            | ErrorKind::Serialize { .. } => false,
            // One record's own partition, or the one for all (-p).
            ErrorKind::InvalidPartition { partition, .. } => {
                self.args.partition == Some(*partition)
            }
            _ => true,
        }
    }
}
