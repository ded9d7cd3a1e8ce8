//! What `send` returns: a coroutine that accepts the record when it is awaited, mostly without a wait.

use std::sync::Arc;

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use raban::TryEnqueueError;

use super::{Started, serialize};
use crate::exit::Inside;

/// The arguments of `send`.
pub(crate) struct Args {
    pub(crate) topic: Py<PyString>,
    pub(crate) value: Option<Py<PyAny>>,
    pub(crate) key: Option<Py<PyAny>>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) headers: Option<Py<PyAny>>,
}

/// A coroutine: `await` it, or give it to `asyncio.create_task`.
#[pyclass(name = "SendCoroutine", module = "raban._raban")]
pub(crate) struct SendCoroutine {
    started: Arc<Started>,
    stage: Stage,
}

enum Stage {
    Begun(Args),
    /// The iterator of the future that it waits for.
    Waiting(Py<PyAny>),
    Done,
}

impl SendCoroutine {
    pub(crate) fn new(started: Arc<Started>, args: Args) -> Self {
        Self {
            started,
            stage: Stage::Begun(args),
        }
    }

    /// Goes on: yields what the task has to wait for, or ends with StopIteration.
    fn step(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let _inside = Inside::enter(py);
        if let Stage::Begun(_) = self.stage {
            if self.started.should_yield() {
                // The task comes back once the others had their turn.
                return Ok(py.None());
            }
            let Stage::Begun(args) = std::mem::replace(&mut self.stage, Stage::Done) else {
                unreachable!("it was just seen");
            };
            let waited_for = match self.accept(py, &args)? {
                // Not in a tuple: so no exception has to be made of it.
                Accepted::AtOnce(future) => return Err(PyStopIteration::new_err(future)),
                Accepted::Later(future) => future,
            };
            let iterator = waited_for.call_method0(py, pyo3::intern!(py, "__await__"))?;
            self.stage = Stage::Waiting(iterator);
        }
        match &self.stage {
            Stage::Waiting(iterator) => {
                let next = iterator.call_method0(py, pyo3::intern!(py, "__next__"));
                if next.is_err() {
                    self.stage = Stage::Done;
                }
                next
            }
            _ => Err(PyRuntimeError::new_err(
                "cannot reuse already awaited coroutine",
            )),
        }
    }

    fn accept(&self, py: Python<'_>, args: &Args) -> PyResult<Accepted> {
        let core = &self.started.core;
        let record = serialize(py, core, args)?;
        let topic = core.topic(args.topic.bind(py))?;
        let started = &self.started;
        if started.ops.has_line(topic.name()) {
            return Ok(Accepted::Later(started.accept_in_line(py, topic, record)?));
        }
        match record.record(&topic).try_enqueue() {
            Ok(delivery) => Ok(Accepted::AtOnce(started.await_record(py, delivery)?)),
            Err(TryEnqueueError::Failed(error)) => Err(core.failures.enqueue(py, &error)),
            Err(TryEnqueueError::Full(_)) => {
                Ok(Accepted::Later(started.accept_later(py, topic, record)?))
            }
            Err(_) => Ok(Accepted::Later(started.accept_in_line(py, topic, record)?)),
        }
    }
}

enum Accepted {
    /// The record's future.
    AtOnce(Py<PyAny>),
    /// A future that resolves to it.
    Later(Py<PyAny>),
}

#[pymethods]
impl SendCoroutine {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.step(py).map(Some)
    }

    fn send(&mut self, py: Python<'_>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.step(py)
    }

    #[pyo3(signature = (*exception))]
    fn throw(&mut self, py: Python<'_>, exception: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        let _inside = Inside::enter(py);
        if let Stage::Waiting(iterator) = &self.stage {
            return iterator.call_method1(py, "throw", exception);
        }
        self.stage = Stage::Done;
        let kind = exception.get_item(exception.len().min(2).saturating_sub(1))?;
        let kind = if kind.is_none() {
            exception.get_item(0)?
        } else {
            kind
        };
        Err(PyErr::from_value(kind))
    }

    fn close(&mut self, py: Python<'_>) -> PyResult<()> {
        let _inside = Inside::enter(py);
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Waiting(iterator) => iterator.call_method0(py, "close").map(drop),
            _ => Ok(()),
        }
    }
}
