//! The locks and atomics of the seam: the standard library's. Tests with `--cfg raban_shuttle` take shuttle's, which try
//! one schedule of the threads after another.

#[cfg(not(all(test, raban_shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, RwLock, atomic};
#[cfg(not(all(test, raban_shuttle)))]
pub(crate) use std::thread_local;

#[cfg(all(test, raban_shuttle))]
pub(crate) use self::shuttled::OnceLock;
#[cfg(all(test, raban_shuttle))]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, atomic};
#[cfg(all(test, raban_shuttle))]
pub(crate) use shuttle::thread_local;

#[cfg(all(test, raban_shuttle))]
mod shuttled {
    use shuttle::sync::atomic::{AtomicBool, Ordering};

    /// Shuttle has none: here each look and each write is one step, before which others may run.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T> {
        value: std::sync::OnceLock<T>,
        step: AtomicBool,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self {
                value: std::sync::OnceLock::new(),
                step: AtomicBool::new(false),
            }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            self.step.load(Ordering::SeqCst);
            self.value.get()
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            self.step.store(true, Ordering::SeqCst);
            self.value.set(value)
        }
    }
}
