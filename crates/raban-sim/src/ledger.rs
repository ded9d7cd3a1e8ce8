//! The application's books: what it asked for, what was accepted, what came of it and when it heard.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use raban_core::{Delivery, EnqueueError, ProduceError, RecordMetadata};

use crate::content::{RecordId, Shape};
use crate::counts::Counts;
use crate::stage::Stage;

/// What became of a call to enqueue.
#[derive(Debug)]
pub(crate) enum Call {
    /// It wasn't made yet.
    Unmade,
    /// It wasn't accepted, for this reason; none: the call was given up, or would have had to wait.
    Refused(Option<EnqueueError>),
    Accepted(Accepted),
}

/// An accepted record.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) at: Duration,
    /// Counts acceptances.
    pub(crate) order: u64,
    pub(crate) partition: i32,
    pub(crate) timestamp: i64,
    /// The handle, unless the application let go of it.
    pub(crate) delivery: Option<Delivery>,
    pub(crate) outcome: Option<Outcome>,
}

/// What the application heard.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) at: Duration,
    /// Counts what it heard.
    pub(crate) order: u64,
    pub(crate) result: Result<RecordMetadata, ProduceError>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) shape: Shape,
    pub(crate) call: Call,
}

/// All records of the workload, by number.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<Option<Entry>>,
    accepted: u64,
    awaited: u64,
    heard: u64,
    /// When the latest record was accepted.
    pub(crate) latest: Duration,
    woken: Arc<Mutex<Vec<RecordId>>>,
    /// A handle that spoke twice.
    pub(crate) twice: Option<RecordId>,
}

struct RecordWaker {
    id: RecordId,
    woken: Arc<Mutex<Vec<RecordId>>>,
}

impl Wake for RecordWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        woken.push(self.id);
    }
}

impl Ledger {
    pub(crate) fn entry(&mut self, id: RecordId, shape: &Shape) -> &mut Entry {
        let at = id as usize;
        if self.entries.len() <= at {
            self.entries.resize_with(at + 1, || None);
        }
        self.entries[at].get_or_insert_with(|| Entry {
            shape: shape.clone(),
            call: Call::Unmade,
        })
    }

    /// All records that were tried to be sent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RecordId, &Entry)> {
        let with_id = (0..).zip(&self.entries);
        with_id.filter_map(|(id, entry)| entry.as_ref().map(|entry| (id, entry)))
    }

    pub(crate) fn get(&self, id: RecordId) -> Option<&Entry> {
        self.entries.get(id as usize)?.as_ref()
    }

    pub(crate) fn accepted(&self) -> impl Iterator<Item = (RecordId, &Shape, &Accepted)> {
        self.iter().filter_map(|(id, entry)| match &entry.call {
            Call::Accepted(accepted) => Some((id, &entry.shape, accepted)),
            _ => None,
        })
    }

    /// Notes that a record was accepted. With `awaited` the application waits for its outcome from now on, else it lets
    /// go of it.
    pub(crate) fn accept(
        &mut self,
        stage: &mut Stage,
        id: RecordId,
        timestamp: i64,
        delivery: Delivery,
        awaited: bool,
    ) {
        self.accepted += 1;
        let order = self.accepted;
        let entry = self.entries[id as usize]
            .as_mut()
            .expect("its call was noted");
        entry.call = Call::Accepted(Accepted {
            at: stage.now,
            order,
            partition: delivery.partition(),
            timestamp,
            delivery: awaited.then_some(delivery),
            outcome: None,
        });
        self.latest = stage.now;
        if awaited {
            self.awaited += 1;
            self.look(stage, id);
        }
    }

    /// How many records were accepted so far.
    pub(crate) fn acceptances(&self) -> u64 {
        self.accepted
    }

    pub(crate) fn refuse(&mut self, id: RecordId, error: Option<EnqueueError>) {
        if let Some(entry) = &mut self.entries[id as usize] {
            entry.call = Call::Refused(error);
        }
    }

    /// Whether the record's outcome is still awaited.
    pub(crate) fn is_open(&self, id: RecordId) -> bool {
        match self.get(id).map(|entry| &entry.call) {
            Some(Call::Accepted(accepted)) => {
                accepted.delivery.is_some() && accepted.outcome.is_none()
            }
            _ => false,
        }
    }

    /// Whether all awaited outcomes are there.
    pub(crate) fn all_settled(&self) -> bool {
        self.heard == self.awaited
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, entry) in self.iter() {
            counts.tried += 1;
            let Call::Accepted(accepted) = &entry.call else {
                continue;
            };
            counts.accepted += 1;
            match accepted.outcome.as_ref().map(|outcome| &outcome.result) {
                None => counts.let_go += 1,
                Some(Ok(_)) => counts.acknowledged += 1,
                Some(Err(error)) if error.may_have_been_written() => counts.in_doubt += 1,
                Some(Err(_)) => counts.failed += 1,
            }
        }
        counts
    }

    /// Looks at the handles that were woken, in that order.
    pub(crate) fn listen(&mut self, stage: &mut Stage) {
        loop {
            let woken =
                std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
            if woken.is_empty() {
                return;
            }
            for id in woken {
                self.look(stage, id);
            }
        }
    }

    /// Polls a handle. A wake-up need not mean that there is an outcome: a batch that is split wakes too.
    fn look(&mut self, stage: &mut Stage, id: RecordId) {
        let waker = Waker::from(Arc::new(RecordWaker {
            id,
            woken: Arc::clone(&self.woken),
        }));
        let entry = self.entries[id as usize].as_mut();
        let Some(Call::Accepted(accepted)) = entry.map(|entry| &mut entry.call) else {
            return;
        };
        let Some(delivery) = &mut accepted.delivery else {
            return;
        };
        let Poll::Ready(result) = Pin::new(delivery).poll(&mut Context::from_waker(&waker)) else {
            return;
        };
        if accepted.outcome.is_some() {
            self.twice.get_or_insert(id);
            return;
        }
        self.heard += 1;
        stage.line(|| match &result {
            Ok(metadata) => format!("record {id} is at offset {:?}", metadata.offset()),
            Err(error) => format!("record {id} failed: {error}"),
        });
        accepted.outcome = Some(Outcome {
            at: stage.now,
            order: self.heard,
            result,
        });
    }
}
