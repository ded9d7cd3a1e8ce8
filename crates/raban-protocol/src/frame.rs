//! Frames: a message with its header and its size, as it travels.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use crate::api::{ApiKey, Message, Request};
use crate::primitives::{DecodeError, EncodeError, Reader, Records, Writer};

/// Bytes of the size in front of each frame.
const SIZE_LEN: usize = 4;

/// The only request that ever had a header without client id, in its version 0.
const CONTROLLED_SHUTDOWN: i16 = 7;

/// A whole frame with its size, as segments for a vectored write.
#[derive(Debug, Clone)]
pub struct Frame {
    segments: Vec<Bytes>,
    len: usize,
}

impl Frame {
    /// The bytes in order.
    pub fn segments(&self) -> &[Bytes] {
        &self.segments
    }

    /// The bytes in order, by value.
    pub fn into_segments(self) -> Vec<Bytes> {
        self.segments
    }

    /// Length in bytes, the size in front included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Always false: a frame has a size and a header at least.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes in one piece, copied together if they are several segments.
    pub fn to_bytes(&self) -> Bytes {
        Records::new(self.segments.clone()).into_bytes()
    }

    fn encode(
        write: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
    ) -> Result<Self, EncodeError> {
        let mut w = Writer::new();
        w.put_i32(0);
        write(&mut w)?;
        let len = w.len();
        let size = i32::try_from(len - SIZE_LEN).map_err(|_| EncodeError::TooLarge { len })?;
        w.set_i32(0, size);
        Ok(Self {
            segments: w.into_segments(),
            len,
        })
    }
}

/// What stands before every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// The request's kind; it needn't be one that is known here.
    pub api_key: i16,
    /// The request's version.
    pub api_version: i16,
    /// Chosen by the client; the response repeats it.
    pub correlation_id: i32,
    /// The client's name for itself, for logs and quotas.
    pub client_id: Option<String>,
}

/// A request as a frame. Large record data is not copied.
///
/// # Errors
/// The version isn't known, the request says something that can't be said in it, or it is longer
/// than a frame can be.
pub fn encode_request<R: Request>(
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    request: &R,
) -> Result<Frame, EncodeError> {
    Frame::encode(|w| {
        w.put_i16(R::KEY as i16);
        w.put_i16(version);
        w.put_i32(correlation_id);
        // Never compact, so that every broker can read the header of an ApiVersions request.
        w.put_nullable_string(client_id, false)?;
        if version >= R::FLEXIBLE {
            w.put_unsigned_varint(0);
        }
        request.encode(version, w)
    })
}

/// The header of a request; `r` stands at the frame's content, after its size, and then at the
/// request itself. The header of an unknown kind of request is read without tagged fields.
///
/// # Errors
/// The bytes are no header.
pub fn decode_request_header(r: &mut Reader) -> Result<RequestHeader, DecodeError> {
    let api_key = r.get_i16()?;
    let api_version = r.get_i16()?;
    let correlation_id = r.get_i32()?;
    let client_id = if api_key == CONTROLLED_SHUTDOWN && api_version == 0 {
        None
    } else {
        r.get_nullable_string(false)?
    };
    if ApiKey::try_from(api_key).is_ok_and(|key| api_version >= key.flexible()) {
        r.get_tagged_fields(|_, _| Ok(false))?;
    }
    Ok(RequestHeader {
        api_key,
        api_version,
        correlation_id,
        client_id,
    })
}

/// Whether the response has tagged fields in its header. That of ApiVersions never has (KIP-511),
/// since the client must read it before it knows what the broker speaks.
fn has_flexible_response_header<R: Request>(version: i16) -> bool {
    version >= R::FLEXIBLE && R::KEY != ApiKey::ApiVersions
}

/// A response to a request of that version, as a frame. Large record data is not copied.
///
/// # Errors
/// The version isn't known, the response says something that can't be said in it, or it is longer
/// than a frame can be.
pub fn encode_response<R: Request>(
    version: i16,
    correlation_id: i32,
    response: &R::Response,
) -> Result<Frame, EncodeError> {
    Frame::encode(|w| {
        w.put_i32(correlation_id);
        if has_flexible_response_header::<R>(version) {
            w.put_unsigned_varint(0);
        }
        response.encode(version, w)
    })
}

/// The correlation id and the response to a request of that version, from a frame's content
/// without its size.
///
/// A broker that doesn't know the version of an ApiVersions request answers in version 0, with
/// error `UNSUPPORTED_VERSION` (KIP-511): such an answer is read too.
///
/// # Errors
/// The bytes are no such response, or more than that.
pub fn decode_response<R: Request>(
    version: i16,
    content: Bytes,
) -> Result<(i32, R::Response), DecodeError> {
    let mut r = Reader::new(content);
    let correlation_id = r.get_i32()?;
    if has_flexible_response_header::<R>(version) {
        r.get_tagged_fields(|_, _| Ok(false))?;
    }
    let body = r.clone();
    let whole = |version, mut r: Reader| {
        let response = R::Response::decode(version, &mut r)?;
        r.finish()?;
        Ok(response)
    };
    let response = whole(version, r).or_else(|error| {
        if R::KEY == ApiKey::ApiVersions && version > 0 {
            whole(0, body).map_err(|_| error)
        } else {
            Err(error)
        }
    })?;
    Ok((correlation_id, response))
}

