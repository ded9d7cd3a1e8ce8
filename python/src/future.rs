//! What `send` returns: a record's outcome to come, as kafka-python has it.

use std::array;
use std::iter::{Chain, Flatten};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::vec;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use raban::Delivery;

use crate::callbacks::Callbacks;
use crate::core::Core;
use crate::exit::Inside;
use crate::metadata::RecordMetadata;
use crate::outbox::{Place, Settles, place_of};
use crate::sync::lock;
use crate::wait::{deadline, wait};

/// A record's outcome to come. `get()` waits for it; `add_callback` and `add_errback` have a function called with it, on a
/// thread of the producer's, in a partition in the order of the records; or at once by the caller, if the outcome is there
/// already.
#[pyclass(
    name = "FutureRecordMetadata",
    module = "raban.producer.future",
    frozen,
    weakref
)]
pub(crate) struct RecordFuture {
    core: Arc<Core>,
    callbacks: Arc<Callbacks>,
    header_size: i64,
    state: Mutex<State>,
}

struct State {
    outcome: Outcome,
    to_call: Calls,
    /// Whether the callbacks' thread knows of this record.
    expected: bool,
    /// Whether all in `to_call` were called: later ones are called at once.
    told: bool,
    /// Who is woken by the outcome: a delivery wakes one only.
    waiting: Option<Waker>,
}

enum Outcome {
    Awaited(Delivery),
    Delivered(Py<RecordMetadata>),
    Failed(Py<PyAny>),
}

/// Something to be called with the outcome.
enum ToCall {
    Callback(Py<PyAny>),
    Errback(Py<PyAny>),
}

/// What is to be called, in order: mostly a callback and an errback, for which nothing is allocated.
#[derive(Default)]
struct Calls {
    first: [Option<ToCall>; 2],
    more: Vec<ToCall>,
}

impl Calls {
    fn extend(&mut self, calls: Self) {
        for call in calls {
            match self.first.iter_mut().find(|place| place.is_none()) {
                Some(place) if self.more.is_empty() => *place = Some(call),
                _ => self.more.push(call),
            }
        }
    }
}

impl IntoIterator for Calls {
    type Item = ToCall;
    type IntoIter = Chain<Flatten<array::IntoIter<Option<ToCall>, 2>>, vec::IntoIter<ToCall>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().flatten().chain(self.more)
    }
}

impl From<[Option<ToCall>; 2]> for Calls {
    fn from(first: [Option<ToCall>; 2]) -> Self {
        Self {
            first,
            more: Vec::new(),
        }
    }
}

/// Wakes two who wait for the same record.
struct Both(Waker, Waker);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake_by_ref();
        self.1.wake_by_ref();
    }
}

impl State {
    fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            to_call: Calls::default(),
            expected: false,
            told: false,
            waiting: None,
        }
    }

    fn is_settled(&self) -> bool {
        match &self.outcome {
            Outcome::Awaited(delivery) => delivery.is_settled(),
            _ => true,
        }
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> bool {
        let Outcome::Awaited(delivery) = &mut self.outcome else {
            return true;
        };
        if delivery.is_settled() {
            return true;
        }
        let waker = match self.waiting.take() {
            Some(other) if !other.will_wake(cx.waker()) => {
                Waker::from(Arc::new(Both(other, cx.waker().clone())))
            }
            _ => cx.waker().clone(),
        };
        let polled = std::pin::Pin::new(delivery).poll(&mut Context::from_waker(&waker));
        self.waiting = Some(waker);
        polled.is_ready()
    }
}

impl Settles for Py<RecordFuture> {
    fn place(&self) -> Place {
        match &lock(&self.get().state).outcome {
            Outcome::Awaited(delivery) => place_of(delivery),
            _ => Place::default(),
        }
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> bool {
        lock(&self.get().state).poll_settled(cx)
    }
}

impl RecordFuture {
    pub(crate) fn new(
        core: &Arc<Core>,
        callbacks: &Arc<Callbacks>,
        delivery: Delivery,
        header_size: i64,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            callbacks: Arc::clone(callbacks),
            header_size,
            state: Mutex::new(State::new(Outcome::Awaited(delivery))),
        }
    }

