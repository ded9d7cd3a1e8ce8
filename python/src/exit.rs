//! The interpreter's end, which ends other threads where they ask for the GIL: up to Python 3.13 by unwinding them, which native frames
//! don't survive. So threads that are in a call of ours are let out of it before the end, and others don't come in any more.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How long the end waits for calls of other threads: serializers and callbacks, which are the application's.
const PATIENCE: Duration = Duration::from_secs(5);

/// Threads in calls of ours.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// The thread that ends the interpreter, once it does.
static ENDER: OnceLock<Thread> = OnceLock::new();

thread_local! {
    /// Calls of ours that this thread is in, one within the other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// A call of ours, which may call Python's code.
pub(crate) struct Inside(());

impl Inside {
    /// To be held through the call. Behind the interpreter's end it doesn't return.
    #[inline]
    pub(crate) fn enter(py: Python<'_>) -> Self {
        let depth = DEPTH.get();
        DEPTH.set(depth + 1);
        if depth == 0 {
            INSIDE.fetch_add(1, Ordering::SeqCst);
            if has_ended() {
                py.detach(|| stay());
            }
        }
        Self(())
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        let depth = DEPTH.get() - 1;
        DEPTH.set(depth);
        if depth == 0 {
            left();
        }
    }
}

/// One thread fewer is in a call.
#[inline]
fn left() {
    INSIDE.fetch_sub(1, Ordering::SeqCst);
    if let Some(ender) = ENDER.get() {
        ender.unpark();
    }
}

/// Whether this thread may not ask for the GIL any more.
#[inline]
pub(crate) fn has_ended() -> bool {
    ENDER
        .get()
        .is_some_and(|ender| ender.id() != thread::current().id())
}

/// Keeps this thread until the process is gone, without the GIL.
pub(crate) fn stay() -> ! {
    if DEPTH.replace(0) > 0 {
        left();
    }
    loop {
        thread::park();
    }
}

/// Lets other threads out of calls of ours, and none in any more.
pub(crate) fn end(py: Python<'_>) {
    // It ends but once.
    let _ = ENDER.set(thread::current());
    let until = Instant::now() + PATIENCE;
    py.detach(|| {
        while INSIDE.load(Ordering::SeqCst) > DEPTH.get() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
    });
}
