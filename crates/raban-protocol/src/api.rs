//! Which messages there are, and in which versions they are spoken here.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::messages::*;
use crate::primitives::{DecodeError, EncodeError, Reader, Writer};

/// A range of versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// The lowest version.
    pub min: i16,
    /// The highest version.
    pub max: i16,
}

impl VersionRange {
    /// Whether the version lies in the range.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The versions in both ranges, if there are any.
    pub fn intersect(self, other: Self) -> Option<Self> {
        let (min, max) = (self.min.max(other.min), self.max.min(other.max));
        (min <= max).then_some(Self { min, max })
    }
}

/// `3 to 13`.
impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

/// A request or a response without its header.
pub trait Message: Sized + Default + Clone + fmt::Debug + PartialEq {
    /// The versions that can be written and read here.
    const VERSIONS: VersionRange;

    /// The first version with compact lengths and tagged fields (KIP-482); `i16::MAX` if there is none.
    const FLEXIBLE: i16;

    /// Writes the message.
    ///
    /// # Errors
    /// The version isn't known, or the message says something that can't be said in it.
    fn encode(&self, version: i16, w: &mut Writer) -> Result<(), EncodeError>;

    /// Reads the message. Bytes may follow it: see [`Reader::finish`].
    ///
    /// # Errors
    /// The version isn't known, or the bytes are no such message.
    fn decode(version: i16, r: &mut Reader) -> Result<Self, DecodeError>;
}

/// A request, which knows its key and its response.
pub trait Request: Message {
    /// The request's key.
    const KEY: ApiKey;

    /// The answer to it. It has the same versions.
    type Response: Message;
}

macro_rules! api_keys {
    ($($(#[$meta:meta])* $name:ident = $key:literal, $request:ident;)*) => {
        /// The number of a request's kind: the kinds that have messages here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $($(#[$meta])* $name = $key,)*
        }

        impl ApiKey {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Kafka's name, such as `ApiVersions`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The versions that can be written and read here.
            pub const fn versions(self) -> VersionRange {
                match self { $(Self::$name => $request::VERSIONS,)* }
            }

            /// The first version with compact lengths and tagged fields (KIP-482); `i16::MAX` if there is none.
            pub const fn flexible(self) -> i16 {
                match self { $(Self::$name => $request::FLEXIBLE,)* }
            }
        }

        impl TryFrom<i16> for ApiKey {
            type Error = UnknownApiKey;

            fn try_from(key: i16) -> Result<Self, UnknownApiKey> {
                match key {
                    $($key => Ok(Self::$name),)*
                    _ => Err(UnknownApiKey(key.to_string())),
                }
            }
        }
    };
}

api_keys! {
    /// Appends records.
    Produce = 0, ProduceRequest;
    /// Reads records.
    Fetch = 1, FetchRequest;
    /// Asks for offsets by time, or for the first and the next one.
    ListOffsets = 2, ListOffsetsRequest;
    /// Asks for brokers, topics and leaders.
    Metadata = 3, MetadataRequest;
    /// Chooses a SASL mechanism.
    SaslHandshake = 17, SaslHandshakeRequest;
    /// Asks which requests a broker knows.
    ApiVersions = 18, ApiVersionsRequest;
    /// Creates topics.
    CreateTopics = 19, CreateTopicsRequest;
    /// Deletes topics.
    DeleteTopics = 20, DeleteTopicsRequest;
    /// Asks for a producer id and epoch.
    InitProducerId = 22, InitProducerIdRequest;
    /// Asks where a leader's epoch ended.
    OffsetForLeaderEpoch = 23, OffsetForLeaderEpochRequest;
    /// Carries one step of a SASL exchange.
    SaslAuthenticate = 36, SaslAuthenticateRequest;
    /// Asks which producers a partition knows.
    DescribeProducers = 61, DescribeProducersRequest;
    /// Asks which metrics a broker wants.
    GetTelemetrySubscriptions = 71, GetTelemetrySubscriptionsRequest;
    /// Gives a broker metrics.
    PushTelemetry = 72, PushTelemetryRequest;
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ApiKey {
    type Err = UnknownApiKey;

    fn from_str(name: &str) -> Result<Self, UnknownApiKey> {
        let mut keys = Self::ALL.iter().copied();
        keys.find(|key| key.name() == name)
            .ok_or_else(|| UnknownApiKey(name.to_owned()))
    }
}

/// A number or name of a request that isn't known here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no request {0} is known here")]
pub struct UnknownApiKey(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_numbers_and_names() {
        for key in ApiKey::ALL.iter().copied() {
            assert_eq!(ApiKey::try_from(key as i16), Ok(key));
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        assert_eq!(ApiKey::InitProducerId as i16, 22);
        let error = ApiKey::try_from(999).unwrap_err();
        assert_eq!(error.to_string(), "no request 999 is known here");
        assert!("produce".parse::<ApiKey>().is_err());
    }

    #[test]
    fn the_common_versions_of_both_sides() {
        let range = |min, max| VersionRange { min, max };
        assert_eq!(range(3, 13).intersect(range(0, 9)), Some(range(3, 9)));
        assert_eq!(range(3, 13).intersect(range(13, 20)), Some(range(13, 13)));
        assert_eq!(range(3, 13).intersect(range(0, 2)), None);
        assert!(range(3, 13).contains(13) && !range(3, 13).contains(14));
    }
}
