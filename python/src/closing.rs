//! Producers that nobody holds any more: what they accepted is still delivered, and the interpreter's exit waits for it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pyo3::prelude::*;
use raban::{CloseError, Producer};

use crate::callbacks;
use crate::wait::wait;

type Closing = Pin<Box<dyn Future<Output = Result<(), CloseError>> + Send>>;

static UNDER_WAY: Mutex<Vec<Closing>> = Mutex::new(Vec::new());

/// Closes a producer in the background. Each record has `delivery.timeout.ms` in any case.
pub(crate) fn abandon(producer: &Producer) {
    let mut closing: Closing = Box::pin(producer.close(Duration::MAX));
    let mut nobody = Context::from_waker(Waker::noop());
    if closing.as_mut().poll(&mut nobody).is_ready() {
        return;
    }
    let mut under_way = crate::sync::lock(&UNDER_WAY);
    under_way.retain_mut(|closing| closing.as_mut().poll(&mut nobody).is_pending());
    under_way.push(closing);
}

/// Waits until all of them are done, and callbacks were called.
pub(crate) fn settle(py: Python<'_>) -> PyResult<()> {
    let mut under_way = match UNDER_WAY.try_lock() {
        Ok(mut held) => std::mem::take(&mut *held),
        Err(TryLockError::Poisoned(held)) => std::mem::take(&mut *held.into_inner()),
        Err(TryLockError::WouldBlock) => return Ok(()),
    };
    let all = poll_fn(|cx| {
        under_way.retain_mut(|closing| closing.as_mut().poll(cx).is_pending());
        if under_way.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    wait(py, all, None)?;
    callbacks::settle(py)
}

/// In a forked child there is nothing to wait for, and nothing may be touched.
pub(crate) fn forget() {
    if let Ok(mut held) = UNDER_WAY.try_lock() {
        std::mem::forget(std::mem::take(&mut *held));
    }
}
