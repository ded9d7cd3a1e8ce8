//! Which partition a record goes to, unless the caller names one: by a partitioner of choice, by its key's hash, or the
//! sticky one.

pub mod crc32;
pub mod fnv1a;
pub mod murmur2;
mod named;
mod sticky;
mod weights;

use std::fmt;
use std::sync::Arc;

pub use self::named::{NamedPartitioner, UnknownPartitioner};
pub(crate) use self::sticky::{Choices, Lane, Sticky, split_mix};
use self::weights::Weights;
pub(crate) use self::weights::{Bounds, Lengths, Load};

/// Chooses partitions in place of raban's own rules, for records that name none.
///
/// It is called on the threads that send, several at once, once for each record; so it should be quick. A panic reaches
/// the sender of that record alone. Functions of the same form are partitioners, too.
pub trait Partitioner: Send + Sync {
    /// The partition, from 0 up to `record.partition_count` - 1. A record with any other fails with
    /// [`ErrorKind::InvalidPartition`](crate::ErrorKind::InvalidPartition).
    fn partition(&self, record: &Unpartitioned<'_>) -> i32;
}

impl<F> Partitioner for F
where
    F: Fn(&Unpartitioned<'_>) -> i32 + Send + Sync,
{
    fn partition(&self, record: &Unpartitioned<'_>) -> i32 {
        self(record)
    }
}

/// What a [`Partitioner`] sees of a record, serialized, and of its topic.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Unpartitioned<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The key's bytes; `None`: a null key.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; `None`: a tombstone.
    pub value: Option<&'a [u8]>,
    /// How many partitions the topic has, at least 1.
    pub partition_count: i32,
    /// Those of them that have a leader, in order.
    pub available: &'a [i32],
}

/// Whose rules choose partitions.
#[derive(Clone, Default)]
pub enum Partitioning {
    /// Java's built-in ones: murmur2 of the key; without a key the sticky partition.
    #[default]
    BuiltIn,
    /// Those of `partitioner.class`.
    Named(NamedPartitioner),
    /// The application's.
    Custom(Arc<dyn Partitioner>),
}

impl fmt::Debug for Partitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("BuiltIn"),
            Self::Named(named) => named.fmt(f),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}
