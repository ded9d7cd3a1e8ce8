//! Waiting on a thread of Python's: without the GIL, and so that Ctrl-C ends it.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::exit;

/// How often a waiting thread looks for signals: Ctrl-C is noticed within it.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);

/// Wakes a parked thread. The flag tells its own wake-ups from other uses of `unpark`.
pub(crate) struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Parker {
    /// One for the calling thread.
    pub(crate) fn here() -> Arc<Self> {
        Arc::new(Self {
            thread: std::thread::current(),
            woken: AtomicBool::new(false),
        })
    }

    pub(crate) fn wake_up(&self) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Sleeps until woken.
    pub(crate) fn park(&self) {
        while !self.woken.swap(false, Ordering::Acquire) {
            std::thread::park();
        }
    }

    /// Sleeps until woken, which is what it returns, or for `most`.
    fn park_timeout(&self, most: Duration) -> bool {
        if !self.woken.load(Ordering::Acquire) {
            std::thread::park_timeout(most);
        }
        self.woken.swap(false, Ordering::Acquire)
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_up();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_up();
    }
}

thread_local! {
    /// Each thread's parker while it waits for nothing: a wait within a wait gets one of its own.
    static PARKER: Cell<Option<Arc<Parker>>> = const { Cell::new(None) };
}

/// Waits for a future until `deadline`; `None`: it passed. The future is polled with the GIL held, and dropped if a signal's
/// handler raises.
pub(crate) fn wait<F: Future>(
    py: Python<'_>,
    future: F,
    deadline: Option<Instant>,
) -> PyResult<Option<F::Output>> {
    let mut future = pin!(future);
    let mut at_once = Context::from_waker(Waker::noop());
    if let Poll::Ready(output) = future.as_mut().poll(&mut at_once) {
        return Ok(Some(output));
    }
    let parker = PARKER.take().unwrap_or_else(Parker::here);
    let waker = Waker::from(Arc::clone(&parker));
    let mut context = Context::from_waker(&waker);
    let output = loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            break Some(output);
        }
        if !sleep(py, &parker, deadline)? {
            break None;
        }
    };
    PARKER.set(Some(parker));
    Ok(output)
}

/// Sleeps until woken; `false`: the deadline passed.
fn sleep(py: Python<'_>, parker: &Parker, deadline: Option<Instant>) -> PyResult<bool> {
    loop {
        let left = match deadline {
            None => SIGNALS_EVERY,
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
        };
        let woken = py.detach(|| {
            let woken = parker.park_timeout(left.min(SIGNALS_EVERY));
            if exit::has_ended() {
                exit::stay();
            }
            woken
        });
        py.check_signals()?;
        if woken {
            return Ok(true);
        }
        if left.is_zero() {
            return Ok(false);
        }
    }
}

/// Seconds as Python gives them, as a time to wait. `None` is for ever, and so is more than the clock can tell.
pub(crate) fn timeout(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    match seconds {
        None => Ok(None),
        Some(seconds) if seconds >= 0.0 => Ok(Duration::try_from_secs_f64(seconds).ok()),
        Some(seconds) => Err(PyValueError::new_err(format!(
            "Invalid timeout: {seconds}; give seconds, 0 or more, or None to wait without a limit"
        ))),
    }
}

/// When a wait of so long ends.
pub(crate) fn deadline(seconds: Option<f64>) -> PyResult<Option<Instant>> {
    Ok(timeout(seconds)?.and_then(|timeout| Instant::now().checked_add(timeout)))
}