/// Why bytes are no frame. The connection is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The announced size is above the limit.
    #[error("a frame of {size} bytes is announced, more than the limit of {max}")]
    TooLarge {
        /// The announced size in bytes.
        size: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The announced size is negative.
    #[error("a frame of negative size is announced: the other side doesn't speak Kafka's protocol")]
    Negative,
    /// The other side speaks HTTP.
    #[error("the other side speaks HTTP, not Kafka's protocol: check the port")]
    LooksLikeHttp,
    /// The other side speaks TLS.
    #[error(
        "the other side speaks TLS: set security.protocol to SSL or SASL_SSL, or check the port"
    )]
    LooksLikeTls,
}

/// Cuts what comes in from a connection into frames.
#[derive(Debug)]
pub struct FrameDecoder {
    max: usize,
    /// Whether the other side has sent a frame yet. Before, a size that reads as another
    /// protocol's greeting is one, whatever the limit.
    proven: bool,
}

impl FrameDecoder {
    /// A decoder for one connection that refuses frames of more than `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { max, proven: false }
    }

    /// Takes the next frame's content, without its size, out of `buf`; none if it isn't complete.
    ///
    /// # Errors
    /// What stands there is no frame: see [`FrameError`].
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let Some(&size) = buf.first_chunk::<SIZE_LEN>() else {
            return Ok(None);
        };
        let len = match usize::try_from(i32::from_be_bytes(size)) {
            Ok(len) if len <= self.max && self.proven => len,
            len => {
                if let Some(error) = other_protocol(size) {
                    return Err(error);
                }
                let size = len.map_err(|_| FrameError::Negative)?;
                if size > self.max {
                    let max = self.max;
                    return Err(FrameError::TooLarge { size, max });
                }
                size
            }
        };
        if buf.len() - SIZE_LEN < len {
            return Ok(None);
        }
        self.proven = true;
        buf.advance(SIZE_LEN);
        Ok(Some(buf.split_to(len).freeze()))
    }
}

