//! The values that Kafka's messages consist of, and how they are read from and written to bytes.
//!
//! A [`Reader`] never reads past its end and never reserves more memory than the bytes at hand can
//! justify. A [`Writer`] takes large byte strings over by reference.

mod error;
mod reader;
mod records;
mod uuid;
mod writer;

pub use error::{DecodeError, EncodeError};
pub use reader::Reader;
pub use records::Records;
pub use uuid::Uuid;
pub use writer::Writer;

/// The longest string in bytes, also where the length would have room for more.
pub(crate) const MAX_STRING_LEN: usize = 0x7fff;
