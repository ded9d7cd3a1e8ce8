//! A record on its way in: as the application gives it, and in bytes.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use raban::{Nullable, Topic, TopicRecord};

use crate::data::Data;

/// A record as the application gives it.
pub(crate) struct Given<'a, 'py> {
    pub(crate) topic: &'a Bound<'py, PyString>,
    pub(crate) key: Option<&'a Bound<'py, PyAny>>,
    pub(crate) value: Option<&'a Bound<'py, PyAny>>,
    pub(crate) headers: Option<&'a Bound<'py, PyAny>>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
}

/// The same in bytes.
pub(crate) struct Serialized {
    pub(crate) key: Data,
    pub(crate) value: Data,
    pub(crate) headers: Vec<(String, Data)>,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
}

impl Serialized {
    /// Bytes as they are given.
    pub(crate) fn of(key: Data, value: Data, partition: Option<i32>) -> Self {
        Self {
            key,
            value,
            headers: Vec::new(),
            partition,
            timestamp: None,
        }
    }

    /// The record for raban, of borrowed bytes.
    #[inline]
    pub(crate) fn record<'t>(
        &'t self,
        topic: &'t Topic,
    ) -> TopicRecord<'t, [u8], [u8], &'t Data, &'t Data> {
        let record = topic.record(&self.key, &self.value);
        completed(record, self.partition, self.timestamp, &self.headers)
    }

    /// The record for raban, with what its bytes lie in.
    #[inline]
    pub(crate) fn into_record(self, topic: &Topic) -> TopicRecord<'_, [u8], [u8], Data, Data> {
        let record = topic.record(self.key, self.value);
        completed(record, self.partition, self.timestamp, &self.headers)
    }

    /// The same, fit to be kept while Python goes on.
    pub(crate) fn keep(self) -> Self {
        Self {
            key: self.key.keep(),
            value: self.value.keep(),
            ..self
        }
    }

    /// Bytes of all headers, -1 without any.
    #[inline]
    pub(crate) fn header_size(&self) -> i64 {
        if self.headers.is_empty() {
            return -1;
        }
        let size =
            |(name, value): &(String, Data)| name.len() + value.bytes().map_or(0, <[u8]>::len);
        i64::try_from(self.headers.iter().map(size).sum::<usize>()).unwrap_or(i64::MAX)
    }
}

#[inline]
fn completed<'t, K: Nullable<[u8]>, V: Nullable<[u8]>>(
    mut record: TopicRecord<'t, [u8], [u8], K, V>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    headers: &[(String, Data)],
) -> TopicRecord<'t, [u8], [u8], K, V> {
    if let Some(partition) = partition {
        record = record.partition(partition);
    }
    if let Some(timestamp) = timestamp {
        record = record.timestamp(timestamp);
    }
    for (name, value) in headers {
        record = record.header(name.as_str(), value.bytes());
    }
    record
}

/// # Errors
/// Anything that isn't a pair of text and bytes; `None` is a null value.
pub(crate) fn headers_of(list: Option<&Bound<'_, PyList>>) -> PyResult<Vec<(String, Data)>> {
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    let mut headers = Vec::with_capacity(list.len());
    for item in list {
        headers.push(header_of(&item)?);
    }
    Ok(headers)
}

/// One header.
pub(crate) fn header_of(item: &Bound<'_, PyAny>) -> PyResult<(String, Data)> {
    let wrong = || {
        let found = item
            .repr()
            .map_or_else(|_| "?".to_owned(), |repr| repr.to_string());
        PyTypeError::new_err(format!(
            "All headers items must be (str, bytes) tuples, not {found}"
        ))
    };
    let pair = item.cast::<PyTuple>().map_err(|_| wrong())?;
    if pair.len() != 2 {
        return Err(wrong());
    }
    let (name, value) = (pair.get_item(0)?, pair.get_item(1)?);
    let name = name.cast::<PyString>().map_err(|_| wrong())?;
    let value = Data::of(&value, "header").map_err(|_| wrong())?;
    Ok((name.to_str()?.to_owned(), value))
}
