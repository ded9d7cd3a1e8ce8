//! Why bytes are no message, and why a message can't become bytes.

use thiserror::Error;

use crate::api::VersionRange;

/// Why bytes couldn't be read as what they should be. The connection they came from can't be
/// trusted any further: the other side isn't Kafka, or one of both has a bug.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end early.
    #[error("the message is cut short: {needed} bytes are needed where {left} are left")]
    Truncated {
        /// Bytes that the value takes.
        needed: usize,
        /// Bytes that were left.
        left: usize,
    },
    /// A length or count that is negative, too large for its type, or larger than the bytes left can hold.
    #[error("a length of {length} is announced where {left} bytes are left")]
    InvalidLength {
        /// The length or count as announced; for arrays in elements.
        length: i64,
        /// Bytes that were left.
        left: usize,
    },
    /// Null where the protocol demands a value.
    #[error("{what} is null, which this version of the message doesn't allow")]
    UnexpectedNull {
        /// The field, or the kind of value.
        what: &'static str,
    },
    /// A string that isn't UTF-8.
    #[error("a string is not UTF-8")]
    InvalidUtf8,
    /// A variable-length integer of more than 32 bits.
    #[error("a variable-length integer is longer than 32 bits")]
    VarintTooLong,
    /// A version that isn't known here.
    #[error(
        "{message} has no version {version} here, only {supported}: negotiate with ApiVersions"
    )]
    UnsupportedVersion {
        /// The message.
        message: &'static str,
        /// The version asked for.
        version: i16,
        /// The versions known here.
        supported: VersionRange,
    },
    /// Bytes are left where the message or a tagged field should end.
    #[error("{left} bytes follow the end of the message")]
    TrailingBytes {
        /// Bytes that were left.
        left: usize,
    },
}

/// Why a message can't be written in a version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A version that isn't known here.
    #[error(
        "{message} has no version {version} here, only {supported}: negotiate with ApiVersions"
    )]
    UnsupportedVersion {
        /// The message.
        message: &'static str,
        /// The version asked for.
        version: i16,
        /// The versions known here.
        supported: VersionRange,
    },
    /// A field has a value that would be lost, since the version has no such field.
    #[error("{field} is set, but version {version} of the message has no such field")]
    FieldNotInVersion {
        /// The struct and field.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A field is null in a version that has no null there.
    #[error("{field} is null, which version {version} of the message doesn't allow")]
    UnexpectedNull {
        /// The struct and field.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// A string is longer than the protocol allows.
    #[error("a string of {len} bytes is longer than Kafka's limit of 32767 bytes")]
    StringTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A byte string, an array or a whole frame is longer than its length field can say.
    #[error("{len} are more bytes or elements than Kafka's limit of 2147483647")]
    TooLarge {
        /// Its length.
        len: usize,
    },
}
