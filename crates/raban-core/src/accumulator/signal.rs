//! How the application's threads tell the sender that there is something to look at.

use std::sync::{Arc, PoisonError};
use std::task::Waker;

use super::partition::PartitionId;
use super::topic::Topic;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Wakes the driver once until it has looked; a batch, not a record, costs a signal.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    woken: AtomicBool,
    /// The driver looks by itself before long.
    looks_soon: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waker: Option<Waker>,
    news: News,
}

/// What happened since the sender looked last.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Partitions with a batch opened or sealed.
    pub(crate) partitions: Vec<PartitionId>,
    /// Topics whose partitions somebody waits for.
    pub(crate) topics: Vec<Arc<Topic>>,
    /// Topics that are to find connections to their leaders.
    pub(crate) warmed: Vec<Arc<Topic>>,
    /// What is to be given up.
    pub(crate) purge: Option<Purge>,
    /// Somebody waits for the client instance id.
    pub(crate) instance_id: bool,
}

/// What [`Accumulator::purge`](crate::Accumulator::purge) gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Purge {
    /// Records that no request carries. Those that were sent before and wait to be sent again are in doubt.
    Queued,
    /// Those too whose request waits for its answer: they are in doubt.
    QueuedAndInFlight,
}

/// Wakes the sender at its end, if told to and unless it looks by itself soon. Made before a lock is taken, it ends after that.
pub(crate) struct WakeAtEnd<'a> {
    signal: &'a Signal,
    wanted: bool,
}

impl WakeAtEnd<'_> {
    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }
}

impl Drop for WakeAtEnd<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.wanted && !self.signal.looks_soon() {
            self.signal.wake();
        }
    }
}

impl Signal {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes it, too: there may be news from before.
    pub(crate) fn set_waker(&self, waker: Waker) {
        self.state().waker = Some(waker.clone());
        waker.wake();
    }

    /// Notes a partition; whoever does it wakes the sender once it holds no lock that the sender wants.
    pub(crate) fn note_partition(&self, id: PartitionId) {
        self.state().news.partitions.push(id);
    }

    /// To be told whether to wake the sender.
    pub(crate) fn at_end(&self) -> WakeAtEnd<'_> {
        WakeAtEnd {
            signal: self,
            wanted: false,
        }
    }

    pub(crate) fn topic(&self, topic: &Arc<Topic>) {
        self.state().news.topics.push(Arc::clone(topic));
        self.wake();
    }

    pub(crate) fn warm(&self, topic: &Arc<Topic>) {
        self.state().news.warmed.push(Arc::clone(topic));
        self.wake();
    }

    pub(crate) fn purge(&self, what: Purge) {
        let mut state = self.state();
        state.news.purge = state.news.purge.max(Some(what));
        drop(state);
        self.wake();
    }

    pub(crate) fn instance_id(&self) {
        self.state().news.instance_id = true;
        self.wake();
    }

    pub(crate) fn wake(&self) {
        if self.woken.swap(true, Ordering::AcqRel) {
            return;
        }
        // While nobody drives, `set_waker` will wake.
        let waker = self.state().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Until the news is taken, that of partitions wakes no more: it is looked at soon.
    pub(crate) fn look_soon(&self) {
        self.looks_soon.store(true, Ordering::Release);
    }

    /// Whether news of partitions waits for a look without a wake-up.
    #[inline]
    pub(crate) fn looks_soon(&self) -> bool {
        self.looks_soon.load(Ordering::Acquire)
    }

    /// Takes the news; whatever comes from now on wakes again.
    pub(crate) fn take(&self) -> News {
        self.woken.store(false, Ordering::Release);
        self.looks_soon.store(false, Ordering::Release);
        std::mem::take(&mut self.state().news)
    }
}
