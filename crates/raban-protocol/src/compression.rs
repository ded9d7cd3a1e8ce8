//! Kafka's four compressions of record batches, each behind a feature of its name.

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(any(feature = "zstd", feature = "zstd-c"))]
mod zstd;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use bytes::{Bytes, BytesMut};

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy blocks in the framing of xerial's snappy-java.
    Snappy,
    /// LZ4 frames of independent blocks.
    Lz4,
    /// Zstandard (RFC 8878), which brokers take from version 2.1 on (KIP-110).
    Zstd,
}

impl Compression {
    /// All of them, by id.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The id in the lowest three bits of a batch's attributes.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The compression with this id, if Kafka has assigned it.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// The name that `compression.type` has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The compression of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::from_name(name).ok_or_else(|| CompressionError::UnknownName { name: name.into() })
    }
}

/// Why something can't be compressed or decompressed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// No compression has this name.
    #[error("unknown compression {name:?}: one of none, gzip, snappy, lz4, zstd is expected")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// The codec was left out of the build.
    #[error("this build has no {compression}: build it with the feature `{compression}`")]
    Unavailable {
        /// The codec, whose feature has the same name.
        compression: Compression,
    },
    /// The codec can't do this level.
    #[error("{compression} has no level {level}: {reason}")]
    Level {
        /// The codec.
        compression: Compression,
        /// The level that was asked for.
        level: i32,
        /// What is possible, and why.
        reason: &'static str,
    },
    /// There is more in the compressed bytes than the reader wants to hold.
    #[error("decompressing {compression} gives more than the allowed {limit} bytes")]
    TooLarge {
        /// The codec.
        compression: Compression,
        /// The bytes that were allowed.
        limit: usize,
    },
    /// The bytes aren't what the codec writes.
    #[error("corrupt {compression} data: {reason}")]
    Corrupt {
        /// The codec.
        compression: Compression,
        /// What is wrong with them.
        reason: String,
    },
    /// The codec failed on data that it should be able to take: a bug in it.
    #[error("the {compression} codec failed: {reason}")]
    Failed {
        /// The codec.
        compression: Compression,
        /// What it said.
        reason: String,
    },
}

impl CompressionError {
    #[cfg(any(
        feature = "gzip",
        feature = "snappy",
        feature = "lz4",
        feature = "zstd",
        feature = "zstd-c"
    ))]
    fn corrupt(compression: Compression, reason: impl fmt::Display) -> Self {
        Self::Corrupt {
            compression,
            reason: reason.to_string(),
        }
    }
}

/// A compression with its level, ready to compress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    compression: Compression,
    level: i32,
}

impl Codec {
    /// No compression.
    pub const NONE: Self = Self {
        compression: Compression::None,
        level: 0,
    };

    /// A codec at `level`, or at the codec's own default.
    ///
    /// Levels (KIP-390): gzip 1 (fast) to 9 (small) as zlib-rs has them, and -1 (the default), which is 3; zstd as
    /// many as its library has, 3 is the default; lz4 only 9, Kafka's default, which is LZ4's *fast* compressor; the
    /// others have none.
    ///
    /// # Errors
    ///
    /// [`CompressionError::Level`] for a level that the codec doesn't have, [`CompressionError::Unavailable`] if its
    /// feature is off.
    pub fn new(compression: Compression, level: Option<i32>) -> Result<Self, CompressionError> {
        let accepted = match compression {
            Compression::None => no_level(level),
            #[cfg(feature = "gzip")]
            Compression::Gzip => gzip::level(level),
            #[cfg(feature = "snappy")]
            Compression::Snappy => no_level(level),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => lz4::level(level),
            #[cfg(any(feature = "zstd", feature = "zstd-c"))]
            Compression::Zstd => zstd::level(level),
            #[allow(unreachable_patterns, reason = "reached when a feature is off")]
            _ => return Err(CompressionError::Unavailable { compression }),
        };
        match accepted {
            Ok(level) => Ok(Self { compression, level }),
            Err(reason) => Err(CompressionError::Level {
                compression,
                level: level.unwrap_or_default(),
                reason,
            }),
        }
    }

