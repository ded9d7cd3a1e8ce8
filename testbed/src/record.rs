//! A record as an independent consumer read it.

use std::io::{self, Read};

/// One record of a topic, as the Java consumer or kcat returned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The key; `None` is Kafka's null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is Kafka's null.
    pub value: Option<Vec<u8>>,
    /// The headers in order; keys may repeat. kcat leaves this empty.
    pub headers: Vec<Header>,
}

/// One header of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The header's key.
    pub key: String,
    /// The header's value; `None` is Kafka's null.
    pub value: Option<Vec<u8>>,
}

/// Reads what `KafkaTool read` writes: records, then -1 and their number.
pub(crate) fn read_records(mut from: impl Read, mut each: impl FnMut(Record)) -> io::Result<u64> {
    let mut count = 0;
    loop {
        let partition = read_i32(&mut from)?;
        if partition < 0 {
            let expected = read_i64(&mut from)?;
            if u64::try_from(expected) != Ok(count) {
                return Err(invalid(format!("{count} records arrived of {expected}")));
            }
            return Ok(count);
        }
        let offset = read_i64(&mut from)?;
        let timestamp = read_i64(&mut from)?;
        let key = read_bytes(&mut from)?;
        let value = read_bytes(&mut from)?;
        let headers = (0..read_i32(&mut from)?)
            .map(|_| read_header(&mut from))
            .collect::<io::Result<_>>()?;
        each(Record {
            partition,
            offset,
            timestamp,
            key,
            value,
            headers,
        });
        count += 1;
    }
}

fn read_header(from: &mut impl Read) -> io::Result<Header> {
    let key = read_bytes(from)?.ok_or_else(|| invalid("a header without a key".to_owned()))?;
    let key = String::from_utf8(key).map_err(|error| invalid(error.to_string()))?;
    Ok(Header {
        key,
        value: read_bytes(from)?,
    })
}

fn read_bytes(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let Ok(len) = u64::try_from(read_i32(from)?) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    from.take(len).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == len {
        Ok(Some(bytes))
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn read_i32(from: &mut impl Read) -> io::Result<i32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(i32::from_be_bytes(bytes))
}

fn read_i64(from: &mut impl Read) -> io::Result<i64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(i64::from_be_bytes(bytes))
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_record() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(3i32.to_be_bytes());
        bytes.extend(42i64.to_be_bytes());
        bytes.extend(1_700_000_000_000i64.to_be_bytes());
        bytes.extend((-1i32).to_be_bytes());
        bytes.extend(0i32.to_be_bytes());
        bytes.extend(1i32.to_be_bytes());
        bytes.extend(1i32.to_be_bytes());
        bytes.extend(b"h");
        bytes.extend((-1i32).to_be_bytes());
        bytes
    }

    #[test]
    fn null_empty_and_headers_are_told_apart() {
        let mut bytes = one_record();
        bytes.extend((-1i32).to_be_bytes());
        bytes.extend(1i64.to_be_bytes());
        let mut records = Vec::new();
        assert_eq!(
            read_records(&bytes[..], |record| records.push(record)).unwrap(),
            1
        );
        let expected = Record {
            partition: 3,
            offset: 42,
            timestamp: 1_700_000_000_000,
            key: None,
            value: Some(Vec::new()),
            headers: vec![Header {
                key: "h".to_owned(),
                value: None,
            }],
        };
        assert_eq!(records, [expected]);
    }

    #[test]
    fn a_stream_that_ends_early_is_an_error() {
        let bytes = one_record();
        for len in 0..=bytes.len() {
            assert!(read_records(&bytes[..len], drop).is_err(), "{len} bytes");
        }
    }
}
