//! The bytes of Python's objects: borrowed while the object is kept, never copied but where nothing else is safe.

use std::ffi::c_void;
use std::slice;
use std::sync::Arc;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use raban::Nullable;

/// What keeps the bytes where they are. It is never looked into.
#[expect(dead_code, reason = "kept to be dropped")]
enum Owner {
    Nobody,
    Bytes(Py<PyBytes>),
    Buffer(Arc<PyUntypedBuffer>),
    Copy(Box<[u8]>),
}

/// A key or a value; of null there are none.
pub(crate) struct Data {
    start: *const u8,
    len: usize,
    null: bool,
    owner: Owner,
}

// Its bytes are read only, and its owner may be dropped on any thread.
#[expect(unsafe_code)]
unsafe impl Send for Data {}
#[expect(unsafe_code)]
unsafe impl Sync for Data {}

impl Data {
    pub(crate) const NULL: Self = Self {
        start: std::ptr::NonNull::<u8>::dangling().as_ptr(),
        len: 0,
        null: true,
        owner: Owner::Nobody,
    };

    pub(crate) const EMPTY: Self = Self {
        null: false,
        ..Self::NULL
    };

    /// The bytes of `bytes`, of anything with the buffer protocol, or null for `None`.
    ///
    /// # Errors
    /// `TypeError` for anything else. `part` is `key` or `value`.
    #[inline]
    pub(crate) fn of(object: &Bound<'_, PyAny>, part: &'static str) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::of_bytes(bytes));
        }
        if object.is_none() {
            return Ok(Self::NULL);
        }
        Self::of_buffer(object, part)
    }

    fn of_bytes(bytes: &Bound<'_, PyBytes>) -> Self {
        let slice = bytes.as_bytes();
        Self {
            start: slice.as_ptr(),
            len: slice.len(),
            null: false,
            owner: Owner::Bytes(bytes.clone().unbind()),
        }
    }

    #[cold]
    fn of_buffer(object: &Bound<'_, PyAny>, part: &'static str) -> PyResult<Self> {
        let Ok(buffer) = PyUntypedBuffer::get(object) else {
            return Err(not_bytes(object, part));
        };
        if !buffer.is_c_contiguous() {
            let bytes = object.call_method0("tobytes")?;
            return Ok(Self::of_bytes(bytes.cast::<PyBytes>()?));
        }
        Ok(Self {
            start: start(&buffer),
            len: buffer.len_bytes(),
            null: false,
            owner: Owner::Buffer(Arc::new(buffer)),
        })
    }

    /// A part of a buffer.
    pub(crate) fn part_of(buffer: &Arc<PyUntypedBuffer>, from: usize, until: usize) -> Self {
        assert!(from <= until && until <= buffer.len_bytes());
        Self {
            // It stays within the buffer, as was just seen.
            start: start(buffer).wrapping_add(from),
            len: until - from,
            null: false,
            owner: Owner::Buffer(Arc::clone(buffer)),
        }
    }

    /// The bytes; `None` for null.
    #[inline]
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        if self.null {
            return None;
        }
        // SAFETY: `bytes` never change and a buffer's memory stays in place as long as the owner holds it. Who writes into a
        // buffer while it is being sent sends either content, as with any C extension.
        #[expect(unsafe_code)]
        Some(unsafe { slice::from_raw_parts(self.start, self.len) })
    }

    /// The same, fit to be kept while Python goes on: what others might write to is copied.
    pub(crate) fn keep(self) -> Self {
        match (&self.owner, self.bytes()) {
            (Owner::Buffer(buffer), Some(bytes)) if !buffer.readonly() => {
                let copy: Box<[u8]> = bytes.into();
                Self {
                    start: copy.as_ptr(),
                    len: copy.len(),
                    null: false,
                    owner: Owner::Copy(copy),
                }
            }
            _ => self,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.null
    }
}

impl Nullable<[u8]> for Data {
    #[inline]
    fn nullable(&self) -> Option<&[u8]> {
        self.bytes()
    }
}

impl Nullable<[u8]> for &Data {
    #[inline]
    fn nullable(&self) -> Option<&[u8]> {
        self.bytes()
    }
}

/// An empty buffer may have no address at all.
fn start(buffer: &PyUntypedBuffer) -> *const u8 {
    let start: *mut c_void = buffer.buf_ptr();
    if start.is_null() {
        return Data::NULL.start;
    }
    start.cast()
}

fn not_bytes(object: &Bound<'_, PyAny>, part: &'static str) -> PyErr {
    let kind = object.get_type();
    let kind = kind
        .name()
        .map_or_else(|_| "?".to_owned(), |name| name.to_string());
    let remedy = if object.is_instance_of::<PyString>() {
        format!(
            "encode it, or give {part}_serializer=raban.serializer.StringSerializer() to the producer"
        )
    } else {
        format!("give bytes, or a {part}_serializer to the producer")
    };
    PyTypeError::new_err(format!(
        "Unsupported type for serialized {part}: {kind}; {remedy}"
    ))
}
