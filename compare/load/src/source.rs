//! The records to send: slices of one text, each at its time.

use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::tally::Tally;
use crate::workload::Workload;

const KEYS: u64 = 65_536;
const KEY_LEN: usize = 16;

/// A record to send. Its bytes live as long as the process, so that no client has to copy what it needn't.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub key: Option<&'static [u8]>,
    pub value: &'static [u8],
    /// Its number among all.
    pub index: u64,
    /// To be handed to the [`Tally`] with the outcome.
    pub ticket: Ticket,
}

/// When a record was meant to be sent, in nanoseconds since the tally began; 0 if as soon as possible.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticket(pub(crate) u64);

impl Ticket {
    /// As a number, for clients that carry one through to the callback.
    pub const fn to_bits(self) -> usize {
        self.0 as usize
    }

    /// From that number.
    pub const fn from_bits(bits: usize) -> Self {
        Self(bits as u64)
    }
}

/// Where values and keys are cut from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    pool: &'static [u8],
    size: usize,
    keyed: bool,
}

impl Source {
    /// Reads the workload's pool; it is never freed.
    ///
    /// # Errors
    /// A pool that can't be read, or is shorter than a value or all keys.
    pub fn open(workload: &Workload) -> Result<Self, Failure> {
        let path = workload.pool.display();
        let pool = std::fs::read(&workload.pool)
            .map_err(|error| Failure::new(format!("--pool {path}: {error}")))?;
        let needed = workload.size.max(KEYS as usize * KEY_LEN);
        if workload.size == 0 || pool.len() < needed {
            let len = pool.len();
            return Err(Failure::new(format!(
                "--pool {path} has {len} bytes; values of {} bytes and keys need {needed}",
                workload.size
            )));
        }
        Ok(Self {
            pool: pool.leak(),
            size: workload.size,
            keyed: workload.keyed,
        })
    }

    /// Values follow each other in the pool, and start over at its end.
    #[inline]
    pub(crate) fn record(&self, index: u64, ticket: Ticket) -> Record {
        let slots = (self.pool.len() / self.size) as u64;
        let at = (index % slots) as usize * self.size;
        let key_at = (index % KEYS) as usize * KEY_LEN;
        Record {
            key: self.keyed.then(|| &self.pool[key_at..key_at + KEY_LEN]),
            value: &self.pool[at..at + self.size],
            index,
            ticket,
        }
    }
}

/// One sender's part of the records, and where their outcomes go. Iterating waits for each record's time.
#[derive(Debug)]
pub struct Share {
    pub(crate) source: Source,
    pub(crate) range: Range<u64>,
    /// Time between two records of this sender.
    pub(crate) interval: Option<Duration>,
    pub(crate) start: Instant,
    pub(crate) sent: u32,
    pub tally: Arc<Tally>,
}

impl Share {
    /// Whether records have times at which they are meant to be sent.
    pub fn is_paced(&self) -> bool {
        self.interval.is_some()
    }
}

impl Iterator for Share {
    type Item = Record;

    #[inline]
    fn next(&mut self) -> Option<Record> {
        let index = self.range.next()?;
        let ticket = match self.interval {
            None => Ticket::default(),
            Some(interval) => {
                let intended = self.start + interval * self.sent;
                self.sent += 1;
                // A sender that is late sends at once: its records' latency counts from the intended time all the same.
                if let Some(early) = intended.checked_duration_since(Instant::now()) {
                    thread::sleep(early);
                }
                self.tally.ticket(intended)
            }
        };
        Some(self.source.record(index, ticket))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl ExactSizeIterator for Share {}
