//! Where an acknowledged record lies: what kafka-python and aiokafka call `RecordMetadata`, which is a named tuple there.

use pyo3::basic::CompareOp;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

static TOPIC_PARTITION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// `TopicPartition(topic, partition)`.
fn topic_partition<'py>(
    py: Python<'py>,
    topic: &str,
    partition: i32,
) -> PyResult<Bound<'py, PyAny>> {
    let class = TOPIC_PARTITION.get_or_try_init(py, || {
        let class = py.import("raban.structs")?.getattr("TopicPartition")?;
        PyResult::Ok(class.unbind())
    })?;
    class.bind(py).call1((topic, partition))
}

/// The named tuple of Python's with the same fields.
fn plain<'py>(py: Python<'py>, class: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("raban._metadata")?.getattr(class)
}

fn size(size: Option<usize>) -> i64 {
    size.map_or(-1, |size| i64::try_from(size).unwrap_or(i64::MAX))
}

/// Gives a class the fields and the ways of a named tuple, without its cost.
macro_rules! named_tuple {
    ($class:ident { $($field:ident: $type:ty = |$this:ident, $py:ident| $value:expr;)+ }) => {
        impl $class {
            fn tuple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
                PyTuple::new(py, [$(self.$field(py)?.into_pyobject(py)?.into_any()),+])
            }
        }

        #[pymethods]
        impl $class {
            $(#[getter]
            fn $field<'s, 'py>(&'s self, $py: Python<'py>) -> PyResult<$type> {
                let $this = self;
                $value
            })+

            #[classattr]
            #[pyo3(name = "_fields")]
            fn fields(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                PyTuple::new(py, [$(stringify!($field)),+])
            }

            /// No field has a default.
            #[classattr]
            #[pyo3(name = "_field_defaults")]
            fn field_defaults(py: Python<'_>) -> Bound<'_, PyDict> {
                PyDict::new(py)
            }

            fn _asdict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
                let dict = PyDict::new(py);
                $(dict.set_item(stringify!($field), self.$field(py)?)?;)+
                Ok(dict)
            }

            /// The same with other values in some fields: a named tuple of Python's.
            #[pyo3(signature = (**changes))]
            fn _replace<'py>(
                &self,
                py: Python<'py>,
                changes: Option<&Bound<'py, PyDict>>,
            ) -> PyResult<Bound<'py, PyAny>> {
                let plain = plain(py, stringify!($class))?.call1(self.tuple(py)?)?;
                plain.call_method("_replace", (), changes)
            }

            /// Pickled, it becomes a named tuple of Python's, which equals it.
            fn __reduce__<'py>(
                &self,
                py: Python<'py>,
            ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
                Ok((plain(py, stringify!($class))?, self.tuple(py)?))
            }

            /// It doesn't change, and is its own copy.
            fn __copy__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            #[expect(unused_variables, reason = "its name is Python's")]
            fn __deepcopy__(slf: Py<Self>, memo: &Bound<'_, PyAny>) -> Py<Self> {
                slf
            }

            fn __len__(&self) -> usize {
                [$(stringify!($field)),+].len()
            }

            fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
                let tuple = self.tuple(index.py())?;
                tuple.as_any().get_item(index).map_err(|error| match error {
                    error if error.is_instance_of::<PyIndexError>(index.py()) => {
                        PyIndexError::new_err("RecordMetadata index out of range")
                    }
                    error => error,
                })
            }

            fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                Ok(self.tuple(py)?.as_any().try_iter()?.into_any())
            }

            fn __richcmp__<'py>(
                &self,
                other: &Bound<'py, PyAny>,
                op: CompareOp,
            ) -> PyResult<Bound<'py, PyAny>> {
                let py = other.py();
                let mine = self.tuple(py)?;
                match other.cast::<Self>() {
                    Ok(other) => mine.rich_compare(other.get().tuple(py)?, op),
                    Err(_) => mine.rich_compare(other, op),
                }
            }

            fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
                self.tuple(py)?.hash()
            }

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                let fields = [$(
                    format!("{}={}", stringify!($field), self.$field(py)?.into_pyobject(py)?.repr()?)
                ),+];
                Ok(format!("RecordMetadata({})", fields.join(", ")))
            }
        }
    };
}

/// Where a record lies that the brokers acknowledged. Its fields are attributes; it can also be indexed and unpacked.
///
/// `offset` is -1 and `timestamp` the producer's own with `acks=0`; sizes are in bytes, -1 for null or no headers; `checksum`
/// is always None, for today's records have none of their own.
#[pyclass(
    name = "RecordMetadata",
    module = "raban.producer.future",
    frozen,
    sequence
)]
pub(crate) struct RecordMetadata {
    place: raban::RecordMetadata,
    header_size: i64,
}

impl RecordMetadata {
    pub(crate) fn new(place: raban::RecordMetadata, header_size: i64) -> Self {
        Self { place, header_size }
    }
}

named_tuple!(RecordMetadata {
    topic: &'s str = |this, _py| Ok(this.place.topic());
    partition: i32 = |this, _py| Ok(this.place.partition());
    topic_partition: Bound<'py, PyAny> =
        |this, py| topic_partition(py, this.place.topic(), this.place.partition());
    offset: i64 = |this, _py| Ok(this.place.offset().unwrap_or(-1));
    timestamp: i64 = |this, _py| Ok(this.place.timestamp());
    checksum: Option<i64> = |_this, _py| Ok(None);
    serialized_key_size: i64 = |this, _py| Ok(size(this.place.serialized_key_size()));
    serialized_value_size: i64 = |this, _py| Ok(size(this.place.serialized_value_size()));
    serialized_header_size: i64 = |this, _py| Ok(this.header_size);
});

/// The same as aiokafka has it. `timestamp_type` is 0 where the timestamp is the producer's and 1 where it is the broker's;
/// `log_start_offset` is None, for raban doesn't keep it.
#[pyclass(
    name = "RecordMetadata",
    module = "raban.aio.structs",
    frozen,
    sequence
)]
pub(crate) struct AioRecordMetadata {
    place: raban::RecordMetadata,
}

impl AioRecordMetadata {
    pub(crate) fn new(place: raban::RecordMetadata) -> Self {
        Self { place }
    }
}

named_tuple!(AioRecordMetadata {
    topic: &'s str = |this, _py| Ok(this.place.topic());
    partition: i32 = |this, _py| Ok(this.place.partition());
    topic_partition: Bound<'py, PyAny> =
        |this, py| topic_partition(py, this.place.topic(), this.place.partition());
    offset: i64 = |this, _py| Ok(this.place.offset().unwrap_or(-1));
    timestamp: i64 = |this, _py| Ok(this.place.timestamp());
    timestamp_type: i32 = |this, _py| Ok(i32::from(this.place.is_log_append_time()));
    log_start_offset: Option<i64> = |_this, _py| Ok(None);
});