    /// Of a record that was refused.
    pub(crate) fn failed_with(
        py: Python<'_>,
        core: &Arc<Core>,
        callbacks: &Arc<Callbacks>,
        error: PyErr,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            callbacks: Arc::clone(callbacks),
            header_size: -1,
            state: Mutex::new(State::new(Outcome::Failed(error.into_value(py).into_any()))),
        }
    }

    /// The outcome, if it is there: metadata or an exception.
    fn outcome(&self, py: Python<'_>) -> PyResult<Option<Result<Py<RecordMetadata>, Py<PyAny>>>> {
        let told = {
            let state = lock(&self.state);
            match &state.outcome {
                Outcome::Delivered(metadata) => return Ok(Some(Ok(metadata.clone_ref(py)))),
                Outcome::Failed(error) => return Ok(Some(Err(error.clone_ref(py)))),
                Outcome::Awaited(delivery) => delivery.try_outcome(),
            }
        };
        // Exceptions are made by Python's code, which may ask for this very outcome: not under the lock.
        let made = match told {
            None => return Ok(None),
            Some(Ok(place)) => {
                Outcome::Delivered(Py::new(py, RecordMetadata::new(place, self.header_size))?)
            }
            Some(Err(error)) => {
                let error = self.core.failures.produce(py, &error);
                Outcome::Failed(error.into_value(py).into_any())
            }
        };
        let mut state = lock(&self.state);
        if let Outcome::Awaited(_) = state.outcome {
            state.outcome = made;
        }
        Ok(Some(match &state.outcome {
            Outcome::Delivered(metadata) => Ok(metadata.clone_ref(py)),
            Outcome::Failed(error) => Err(error.clone_ref(py)),
            Outcome::Awaited(_) => unreachable!("it was just replaced"),
        }))
    }

    fn is_settled(&self) -> bool {
        lock(&self.state).is_settled()
    }

    /// Calls what is to be called, now that the outcome is there.
    pub(crate) fn tell(&self, py: Python<'_>) {
        let told = self.outcome(py).and_then(|outcome| {
            let Some(outcome) = outcome else {
                return Ok(());
            };
            let to_call = {
                let mut state = lock(&self.state);
                state.told = true;
                std::mem::take(&mut state.to_call)
            };
            for call in to_call {
                // A callback's exception is logged, and the next one is called all the same.
                let _ = call.call(py, &outcome)?;
            }
            Ok(())
        });
        if let Err(error) = told {
            error.write_unraisable(py, None);
        }
    }

    /// What is to be held of a function until it is called.
    fn call_later(
        &self,
        function: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        self.callbacks.share(partial(function, args, kwargs)?)
    }

    fn add(slf: &Bound<'_, Self>, calls: [Option<ToCall>; 2]) -> PyResult<()> {
        let _inside = Inside::enter(slf.py());
        let (py, this) = (slf.py(), slf.get());
        let at_once = {
            let mut state = lock(&this.state);
            if state.told || (!state.expected && state.is_settled()) {
                Calls::from(calls)
            } else {
                state.to_call.extend(calls.into());
                if !std::mem::replace(&mut state.expected, true) {
                    drop(state);
                    this.callbacks.expect(slf.clone().unbind())?;
                }
                return Ok(());
            }
        };
        this.callbacks.called_at_once();
        let outcome = this.outcome(py)?.expect("it is settled");
        for call in at_once {
            if let Some(error) = call.call(py, &outcome)?
                && slf.get_type().getattr("error_on_callbacks")?.is_truthy()?
            {
                return Err(error);
            }
        }
        Ok(())
    }
}

impl ToCall {
    /// Calls it if the outcome is its; what it raised is logged and returned.
    fn call(
        &self,
        py: Python<'_>,
        outcome: &Result<Py<RecordMetadata>, Py<PyAny>>,
    ) -> PyResult<Option<PyErr>> {
        let called = match (self, outcome) {
            (Self::Callback(call), Ok(metadata)) => call.call1(py, (metadata,)),
            (Self::Errback(call), Err(error)) => call.call1(py, (error,)),
            _ => return Ok(None),
        };
        let Err(error) = called else { return Ok(None) };
        let log = py.import("raban.future")?.getattr("log_callback_error")?;
        log.call1((error.value(py),))?;
        Ok(Some(error))
    }
}

/// The function with arguments that come before the outcome, as `functools.partial` has them.
fn partial<'py>(
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    if args.is_empty() && kwargs.is_none() {
        return Ok(function.clone());
    }
    let py = function.py();
    let mut all = vec![function.clone()];
    all.extend(args.iter());
    let partial = py.import("functools")?.getattr("partial")?;
    partial.call(PyTuple::new(py, all)?, kwargs)
}

#[pymethods]
impl RecordFuture {
    /// Whether exceptions of callbacks are raised where these are called at once. They are logged in any case.
    #[classattr]
    #[pyo3(name = "error_on_callbacks")]
    const ERROR_ON_CALLBACKS: bool = false;

