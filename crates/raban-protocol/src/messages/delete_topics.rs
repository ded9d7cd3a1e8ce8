//! DeleteTopics: deletes topics.

use super::definition::message;
use crate::error_code::ErrorCode;
use crate::primitives::Uuid;

message! {
    DeleteTopics: DeleteTopicsRequest => DeleteTopicsResponse, versions 1..=6, flexible 4..;

    /// Deletes topics.
    pub struct DeleteTopicsRequest {
        /// The topics, by name or id.
        topics: Vec<DeleteTopicState> [6..],
        /// The names of the topics, before version 6.
        topic_names: Vec<String> [..=5, ignorable],
        /// How long to wait for the deletion, in milliseconds.
        timeout_ms: i32,
    }

    /// A topic to delete.
    pub struct DeleteTopicState {
        /// Its name; null if there is an id.
        name: Option<String>,
        /// Its id; zero if the topic is named.
        topic_id: Uuid,
    }

    /// What became of the topics.
    pub struct DeleteTopicsResponse {
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32,
        /// The topics of the request.
        responses: Vec<DeletableTopicResult>,
    }

    /// What became of a topic.
    pub struct DeletableTopicResult {
        /// Its name; null if it was given by id and the client may not learn its name.
        name: Option<String> [0.., null 6..] = Some(String::new()),
        /// Its id; zero if it isn't known.
        topic_id: Uuid [6.., ignorable],
        /// The error, or none.
        error_code: ErrorCode,
        /// What went wrong, for people; null if nothing did.
        error_message: Option<String> [5.., ignorable],
    }
}
