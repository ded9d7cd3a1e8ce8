//! SaslAuthenticate: one step of a SASL exchange (KIP-152).

use super::definition::message;
use crate::error_code::ErrorCode;
use bytes::Bytes;

message! {
    SaslAuthenticate: SaslAuthenticateRequest => SaslAuthenticateResponse, versions 0..=2, flexible 2..;

    /// The client's next token.
    pub struct SaslAuthenticateRequest {
        /// The token, as the mechanism defines it.
        auth_bytes: Bytes,
    }

    /// The broker's next token.
    pub struct SaslAuthenticateResponse {
        /// The error, or none.
        error_code: ErrorCode,
        /// What went wrong, for people; null if nothing did.
        error_message: Option<String>,
        /// The token, as the mechanism defines it.
        auth_bytes: Bytes,
        /// After which time the client must authenticate anew, in milliseconds; 0 for never (KIP-368).
        session_lifetime_ms: i64 [1.., ignorable],
    }
}
