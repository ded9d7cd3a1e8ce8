//! Calls that can't be accepted at once: what they wait for, their turn, their deadline.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::memory::{Line, Memory};
use super::topic::TopicView;
use super::waits::{WaitId, Waits};
use super::{Accumulator, PartitionInfo, Topic, refused};
use crate::delivery::Delivery;
use crate::error::{EnqueueError, ErrorKind};
use crate::record::NewRecord;
use crate::time::{Clock, Instant, Now};

/// Batches that linger no longer are let fill while a call waits for room.
const SHORT_LINGER: Duration = Duration::from_millis(100);

/// What a call has to wait for.
#[derive(Debug)]
pub(super) enum Blocked {
    Memory {
        bytes: usize,
        line: Line,
    },
    /// For a view of the topic newer than this version.
    Metadata {
        newer_than: u64,
    },
    Failed(EnqueueError),
}

impl Blocked {
    pub(super) fn for_good(kind: ErrorKind) -> Box<Self> {
        Box::new(Self::Failed(kind.into()))
    }
}

/// A waiting call's place: its turn for memory, its deadline of `max.block.ms`. Dropping it gives
/// the place up.
#[derive(Debug, Default)]
pub struct EnqueueWait {
    waiting: Option<Box<Waiting>>,
    /// What a partitioner chose: it is asked once for each record.
    pub(super) chosen: Option<i32>,
    /// Why the record wasn't accepted when it was tried last.
    pub(super) blocked: Option<Box<Blocked>>,
}

impl EnqueueWait {
    #[inline]
    pub(super) fn call(&self) -> Option<WaitId> {
        let waiting = self.waiting.as_ref();
        waiting.map(|waiting| waiting.patience.id)
    }

    pub(super) fn take_blocked(&mut self) -> Box<Blocked> {
        let blocked = self.blocked.take();
        blocked.expect("noted of a record that isn't accepted")
    }
}

#[derive(Debug)]
struct Waiting {
    patience: Patience,
    /// When it came to wait for memory, with the metadata known.
    for_memory_since: Option<Instant>,
    /// The view of the topic seen first, when the call named a partition beyond it.
    seen_version: Option<u64>,
    topic: Arc<Topic>,
    memory: Arc<Memory>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.topic.forget(self.patience.id);
        self.memory.leave(self.patience.id);
    }
}

/// How long a call waits: `max.block.ms` at most.
#[derive(Debug)]
pub struct Patience {
    id: WaitId,
    since: Instant,
    deadline: Instant,
    waits: Arc<Waits>,
}

impl Patience {
    /// How long it was, if it has come to its end.
    fn ended(&self, now: Instant) -> Option<Duration> {
        (now >= self.deadline).then(|| now - self.since)
    }

    /// Has the task woken by what it waits for, and at the end; true if the driver must set its timer anew.
    fn register(&self, cx: &Context<'_>) -> bool {
        self.waits.register(self.id, self.deadline, cx.waker())
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        self.waits.remove(self.id);
    }
}

impl Accumulator {
    /// Whether there is memory for some more records, so that none of them would wait for it.
    pub fn has_room(&self) -> bool {
        // One batch is filled, and another begun.
        let need = self.config.batch_size.saturating_mul(2);
        self.memory.has_room(need.min(self.memory.capacity() / 2))
    }

    /// Begins to wait for records that were accepted. Where they would linger for long, open batches leave at once.
    pub fn wait_for_room(&self, now: Now) -> Patience {
        if self.config.linger > SHORT_LINGER {
            self.generations.begin_flush();
            self.signal.wake();
        }
        self.patience(now)
    }

    fn patience(&self, now: Now) -> Patience {
        Patience {
            id: self.waits.new_id(),
            since: now.instant,
            deadline: now.instant + self.config.max_block,
            waits: Arc::clone(&self.waits),
        }
    }

    /// Resolves when the patience has come to its end, to the error of a record that waited for memory in vain.
    pub fn poll_patience(
        &self,
        cx: &mut Context<'_>,
        now: Now,
        patience: &Patience,
    ) -> Poll<EnqueueError> {
        if let Some(waited) = patience.ended(now.instant) {
            return Poll::Ready(self.memory_timed_out(waited));
        }
        if patience.register(cx) {
            self.signal.wake();
        }
        Poll::Pending
    }

