//! Tells of records as they settle: in order within a partition, and no partition waits for another.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use raban::{Delivery, EnqueueError, block_on};
use tokio::sync::mpsc;

use super::event::{Event, Sent};
use crate::exit::Failure;
use crate::output::{Data, Stopped};

/// Records that are handed over and not yet told of.
const UNDER_WAY: usize = 100_000;
/// Records on the way from one thread to the other.
const HANDED_OVER: usize = 1000;

/// What came of handing a record to the producer.
pub(super) enum Outcome {
    Accepted(Delivery),
    /// Surely not in the log.
    Refused(EnqueueError),
}

/// Where the sending side puts records; blocks when too many are under way.
pub(super) struct Records(mpsc::Sender<(Sent, Outcome)>);

/// Nobody reads the lines any more.
pub(super) struct Deaf;

impl Records {
    pub(super) fn put(&self, sent: Sent, outcome: Outcome) -> Result<(), Deaf> {
        self.0.blocking_send((sent, outcome)).map_err(|_| Deaf)
    }
}

/// Starts telling on a thread of its own, which ends after [`Records`] is dropped and all is told.
pub(super) fn start(throughput: i64) -> (Records, JoinHandle<Result<(), Failure>>) {
    let (sender, records) = mpsc::channel(HANDED_OVER);
    let thread = thread::spawn(move || {
        let teller = Teller {
            records: Some(records),
            partitions: BTreeMap::new(),
            under_way: 0,
            sent: 0,
            acked: 0,
            out: Data::stdout(),
        };
        match teller.run(throughput).map_err(Stopped::into_failure) {
            Ok(()) | Err(None) => Ok(()),
            Err(Some(failure)) => Err(failure),
        }
    });
    (Records(sender), thread)
}

struct Teller {
    /// `None`: the sending side has ended.
    records: Option<mpsc::Receiver<(Sent, Outcome)>>,
    partitions: BTreeMap<i32, VecDeque<(Sent, Delivery)>>,
    /// How many records are in `partitions`.
    under_way: usize,
    sent: u64,
    acked: u64,
    out: Data,
}

impl Teller {
    fn run(mut self, target_throughput: i64) -> Result<(), Stopped> {
        let started = Instant::now();
        self.tell(Event::StartupComplete)?;
        block_on(poll_fn(|cx| self.poll(cx)))?;
        self.tell(Event::ShutdownComplete)?;
        let (sent, acked) = (self.sent, self.acked);
        self.tell(Event::ToolData {
            sent,
            acked,
            target_throughput,
            avg_throughput: acked as f64 / started.elapsed().as_secs_f64(),
        })?;
        self.out.flush()
    }

    /// Tells of what there is to tell; ready when there will be no more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        // Settling makes room for records that couldn't be taken before.
        while self.take(cx)? | self.settle(cx)? {}
        self.out.flush()?;
        if self.records.is_none() && self.under_way == 0 {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    /// Takes what is handed over, as long as there is room; whether there was anything.
    fn take(&mut self, cx: &mut Context<'_>) -> Result<bool, Stopped> {
        let mut any = false;
        while self.under_way < UNDER_WAY
            && let Some(records) = &mut self.records
            && let Poll::Ready(record) = records.poll_recv(cx)
        {
            any = true;
            let Some((sent, outcome)) = record else {
                self.records = None;
                break;
            };
            self.sent += 1;
            match outcome {
                Outcome::Refused(error) => {
                    self.tell(Event::error(&sent, error.kind(), error.to_string()))?;
                }
                Outcome::Accepted(delivery) => {
                    let partition = self.partitions.entry(delivery.partition()).or_default();
                    partition.push_back((sent, delivery));
                    self.under_way += 1;
                }
            }
        }
        Ok(any)
    }

    /// Tells of each partition's oldest records, as long as they are settled; whether one was.
    fn settle(&mut self, cx: &mut Context<'_>) -> Result<bool, Stopped> {
        let mut any = false;
        let Self {
            partitions, out, ..
        } = self;
        for partition in partitions.values_mut() {
            while let Some((sent, delivery)) = partition.front_mut()
                && let Poll::Ready(outcome) = Pin::new(delivery).poll(cx)
            {
                any = true;
                self.under_way -= 1;
                let event = match outcome {
                    Ok(at) => {
                        self.acked += 1;
                        Event::success(sent, &at)
                    }
                    Err(error) => Event::error(sent, error.kind(), error.to_string()),
                };
                out.write_json(&event.line())?;
                partition.pop_front();
            }
        }
        Ok(any)
    }

    fn tell(&mut self, event: Event<'_>) -> Result<(), Stopped> {
        self.out.write_json(&event.line())
    }
}
