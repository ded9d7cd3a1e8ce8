//! Many records sent in one call, and the report of how they ended.

mod source;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use raban::{ErrorKind, Topic};

use self::source::{Found, Source};
use crate::core::Core;
use crate::data::Data;
use crate::record::{Given, Serialized};
use crate::sync::lock;

/// How `send_many` ended.
#[pyclass(name = "SendManyReport", module = "raban", frozen)]
pub(crate) struct SendManyReport {
    /// Records acknowledged.
    #[pyo3(get)]
    delivered: usize,
    failures: Vec<(usize, Py<PyAny>)>,
    noted: AtomicBool,
}

impl SendManyReport {
    /// # Errors
    /// That the producer is closed, if that is why none was delivered.
    pub(crate) fn new(
        py: Python<'_>,
        core: &Core,
        report: &raban::SendManyReport,
    ) -> PyResult<Self> {
        if let Some((0, error)) = report.failures.first()
            && report.delivered == 0
            && matches!(error.kind(), ErrorKind::Closed)
        {
            return Err(core.failures.produce(py, error));
        }
        let failure = |(place, error): &(usize, raban::ProduceError)| {
            let error = core.failures.produce(py, error);
            (*place, error.into_value(py).into_any())
        };
        Ok(Self {
            delivered: report.delivered,
            failures: report.failures.iter().map(failure).collect(),
            noted: AtomicBool::new(false),
        })
    }
}

#[pymethods]
impl SendManyReport {
    /// The failed records: a list of (place in the iterable from 0, exception), in order.
    #[getter]
    fn failures<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let failures = self.failures.iter();
        PyList::new(py, failures.map(|(place, error)| (*place, error)))
    }

    /// Whether every record was acknowledged.
    #[getter]
    fn is_ok(&self) -> bool {
        self.failures.is_empty()
    }

    /// Raises the first failure, if there is one, with a note of how many there are.
    fn raise_for_failures(&self, py: Python<'_>) -> PyResult<()> {
        let Some((place, error)) = self.failures.first() else {
            return Ok(());
        };
        if !self.noted.swap(true, Ordering::Relaxed) {
            let note = format!(
                "record {place} of send_many; {} failed, {} were delivered",
                self.failures.len(),
                self.delivered
            );
            error.call_method1(py, "add_note", (note,))?;
        }
        Err(PyErr::from_value(error.bind(py).clone()))
    }

    fn __repr__(&self) -> String {
        format!(
            "SendManyReport(delivered={}, failed={})",
            self.delivered,
            self.failures.len()
        )
    }
}

/// The records, as they are sent. An exception ends them, and stays in `raised`.
pub(crate) struct Records {
    core: Arc<Core>,
    topic: Py<PyString>,
    partition: Option<i32>,
    source: Source,
    next: usize,
    len: Option<usize>,
    raised: Arc<Mutex<Option<PyErr>>>,
}

impl Records {
    pub(crate) fn new(
        core: &Arc<Core>,
        topic: &Bound<'_, PyString>,
        records: &Bound<'_, PyAny>,
        partition: Option<i32>,
    ) -> PyResult<Self> {
        if let Some(partition) = partition.filter(|partition| *partition < 0) {
            return Err(core.negative_partition(topic.py(), partition));
        }
        let (source, len) = Source::of(records)?;
        Ok(Self {
            core: Arc::clone(core),
            topic: topic.clone().unbind(),
            partition,
            source,
            next: 0,
            len,
            raised: Arc::default(),
        })
    }

    /// Sends them: resolves to the report, or to what ended them before their time. That doesn't wait for the records before it if it is
    /// Ctrl-C or the like.
    pub(crate) async fn send(self, topic: Arc<Topic>) -> Result<raban::SendManyReport, PyErr> {
        let raised = Arc::clone(&self.raised);
        let interrupted = || {
            let raised = lock(&raised);
            let raised = raised.as_ref()?;
            Python::attach(|py| {
                let expected = raised.is_instance_of::<PyException>(py);
                (!expected).then(|| raised.clone_ref(py))
            })
        };
        // What ended them isn't asked again.
        let records = self.fuse().map(|record| record.into_record(&topic));
        let mut sending = pin!(topic.send_many(records));
        let report = poll_fn(|cx| match sending.as_mut().poll(cx) {
            Poll::Ready(report) => Poll::Ready(Ok(report)),
            Poll::Pending => interrupted().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
        });
        let report = report.await?;
        match lock(&raised).take() {
            Some(error) => Err(error),
            None => Ok(report),
        }
    }