    fn memory_timed_out(&self, waited: Duration) -> EnqueueError {
        EnqueueError::new(ErrorKind::MemoryTimeout {
            waited,
            capacity: self.memory.capacity(),
            cause: self.trouble(),
        })
    }

    /// Accepts the record, waiting up to `max.block.ms` for metadata and memory together. `wait`
    /// keeps the call's place between polls.
    #[inline(always)]
    pub fn poll_enqueue(
        &self,
        cx: &mut Context<'_>,
        clock: &impl Clock,
        topic: &Arc<Topic>,
        record: &NewRecord<'_>,
        wait: &mut EnqueueWait,
    ) -> Poll<Result<Delivery, EnqueueError>> {
        match self.accept_at_once(clock, topic, record, wait) {
            Some(delivery) => Poll::Ready(Ok(delivery)),
            None => self.poll_waiting(cx, clock.now(), topic, record, wait),
        }
    }

    /// Accepts the record if it has nothing to wait for. Else [`poll_enqueue`](Self::poll_enqueue) has to go on with what is
    /// noted in `wait`, and tells what it is.
    #[inline(always)]
    pub fn accept_at_once(
        &self,
        clock: &impl Clock,
        topic: &Arc<Topic>,
        record: &NewRecord<'_>,
        wait: &mut EnqueueWait,
    ) -> Option<Delivery> {
        // In its turn, once it waits; and not again for what is known to be in its way.
        if wait.waiting.is_some() || wait.blocked.is_some() {
            return None;
        }
        let plain = self.enqueue_plain(clock, topic, record);
        plain.or_else(|| {
            let delivery = self.enqueue(clock, topic, record, wait)?;
            wait.chosen = None;
            Some(delivery)
        })
    }

    #[cold]
    fn enqueue_again(
        &self,
        now: Now,
        topic: &Arc<Topic>,
        record: &NewRecord<'_>,
        wait: &mut EnqueueWait,
    ) -> Result<Delivery, Blocked> {
        let accepted = self.enqueue(&now, topic, record, wait);
        accepted.ok_or_else(|| *wait.take_blocked())
    }

    #[cold]
    fn poll_waiting(
        &self,
        cx: &mut Context<'_>,
        now: Now,
        topic: &Arc<Topic>,
        record: &NewRecord<'_>,
        wait: &mut EnqueueWait,
    ) -> Poll<Result<Delivery, EnqueueError>> {
        let tried = match wait.blocked.take() {
            Some(blocked) => Err(*blocked),
            None => self.enqueue_again(now, topic, record, wait),
        };
        let polled = match tried {
            Ok(delivery) => Poll::Ready(Ok(delivery)),
            Err(Blocked::Failed(error)) => Poll::Ready(Err(error)),
            Err(blocked) => self.poll_blocked(cx, now, topic, record, wait, &blocked),
        };
        if let Poll::Ready(outcome) = &polled {
            if let Some(waiting) = &wait.waiting {
                let kind = outcome.as_ref().err().map(EnqueueError::kind);
                let in_vain = matches!(kind, Some(ErrorKind::MemoryTimeout { .. }));
                self.note_wait(now.instant, waiting, in_vain);
            }
            *wait = EnqueueWait::default();
        }
        polled
    }

    fn note_wait(&self, now: Instant, waiting: &Waiting, in_vain: bool) {
        let for_metadata_until = waiting.for_memory_since.unwrap_or(now);
        self.recorder
            .waited_for_metadata(for_metadata_until - waiting.patience.since);
        if let Some(since) = waiting.for_memory_since {
            self.recorder.waited_for_memory(now, now - since, in_vain);
        }
    }

