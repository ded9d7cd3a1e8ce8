//! What takes a while, as an `asyncio.Future`: raban's futures, polled by the event loop.
//!
//! Sends that wait for a topic's metadata stand in line: tasks that send in an order, as `asyncio.gather` begins them, have their
//! records accepted in it, and none that comes when the metadata does goes before them.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::ops::RangeInclusive;
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
    /// What it stands in line for.
    line: Option<Line>,
    doing: Pin<Box<dyn Future<Output = Told> + Send>>,
    future: Py<PyAny>,
}

/// The line of sends to a topic whose metadata isn't known.
struct Line {
    topic: String,
    known: Pin<Box<dyn Future<Output = Result<(), Told>> + Send>>,
}

pub(super) struct Ops {
    /// Those that wait, by a number of their own.
    waiting: Mutex<HashMap<u64, Op>>,
    /// Those of them that stand in line, by topic. One that was cancelled stays until it is woken, or the line is served.
    lines: Mutex<HashMap<String, BTreeSet<u64>>>,
    next: AtomicU64,
    woken: Arc<Woken<u64>>,
}

impl Ops {
    pub(super) fn new(bell: Arc<dyn Bell>) -> Self {
        Self {
            waiting: Mutex::default(),
            lines: Mutex::default(),
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
                if let Some(op) = cancelled {
                    self.leave(number, &op);
                }
            }
        }
        Ok(())
    }

    /// All that wait; none of them goes on any more.
    pub(super) fn take(&self) -> impl Sized + use<> {
        std::mem::take(&mut *lock(&self.waiting))
    }

    /// Whether sends wait for this topic's metadata.
    #[inline]
    pub(super) fn has_line(&self, topic: &str) -> bool {
        lock(&self.lines).contains_key(topic)
    }

    /// Takes one out of its line, if it stands in one.
    fn leave(&self, number: u64, op: &Op) {
        if let Some(line) = &op.line {
            self.leave_line(&line.topic, number..=number);
        }
    }

    /// Takes these out of a line, and returns those that stood in it, in order.
    fn leave_line(&self, topic: &str, numbers: RangeInclusive<u64>) -> Vec<u64> {
        let mut lines = lock(&self.lines);
        let Some(line) = lines.get_mut(topic) else {
            return Vec::new();
        };
        let left: Vec<_> = line.range(numbers).copied().collect();
        for number in &left {
            line.remove(number);
        }
        if line.is_empty() {
            lines.remove(topic);
        }
        left
    }

    /// Goes on with some of those that wait, in order.
    fn poll_each(&self, py: Python<'_>, numbers: impl IntoIterator<Item = u64>) -> PyResult<()> {
        let mut failed = Ok(());
        for number in numbers {
            // Woken twice, it is there but once.
            let op = lock(&self.waiting).remove(&number);
            if let Some(op) = op {
                failed = failed.and(self.poll(py, number, op));
            }
        }
        failed
    }

    /// Goes on with one. It is in nobody's list meanwhile, for it may call Python's code, which may begin others.
    fn poll(&self, py: Python<'_>, number: u64, mut op: Op) -> PyResult<()> {
        let cancelled = op.future.call_method0(py, pyo3::intern!(py, "cancelled"))?;
        if cancelled.bind(py).is_truthy()? {
            self.leave(number, &op);
            return Ok(());
        }
        let waker = self.woken.waker(number);
        let mut cx = Context::from_waker(&waker);
        let mut failed = Ok(());
        if let Some(line) = &mut op.line {
            let Poll::Ready(known) = line.known.as_mut().poll(&mut cx) else {
                lock(&self.waiting).insert(number, op);
                return Ok(());
            };
            if let Err(told) = known {
                self.leave(number, &op);
                return resolve(op.future.bind(py), told(py));
            }
            let served = self.leave_line(&line.topic, 0..=number);
            op.line = None;
            // What is known now is known to those before it, too. It itself isn't among those that wait.
            failed = self.poll_each(py, served);
        }
        failed.and(match op.doing.as_mut().poll(&mut cx) {
            Poll::Pending => {
                lock(&self.waiting).insert(number, op);
                Ok(())
            }
            Poll::Ready(told) => resolve(op.future.bind(py), told(py)),
        })
    }
}

/// Begins something; the `asyncio.Future` tells when it is done. Cancelling that drops what was begun.
pub(super) fn submit(
    started: &Started,
    py: Python<'_>,
    doing: impl Future<Output = Told> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    begin(started, py, None, doing)
}

/// Begins something when the topic's metadata is `known`, behind those that wait for it already.
pub(super) fn submit_in_line(
    started: &Started,
    py: Python<'_>,
    topic: &str,
    known: impl Future<Output = Result<(), Told>> + Send + 'static,
    doing: impl Future<Output = Told> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    let line = Line {
        topic: topic.to_owned(),
        known: Box::pin(known),
    };
    begin(started, py, Some(line), doing)
}

fn begin(
    started: &Started,
    py: Python<'_>,
    line: Option<Line>,
    doing: impl Future<Output = Told> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    let future = started.new_future.call(py)?;
    let ops = &started.ops;
    let number = ops.next.fetch_add(1, Ordering::Relaxed);
    if let Some(line) = &line {
        let mut lines = lock(&ops.lines);
        lines.entry(line.topic.clone()).or_default().insert(number);
    }
    let op = Op {
        line,
        doing: Box::pin(doing),
        future: future.clone_ref(py),
    };
    ops.poll(py, number, op)?;
    Ok(future)
}

/// Goes on with those that were woken.
pub(super) fn go_on(started: &Started, py: Python<'_>) -> PyResult<()> {
    started.ops.poll_each(py, started.ops.woken.take())
}
