//! Keys and values as the application gives them, made into bytes by its serializers.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::data::Data;

/// What makes bytes of a key or a value, and how it is called.
pub(crate) enum Serializer {
    /// Bytes as they are given.
    None,
    /// `serializer(data)`
    Plain(Py<PyAny>),
    /// `serializer(topic, data)`
    WithTopic(Py<PyAny>),
    /// `serializer(topic, headers, data)`
    WithHeaders(Py<PyAny>),
}

impl Serializer {
    /// From `None` or the pair that `raban._settings.serializer_call` makes.
    pub(crate) fn new(call: Option<(String, Py<PyAny>)>) -> PyResult<Self> {
        Ok(match call {
            None => Self::None,
            Some((kind, call)) => match kind.as_str() {
                "plain" => Self::Plain(call),
                "object2" => Self::WithTopic(call),
                "object3" => Self::WithHeaders(call),
                other => {
                    return Err(PyTypeError::new_err(format!(
                        "no kind of serializer: {other}"
                    )));
                }
            },
        })
    }

    /// Whether it may add headers.
    pub(crate) fn takes_headers(&self) -> bool {
        matches!(self, Self::WithHeaders(_))
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The bytes. `headers` is there if it [takes them](Self::takes_headers).
    #[inline]
    pub(crate) fn apply(
        &self,
        part: &'static str,
        topic: &Bound<'_, PyString>,
        headers: Option<&Bound<'_, PyList>>,
        data: &Bound<'_, PyAny>,
    ) -> PyResult<Data> {
        let py = data.py();
        let made = match self {
            Self::None => return Data::of(data, part),
            Self::Plain(call) => call.bind(py).call1((data,))?,
            Self::WithTopic(call) => call.bind(py).call1((topic, data))?,
            Self::WithHeaders(call) => call.bind(py).call1((topic, headers, data))?,
        };
        Data::of(&made, part)
    }
}
