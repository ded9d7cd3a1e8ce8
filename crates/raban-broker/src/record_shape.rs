//! One pass over the records of a batch, to see that they are whole and in order. Looks at lengths, not at contents, since
//! it is made for each record that is produced.

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It isn't a record, for this reason.
    Malformed(&'static str),
    /// Its offset, counted from the first record, isn't its place in the batch.
    Offset(i64),
    /// Its timestamp is later than allowed.
    Timestamp(i64),
}

/// Checks that `records` are exactly `count` records; an error names the index of the first one at fault.
pub(crate) fn check(
    mut records: &[u8],
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
) -> Result<(), (i32, Fault)> {
    for index in 0..count {
        check_record(&mut records, index, base_timestamp, max_timestamp).map_err(|f| (index, f))?;
    }
    if records.is_empty() {
        Ok(())
    } else {
        let fault =
            Fault::Malformed("there are bytes after the last record that the header counts");
        Err((count, fault))
    }
}

fn check_record(
    records: &mut &[u8],
    index: i32,
    base_timestamp: i64,
    max_timestamp: i64,
) -> Result<(), Fault> {
    let mut record = take(records, "the record's length")?
        .ok_or(Fault::Malformed("the record's length is -1"))?;
    let rest = record
        .split_first()
        .ok_or(Fault::Malformed("the record is empty"))?;
    record = rest.1;
    let timestamp = base_timestamp.wrapping_add(zigzag(&mut record, 10)?);
    let offset = zigzag(&mut record, 5)?;
    take(&mut record, "the key's length")?;
    take(&mut record, "the value's length")?;
    let headers = zigzag(&mut record, 5)?;
    if headers < 0 {
        return Err(Fault::Malformed("the number of headers is negative"));
    }
    // Each takes at least two bytes, so a number that is too high ends in an error soon.
    for _ in 0..headers {
        take(&mut record, "a header key's length")?
            .ok_or(Fault::Malformed("a header has no key"))?;
        take(&mut record, "a header value's length")?;
    }
    if !record.is_empty() {
        return Err(Fault::Malformed(
            "there are bytes after the record's headers",
        ));
    }
    if offset != i64::from(index) {
        return Err(Fault::Offset(offset));
    }
    if timestamp > max_timestamp {
        return Err(Fault::Timestamp(timestamp));
    }
    Ok(())
}

/// As many bytes as the length before them says; `None` for length -1.
fn take<'a>(input: &mut &'a [u8], what: &'static str) -> Result<Option<&'a [u8]>, Fault> {
    let len = zigzag(input, 5)?;
    if len == -1 {
        return Ok(None);
    }
    let taken = usize::try_from(len)
        .ok()
        .and_then(|len| input.split_at_checked(len));
    let (taken, rest) = taken.ok_or(Fault::Malformed(what))?;
    *input = rest;
    Ok(Some(taken))
}

/// A number of at most `max_len` bytes, zigzag-encoded, in groups of seven bits, lowest first.
fn zigzag(input: &mut &[u8], max_len: usize) -> Result<i64, Fault> {
    let mut bits = 0u64;
    for at in 0..max_len {
        let Some((&byte, rest)) = input.split_first() else {
            return Err(Fault::Malformed("a number is cut short"));
        };
        *input = rest;
        bits |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Ok((bits >> 1) as i64 ^ -((bits & 1) as i64));
        }
    }
    Err(Fault::Malformed("a number is too long"))
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use raban_protocol::record_batch::{Header, RecordRef, RecordsBuilder};

    use super::*;

    fn records() -> Bytes {
        let headers = [
            Header {
                key: "k".to_owned(),
                value: None,
            },
            Header {
                key: "k".to_owned(),
                value: Some(Bytes::from_static(b"v")),
            },
        ];
        let long = vec![1; 1_000];
        let mut builder = RecordsBuilder::new(BytesMut::new());
        for (timestamp, key, value) in [
            (50, None, Some(&long[..])),
            (60, Some(&b""[..]), None),
            (7, None, None),
        ] {
            builder.append(
                timestamp,
                &RecordRef {
                    key,
                    value,
                    headers: &headers,
                },
            );
        }
        let codec = raban_protocol::compression::Codec::new(
            raban_protocol::compression::Compression::None,
            None,
        );
        let (sealed, _) = builder.seal(&codec.unwrap(), BytesMut::new()).unwrap();
        sealed.into_body()
    }

    #[test]
    fn whole_records_pass() {
        assert_eq!(check(&records(), 3, 50, 60), Ok(()));
        assert_eq!(check(&[], 0, 0, 0), Ok(()));
    }

    #[test]
    fn faults_are_told_with_their_record() {
        let good = records();
        assert!(matches!(
            check(&good, 2, 50, 60),
            Err((2, Fault::Malformed(_)))
        ));
        assert!(matches!(
            check(&good, 4, 50, 60),
            Err((3, Fault::Malformed(_)))
        ));
        assert_eq!(check(&good, 3, 50, 59), Err((1, Fault::Timestamp(60))));
        let twice = [&good[..], &good[..]].concat();
        assert_eq!(check(&twice, 6, 50, 60), Err((3, Fault::Offset(0))));
        for end in 0..good.len() {
            assert!(check(&good[..end], 3, 50, 60).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn any_bytes_are_judged_without_panic() {
        let good = records();
        for at in 0..good.len().min(2_000) {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = good.to_vec();
                bytes[at] = byte;
                let _ = check(&bytes, 3, i64::MAX, 60);
                let _ = check(&bytes[at..], i32::MAX, i64::MIN, 60);
            }
        }
    }
}