    /// Which compression this is.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Compresses `input` and appends the result to `out`.
    ///
    /// # Errors
    ///
    /// [`CompressionError::Failed`] if there is a bug in the codec; `out` may have got a part then.
    pub fn compress(&self, input: &[u8], out: &mut BytesMut) -> Result<(), CompressionError> {
        let compression = self.compression;
        contained(compression, || match compression {
            Compression::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            #[cfg(feature = "gzip")]
            Compression::Gzip => gzip::compress(self.level, input, out),
            #[cfg(feature = "snappy")]
            Compression::Snappy => snappy::compress(input, out),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => lz4::compress(input, out),
            #[cfg(any(feature = "zstd", feature = "zstd-c"))]
            Compression::Zstd => zstd::compress(self.level, input, out),
            #[allow(unreachable_patterns, reason = "reached when a feature is off")]
            _ => Err(CompressionError::Unavailable { compression }),
        })
    }
}

fn no_level(level: Option<i32>) -> Result<i32, &'static str> {
    match level {
        None => Ok(0),
        Some(_) => Err("it has no levels, leave the level out"),
    }
}

/// Decompresses `input`, which anybody may have made, to at most `limit` bytes.
///
/// Memory follows what the bytes really hold, and never passes `limit` by more than a codec's own tables.
///
/// # Errors
///
/// [`CompressionError::TooLarge`] beyond `limit`, [`CompressionError::Corrupt`] for bytes that aren't what the codec
/// writes, [`CompressionError::Unavailable`] if its feature is off.
pub fn decompress(
    compression: Compression,
    input: &[u8],
    limit: usize,
) -> Result<Bytes, CompressionError> {
    contained(compression, || match compression {
        Compression::None if input.len() > limit => {
            Err(CompressionError::TooLarge { compression, limit })
        }
        Compression::None => Ok(Bytes::copy_from_slice(input)),
        #[cfg(feature = "gzip")]
        Compression::Gzip => gzip::decompress(input, limit),
        #[cfg(feature = "snappy")]
        Compression::Snappy => snappy::decompress(input, limit),
        #[cfg(feature = "lz4")]
        Compression::Lz4 => lz4::decompress(input, limit),
        #[cfg(any(feature = "zstd", feature = "zstd-c"))]
        Compression::Zstd => zstd::decompress(input, limit),
        #[allow(unreachable_patterns, reason = "reached when a feature is off")]
        _ => Err(CompressionError::Unavailable { compression }),
    })
}

/// Turns a panic inside a codec into an error: a codec is somebody else's code working on somebody else's bytes.
fn contained<T>(
    compression: Compression,
    work: impl FnOnce() -> Result<T, CompressionError>,
) -> Result<T, CompressionError> {
    // Nothing survives a panic: the codec's state lives inside `work`, and a partial output is documented.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let reason = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(CompressionError::Failed {
            compression,
            reason: format!("panicked: {reason}"),
        })
    })
}

/// Reads a decoder to its end: the room doubles up to `limit`, one byte more is an error.
#[cfg(feature = "gzip")]
fn read_limited(
    compression: Compression,
    mut decoder: impl std::io::Read,
    expected: usize,
    limit: usize,
) -> Result<Bytes, CompressionError> {
    let mut out = Vec::new();
    let mut len = 0;
    loop {
        if len == out.len() {
            let room = (2 * len).max(expected).min(limit);
            out.resize(room.max(len), 0);
        }
        let mut beyond = [0];
        let at_limit = len == out.len();
        let room = if at_limit {
            &mut beyond[..]
        } else {
            &mut out[len..]
        };
        match decoder.read(room) {
            Ok(0) => break,
            Ok(_) if at_limit => return Err(CompressionError::TooLarge { compression, limit }),
            Ok(read) => len += read,
            Err(error) => return Err(CompressionError::corrupt(compression, error)),
        }
    }
    out.truncate(len);
    Ok(into_bytes(out))
}

/// Gives room back that was reserved for more than came.
#[cfg(any(
    feature = "gzip",
    feature = "lz4",
    feature = "zstd",
    feature = "zstd-c"
))]
fn into_bytes(mut out: Vec<u8>) -> Bytes {
    if out.capacity() > 2 * out.len() {
        out.shrink_to_fit();
    }
    Bytes::from(out)
}

#[cfg(test)]
mod tests;
