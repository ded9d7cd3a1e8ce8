//! Every message in every version: round trips, an independent codec, frames of Java, hostile bytes.

mod hostile;
mod independent;
mod java;
mod leaves;
mod round_trip;
mod versions;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::field::{At, Field};
use crate::api::Message;
use crate::primitives::{Reader, Records, Writer};

/// Where the values of a sample come from; all of them are as small as can be once it has run dry.
pub(super) struct Entropy<'a>(pub(super) &'a [u8]);

impl Entropy<'_> {
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// A number whose low bits, too, are those of the extremes often enough.
    pub(super) fn number(&mut self) -> i64 {
        match self.byte() % 8 {
            0 => 0,
            1 => -1,
            2 => i64::MAX,
            3 => i64::MIN,
            4 => i64::from(i32::MIN),
            5 => i64::from(self.byte()),
            _ => i64::from_be_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    pub(super) fn string(&mut self) -> String {
        let len = self.byte() % 8;
        let letters = ['a', 'Z', '.', '-', '"', '\n', 'é', '漢', '🦀'];
        (0..len)
            .map(|_| letters[usize::from(self.byte()) % letters.len()])
            .collect()
    }

    /// Mostly short, now and then long enough to be written by reference.
    pub(super) fn bytes(&mut self) -> Bytes {
        let len = match self.byte() {
            255 => 600,
            len => usize::from(len % 8),
        };
        vec![self.byte(); len].into()
    }
}

/// Calls a function for each message: `each_message!(check)` calls `check::<ProduceRequest>()` and so on.
macro_rules! each_message {
    ($check:ident) => {
        crate::messages::tests::each_message!(
            @each $check,
            ApiVersionsRequest, ApiVersionsResponse,
            CreateTopicsRequest, CreateTopicsResponse,
            DeleteTopicsRequest, DeleteTopicsResponse,
            DescribeProducersRequest, DescribeProducersResponse,
            FetchRequest, FetchResponse,
            GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse,
            InitProducerIdRequest, InitProducerIdResponse,
            ListOffsetsRequest, ListOffsetsResponse,
            MetadataRequest, MetadataResponse,
            OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
            ProduceRequest, ProduceResponse,
            PushTelemetryRequest, PushTelemetryResponse,
            SaslAuthenticateRequest, SaslAuthenticateResponse,
            SaslHandshakeRequest, SaslHandshakeResponse,
        )
    };
    (@each $check:ident, $($message:ident,)*) => {
        $($check::<crate::messages::$message>();)*
    };
}
use each_message;

fn encode<M: Message>(message: &M, version: i16) -> Bytes {
    let mut w = Writer::new();
    message.encode(version, &mut w).unwrap();
    let len = w.len();
    let bytes = Records::new(w.into_segments()).into_bytes();
    assert_eq!(bytes.len(), len);
    bytes
}

fn decode<M: Message>(bytes: Bytes, version: i16) -> M {
    let mut r = Reader::new(bytes);
    let message = M::decode(version, &mut r).unwrap();
    r.finish().unwrap();
    message
}

/// Runs `check` with samples of a message in a version.
fn with_samples<M: Message + Field>(
    version: i16,
    cases: u32,
    check: impl Fn(M) -> Result<(), TestCaseError>,
) {
    let config = Config {
        cases,
        max_shrink_iters: 1000,
        failure_persistence: None,
        ..Config::default()
    };
    let at = At {
        version,
        flexible: version >= M::FLEXIBLE,
    };
    let bytes = proptest::collection::vec(any::<u8>(), 0..300);
    TestRunner::new(config)
        .run(&bytes, |bytes| check(M::sample(at, &mut Entropy(&bytes))))
        .unwrap_or_else(|error| panic!("version {version}: {error}"));
}
