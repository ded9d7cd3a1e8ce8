//! What takes a while, as an `asyncio.Future`: raban's futures, polled by the event loop.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use pyo3::prelude::*;

use super::Started;
use super::event_loop::resolve;
use crate::ready::{Bell, Woken};
use crate::sync::lock;

/// What is told when it is done, made with the GIL held.
pub(super) type Told = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

pub(super) fn told(make: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send + 'static) -> Told {
    Box::new(make)
}

struct Op {
    doing: Pin<Box<dyn Future<Output = Told> + Send>>,
    future: Py<PyAny>,
}

pub(super) struct Ops {
    /// Those that wait, by a number of their own.
    waiting: Mutex<HashMap<u64, Op>>,
    next: AtomicU64,
    woken: Arc<Woken<u64>>,
}

impl Ops {
    pub(super) fn new(bell: Arc<dyn Bell>) -> Self {
        Self {
            waiting: Mutex::default(),
            next: AtomicU64::new(0),
            woken: Woken::new(bell),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.waiting).is_empty()
    }

    /// Lets go of those whose future was cancelled, without waiting for what they wait for.
    pub(super) fn drop_cancelled(&self, py: Python<'_>) -> PyResult<()> {
        let waiting: Vec<_> = lock(&self.waiting)
            .iter()
            .map(|(number, op)| (*number, op.future.clone_ref(py)))
            .collect();
        for (number, future) in waiting {
            if future
                .call_method0(py, pyo3::intern!(py, "cancelled"))?
                .bind(py)
                .is_truthy()?
            {
                // Dropped without the lock, which its wakers may take.
                let cancelled = lock(&self.waiting).remove(&number);
                drop(cancelled);
            }
        }
        Ok(())
    }

    /// All that wait; none of them goes on any more.
    pub(super) fn take(&self) -> impl Sized + use<> {
        std::mem::take(&mut *lock(&self.waiting))
    }

    /// Goes on with one. It is in nobody's list meanwhile, for it may call Python's code, which may begin others.
    fn poll(&self, py: Python<'_>, number: u64, mut op: Op) -> PyResult<()> {
        let cancelled = op.future.call_method0(py, pyo3::intern!(py, "cancelled"))?;
        if cancelled.bind(py).is_truthy()? {
            return Ok(());
        }
        let waker = self.woken.waker(number);
        match op.doing.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => {
                lock(&self.waiting).insert(number, op);
                Ok(())
            }
            Poll::Ready(told) => resolve(op.future.bind(py), told(py)),
        }
    }
}

/// Begins something; the `asyncio.Future` tells when it is done. Cancelling that drops what was begun.
pub(super) fn submit(
    started: &Started,
    py: Python<'_>,
    doing: impl Future<Output = Told> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    let future = started.new_future.call(py)?;
    let op = Op {
        doing: Box::pin(doing),
        future: future.clone_ref(py),
    };
    let number = started.ops.next.fetch_add(1, Ordering::Relaxed);
    started.ops.poll(py, number, op)?;
    Ok(future)
}

/// Goes on with those that were woken.
pub(super) fn go_on(started: &Started, py: Python<'_>) -> PyResult<()> {
    let ops = &started.ops;
    let numbers = ops.woken.take();
    let mut failed = Ok(());
    for number in numbers {
        // Woken twice, it is there but once.
        let op = lock(&ops.waiting).remove(&number);
        if let Some(op) = op {
            failed = failed.and(ops.poll(py, number, op));
        }
    }
    failed
}
