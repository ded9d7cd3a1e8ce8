//! `raban._raban`: the native part of the Python package raban. What applications see is in the package's Python files; here is
//! what has to be fast, and what needs raban itself.
#![deny(unsafe_code)]

mod aio;
mod broker;
mod callbacks;
mod closing;
mod core;
mod data;
mod exit;
mod failure;
mod fork;
mod future;
mod logging;
mod many;
mod metadata;
mod outbox;
mod producer;
mod ready;
mod record;
mod serialize;
mod sync;
mod wait;

/// The native module.
#[pyo3::pymodule]
mod _raban {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::aio::{AsyncProducer, BatchBuilder, BatchRecordMetadata, Drain, SendCoroutine};
    #[pymodule_export]
    use crate::broker::EmbeddedBroker;
    #[pymodule_export]
    use crate::future::RecordFuture;
    #[pymodule_export]
    use crate::many::SendManyReport;
    #[pymodule_export]
    use crate::metadata::RecordMetadata;
    #[pymodule_export]
    use crate::producer::Producer;

    /// The hash by which Kafka's clients choose the partition of a key, as an unsigned number.
    #[pyfunction]
    fn murmur2(data: &[u8]) -> u32 {
        raban::partitioner::murmur2::murmur2(data).cast_unsigned()
    }

    /// To be called in a child after `fork`.
    #[pyfunction]
    fn _forked() {
        crate::fork::forked();
        crate::closing::forget();
        crate::callbacks::forget();
    }

    /// To be called at the interpreter's exit: waits for records of producers that are gone.
    #[pyfunction]
    fn _settle(py: Python<'_>) -> PyResult<()> {
        crate::closing::settle(py)
    }

    /// To be called last at the interpreter's exit.
    #[pyfunction]
    fn _end(py: Python<'_>) {
        crate::logging::end(py);
        crate::exit::end(py);
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::logging::begin();
        // By its own name it is the other one.
        let aio = module.py().get_type::<crate::metadata::AioRecordMetadata>();
        module.add("AioRecordMetadata", aio)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