    fn poll_blocked(
        &self,
        cx: &mut Context<'_>,
        now: Now,
        topic: &Arc<Topic>,
        record: &NewRecord<'_>,
        wait: &mut EnqueueWait,
        blocked: &Blocked,
    ) -> Poll<Result<Delivery, EnqueueError>> {
        let waiting = self.waiting(now, topic, &mut wait.waiting);
        if matches!(blocked, Blocked::Memory { .. }) {
            waiting.for_memory_since.get_or_insert(now.instant);
        }
        if let Some(waited) = waiting.patience.ended(now.instant) {
            return Poll::Ready(Err(self.timed_out(blocked, topic, waited)));
        }
        if let Some(error) = judge_partition(blocked, topic, record, waiting) {
            return Poll::Ready(Err(error));
        }
        if waiting.patience.register(cx) {
            self.signal.wake();
        }
        let id = waiting.patience.id;
        self.join(id, topic, blocked);
        // Once more, now that a change would wake the call: one may have come in between.
        match self.enqueue_again(now, topic, record, wait) {
            Ok(delivery) => Poll::Ready(Ok(delivery)),
            Err(Blocked::Failed(error)) => Poll::Ready(Err(error)),
            Err(blocked) => {
                self.join(id, topic, &blocked);
                Poll::Pending
            }
        }
    }

    /// The topic's partitions, waiting up to `max.block.ms` for them. `wait` keeps the deadline
    /// between polls.
    pub fn poll_partitions(
        &self,
        cx: &mut Context<'_>,
        now: Now,
        topic: &Arc<Topic>,
        wait: &mut EnqueueWait,
    ) -> Poll<Result<Vec<PartitionInfo>, EnqueueError>> {
        let known = || {
            topic.with_view(|view| match view {
                TopicView::Known(partitions) => Some(Ok(partitions.info.clone())),
                TopicView::Refused { code, until } if now.instant < *until => {
                    Some(Err(refused(topic, *code)))
                }
                TopicView::Unreachable(error) => Some(Err(error.clone())),
                _ if self.is_closed() => Some(Err(ErrorKind::Closed.into())),
                _ => None,
            })
        };
        let mut outcome = known();
        if outcome.is_none() {
            let blocked = Blocked::Metadata { newer_than: 0 };
            let waiting = self.waiting(now, topic, &mut wait.waiting);
            if let Some(waited) = waiting.patience.ended(now.instant) {
                outcome = Some(Err(self.timed_out(&blocked, topic, waited)));
            } else {
                waiting.patience.register(cx);
                self.join(waiting.patience.id, topic, &blocked);
                outcome = known();
            }
        }
        match outcome {
            Some(outcome) => {
                if let Some(waiting) = wait.waiting.take() {
                    self.note_wait(now.instant, &waiting, false);
                }
                Poll::Ready(outcome)
            }
            None => Poll::Pending,
        }
    }

    fn waiting<'a>(
        &self,
        now: Now,
        topic: &Arc<Topic>,
        waiting: &'a mut Option<Box<Waiting>>,
    ) -> &'a mut Waiting {
        waiting.get_or_insert_with(|| {
            Box::new(Waiting {
                patience: self.patience(now),
                for_memory_since: None,
                seen_version: None,
                topic: Arc::clone(topic),
                memory: Arc::clone(&self.memory),
            })
        })
    }

    fn join(&self, call: WaitId, topic: &Arc<Topic>, blocked: &Blocked) {
        match blocked {
            Blocked::Memory { bytes, line } => {
                self.memory.wait(call, *bytes, *line);
                self.signal.wake();
            }
            Blocked::Metadata { .. } => {
                self.memory.leave(call);
                topic.wait(call);
                self.signal.topic(topic);
            }
            Blocked::Failed(_) => {}
        }
    }

    fn timed_out(&self, blocked: &Blocked, topic: &Topic, waited: Duration) -> EnqueueError {
        match blocked {
            Blocked::Memory { .. } => self.memory_timed_out(waited),
            _ => EnqueueError::new(ErrorKind::MetadataTimeout {
                topic: Arc::clone(topic.shared_name()),
                waited,
                cause: topic.trouble().or_else(|| self.trouble()),
            }),
        }
    }
}

/// A partition beyond the topic's is looked for in one newer view; then it doesn't exist.
fn judge_partition(
    blocked: &Blocked,
    topic: &Arc<Topic>,
    record: &NewRecord<'_>,
    waiting: &mut Waiting,
) -> Option<EnqueueError> {
    let Blocked::Metadata { newer_than } = blocked else {
        return None;
    };
    let (partition, count) = (record.partition?, topic.partition_count()?);
    let seen = *waiting.seen_version.get_or_insert(*newer_than);
    (*newer_than > seen).then(|| {
        EnqueueError::new(ErrorKind::InvalidPartition {
            topic: Arc::clone(topic.shared_name()),
            partition,
            count,
        })
    })
}
