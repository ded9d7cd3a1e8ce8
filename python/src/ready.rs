//! What was woken since somebody looked: wakers that note a key and ring.

use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use crate::sync::lock;

/// Told that there is something to look at.
pub(crate) trait Bell: Send + Sync {
    fn ring(&self);
}

pub(crate) struct Woken<K> {
    keys: Mutex<Vec<K>>,
    bell: Arc<dyn Bell>,
}

struct KeyWaker<K> {
    key: K,
    woken: Arc<Woken<K>>,
}

impl<K: Copy + Send + Sync + 'static> Woken<K> {
    pub(crate) fn new(bell: Arc<dyn Bell>) -> Arc<Self> {
        Arc::new(Self {
            keys: Mutex::default(),
            bell,
        })
    }

    /// A waker that notes this key.
    pub(crate) fn waker(self: &Arc<Self>, key: K) -> Waker {
        let woken = Arc::clone(self);
        Waker::from(Arc::new(KeyWaker { key, woken }))
    }

    /// The keys noted since the last time.
    pub(crate) fn take(&self) -> Vec<K> {
        std::mem::take(&mut *lock(&self.keys))
    }
}

impl<K: Copy + Send + Sync + 'static> Wake for KeyWaker<K> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        lock(&self.woken.keys).push(self.key);
        self.woken.bell.ring();
    }
}
