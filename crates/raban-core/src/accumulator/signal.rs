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

    pub(crate) fn partition(&self, id: PartitionId) {
        self.state().news.partitions.push(id);
        self.wake();
    }

    pub(crate) fn topic(&self, topic: &Arc<Topic>) {
        self.state().news.topics.push(Arc::clone(topic));
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

    /// Takes the news; whatever comes from now on wakes again.
    pub(crate) fn take(&self) -> News {
        self.woken.store(false, Ordering::Release);
        std::mem::take(&mut self.state().news)
    }
}
