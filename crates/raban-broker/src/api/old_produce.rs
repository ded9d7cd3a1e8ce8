//! Produce 0 to 2, which librdkafka wants advertised: each partition is answered with UNSUPPORTED_VERSION.
use bytes::Bytes;
use raban_protocol::api::{ApiKey, Message, Request, VersionRange};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::primitives::{DecodeError, EncodeError, Reader, Writer};

pub(super) const VERSIONS: VersionRange = VersionRange { min: 0, max: 2 };
/// A topic and a partition take at least so many bytes in a request.
const MIN_TOPIC_LEN: usize = 6;
const MIN_PARTITION_LEN: usize = 8;

/// Topics with their partitions: all of the request that the answer needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct OldProduceRequest {
    acks: i16,
    topics: Vec<(String, Vec<i32>)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct OldProduceResponse {
    topics: Vec<(String, Vec<i32>)>,
}

pub(super) fn handle(request: OldProduceRequest) -> OldProduceResponse {
    OldProduceResponse {
        topics: request.topics,
    }
}

/// The length of an array whose elements take at least `min_len` bytes each.
fn array_len(r: &mut Reader, min_len: usize) -> Result<usize, DecodeError> {
    let len = usize::try_from(r.get_i32()?).unwrap_or(0);
    let (needed, left) = (len.saturating_mul(min_len), r.remaining());
    if needed > left {
        return Err(DecodeError::Truncated { needed, left });
    }
    Ok(len)
}

impl Message for OldProduceRequest {
    const VERSIONS: VersionRange = VERSIONS;
    const FLEXIBLE: i16 = i16::MAX;

    fn encode(&self, _version: i16, w: &mut Writer) -> Result<(), EncodeError> {
        w.put_i16(self.acks);
        w.put_i32(0);
        w.put_i32(self.topics.len() as i32);
        for (name, partitions) in &self.topics {
            w.put_nullable_string(Some(name), false)?;
            w.put_i32(partitions.len() as i32);
            for partition in partitions {
                w.put_i32(*partition);
                w.put_nullable_bytes(Some(&Bytes::new()), false)?;
            }
        }
        Ok(())
    }

    fn decode(_version: i16, r: &mut Reader) -> Result<Self, DecodeError> {
        let acks = r.get_i16()?;
        let _timeout_ms = r.get_i32()?;
        let mut topics = Vec::new();
        for _ in 0..array_len(r, MIN_TOPIC_LEN)? {
            let name = r.get_nullable_string(false)?.unwrap_or_default();
            let mut partitions = Vec::new();
            for _ in 0..array_len(r, MIN_PARTITION_LEN)? {
                partitions.push(r.get_i32()?);
                r.get_nullable_bytes(false)?;
            }
            topics.push((name, partitions));
        }
        Ok(Self { acks, topics })
    }
}

impl Message for OldProduceResponse {
    const VERSIONS: VersionRange = VERSIONS;
    const FLEXIBLE: i16 = i16::MAX;

    fn encode(&self, version: i16, w: &mut Writer) -> Result<(), EncodeError> {
        w.put_i32(self.topics.len() as i32);
        for (name, partitions) in &self.topics {
            w.put_nullable_string(Some(name), false)?;
            w.put_i32(partitions.len() as i32);
            for partition in partitions {
                w.put_i32(*partition);
                w.put_i16(ErrorCode::UNSUPPORTED_VERSION.0);
                w.put_i64(-1);
                if version >= 2 {
                    w.put_i64(-1);
                }
            }
        }
        if version >= 1 {
            w.put_i32(0);
        }
        Ok(())
    }

    fn decode(version: i16, r: &mut Reader) -> Result<Self, DecodeError> {
        let mut topics = Vec::new();
        for _ in 0..array_len(r, MIN_TOPIC_LEN)? {
            let name = r.get_nullable_string(false)?.unwrap_or_default();
            let mut partitions = Vec::new();
            for _ in 0..array_len(r, MIN_PARTITION_LEN)? {
                partitions.push(r.get_i32()?);
                r.get_bytes(if version >= 2 { 18 } else { 10 })?;
            }
            topics.push((name, partitions));
        }
        if version >= 1 {
            r.get_i32()?;
        }
        Ok(Self { topics })
    }
}

impl Request for OldProduceRequest {
    const KEY: ApiKey = ApiKey::Produce;
    type Response = OldProduceResponse;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_responses_read_back_in_each_version() {
        let topics = vec![("a".to_owned(), vec![0, 1]), ("b".to_owned(), vec![])];
        for version in 0..=2 {
            let mut w = Writer::new();
            let request = OldProduceRequest {
                acks: 1,
                topics: topics.clone(),
            };
            request.encode(version, &mut w).unwrap();
            let mut r = Reader::new(w.into_segments().concat().into());
            assert_eq!(
                OldProduceRequest::decode(version, &mut r),
                Ok(request.clone())
            );
            let response = handle(request);
            let mut w = Writer::new();
            response.encode(version, &mut w).unwrap();
            let mut r = Reader::new(w.into_segments().concat().into());
            assert_eq!(OldProduceResponse::decode(version, &mut r), Ok(response));
            assert_eq!(r.remaining(), 0);
        }
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused() {
        let bytes = [0, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
        let mut r = Reader::new(bytes.to_vec().into());
        assert!(OldProduceRequest::decode(0, &mut r).is_err());
    }
}
