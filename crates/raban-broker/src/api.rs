//! From a request's bytes to the API that answers it, one file each.
use bytes::Bytes;
use raban_protocol::api::{ApiKey, Request};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::frame::{decode_request_header, encode_response};
use raban_protocol::primitives::Reader;

use self::throttle::Throttle;
use crate::cluster::{Cluster, Now, Outcome};
use crate::waiting::Waiting;

mod api_versions;
mod create_topics;
mod delete_topics;
mod describe_producers;
mod fetch;
mod init_producer_id;
mod leader;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod old_produce;
mod produce;
mod produce_wait;
mod sasl;
mod throttle;

/// The longest request, in bytes, of an API other than Produce. A list of a million tiny elements takes many times its bytes
/// when it is decoded, and no client asks for so much.
const MAX_LIST_LEN: usize = 8 << 20;

/// What an API knows of a request besides its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) now: Now,
    pub(crate) node: i32,
    pub(crate) connection: u64,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    /// How long the client is asked to pause, in milliseconds.
    pub(crate) throttle_ms: i32,
}

/// A request that waits.
#[derive(Debug)]
pub(crate) enum Parked {
    Fetch(fetch::ParkedFetch),
    Produce(produce_wait::ParkedProduce),
}

impl Parked {
    /// The node that it came to.
    pub(crate) fn node(&self) -> i32 {
        match self {
            Self::Fetch(parked) => parked.node(),
            Self::Produce(parked) => parked.node(),
        }
    }
}

/// Looks again at a request that waits.
pub(crate) fn resume(cluster: &mut Cluster, waiting: Waiting<Parked>) -> Outcome {
    let deadline = waiting.deadline;
    match waiting.request {
        Parked::Fetch(parked) => fetch::answer_or_park(cluster, parked, deadline),
        Parked::Produce(parked) => produce_wait::answer_or_park(cluster, parked, deadline),
    }
}

/// Answers a request that waits, as things are.
pub(crate) fn finish(cluster: &mut Cluster, parked: Parked) -> Outcome {
    match parked {
        Parked::Fetch(parked) => fetch::finish(cluster, parked),
        Parked::Produce(parked) => produce_wait::finish(cluster, parked),
    }
}

/// Handles one request: `content` is its frame without the size.
pub(crate) fn handle(
    cluster: &mut Cluster,
    now: Now,
    node: i32,
    connection: u64,
    content: Bytes,
) -> Outcome {
    if !cluster.topics.nodes.is_up(node) {
        return Outcome::Close(format!("node {node} is down"));
    }
    let mut body = Reader::new(content);
    let header = match decode_request_header(&mut body) {
        Ok(header) => header,
        Err(error) => return Outcome::Close(format!("a request's header can't be read: {error}")),
    };
    let context = Context {
        now,
        node,
        connection,
        version: header.api_version,
        correlation_id: header.correlation_id,
        throttle_ms: cluster.faults.throttle_ms(node),
    };
    let newest = |key: ApiKey| newest_version(cluster, node, key);
    match ApiKey::try_from(header.api_key) {
        Ok(ApiKey::ApiVersions) if context.version > newest(ApiKey::ApiVersions) => {
            api_versions::refuse(cluster, &context)
        }
        Ok(key) if context.version > newest(key) => Outcome::Close(format!(
            "{key} version {} is newer than {}",
            context.version,
            newest(key)
        )),
        Ok(key) if key != ApiKey::Produce && body.remaining() > MAX_LIST_LEN => Outcome::Close(
            format!("a {key} request of {} bytes is too long", body.remaining()),
        ),
        Ok(key) if key.versions().contains(context.version) => {
            dispatch(cluster, &context, key, body)
        }
        Ok(ApiKey::ApiVersions) => api_versions::refuse(cluster, &context),
        Ok(ApiKey::Produce) if old_produce::VERSIONS.contains(context.version) => {
            answer(&context, body, old_produce::handle)
        }
        Ok(key) => Outcome::Close(format!(
            "{key} version {} is not one of {}",
            context.version,
            key.versions()
        )),
        Err(error) => Outcome::Close(error.to_string()),
    }
}

