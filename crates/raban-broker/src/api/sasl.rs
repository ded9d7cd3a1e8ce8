//! SaslHandshake and SaslAuthenticate: the listener has no SASL, and says so as Apache Kafka's plaintext listener does.
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};

pub(super) fn handshake(_request: SaslHandshakeRequest) -> SaslHandshakeResponse {
    SaslHandshakeResponse {
        error_code: ErrorCode::ILLEGAL_SASL_STATE,
        ..Default::default()
    }
}

pub(super) fn authenticate(_request: SaslAuthenticateRequest) -> SaslAuthenticateResponse {
    SaslAuthenticateResponse {
        error_code: ErrorCode::ILLEGAL_SASL_STATE,
        error_message: Some(
            "This listener has no SASL: use security.protocol=PLAINTEXT".to_owned(),
        ),
        ..Default::default()
    }
}
