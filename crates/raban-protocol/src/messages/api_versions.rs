//! ApiVersions: which requests a broker knows, in which versions.

use super::definition::message;
use crate::error_code::ErrorCode;

message! {
    ApiVersions: ApiVersionsRequest => ApiVersionsResponse, versions 0..=5, flexible 3..;

    /// The first request on a connection. A broker that doesn't know its version answers in version
    /// 0 with `UNSUPPORTED_VERSION` (KIP-511).
    pub struct ApiVersionsRequest {
        /// The client's software: letters, digits, `-` and `.`.
        client_software_name: String [3.., ignorable],
        /// The version of the client's software: letters, digits, `-` and `.`.
        client_software_version: String [3.., ignorable],
        /// The cluster that the client means to reach; null if it doesn't know (KIP-1242).
        cluster_id: Option<String> [5.., ignorable],
        /// The broker that the client means to reach; -1 if it doesn't know (KIP-1242).
        node_id: i32 [5.., ignorable] = -1,
    }

    /// The requests that a broker knows.
    pub struct ApiVersionsResponse {
        /// The error, or none.
        error_code: ErrorCode,
        /// The requests.
        api_keys: Vec<ApiVersion>,
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32 [1.., ignorable],
        /// The features that the broker supports (KIP-584). Before version 4, a lowest level of 0 must not
        /// be said.
        supported_features: Vec<SupportedFeatureKey> [3.., tag 0, ignorable],
        /// Grows with each change of the cluster's features; -1 if it isn't known.
        finalized_features_epoch: i64 [3.., tag 1, ignorable] = -1,
        /// The features in force in the cluster; valid if `finalized_features_epoch` isn't -1.
        finalized_features: Vec<FinalizedFeatureKey> [3.., tag 2, ignorable],
        /// Whether a KRaft controller is ready to migrate from ZooKeeper.
        zk_migration_ready: bool [3.., tag 3, ignorable],
    }

    /// A request that a broker knows.
    pub struct ApiVersion {
        /// The request's key; it needn't be known here.
        api_key: i16,
        /// The lowest version.
        min_version: i16,
        /// The highest version.
        max_version: i16,
    }

    /// A feature that a broker supports.
    pub struct SupportedFeatureKey {
        /// Its name, such as `metadata.version`.
        name: String,
        /// The lowest level.
        min_version: i16,
        /// The highest level.
        max_version: i16,
    }

    /// A feature in force in the cluster.
    pub struct FinalizedFeatureKey {
        /// Its name, such as `metadata.version`.
        name: String,
        /// The highest level in force.
        max_version_level: i16,
        /// The lowest level in force.
        min_version_level: i16,
    }
}
