//! SaslHandshake: chooses a SASL mechanism (KIP-43).

use super::definition::message;
use crate::error_code::ErrorCode;

message! {
    SaslHandshake: SaslHandshakeRequest => SaslHandshakeResponse, versions 0..=1, flexible none;

    /// Chooses a mechanism. After version 0 its tokens travel as they are, after version 1 in
    /// SaslAuthenticate requests (KIP-152).
    pub struct SaslHandshakeRequest {
        /// The mechanism, such as `SCRAM-SHA-256`.
        mechanism: String,
    }

    /// Whether the broker takes the mechanism.
    pub struct SaslHandshakeResponse {
        /// The error, or none.
        error_code: ErrorCode,
        /// The mechanisms that the broker takes.
        mechanisms: Vec<String>,
    }
}
