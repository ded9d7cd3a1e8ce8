//! Records of an iterable, a buffer or a column, and the report of how they ended.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyException, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyList, PyString, PyTuple};
use raban::{ErrorKind, Topic};

use crate::core::Core;
use crate::data::Data;
use crate::outbox::lock;
use crate::record::{Given, Serialized};

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

/// Where records come from.
enum Source {
    List(Py<PyList>),
    Tuple(Py<PyTuple>),
    Iterator(Py<PyIterator>),
    /// Rows of the same length, one behind the other.
    Rows {
        buffer: Arc<PyUntypedBuffer>,
        row: usize,
        /// They are text of at most that length, filled up with zeros.
        text: bool,
    },
    /// pyarrow's binary columns, chunk by chunk.
    Columns(Vec<Column>),
}

/// A column of Apache Arrow's variable-size binary layout.
struct Column {
    /// A bit for each place, 1 where there is a value.
    validity: Option<Arc<PyUntypedBuffer>>,
    offsets: Arc<PyUntypedBuffer>,
    wide: bool,
    data: Option<Arc<PyUntypedBuffer>>,
    first: usize,
    len: usize,
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
        let (source, len) = source(records)?;
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
        let raised = self.raised();
        let interrupted = || {
            let raised = lock(&raised);
            let raised = raised.as_ref()?;
            Python::attach(|py| {
                let expected = raised.is_instance_of::<PyException>(py);
                (!expected).then(|| raised.clone_ref(py))
            })
        };
        let records = self.map(|record| record.into_record(&topic));
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

    /// What ended the records before their time, once it happened.
    fn raised(&self) -> Arc<Mutex<Option<PyErr>>> {
        Arc::clone(&self.raised)
    }

