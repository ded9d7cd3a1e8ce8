//! Kafka's frames as a proxy sees them: cut out of the stream, with as much of the header as rules need.

use std::fmt;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

// Larger sizes are not Kafka's: the first bytes of TLS and HTTP read as more than this.
const MAX_FRAME: usize = 256 << 20;
const READ_SIZE: usize = 64 << 10;

/// A Kafka API by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKey(pub i16);

#[expect(missing_docs, reason = "the names are Kafka's")]
impl ApiKey {
    pub const PRODUCE: Self = Self(0);
    pub const FETCH: Self = Self(1);
    pub const LIST_OFFSETS: Self = Self(2);
    pub const METADATA: Self = Self(3);
    pub const SASL_HANDSHAKE: Self = Self(17);
    pub const API_VERSIONS: Self = Self(18);
    pub const CREATE_TOPICS: Self = Self(19);
    pub const DELETE_TOPICS: Self = Self(20);
    pub const INIT_PRODUCER_ID: Self = Self(22);
    pub const OFFSET_FOR_LEADER_EPOCH: Self = Self(23);
    pub const ADD_PARTITIONS_TO_TXN: Self = Self(24);
    pub const END_TXN: Self = Self(26);
    pub const SASL_AUTHENTICATE: Self = Self(36);
    pub const DESCRIBE_PRODUCERS: Self = Self(61);
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "API key {}", self.0)
    }
}

/// What the front of a request tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestHead {
    pub(super) api: ApiKey,
    pub(super) version: i16,
    pub(super) correlation_id: i32,
    /// False only for Produce with acks=0.
    pub(super) has_response: bool,
}

impl RequestHead {
    /// Reads a whole frame's front; `None` if it is too short to be a request.
    pub(super) fn of(frame: &Bytes) -> Option<Self> {
        let mut rest = frame.clone();
        rest.try_get_i32().ok()?;
        let api = ApiKey(rest.try_get_i16().ok()?);
        let version = rest.try_get_i16().ok()?;
        let correlation_id = rest.try_get_i32().ok()?;
        let has_response = api != ApiKey::PRODUCE || produce_acks(rest, version) != Some(0);
        Some(Self {
            api,
            version,
            correlation_id,
            has_response,
        })
    }
}

/// The correlation id of a whole response frame.
pub(super) fn response_correlation_id(frame: &Bytes) -> Option<i32> {
    frame.get(4..8)?.try_into().ok().map(i32::from_be_bytes)
}

/// `acks` of a Produce request; `rest` starts at the header's client id.
fn produce_acks(mut rest: Bytes, version: i16) -> Option<i16> {
    let flexible = version >= 9;
    skip_string(&mut rest)?;
    if flexible {
        for _ in 0..unsigned_varint(&mut rest)? {
            unsigned_varint(&mut rest)?;
            let size = unsigned_varint(&mut rest)?;
            skip(&mut rest, size)?;
        }
    }
    // The transactional id.
    match version {
        ..3 => {}
        3..9 => skip_string(&mut rest)?,
        _ => {
            let len = unsigned_varint(&mut rest)?;
            skip(&mut rest, len.saturating_sub(1))?;
        }
    }
    rest.try_get_i16().ok()
}

fn skip_string(from: &mut Bytes) -> Option<()> {
    let len = from.try_get_i16().ok()?;
    skip(from, u32::try_from(len).unwrap_or(0))
}

fn skip(from: &mut Bytes, len: u32) -> Option<()> {
    let len = usize::try_from(len).ok()?;
    if from.len() < len {
        return None;
    }
    from.advance(len);
    Some(())
}

fn unsigned_varint(from: &mut Bytes) -> Option<u32> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let byte = from.try_get_u8().ok()?;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A piece of a stream, to be passed on in one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A whole frame with its size.
    Frame(Bytes),
    /// Bytes that aren't a whole frame of Kafka's.
    Opaque(Bytes),
}

