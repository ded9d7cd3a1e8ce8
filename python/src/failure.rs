//! raban's errors as Python's exceptions. Which class each becomes is Python's to say: see `raban/errors.py`.

use pyo3::prelude::*;
use raban::{AttemptOutcome, EnqueueError, ErrorCode, ErrorKind, ProduceError};

/// Makes exceptions: `from_native(kind, code, message, may_have_been_written)` of a module of errors.
pub(crate) struct Failures(Py<PyAny>);

impl Failures {
    pub(crate) fn new(from_native: Py<PyAny>) -> Self {
        Self(from_native)
    }

    /// An exception for what went wrong outside of any record.
    pub(crate) fn other(&self, py: Python<'_>, kind: &str, message: &str) -> PyErr {
        self.make(py, kind, None, message, false)
    }

    pub(crate) fn enqueue(&self, py: Python<'_>, error: &EnqueueError) -> PyErr {
        let (kind, code) = name(error.kind());
        self.make(py, kind, code, &error.to_string(), false)
    }

    pub(crate) fn produce(&self, py: Python<'_>, error: &ProduceError) -> PyErr {
        let (kind, code) = name(error.kind());
        let doubt = error.may_have_been_written();
        self.make(py, kind, code, &error.to_string(), doubt)
    }

    fn make(
        &self,
        py: Python<'_>,
        kind: &str,
        code: Option<ErrorCode>,
        message: &str,
        may_have_been_written: bool,
    ) -> PyErr {
        let code = code.map(|ErrorCode(code)| code);
        match self
            .0
            .call1(py, (kind, code, message, may_have_been_written))
        {
            Ok(exception) => PyErr::from_value(exception.into_bound(py)),
            Err(error) => error,
        }
    }
}

/// An exception of a class of the package's.
pub(crate) fn exception(py: Python<'_>, module: &str, class: &str, why: &str) -> PyErr {
    let class = py.import(module).and_then(|module| module.getattr(class));
    match class.and_then(|class| class.call1((why,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// The error's name in Python, and what the broker said.
fn name(kind: &ErrorKind) -> (&'static str, Option<ErrorCode>) {
    match kind {
        ErrorKind::RecordTooLarge { .. } => ("RecordTooLarge", None),
        ErrorKind::InvalidTimestamp(_) => ("InvalidTimestamp", None),
        ErrorKind::InvalidTopic { .. } => ("InvalidTopic", None),
        ErrorKind::InvalidPartition { .. } => ("InvalidPartition", None),
        ErrorKind::MetadataTimeout { .. } => ("MetadataTimeout", None),
        ErrorKind::BootstrapUnresolved { .. } => ("BootstrapUnresolved", None),
        ErrorKind::TopicRefused { code, .. } => ("TopicRefused", Some(*code)),
        ErrorKind::MemoryTimeout { .. } => ("MemoryTimeout", None),
        ErrorKind::Closed => ("Closed", None),
        ErrorKind::DeliveryTimeout { .. } => ("DeliveryTimeout", None),
        ErrorKind::Rejected { code, .. } => ("Rejected", Some(*code)),
        ErrorKind::RetriesExhausted { last, .. } => ("RetriesExhausted", refusal(last)),
        ErrorKind::Aborted => ("Aborted", None),
        ErrorKind::Purged => ("Purged", None),
        ErrorKind::Unresolved { .. } => ("Unresolved", None),
        ErrorKind::Serialize { .. } => ("Serialize", None),
        ErrorKind::InCallback => ("InCallback", None),
        ErrorKind::Compression(_) => ("Compression", None),
        _ => ("Other", None),
    }
}

fn refusal(last: &AttemptOutcome) -> Option<ErrorCode> {
    match last {
        AttemptOutcome::Answered(code) => Some(*code),
        _ => None,
    }
}
