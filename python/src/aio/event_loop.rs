//! What is asyncio's: how its loop is woken, and how its futures are made and resolved.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::ready::Bell;

/// Rings by a byte in a socket that the loop watches.
pub(super) struct LoopBell {
    stream: UnixStream,
    rung: AtomicBool,
}

impl LoopBell {
    /// The bell, and the socket to be watched.
    pub(super) fn new() -> io::Result<(Arc<Self>, UnixStream)> {
        let (stream, watched) = UnixStream::pair()?;
        stream.set_nonblocking(true)?;
        watched.set_nonblocking(true)?;
        let rung = AtomicBool::new(false);
        Ok((Arc::new(Self { stream, rung }), watched))
    }

    /// Who rings from now on is heard the next time.
    pub(super) fn heard(&self, watched: &UnixStream) -> io::Result<()> {
        let mut bytes = [0; 16];
        match (&*watched).read(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        self.rung.store(false, Ordering::Release);
        Ok(())
    }
}

impl Bell for LoopBell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // There is room for one byte; nobody is left to be told after the other end is gone.
            let _ = (&self.stream).write(&[1]);
        }
    }
}

/// How the loop makes its futures.
pub(super) struct NewFuture {
    make: Py<PyAny>,
    kwargs: Option<Py<PyDict>>,
}

impl NewFuture {
    pub(super) fn of(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = event_loop.py();
        let asyncio = py.import("asyncio")?;
        let theirs = event_loop.get_type().getattr("create_future")?;
        if !theirs.is(asyncio.getattr("BaseEventLoop")?.getattr("create_future")?) {
            return Ok(Self {
                make: event_loop.getattr("create_future")?.unbind(),
                kwargs: None,
            });
        }
        // asyncio's own does just this, in Python.
        let kwargs = PyDict::new(py);
        kwargs.set_item("loop", event_loop)?;
        Ok(Self {
            make: asyncio.getattr("Future")?.unbind(),
            kwargs: Some(kwargs.unbind()),
        })
    }

    #[inline]
    pub(super) fn call(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match &self.kwargs {
            Some(kwargs) => self.make.call(py, (), Some(kwargs.bind(py))),
            None => self.make.call0(py),
        }
    }
}

/// Tells a future its outcome, unless it was cancelled.
pub(super) fn resolve(future: &Bound<'_, PyAny>, outcome: PyResult<Py<PyAny>>) -> PyResult<()> {
    let py = future.py();
    let resolved = match outcome {
        Ok(value) => future.call_method1(pyo3::intern!(py, "set_result"), (value,)),
        Err(error) => {
            future.call_method1(pyo3::intern!(py, "set_exception"), (error.into_value(py),))
        }
    };
    match resolved {
        Err(_)
            if future
                .call_method0(pyo3::intern!(py, "done"))?
                .is_truthy()? =>
        {
            Ok(())
        }
        other => other.map(drop),
    }
}