/// Cuts a stream into frames.
pub(super) struct FrameReader<R> {
    from: R,
    buffer: BytesMut,
    opaque: bool,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            buffer: BytesMut::new(),
            opaque: false,
        }
    }

    /// The next piece; `None` at the end. A frame that the sender left unfinished comes as opaque bytes.
    pub(super) async fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            if let Some(piece) = self.piece() {
                return Ok(Some(piece));
            }
            self.buffer.reserve(READ_SIZE);
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                let rest = self.buffer.split().freeze();
                return Ok((!rest.is_empty()).then_some(Piece::Opaque(rest)));
            }
        }
    }

    fn piece(&mut self) -> Option<Piece> {
        if !self.opaque {
            let size = i32::from_be_bytes(self.buffer.get(..4)?.try_into().ok()?);
            match usize::try_from(size) {
                Ok(size) if size <= MAX_FRAME => {
                    let whole = size + 4;
                    return (self.buffer.len() >= whole)
                        .then(|| Piece::Frame(self.buffer.split_to(whole).freeze()));
                }
                _ => self.opaque = true,
            }
        }
        (!self.buffer.is_empty()).then(|| Piece::Opaque(self.buffer.split().freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(content: &[u8]) -> Bytes {
        let size = u32::try_from(content.len()).unwrap();
        [&size.to_be_bytes()[..], content].concat().into()
    }

    fn produce(version: i16, client_id: &[u8], transactional_id: &[u8], acks: i16) -> Bytes {
        let mut content = vec![0, 0];
        content.extend(version.to_be_bytes());
        content.extend(7i32.to_be_bytes());
        content.extend(client_id);
        content.extend(transactional_id);
        content.extend(acks.to_be_bytes());
        content.extend([9; 20]);
        frame(&content)
    }

    #[test]
    fn acks_0_is_seen_in_every_layout_of_produce() {
        let client_id = b"\0\x02me";
        let null = b"\xff\xff";
        let tagged = b"\0\x02me\x01\x05\x02xy";
        let cases: [(i16, &[u8], &[u8]); 5] = [
            (3, client_id, null),
            (8, null, b"\0\x01t"),
            (9, b"\0\x02me\0", b"\0"),
            (13, tagged, b"\x02t"),
            (2, null, b""),
        ];
        for (version, client_id, transactional_id) in cases {
            for acks in [-1, 0, 1] {
                let head =
                    RequestHead::of(&produce(version, client_id, transactional_id, acks)).unwrap();
                assert_eq!(
                    (head.api, head.version, head.correlation_id),
                    (ApiKey::PRODUCE, version, 7)
                );
                assert_eq!(
                    head.has_response,
                    acks != 0,
                    "version {version}, acks {acks}"
                );
            }
        }
    }

    #[test]
    fn short_and_odd_frames_are_no_requests_but_harmless() {
        for len in 0..12 {
            assert_eq!(RequestHead::of(&Bytes::from(vec![0; len])), None);
        }
        let endless_varint = [&[0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff][..], &[0xff; 9]].concat();
        assert!(
            RequestHead::of(&frame(&endless_varint))
                .unwrap()
                .has_response
        );
        assert_eq!(
            response_correlation_id(&Bytes::from_static(&[0, 0, 0, 2, 1, 1])),
            None
        );
    }

    #[tokio::test]
    async fn frames_come_whole_and_the_rest_opaque() {
        let stream = [&frame(b"one")[..], &frame(b"")[..], b"\0\0\0\x05half"].concat();
        let mut reader = FrameReader::new(&stream[..]);
        assert_eq!(
            reader.next().await.unwrap(),
            Some(Piece::Frame(frame(b"one")))
        );
        assert_eq!(reader.next().await.unwrap(), Some(Piece::Frame(frame(b""))));
        assert_eq!(
            reader.next().await.unwrap(),
            Some(Piece::Opaque(Bytes::from_static(b"\0\0\0\x05half")))
        );
        assert_eq!(reader.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn tls_and_http_pass_as_they_are() {
        for stream in [
            &b"\x16\x03\x01\x00\x05hello"[..],
            b"GET / HTTP/1.1\r\n",
            b"\xff\xff\xff\xff",
        ] {
            let mut reader = FrameReader::new(stream);
            assert_eq!(
                reader.next().await.unwrap(),
                Some(Piece::Opaque(Bytes::from_static(stream)))
            );
        }
    }
}
