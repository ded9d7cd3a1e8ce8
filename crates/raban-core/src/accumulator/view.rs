//! What is known of a topic, looked at with each record and changed now and then.
//!
//! Each thread keeps the view that it looked at last, so that looking again costs no lock that other threads
//! want, too.

use std::cell::Cell;
use std::sync::atomic::AtomicU64 as Counter;
use std::sync::{Arc, PoisonError};

use super::topic::TopicView;
use crate::sync::RwLock;
use crate::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct View {
    /// Of what is published; no other view of any topic in this process has the same.
    version: AtomicU64,
    current: RwLock<Arc<TopicView>>,
}

/// The version of topics of which nothing is known yet.
const UNKNOWN: u64 = 0;

static VERSIONS: Counter = Counter::new(UNKNOWN + 1);

/// A view, and its version.
type Seen = (u64, Arc<TopicView>);

thread_local! {
    /// Empty while it is looked at.
    static SEEN: Cell<Option<Seen>> = const { Cell::new(None) };
}

impl Default for View {
    fn default() -> Self {
        Self {
            version: AtomicU64::new(UNKNOWN),
            current: RwLock::default(),
        }
    }
}

impl View {
    #[inline]
    pub(super) fn with<T>(&self, look: impl FnOnce(&TopicView) -> T) -> T {
        let version = self.version.load(Ordering::Acquire);
        let seen = SEEN.try_with(Cell::take).ok().flatten();
        let seen = match seen {
            Some(seen) if seen.0 == version => seen,
            _ => self.read(),
        };
        let looked = look(&seen.1);
        // At the thread's end its place is gone already.
        let _ = SEEN.try_with(|place| place.set(Some(seen)));
        looked
    }

    #[cold]
    fn read(&self) -> Seen {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        // Written under the lock, so that both belong together.
        (self.version.load(Ordering::Acquire), Arc::clone(&current))
    }

    pub(super) fn publish(&self, view: TopicView) {
        let view = Arc::new(view);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = view;
        let version = VERSIONS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.version.store(version, Ordering::Release);
    }
}