    fn next_record(&mut self, py: Python<'_>) -> PyResult<Option<Serialized>> {
        match self.source.get(py, self.next)? {
            None => Ok(None),
            Some(Found::Item(item)) => self.of_item(py, &item).map(Some),
            Some(Found::Bytes(value)) => self.of_bytes(py, value).map(Some),
        }
    }

    /// A value whose bytes lie in a buffer. A serializer or a partitioner sees `bytes`.
    fn of_bytes(&self, py: Python<'_>, value: Data) -> PyResult<Serialized> {
        if self.core.sends_bytes() {
            return Ok(Serialized::of(Data::NULL, value, self.partition));
        }
        let value = match value.bytes() {
            None => py.None().into_bound(py),
            Some(bytes) => PyBytes::new(py, bytes).into_any(),
        };
        self.of_parts(py, None, Some(&value), None)
    }

    /// A value, or a tuple: (key, value) or (key, value, headers).
    #[inline]
    fn of_item(&self, py: Python<'_>, item: &Bound<'_, PyAny>) -> PyResult<Serialized> {
        let Ok(tuple) = item.cast::<PyTuple>() else {
            if self.core.sends_bytes() {
                let value = Data::of(item, "value")?;
                if value.is_null() {
                    return Err(null());
                }
                return Ok(Serialized::of(Data::NULL, value, self.partition));
            }
            return self.of_parts(py, None, Some(item), None);
        };
        match tuple.len() {
            2 => self.of_parts(
                py,
                Some(&tuple.get_item(0)?),
                Some(&tuple.get_item(1)?),
                None,
            ),
            3 => {
                let headers = tuple.get_item(2)?;
                let headers = (!headers.is_none()).then_some(&headers);
                self.of_parts(
                    py,
                    Some(&tuple.get_item(0)?),
                    Some(&tuple.get_item(1)?),
                    headers,
                )
            }
            other => Err(PyValueError::new_err(format!(
                "a record is a value, (key, value) or (key, value, headers), not a tuple of {other}"
            ))),
        }
    }

    fn of_parts(
        &self,
        py: Python<'_>,
        key: Option<&Bound<'_, PyAny>>,
        value: Option<&Bound<'_, PyAny>>,
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Serialized> {
        let is_null = |part: Option<&Bound<'_, PyAny>>| part.is_none_or(|part| part.is_none());
        if is_null(key) && is_null(value) {
            return Err(null());
        }
        self.core.serialize(
            py,
            &Given {
                topic: self.topic.bind(py),
                key,
                value,
                headers,
                partition: self.partition,
                timestamp: None,
            },
        )
    }
}

impl Iterator for Records {
    type Item = Serialized;

    fn next(&mut self) -> Option<Serialized> {
        // It is polled by threads that hold the GIL, to which this is next to nothing.
        let next = Python::attach(|py| {
            self.next_record(py).inspect_err(|error| {
                let note = format!(
                    "raised for record {} of send_many, which ended with it; those before it were sent",
                    self.next
                );
                // The exception itself is what matters.
                let _ = error.value(py).call_method1("add_note", (note,));
            })
        });
        match next {
            Ok(Some(record)) => {
                self.next += 1;
                Some(record)
            }
            Ok(None) => None,
            Err(error) => {
                *lock(&self.raised) = Some(error);
                None
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.len.map(|len| len.saturating_sub(self.next));
        (left.unwrap_or(0), left)
    }
}

fn null() -> PyErr {
    PyValueError::new_err("Need at least one: key or value")
}
