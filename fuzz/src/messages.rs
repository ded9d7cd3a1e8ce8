//! Each message in each version: what can be read is written and read again as it was.

use bytes::Bytes;
use raban_protocol::api::{Message, Request};
use raban_protocol::frame::{decode_request_header, decode_response};
use raban_protocol::messages::*;
use raban_protocol::primitives::{Reader, Records, Writer};

use crate::entropy::Entropy;

type Check = fn(&mut Entropy<'_>);
type Seeds = fn(u8) -> Vec<Vec<u8>>;

macro_rules! both_directions {
    ($($request:ident),* $(,)?) => {
        const KINDS: &[(Check, Seeds)] = &[$(
            (check::<$request>, seeds_of::<$request>),
            (check::<<$request as Request>::Response>, seeds_of::<<$request as Request>::Response>),
            (check_frame::<$request>, no_seeds),
        )*];
    };
}

both_directions![
    ApiVersionsRequest,
    CreateTopicsRequest,
    DeleteTopicsRequest,
    DescribeProducersRequest,
    FetchRequest,
    GetTelemetrySubscriptionsRequest,
    InitProducerIdRequest,
    ListOffsetsRequest,
    MetadataRequest,
    OffsetForLeaderEpochRequest,
    ProduceRequest,
    PushTelemetryRequest,
    SaslAuthenticateRequest,
    SaslHandshakeRequest,
];

/// First byte: the kind; second: the version; the rest is read.
pub fn run(data: &[u8]) {
    let mut entropy = Entropy::new(data);
    let kind = entropy.below(KINDS.len());
    KINDS[kind].0(&mut entropy);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let kinds = (0..).zip(KINDS);
    kinds.flat_map(|(kind, (_, seeds))| seeds(kind)).collect()
}

fn version<M: Message>(entropy: &mut Entropy<'_>) -> i16 {
    let count = M::VERSIONS.max - M::VERSIONS.min + 1;
    M::VERSIONS.min + entropy.below(count as usize) as i16
}

fn check<M: Message>(entropy: &mut Entropy<'_>) {
    let version = version::<M>(entropy);
    let mut reader = Reader::new(Bytes::copy_from_slice(entropy.rest()));
    if let Ok(message) = M::decode(version, &mut reader) {
        let mut again = Reader::new(encode(&message, version));
        let read = M::decode(version, &mut again).expect("what was written can be read");
        again.finish().expect("nothing is left over");
        assert_eq!(read, message);
    }
}

fn check_frame<R: Request>(entropy: &mut Entropy<'_>) {
    let version = version::<R>(entropy);
    let content = Bytes::copy_from_slice(entropy.rest());
    let _ = decode_response::<R>(version, content.clone());
    let mut reader = Reader::new(content);
    if decode_request_header(&mut reader).is_ok() {
        let _ = R::decode(version, &mut reader);
    }
}

fn encode<M: Message>(message: &M, version: i16) -> Bytes {
    let mut writer = Writer::new();
    message
        .encode(version, &mut writer)
        .expect("what was read can be written");
    Records::new(writer.into_segments()).into_bytes()
}

/// The default in each version, alone and with bytes behind it that lengths may be grown into.
fn seeds_of<M: Message>(kind: u8) -> Vec<Vec<u8>> {
    let of_version = |version: i16| {
        let head = [kind, (version - M::VERSIONS.min) as u8];
        let seed = [&head[..], &encode(&M::default(), version)].concat();
        [[&seed[..], &[1; 64]].concat(), seed]
    };
    let versions = M::VERSIONS.min..=M::VERSIONS.max;
    versions.flat_map(of_version).collect()
}

fn no_seeds(_: u8) -> Vec<Vec<u8>> {
    Vec::new()
}