    /// Waits until the record is acknowledged or failed, at most `timeout` seconds; None is without a limit of its own, for
    /// `delivery_timeout_ms` limits it.
    ///
    /// Raises the record's exception, or KafkaTimeoutError after `timeout`: the record is still under way then.
    #[pyo3(signature = (timeout=None))]
    fn get(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Py<RecordMetadata>> {
        let _inside = Inside::enter(py);
        if !self.is_settled() {
            self.core.check_process(py)?;
            let settled = std::future::poll_fn(|cx| match lock(&self.state).poll_settled(cx) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            });
            if wait(py, settled, deadline(timeout)?)?.is_none() && !self.is_settled() {
                let why = format!(
                    "Timeout after waiting for {} secs.; the record is still under way",
                    timeout.unwrap_or_default()
                );
                return Err(self.core.failures.other(py, "Timeout", &why));
            }
        }
        match self.outcome(py)?.expect("it is settled") {
            Ok(metadata) => Ok(metadata),
            Err(error) => Err(PyErr::from_value(error.into_bound(py))),
        }
    }

    /// Whether the outcome is there.
    #[getter]
    fn is_done(&self) -> bool {
        self.is_settled()
    }

    /// The RecordMetadata; None before the outcome, and of a record that failed.
    #[getter]
    fn value(&self, py: Python<'_>) -> PyResult<Option<Py<RecordMetadata>>> {
        let _inside = Inside::enter(py);
        Ok(self.outcome(py)?.and_then(Result::ok))
    }

    /// Why the record failed; None before the outcome, and of a record that was delivered.
    #[getter]
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let _inside = Inside::enter(py);
        Ok(self.outcome(py)?.and_then(Result::err))
    }

    /// Whether the record was delivered.
    fn succeeded(&self, py: Python<'_>) -> PyResult<bool> {
        let _inside = Inside::enter(py);
        Ok(matches!(self.outcome(py)?, Some(Ok(_))))
    }

    /// Whether the record failed.
    fn failed(&self, py: Python<'_>) -> PyResult<bool> {
        let _inside = Inside::enter(py);
        Ok(matches!(self.outcome(py)?, Some(Err(_))))
    }

    /// Whether the record failed, and the same record could succeed later.
    fn retriable(&self, py: Python<'_>) -> PyResult<bool> {
        let _inside = Inside::enter(py);
        let Some(Err(error)) = self.outcome(py)? else {
            return Ok(false);
        };
        let class = py.import("raban.errors")?.getattr("RetriableError")?;
        error.bind(py).is_instance(&class)
    }

    /// Has `function(*args, metadata, **kwargs)` called if the record is delivered. Returns this future.
    #[pyo3(signature = (function, *args, **kwargs))]
    fn add_callback<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let call = ToCall::Callback(slf.get().call_later(function, args, kwargs)?);
        Self::add(slf, [Some(call), None])?;
        Ok(slf.clone())
    }

    /// Has `function(*args, exception, **kwargs)` called if the record fails. Returns this future.
    #[pyo3(signature = (function, *args, **kwargs))]
    fn add_errback<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let call = ToCall::Errback(slf.get().call_later(function, args, kwargs)?);
        Self::add(slf, [Some(call), None])?;
        Ok(slf.clone())
    }

    /// Has `function(*args, metadata or exception, **kwargs)` called. Returns this future.
    #[pyo3(signature = (function, *args, **kwargs))]
    fn add_both<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let call = slf.get().call_later(function, args, kwargs)?;
        let callback = ToCall::Callback(call.clone_ref(slf.py()));
        Self::add(slf, [Some(callback), Some(ToCall::Errback(call))])?;
        Ok(slf.clone())
    }

    /// Has another future succeed or fail as this one does. Returns this future.
    fn chain<'py>(
        slf: &Bound<'py, Self>,
        future: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Self>> {
        let success = future.getattr("success")?.unbind();
        let failure = future.getattr("failure")?.unbind();
        let (success, failure) = (ToCall::Callback(success), ToCall::Errback(failure));
        Self::add(slf, [Some(success), Some(failure)])?;
        Ok(slf.clone())
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let _inside = Inside::enter(slf.py());
        let module = slf.py().import("raban.future")?;
        module.getattr("await_native")?.call1((slf,))
    }

    /// `FutureRecordMetadata[RecordMetadata]` in annotations.
    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        _item: &Bound<'py, PyAny>,
    ) -> Bound<'py, PyType> {
        class.clone()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(match self.outcome(py)? {
            None => "<FutureRecordMetadata under way>".to_owned(),
            Some(Ok(metadata)) => format!("<FutureRecordMetadata {}>", metadata.bind(py).repr()?),
            Some(Err(error)) => format!("<FutureRecordMetadata {}>", error.bind(py).repr()?),
        })
    }
}
