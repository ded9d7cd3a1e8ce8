//! Answers that no broker should give: each can be told from a right one.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use raban_protocol::frame::{decode_response, encode_response};
use raban_protocol::messages::ProduceRequest;

use super::Produced;
use crate::hits::Hit;
use crate::random::Random;

/// How an answer is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hostility {
    /// It carries another request's number.
    WrongCorrelation,
    /// Its last bytes are missing, and its size says so.
    Truncated,
    /// Behind the number there is noise.
    Noise,
    /// Behind the number an array of two thousand million elements is announced.
    AbsurdLength,
    /// It is announced as larger than anything.
    AbsurdFrame,
    /// A web server answers.
    Http,
    /// An answer to Produce leaves out a partition.
    Incomplete,
}

impl Hostility {
    pub(crate) const ALL: [Self; 7] = [
        Self::WrongCorrelation,
        Self::Truncated,
        Self::Noise,
        Self::AbsurdLength,
        Self::AbsurdFrame,
        Self::Http,
        Self::Incomplete,
    ];

    pub(crate) fn hit(self) -> Hit {
        match self {
            Self::WrongCorrelation => Hit::WrongCorrelation,
            Self::Truncated => Hit::Truncated,
            Self::Noise | Self::Http => Hit::Noise,
            Self::AbsurdLength | Self::AbsurdFrame => Hit::AbsurdLength,
            Self::Incomplete => Hit::Incomplete,
        }
    }

    /// Spoils a frame, its size included; none where it can't be spoilt in this way.
    pub(super) fn spoil(
        self,
        frame: &Bytes,
        produce: Option<Produced>,
        random: &mut Random,
    ) -> Option<Bytes> {
        let content = &frame[4..];
        Some(match self {
            Self::WrongCorrelation => {
                let mut spoilt = content.to_vec();
                spoilt[3] ^= 1 + random.below(255) as u8;
                framed(&spoilt)
            }
            Self::Truncated => {
                let kept = random.below(content.len() as u64) as usize;
                framed(&content[..kept])
            }
            Self::Noise => {
                let mut spoilt = content[..4].to_vec();
                let len = random.within(1, 200);
                // A first byte of 0 could begin an answer that says nothing, in good form.
                spoilt.extend((0..len).map(|_| random.within(1, 255) as u8));
                framed(&spoilt)
            }
            Self::AbsurdLength => {
                let mut spoilt = content[..4].to_vec();
                spoilt.extend([0x7f, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff]);
                framed(&spoilt)
            }
            Self::AbsurdFrame => Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1]),
            Self::Http => {
                Bytes::from_static(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            }
            Self::Incomplete => return without_a_partition(frame, produce?.version),
        })
    }
}

fn without_a_partition(frame: &Bytes, version: i16) -> Option<Bytes> {
    let decoded = decode_response::<ProduceRequest>(version, frame.slice(4..));
    let (correlation_id, mut response) = decoded.ok()?;
    response.responses.last_mut()?.partition_responses.pop()?;
    let spoilt = encode_response::<ProduceRequest>(version, correlation_id, &response);
    spoilt.ok().map(|frame| frame.to_bytes())
}

fn framed(content: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(content.len() + 4);
    frame.put_i32(content.len() as i32);
    frame.extend_from_slice(content);
    frame.freeze()
}

impl fmt::Display for Hostility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongCorrelation => "with a wrong number",
            Self::Truncated => "cut short",
            Self::Noise => "of noise",
            Self::AbsurdLength => "with an absurd array",
            Self::AbsurdFrame => "of an absurd size",
            Self::Http => "of a web server",
            Self::Incomplete => "that is incomplete",
        })
    }
}