/// The newest version of an API that a node speaks; -1: none, as nobody here takes clients' metrics.
fn newest_version(cluster: &Cluster, node: i32, key: ApiKey) -> i16 {
    match key {
        ApiKey::GetTelemetrySubscriptions | ApiKey::PushTelemetry => -1,
        _ => cluster.faults.newest_version(node, key),
    }
}

fn dispatch(cluster: &mut Cluster, context: &Context, key: ApiKey, body: Reader) -> Outcome {
    match key {
        ApiKey::Produce => produce::handle(cluster, context, body),
        ApiKey::Fetch => fetch::handle(cluster, context, body),
        ApiKey::ListOffsets => answer(context, body, |r| list_offsets::handle(cluster, context, r)),
        ApiKey::Metadata => answer(context, body, |r| metadata::handle(cluster, context, r)),
        ApiKey::SaslHandshake => answer(context, body, sasl::handshake),
        ApiKey::ApiVersions => answer(context, body, |r| {
            api_versions::handle(cluster, context, &r)
        }),
        ApiKey::CreateTopics => answer(context, body, |r| {
            create_topics::handle(cluster, context, r)
        }),
        ApiKey::DeleteTopics => answer(context, body, |r| delete_topics::handle(cluster, r)),
        ApiKey::InitProducerId => answer(context, body, |r| init_producer_id::handle(cluster, &r)),
        ApiKey::OffsetForLeaderEpoch => answer(context, body, |r| {
            offset_for_leader_epoch::handle(cluster, context, r)
        }),
        ApiKey::SaslAuthenticate => answer(context, body, sasl::authenticate),
        ApiKey::DescribeProducers => answer(context, body, |r| {
            describe_producers::handle(cluster, context, r)
        }),
        ApiKey::GetTelemetrySubscriptions | ApiKey::PushTelemetry => {
            Outcome::Close(format!("{key} isn't served here"))
        }
    }
}

/// Decodes a request, lets `respond` answer it, encodes the response.
fn answer<R: Request>(
    context: &Context,
    body: Reader,
    respond: impl FnOnce(R) -> R::Response,
) -> Outcome
where
    R::Response: Throttle,
{
    match decode::<R>(context, body) {
        Ok(request) => reply::<R>(context, respond(request)),
        Err(reason) => Outcome::Close(reason),
    }
}

/// Reads a request's body; the error says why the connection is to be closed.
fn decode<R: Request>(context: &Context, mut body: Reader) -> Result<R, String> {
    let version = context.version;
    let decoded = R::decode(version, &mut body);
    let request = decoded.map_err(|e| {
        format!(
            "a {} request of version {version} can't be read: {e}",
            R::KEY
        )
    })?;
    match body.remaining() {
        0 => Ok(request),
        left => Err(format!(
            "a {} request of version {version} has {left} bytes too many",
            R::KEY
        )),
    }
}

/// Encodes a response.
fn reply<R: Request>(context: &Context, mut response: R::Response) -> Outcome
where
    R::Response: Throttle,
{
    if context.throttle_ms > 0 {
        response.throttle(context.throttle_ms);
    }
    match encode_response::<R>(context.version, context.correlation_id, &response) {
        Ok(frame) => Outcome::Reply(frame),
        Err(error) => {
            tracing::error!(%error, "a {} response can't be written", R::KEY);
            Outcome::Close(format!("a {} response can't be written: {error}", R::KEY))
        }
    }
}

/// A refusal's code and message as a response has them.
fn refusal(result: Result<(), crate::topics::Refusal>) -> (ErrorCode, Option<String>) {
    match result {
        Ok(()) => (ErrorCode::NONE, None),
        Err((code, message)) => (code, Some(message)),
    }
}
