//! How the loop is woken: one signal for the thread, one flag for each source of work.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

const ASLEEP: u8 = 0;
const RUNNING: u8 = 1;
const NOTIFIED: u8 = 2;

/// Wakes the loop's task. While the loop runs, a wake-up is one atomic swap and no system call.
///
/// ```text
/// ASLEEP ──notify: wake the task──▶ NOTIFIED ──run──▶ RUNNING ──try_sleep──▶ ASLEEP
///                                      ▲                 │
///                                      └─────notify──────┘
/// ```
#[derive(Debug)]
pub(crate) struct Signal {
    state: AtomicU8,
    task: Mutex<Option<Waker>>,
}

impl Signal {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(NOTIFIED),
            task: Mutex::new(None),
        })
    }

    /// The loop runs: notifications from here on are seen by its `try_sleep`.
    pub(crate) fn run(&self, task: &Waker) {
        let mut held = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.as_ref().is_some_and(|held| held.will_wake(task)) {
            *held = Some(task.clone());
        }
        drop(held);
        self.state.store(RUNNING, Ordering::SeqCst);
    }

    /// Goes to sleep unless there was a notification since `run`; `true`: asleep.
    pub(crate) fn try_sleep(&self) -> bool {
        self.state
            .compare_exchange(RUNNING, ASLEEP, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    fn notify(&self) {
        if self.state.swap(NOTIFIED, Ordering::SeqCst) == ASLEEP {
            // The loop wants the lock as soon as it is awake: it is free by then.
            let task = self
                .task
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            if let Some(task) = task {
                task.wake();
            }
        }
    }
}

/// One source of work: raised by its waker, lowered by the loop when it looks.
#[derive(Debug)]
pub(crate) struct Flag {
    raised: AtomicBool,
    signal: Arc<Signal>,
}

impl Flag {
    /// A raised flag: the loop looks at a new source once.
    pub(crate) fn raised(signal: &Arc<Signal>) -> Arc<Self> {
        signal.notify();
        Arc::new(Self {
            raised: AtomicBool::new(true),
            signal: Arc::clone(signal),
        })
    }

    pub(crate) fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
        self.signal.notify();
    }

    /// Lowers the flag; `true`: it was raised.
    pub(crate) fn lower(&self) -> bool {
        self.raised.load(Ordering::SeqCst) && self.raised.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.raise();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_running_loop_is_not_woken_but_does_not_fall_asleep() {
        let (signal, count) = (Signal::new(), Arc::new(Count::default()));
        let flag = Flag::raised(&signal);
        assert!(flag.lower() && !flag.lower());
        signal.run(&Waker::from(Arc::clone(&count)));
        flag.raise();
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        assert!(!signal.try_sleep());
    }

    #[test]
    fn a_sleeping_loop_is_woken_once() {
        let (signal, count) = (Signal::new(), Arc::new(Count::default()));
        let flag = Flag::raised(&signal);
        signal.run(&Waker::from(Arc::clone(&count)));
        assert!(signal.try_sleep());
        flag.raise();
        flag.raise();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(flag.lower());
    }
}