    fn next_record(&mut self, py: Python<'_>) -> PyResult<Option<Serialized>> {
        let place = self.next;
        let item = match &mut self.source {
            Source::List(list) => match list.bind(py) {
                list if place < list.len() => list.get_item(place)?,
                _ => return Ok(None),
            },
            Source::Tuple(tuple) => match tuple.bind(py) {
                tuple if place < tuple.len() => tuple.get_item(place)?,
                _ => return Ok(None),
            },
            Source::Iterator(iterator) => match iterator.bind(py).clone().next() {
                Some(item) => item?,
                None => return Ok(None),
            },
            Source::Rows { buffer, row, text } => {
                if self.len.is_some_and(|len| place >= len) {
                    return Ok(None);
                }
                let from = place * *row;
                let mut value = Data::part_of(buffer, from, from + *row);
                if *text {
                    let bytes = value.bytes().unwrap_or_default();
                    let len = bytes
                        .iter()
                        .rposition(|byte| *byte != 0)
                        .map_or(0, |last| last + 1);
                    value = Data::part_of(buffer, from, from + len);
                }
                return self.of_bytes(py, value).map(Some);
            }
            Source::Columns(columns) => {
                let mut place = place;
                let Some(column) = columns.iter().find(|column| {
                    let within = place < column.len;
                    if !within {
                        place -= column.len;
                    }
                    within
                }) else {
                    return Ok(None);
                };
                let value = column.value(place)?;
                return self.of_bytes(py, value).map(Some);
            }
        };
        self.of_item(py, &item).map(Some)
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
                self.len = Some(self.next);
                self.source = Source::Columns(Vec::new());
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

fn source(records: &Bound<'_, PyAny>) -> PyResult<(Source, Option<usize>)> {
    if let Ok(list) = records.cast::<PyList>() {
        return Ok((Source::List(list.clone().unbind()), Some(list.len())));
    }
    if let Ok(tuple) = records.cast::<PyTuple>() {
        return Ok((Source::Tuple(tuple.clone().unbind()), Some(tuple.len())));
    }
    let single = records.is_instance_of::<PyBytes>()
        || records.is_instance_of::<PyByteArray>()
        || records.is_instance_of::<PyString>();
    if single {
        return Err(PyTypeError::new_err(
            "send_many takes an iterable of records, and got one value; use send for it, or give a list",
        ));
    }
    if let Some(columns) = columns(records)? {
        let len = columns.iter().map(|column| column.len).sum();
        return Ok((Source::Columns(columns), Some(len)));
    }
    if let Ok(buffer) = PyUntypedBuffer::get(records) {
        return rows(records, buffer);
    }
    Ok((Source::Iterator(records.try_iter()?.unbind()), None))
}

/// A numpy array of two dimensions, or of one whose items are byte strings: a record is what the first index selects.
fn rows(records: &Bound<'_, PyAny>, buffer: PyUntypedBuffer) -> PyResult<(Source, Option<usize>)> {
    let format = buffer.format().to_string_lossy();
    let text = format.ends_with('s');
    let is_object = format.contains('O');
    let fits = buffer.dimensions() >= 2 || text || format.ends_with('x');
    let count = buffer.shape().first().copied();
    match count {
        Some(count) if fits && !is_object && buffer.is_c_contiguous() => {
            let row = buffer.len_bytes().checked_div(count).unwrap_or(0);
            let text = text && buffer.dimensions() == 1;
            let buffer = Arc::new(buffer);
            Ok((Source::Rows { buffer, row, text }, Some(count)))
        }
        _ if fits || is_object => {
            // Strided or of objects: item by item.
            Ok((Source::Iterator(records.try_iter()?.unbind()), None))
        }
        _ => Err(PyTypeError::new_err(
            "a buffer of single numbers has no records; give an array of two dimensions, whose rows are records, or one of \
             byte strings",
        )),
    }
}

/// The chunks of a pyarrow array or chunked array of type binary, string, large_binary or large_string.
fn columns(records: &Bound<'_, PyAny>) -> PyResult<Option<Vec<Column>>> {
    let module = records.get_type().module()?;
    if !module.to_string_lossy().starts_with("pyarrow") {
        return Ok(None);
    }
    if records.hasattr("chunks")? {
        let chunks = records.getattr("chunks")?;
        let columns: PyResult<Vec<Option<Column>>> =
            chunks.try_iter()?.map(|chunk| column(&chunk?)).collect();
        return Ok(columns?.into_iter().collect());
    }
    Ok(column(records)?.map(|column| vec![column]))
}

fn column(array: &Bound<'_, PyAny>) -> PyResult<Option<Column>> {
    let kind = array.getattr("type")?.str()?.to_string();
    let wide = match kind.as_str() {
        "binary" | "string" => false,
        "large_binary" | "large_string" => true,
        _ => return Ok(None),
    };
    let buffers = array.call_method0("buffers")?;
    let buffer = |index: usize| -> PyResult<Option<Arc<PyUntypedBuffer>>> {
        let buffer = buffers.get_item(index)?;
        if buffer.is_none() {
            return Ok(None);
        }
        Ok(Some(Arc::new(PyUntypedBuffer::get(&buffer)?)))
    };
    let len = array.len()?;
    let Some(offsets) = buffer(1)? else {
        // Only an empty array has none.
        return Ok(None);
    };
    Ok(Some(Column {
        validity: buffer(0)?,
        offsets,
        wide,
        data: buffer(2)?,
        first: array.getattr("offset")?.extract()?,
        len,
    }))
}

impl Column {
    fn value(&self, place: usize) -> PyResult<Data> {
        let place = self.first + place;
        if let Some(validity) = &self.validity {
            let bits = Data::part_of(validity, place / 8, place / 8 + 1);
            let byte = bits.bytes().map_or(0, |bits| bits[0]);
            if byte >> (place % 8) & 1 == 0 {
                return Err(null());
            }
        }
        let (from, until) = (self.offset(place)?, self.offset(place + 1)?);
        match &self.data {
            Some(data) if from <= until && until <= data.len_bytes() => {
                Ok(Data::part_of(data, from, until))
            }
            None if from == until => Ok(Data::EMPTY),
            _ => Err(PyValueError::new_err(
                "the column's offsets lie outside of its data",
            )),
        }
    }

    fn offset(&self, place: usize) -> PyResult<usize> {
        let width = if self.wide { 8 } else { 4 };
        let at = place * width;
        if at + width > self.offsets.len_bytes() {
            return Err(PyValueError::new_err(
                "the column has fewer offsets than values",
            ));
        }
        let bytes = Data::part_of(&self.offsets, at, at + width);
        let bytes = bytes.bytes().unwrap_or_default();
        let offset = match <[u8; 8]>::try_from(bytes) {
            Ok(wide) => i64::from_le_bytes(wide),
            Err(_) => i64::from(i32::from_le_bytes(
                bytes.try_into().expect("it is 4 bytes wide"),
            )),
        };
        usize::try_from(offset)
            .map_err(|_| PyValueError::new_err("the column has a negative offset"))
    }
}
