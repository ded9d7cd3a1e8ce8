//! kcat (librdkafka) as a second reader, where it is installed.

use std::io::{self, BufRead, Read};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::record::Record;
use crate::tool::{run, stream};

const NEED_KCAT: &str = "install kcat (Debian: kcat) and put it on PATH";

/// Partition, offset, timestamp, and the lengths of key and value, -1 for null; then the bytes of both.
const FORMAT: &str = "%p %o %T %K %S\n%k%s\n";

/// Whether kcat is on `PATH`.
pub fn is_installed() -> bool {
    let version = Command::new("kcat")
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// Sends a record with each of these keys and values, which hold neither tabs nor line feeds, to partitions that
/// librdkafka chooses. `properties` are librdkafka's.
pub fn produce(
    bootstrap_servers: &str,
    topic: &str,
    records: &[(Vec<u8>, String)],
    properties: &[(&str, &str)],
) -> Result<(), Error> {
    let mut command = Command::new("kcat");
    command.args(["-P", "-K", "\t", "-b", bootstrap_servers, "-t", topic]);
    for (key, value) in properties {
        command.args(["-X", &format!("{key}={value}")]);
    }
    let mut input = Vec::new();
    for (key, value) in records {
        for part in [key.as_slice(), b"\t", value.as_bytes(), b"\n"] {
            input.extend_from_slice(part);
        }
    }
    let missing = Error::spawn("kcat", NEED_KCAT);
    run(command, missing, "producing by kcat", &input).map(drop)
}

/// All records of a topic from its beginning to its end, as kcat reads them; without their headers, which kcat prints
/// ambiguously. `properties` are librdkafka's.
pub fn consume(
    bootstrap_servers: &str,
    topic: &str,
    properties: &[(&str, &str)],
) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    consume_each(bootstrap_servers, topic, properties, |record| {
        records.push(record)
    })?;
    Ok(records)
}

/// [`consume`], one record at a time; returns their number.
pub fn consume_each(
    bootstrap_servers: &str,
    topic: &str,
    properties: &[(&str, &str)],
    mut each: impl FnMut(Record),
) -> Result<u64, Error> {
    let what = format!("reading topic {topic} by kcat");
    let mut command = Command::new("kcat");
    command.args([
        "-C",
        "-q",
        "-e",
        "-o",
        "beginning",
        "-X",
        "check.crcs=true",
        "-f",
        FORMAT,
    ]);
    command.args(["-b", bootstrap_servers, "-t", topic]);
    for (key, value) in properties {
        command.args(["-X", &format!("{key}={value}")]);
    }
    stream(
        command,
        Error::spawn("kcat", NEED_KCAT),
        &what,
        |mut out| {
            let mut count = 0;
            while let Some(record) = read_record(&mut out)? {
                each(record);
                count += 1;
            }
            Ok(count)
        },
    )
}

fn read_record(from: &mut impl BufRead) -> io::Result<Option<Record>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, format!("kcat printed {line:?}"));
    let fields: Vec<i64> = line
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| invalid())?;
    let [partition, offset, timestamp, key, value] = fields[..] else {
        return Err(invalid());
    };
    let partition = i32::try_from(partition).map_err(|_| invalid())?;
    let (key, value) = (read_bytes(from, key)?, read_bytes(from, value)?);
    let mut end = [0];
    from.read_exact(&mut end)?;
    Ok(Some(Record {
        partition,
        offset,
        timestamp,
        key,
        value,
        headers: Vec::new(),
    }))
}

fn read_bytes(from: &mut impl Read, len: i64) -> io::Result<Option<Vec<u8>>> {
    let Ok(len) = u64::try_from(len) else {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_keep_line_feeds_and_nulls_apart() {
        let mut printed = &b"2 7 1700 -1 3\na\nb\n0 8 1701 0 -1\n\n"[..];
        let first = read_record(&mut printed).unwrap().unwrap();
        assert_eq!(
            (first.partition, first.offset, first.timestamp),
            (2, 7, 1700)
        );
        assert_eq!((first.key, first.value), (None, Some(b"a\nb".to_vec())));
        let second = read_record(&mut printed).unwrap().unwrap();
        assert_eq!((second.key, second.value), (Some(Vec::new()), None));
        assert_eq!(read_record(&mut printed).unwrap(), None);
    }

    #[test]
    fn a_cut_record_is_an_error() {
        assert!(read_record(&mut &b"2 7 1700 -1 3\na\n"[..]).is_err());
        assert!(read_record(&mut &b"2 7 1700\n"[..]).is_err());
    }
}
