//! ApiVersions: which APIs there are (KIP-35).
use raban_protocol::api::ApiKey;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};

use super::{Context, newest_version, reply};
use crate::cluster::{Cluster, Outcome};

pub(super) fn handle(
    cluster: &Cluster,
    context: &Context,
    request: &ApiVersionsRequest,
) -> ApiVersionsResponse {
    let error_code = check(cluster, context, request);
    if !error_code.is_none() {
        return ApiVersionsResponse {
            error_code,
            ..Default::default()
        };
    }
    ApiVersionsResponse {
        api_keys: ApiKey::ALL
            .iter()
            .map(|key| spoken(cluster, context, *key))
            .filter(|api| api.max_version >= api.min_version)
            .collect(),
        ..Default::default()
    }
}

fn check(cluster: &Cluster, context: &Context, request: &ApiVersionsRequest) -> ErrorCode {
    let named = is_software_name(&request.client_software_name)
        && is_software_name(&request.client_software_version);
    if context.version >= 3 && !named {
        return ErrorCode::INVALID_REQUEST;
    }
    // KIP-1242: the client takes this broker for another one. Who names a cluster must name the node, too.
    match &request.cluster_id {
        Some(id) if id != cluster.topics.cluster_id() || request.node_id != context.node => {
            ErrorCode::REBOOTSTRAP_REQUIRED
        }
        _ => ErrorCode::NONE,
    }
}

/// The answer to a version that isn't known: version 0 is what every client reads, and the request need not be readable.
pub(super) fn refuse(cluster: &Cluster, context: &Context) -> Outcome {
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys: vec![spoken(cluster, context, ApiKey::ApiVersions)],
        ..Default::default()
    };
    let context = Context {
        version: 0,
        ..*context
    };
    reply::<ApiVersionsRequest>(&context, response)
}

/// The versions that the node speaks.
fn spoken(cluster: &Cluster, context: &Context, key: ApiKey) -> ApiVersion {
    ApiVersion {
        max_version: newest_version(cluster, context.node, key),
        ..advertised(key)
    }
}

fn advertised(key: ApiKey) -> ApiVersion {
    let versions = key.versions();
    ApiVersion {
        api_key: key as i16,
        // librdkafka takes a broker without Produce 0 for one that can't be produced to (KAFKA-18659).
        min_version: if key == ApiKey::Produce {
            0
        } else {
            versions.min
        },
        max_version: versions.max,
    }
}

/// KIP-511: letters and digits, inside also `-` and `.`.
fn is_software_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    let ends = [bytes.first(), bytes.last()];
    ends.into_iter()
        .all(|b| b.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_are_judged_as_kafka_does() {
        for good in ["a", "apache-kafka-java", "4.3.1"] {
            assert!(is_software_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "ä"] {
            assert!(!is_software_name(bad), "{bad}");
        }
    }

    #[test]
    fn produce_is_advertised_from_0_and_everything_else_as_it_is_read() {
        let of = |key| (advertised(key).min_version, advertised(key).max_version);
        assert_eq!(of(ApiKey::Produce), (0, 13));
        assert_eq!(of(ApiKey::Fetch), (4, 18));
        assert_eq!(of(ApiKey::ApiVersions), (0, 5));
    }
}