/// What a size would be as the first bytes of another protocol: an HTTP request or response, a TLS
/// alert or handshake.
fn other_protocol(size: [u8; SIZE_LEN]) -> Option<FrameError> {
    match &size {
        b"HTTP" | b"GET " | b"HEAD" | b"POST" | b"PUT " | b"OPTI" | b"CONN" => {
            Some(FrameError::LooksLikeHttp)
        }
        [0x15 | 0x16, 0x03, 0x00..=0x04, _] => Some(FrameError::LooksLikeTls),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_code::ErrorCode;
    use crate::messages::{
        ApiVersionsRequest, ApiVersionsResponse, InitProducerIdRequest, InitProducerIdResponse,
        SaslHandshakeRequest,
    };

    fn content(frame: &Frame) -> Bytes {
        let bytes = frame.to_bytes();
        assert_eq!(bytes.len(), frame.len());
        let size = i32::from_be_bytes(bytes[..4].try_into().unwrap());
        assert_eq!(size as usize, bytes.len() - 4);
        bytes.slice(4..)
    }

    #[test]
    fn a_request_header_is_flexible_from_the_request_s_first_flexible_version() {
        let request = InitProducerIdRequest::default();
        for (version, header_len) in [(1, 10), (2, 11)] {
            let frame = encode_request(version, 7, Some(""), &request).unwrap();
            let mut r = Reader::new(content(&frame));
            let before = r.remaining();
            let header = decode_request_header(&mut r).unwrap();
            assert_eq!(before - r.remaining(), header_len);
            let expected = RequestHeader {
                api_key: 22,
                api_version: version,
                correlation_id: 7,
                client_id: Some(String::new()),
            };
            assert_eq!(header, expected);
            assert_eq!(
                InitProducerIdRequest::decode(version, &mut r),
                Ok(request.clone())
            );
            r.finish().unwrap();
        }
    }

    #[test]
    fn a_request_without_flexible_versions_has_a_header_without_tagged_fields() {
        let frame = encode_request(1, 7, None, &SaslHandshakeRequest::default()).unwrap();
        assert_eq!(
            content(&frame)[..],
            [0, 17, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0, 0]
        );
    }

    #[test]
    fn headers_of_unknown_requests_and_versions_are_read() {
        let header = |bytes: &'static [u8]| {
            decode_request_header(&mut Reader::new(Bytes::from_static(bytes)))
        };
        let unknown = header(&[3, 0xe7, 0, 1, 0, 0, 0, 9, 0, 1, b'a']).unwrap();
        assert_eq!(
            (unknown.api_key, unknown.client_id.as_deref()),
            (999, Some("a"))
        );
        let newer = header(&[0, 18, 0, 99, 0, 0, 0, 9, 0, 1, b'a', 1, 5, 1, 0]).unwrap();
        assert_eq!((newer.api_key, newer.api_version), (18, 99));
        let shutdown = header(&[0, 7, 0, 0, 0, 0, 0, 9]).unwrap();
        assert_eq!(shutdown.client_id, None);
        assert!(header(&[0, 18, 0, 3, 0]).is_err());
    }

    #[test]
    fn a_response_header_is_flexible_but_for_api_versions() {
        let response = InitProducerIdResponse::default();
        let len = |version| {
            content(&encode_response::<InitProducerIdRequest>(version, 1, &response).unwrap()).len()
        };
        assert_eq!(len(1), 4 + 16);
        assert_eq!(len(2), 4 + 1 + 16 + 1);
        let response = ApiVersionsResponse::default();
        let frame = encode_response::<ApiVersionsRequest>(3, 5, &response).unwrap();
        assert_eq!(content(&frame)[..], [0, 0, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0]);
        let decoded = decode_response::<ApiVersionsRequest>(3, content(&frame));
        assert_eq!(decoded, Ok((5, response)));
    }

    #[test]
    fn an_answer_to_too_new_an_api_versions_request_is_read() {
        let refusal = ApiVersionsResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            ..ApiVersionsResponse::default()
        };
        let frame = encode_response::<ApiVersionsRequest>(0, 5, &refusal).unwrap();
        let decoded = decode_response::<ApiVersionsRequest>(4, content(&frame));
        assert_eq!(decoded, Ok((5, refusal)));
    }

    #[test]
    fn bytes_after_a_response_are_refused() {
        let response = InitProducerIdResponse::default();
        let frame = encode_response::<InitProducerIdRequest>(2, 5, &response).unwrap();
        let mut longer = content(&frame).to_vec();
        longer.push(0);
        assert_eq!(
            decode_response::<InitProducerIdRequest>(2, longer.into()),
            Err(DecodeError::TrailingBytes { left: 1 })
        );
    }

    #[test]
    fn frames_are_cut_whatever_the_pieces_they_come_in() {
        let stream = [&[0, 0, 0, 3, 1, 2, 3][..], &[0, 0, 0, 0], &[0, 0, 0, 1, 9]].concat();
        for piece in 1..=stream.len() {
            let mut decoder = FrameDecoder::new(3);
            let mut buf = BytesMut::new();
            let mut frames = Vec::new();
            for part in stream.chunks(piece) {
                buf.extend_from_slice(part);
                while let Some(frame) = decoder.next(&mut buf).unwrap() {
                    frames.push(frame.to_vec());
                }
            }
            assert_eq!(frames, [&[1, 2, 3][..], &[], &[9]]);
            assert!(buf.is_empty());
        }
    }

    #[test]
    fn what_is_no_frame_is_named() {
        let first = |bytes: &[u8], max| FrameDecoder::new(max).next(&mut BytesMut::from(bytes));
        let small = 1 << 20;
        assert_eq!(
            first(b"HTTP/1.1 400 Bad Request", small),
            Err(FrameError::LooksLikeHttp)
        );
        assert_eq!(
            first(b"GET / HTTP/1.1", small),
            Err(FrameError::LooksLikeHttp)
        );
        let alert = [0x15, 3, 3, 0, 2, 2, 40];
        assert_eq!(first(&alert, small), Err(FrameError::LooksLikeTls));
        let hello = [0x16, 3, 1, 2, 0, 1, 0];
        assert_eq!(first(&hello, small), Err(FrameError::LooksLikeTls));
        assert_eq!(first(&alert, usize::MAX), Err(FrameError::LooksLikeTls));
        assert_eq!(first(&[0xff; 4], small), Err(FrameError::Negative));
        let too_large = FrameError::TooLarge {
            size: small + 1,
            max: small,
        };
        assert_eq!(first(&[0, 0x10, 0, 1], small), Err(too_large));
        assert_eq!(first(&[0, 0x10, 0, 0], small), Ok(None));
        assert_eq!(first(b"HTT", small), Ok(None));
    }

    #[test]
    fn after_a_first_frame_a_large_size_is_a_size() {
        let mut decoder = FrameDecoder::new(usize::MAX);
        let mut buf = BytesMut::from(&[0, 0, 0, 1, 9, 0x15, 3, 3, 0][..]);
        assert_eq!(decoder.next(&mut buf), Ok(Some(Bytes::from_static(&[9]))));
        assert_eq!(decoder.next(&mut buf), Ok(None));
    }
}
