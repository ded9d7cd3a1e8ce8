//! Every message against the crate `kafka-protocol`, written from the same schemas by other people.
//!
//! Ours to bytes, theirs from these bytes, theirs to bytes, ours from those. Field by field the values
//! must be the same, which their debug output tells. `kafka-protocol` 0.18 speaks Kafka 4.1: it
//! doesn't have ApiVersions 5 and ListOffsets 11, which are left to the round trips.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message as TheirMessage};
use proptest::prelude::*;

use super::leaves::leaves;
use super::{decode, encode, with_samples};
use crate::api::{Message, VersionRange};
use crate::messages as ours;
use crate::messages::field::Field;

/// `newer` are fields of versions that only one of both has: the other doesn't know them.
fn agree<M, T>(not_theirs: &[i16], newer: &[&str])
where
    M: Message + Field,
    T: TheirMessage + Encodable + Decodable + Debug,
{
    let their_range = VersionRange {
        min: T::VERSIONS.min,
        max: T::VERSIONS.max,
    };
    for version in M::VERSIONS.min..=M::VERSIONS.max {
        assert_eq!(
            their_range.contains(version),
            !not_theirs.contains(&version)
        );
        if !their_range.contains(version) {
            continue;
        }
        with_samples(version, 24, |message: M| {
            let our_bytes = encode(&message, version);
            let mut rest = our_bytes.clone();
            let their_message = T::decode(&mut rest, version).unwrap();
            prop_assert!(rest.is_empty(), "they leave {} bytes", rest.len());
            prop_assert_eq!(leaves(&message, newer), leaves(&their_message, newer));
            let mut their_bytes = BytesMut::new();
            their_message.encode(&mut their_bytes, version).unwrap();
            let their_bytes: Bytes = their_bytes.freeze();
            prop_assert_eq!(&their_bytes, &our_bytes);
            prop_assert_eq!(decode::<M>(their_bytes, version), message);
            Ok(())
        });
    }
}

macro_rules! agreement {
    ($($test:ident: $($message:ident)*, not theirs: $not_theirs:expr, newer: $newer:expr;)*) => {$(
        #[test]
        fn $test() {
            $(agree::<ours::$message, theirs::$message>(&$not_theirs, &$newer);)*
        }
    )*};
}

agreement! {
    api_versions: ApiVersionsRequest, not theirs: [5], newer: ["cluster_id", "node_id"];
    api_versions_response: ApiVersionsResponse, not theirs: [5], newer: [];
    create_topics: CreateTopicsRequest CreateTopicsResponse, not theirs: [], newer: [];
    delete_topics: DeleteTopicsRequest DeleteTopicsResponse, not theirs: [], newer: [];
    describe_producers: DescribeProducersRequest DescribeProducersResponse, not theirs: [], newer: [];
    fetch: FetchRequest FetchResponse, not theirs: [], newer: [];
    get_telemetry_subscriptions: GetTelemetrySubscriptionsRequest GetTelemetrySubscriptionsResponse, not theirs: [], newer: [];
    init_producer_id: InitProducerIdRequest, not theirs: [], newer: ["enable_2_pc", "keep_prepared_txn"];
    init_producer_id_response: InitProducerIdResponse, not theirs: [],
        newer: ["ongoing_txn_producer_id", "ongoing_txn_producer_epoch"];
    list_offsets: ListOffsetsRequest ListOffsetsResponse, not theirs: [11], newer: [];
    metadata: MetadataRequest MetadataResponse, not theirs: [], newer: [];
    offset_for_leader_epoch: OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse, not theirs: [], newer: [];
    produce: ProduceRequest ProduceResponse, not theirs: [], newer: [];
    push_telemetry: PushTelemetryRequest PushTelemetryResponse, not theirs: [], newer: [];
    sasl_authenticate: SaslAuthenticateRequest SaslAuthenticateResponse, not theirs: [], newer: [];
    sasl_handshake: SaslHandshakeRequest SaslHandshakeResponse, not theirs: [], newer: [];
}
