//! Where many records come from: an iterable, a buffer's rows or a column of Apache Arrow's.

use std::sync::Arc;
use std::vec;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyList, PyString, PyTuple};

use super::null;
use crate::data::Data;

/// Where records come from.
pub(super) enum Source {
    List(Py<PyList>),
    Tuple(Py<PyTuple>),
    Iterator(Py<PyIterator>),
    /// Rows of the same length, one behind the other.
    Rows {
        buffer: Arc<PyUntypedBuffer>,
        count: usize,
        /// Bytes of one.
        row: usize,
        /// They are text of at most that length, filled up with zeros.
        text: bool,
    },
    /// pyarrow's binary columns, chunk by chunk.
    Columns(Columns),
}

/// Columns one behind the other.
pub(super) struct Columns {
    columns: vec::IntoIter<Column>,
    /// The one at hand, and the next place in it.
    current: Option<(Column, usize)>,
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

impl Source {
    /// The source, and how many records it has, if that is known.
    pub(super) fn of(records: &Bound<'_, PyAny>) -> PyResult<(Self, Option<usize>)> {
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
            return Ok((Source::Columns(Columns::new(columns)), Some(len)));
        }
        if let Ok(buffer) = PyUntypedBuffer::get(records) {
            return rows(records, buffer);
        }
        Ok((Source::Iterator(records.try_iter()?.unbind()), None))
    }
    /// The record at this place; places are asked for in order, each once.
    pub(super) fn get<'py>(
        &mut self,
        py: Python<'py>,
        place: usize,
    ) -> PyResult<Option<Found<'py>>> {
        let item = match self {
            Self::List(list) => match list.bind(py) {
                list if place < list.len() => list.get_item(place)?,
                _ => return Ok(None),
            },
            Self::Tuple(tuple) => match tuple.bind(py) {
                tuple if place < tuple.len() => tuple.get_item(place)?,
                _ => return Ok(None),
            },
            Self::Iterator(iterator) => match iterator.bind(py).clone().next() {
                Some(item) => item?,
                None => return Ok(None),
            },
            Self::Rows {
                buffer,
                count,
                row,
                text,
            } => {
                if place >= *count {
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
                return Ok(Some(Found::Bytes(value)));
            }
            Self::Columns(columns) => return Ok(columns.next()?.map(Found::Bytes)),
        };
        Ok(Some(Found::Item(item)))
    }
}

/// A record as its source has it.
pub(super) enum Found<'py> {
    Item(Bound<'py, PyAny>),
    /// A value whose bytes lie in a buffer.
    Bytes(Data),
}

impl Columns {
    fn new(columns: Vec<Column>) -> Self {
        Self {
            columns: columns.into_iter(),
            current: None,
        }
    }

    fn next(&mut self) -> PyResult<Option<Data>> {
        loop {
            if let Some((column, place)) = &mut self.current
                && *place < column.len
            {
                *place += 1;
                return column.value(*place - 1).map(Some);
            }
            match self.columns.next() {
                Some(column) => self.current = Some((column, 0)),
                None => return Ok(None),
            }
        }
    }
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
            let rows = Source::Rows {
                buffer,
                count,
                row,
                text,
            };
            Ok((rows, Some(count)))
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
