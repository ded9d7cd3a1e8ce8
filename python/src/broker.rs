//! The embedded broker, for tests and for a first try.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyKeyError, PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use raban::embedded::Broker;

use crate::fork::Born;
use crate::sync::lock;

/// A Kafka broker in this process, on a free port of the loopback interface, for any Kafka client. It keeps its records in memory,
/// or in the folder `data_dir`, which is made if need be.
///
/// Raises OSError if the system gives it no port, or the folder can't be used.
#[pyclass(name = "EmbeddedBroker", module = "raban", frozen)]
pub(crate) struct EmbeddedBroker {
    address: String,
    broker: Mutex<Option<Broker>>,
    born: Born,
}

impl EmbeddedBroker {
    fn take(&self) -> Option<Broker> {
        if self.born.here() {
            return lock(&self.broker).take();
        }
        // A forked child has none of its threads to stop: it is the parent's.
        None
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        if !self.born.here() {
            let broker = self
                .broker
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(broker.take());
        }
    }
}

#[pymethods]
impl EmbeddedBroker {
    #[new]
    #[pyo3(signature = (data_dir=None))]
    fn new(py: Python<'_>, data_dir: Option<PathBuf>) -> PyResult<Self> {
        let started = py.detach(|| match &data_dir {
            None => Broker::start(),
            Some(dir) => Broker::at(dir),
        });
        let broker = started.map_err(|error| PyOSError::new_err(error.to_string()))?;
        Ok(Self {
            address: broker.bootstrap_servers(),
            broker: Mutex::new(Some(broker)),
            born: Born::now(),
        })
    }

    /// Where clients find it: a value for `bootstrap_servers`.
    #[getter]
    fn bootstrap_servers(&self) -> &str {
        &self.address
    }

    /// All records of a topic, partition by partition: a list of ConsumerRecord.
    ///
    /// Raises KeyError if there is no such topic, and RuntimeError once the broker was stopped.
    fn records<'py>(&self, py: Python<'py>, topic: &str) -> PyResult<Bound<'py, PyList>> {
        let found = py.detach(|| {
            if !self.born.here() {
                return Err(None);
            }
            let broker = lock(&self.broker);
            let broker = broker.as_ref().ok_or(None)?;
            broker
                .records(topic)
                .map_err(|error| Some(error.to_string()))
        });
        let found = found.map_err(|error: Option<String>| match error {
            None => PyRuntimeError::new_err(
                "the broker was stopped, or this process was forked from the one that it is in",
            ),
            Some(error) => PyKeyError::new_err(error),
        })?;
        let class = py.import("raban.structs")?.getattr("ConsumerRecord")?;
        let records = PyList::empty(py);
        for record in found {
            let bytes = |part: Option<&[u8]>| part.map(|part| PyBytes::new(py, part));
            let headers = record.headers.iter();
            let headers =
                headers.map(|header| (header.key.as_str(), bytes(header.value.as_deref())));
            records.append(class.call1((
                &*record.topic,
                record.partition,
                record.offset,
                record.timestamp,
                bytes(record.key.as_deref()),
                bytes(record.value.as_deref()),
                PyList::new(py, headers.collect::<Vec<_>>())?,
            ))?)?;
        }
        Ok(records)
    }

    /// Stops it; what it kept in memory is gone.
    fn stop(&self, py: Python<'_>) {
        let broker = self.take();
        py.detach(|| drop(broker));
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_why))]
    fn __exit__(&self, py: Python<'_>, _why: &Bound<'_, PyAny>) {
        self.stop(py);
    }

    fn __repr__(&self) -> String {
        format!("EmbeddedBroker({:?})", self.address)
    }
}
