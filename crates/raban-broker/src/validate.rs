//! Whether the records of a Produce request may be appended, as Apache Kafka judges it.
use bytes::{Bytes, BytesMut};
use raban_protocol::compression::{Compression, CompressionError, decompress};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::record_batch::{BatchHeader, HEADER_LEN, RecordBatch, verify_crc};

use crate::record_shape::{self, Fault};

/// A record's timestamp may lie so far in the future, in ms (Kafka's `message.timestamp.after.max.ms`).
const MAX_FUTURE_MS: i64 = 3_600_000;
/// The most that a batch is unpacked to for a look at its records; one that is larger is appended unseen, like any that
/// only its readers can judge.
const UNPACK_LIMIT: usize = 16 << 20;
/// Bytes before those that a batch's length counts.
const LOG_OVERHEAD: usize = 12;
const MAGIC_AT: usize = 16;
/// The attribute that says that the batch's timestamp counts for all of its records.
const LOG_APPEND_TIME: i16 = 0x08;
/// The least that the length of a message of the old formats 0 and 1 says.
const MIN_OLD_LENGTH: i32 = 14;

/// Why records may not be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// Index and fault of each record at fault, where single ones are.
    pub(crate) records: Vec<(i32, String)>,
}

impl Rejection {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            records: Vec::new(),
        }
    }
}

/// What a check depends on besides the batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Version of the Produce request.
    pub(crate) version: i16,
    /// The largest batch, in bytes.
    pub(crate) max_message_bytes: usize,
    /// Milliseconds since 1970.
    pub(crate) now_ms: i64,
    /// Whether to look at each record, or at the header and the checksum alone.
    pub(crate) each_record: bool,
    /// Whether each record must have a key: the topic is compacted.
    pub(crate) needs_keys: bool,
}

/// The header of the one, valid batch that `records` must be.
pub(crate) fn check(records: &Bytes, rules: Rules) -> Result<BatchHeader, Rejection> {
    one_batch(records, rules.version)?;
    if records.len() > rules.max_message_bytes {
        return Err(Rejection::new(
            ErrorCode::MESSAGE_TOO_LARGE,
            format!(
                "The record batch size is {} bytes which exceeds the maximum configured value of {}.",
                records.len(),
                rules.max_message_bytes
            ),
        ));
    }
    let header = verify_crc(records)
        .map_err(|e| Rejection::new(ErrorCode::CORRUPT_MESSAGE, e.to_string()))?;
    check_compression(&header, rules.version)?;
    check_header(&header, rules.now_ms)?;
    if rules.each_record {
        check_records(&header, records, rules.now_ms)?;
    }
    if rules.needs_keys {
        check_keys(records)?;
    }
    Ok(header)
}

/// Compaction keeps the newest record of each key, so that each must have one.
fn check_keys(records: &Bytes) -> Result<(), Rejection> {
    let Ok(batch) = RecordBatch::decode(records.clone(), UNPACK_LIMIT) else {
        return Ok(());
    };
    let without = (0..).zip(&batch.records).filter(|(_, r)| r.key.is_none());
    let message =
        |index: i32| format!("Compacted topic cannot accept message without key: record {index}.");
    let faults: Vec<(i32, String)> = without.map(|(index, _)| (index, message(index))).collect();
    if faults.is_empty() {
        return Ok(());
    }
    let mut rejection = Rejection::new(
        ErrorCode::INVALID_RECORD,
        "One or more records have been rejected",
    );
    rejection.records = faults;
    Err(rejection)
}

/// Takes the time of the append for all records, as `message.timestamp.type=LogAppendTime` says.
pub(crate) fn stamp_append_time(header: &mut BatchHeader, batch: &Bytes, now_ms: i64) -> Bytes {
    header.attributes |= LOG_APPEND_TIME;
    header.max_timestamp = now_ms;
    let mut stamped = BytesMut::from(&batch[..]);
    *header = header.with_crc(&stamped[HEADER_LEN..]);
    stamped[..HEADER_LEN].copy_from_slice(&header.write());
    stamped.freeze()
}

/// Whether the bytes are one batch of the current format.
fn one_batch(records: &Bytes, version: i16) -> Result<(), Rejection> {
    let invalid = |what: &str| {
        Rejection::new(
            ErrorCode::INVALID_RECORD,
            format!("Produce requests with version {version} {what}"),
        )
    };
    let corrupt = |what: String| Rejection::new(ErrorCode::CORRUPT_MESSAGE, what);
    let none = "must have at least one record batch per partition";
    let (Some(length), Some(&magic)) = (records.get(8..12), records.get(MAGIC_AT)) else {
        return Err(invalid(none));
    };
    let length = length.try_into().map_or(0, i32::from_be_bytes);
    if length < MIN_OLD_LENGTH {
        return Err(corrupt(format!(
            "Record size {length} is less than the minimum record overhead ({MIN_OLD_LENGTH})"
        )));
    }
    if !(0..=2).contains(&(magic as i8)) {
        return Err(corrupt(format!(
            "Invalid magic found in record: {}",
            magic as i8
        )));
    }
    let total_len = LOG_OVERHEAD + length as usize;
    if total_len > records.len() {
        return Err(invalid(none));
    }
    if magic != 2 {
        return Err(invalid(
            "are only allowed to contain record batches with magic version 2",
        ));
    }
    if total_len < HEADER_LEN {
        return Err(corrupt(format!(
            "A record batch of {total_len} bytes is smaller than its header"
        )));
    }
    if total_len < records.len() {
        return Err(invalid(
            "are only allowed to contain exactly one record batch per partition",
        ));
    }
    Ok(())
}

fn check_compression(header: &BatchHeader, version: i16) -> Result<(), Rejection> {
    let unsupported = |what: String| Rejection::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, what);
    let compression = header
        .compression()
        .map_err(|e| unsupported(e.to_string()))?;
    if compression == Compression::Zstd && version < 7 {
        return Err(unsupported(format!(
            "Produce requests with version {version} are not allowed to use ZStandard compression"
        )));
    }
    Ok(())
}

fn check_header(header: &BatchHeader, now_ms: i64) -> Result<(), Rejection> {
    let (count, delta) = (header.record_count, header.last_offset_delta);
    let invalid = if header.base_offset != 0 {
        format!(
            "The baseOffset of the record batch should be 0, but it is {}",
            header.base_offset
        )
    } else if delta < 0 {
        format!("Batch has an invalid offset range: [0, {delta}]")
    } else if count <= 0 {
        format!("Invalid reported count for record batch: {count}")
    } else if i64::from(count) != i64::from(delta) + 1 {
        format!("Inconsistent batch offset range [0, {delta}] and count of records {count}")
    } else if header.is_control() {
        "Clients are not allowed to write control records".to_owned()
    } else if header.producer_id >= 0 && header.base_sequence < 0 {
        format!(
            "Invalid sequence number {} in record batch with producerId {}",
            header.base_sequence, header.producer_id
        )
    } else {
        return check_timestamps(header, now_ms);
    };
    Err(Rejection::new(ErrorCode::INVALID_RECORD, invalid))
}

fn check_timestamps(header: &BatchHeader, now_ms: i64) -> Result<(), Rejection> {
    if header.is_log_append_time() {
        let message = "Producer should not set timestamp type to LogAppendTime.";
        return Err(Rejection::new(ErrorCode::INVALID_TIMESTAMP, message));
    }
    if header.max_timestamp > now_ms.saturating_add(MAX_FUTURE_MS) {
        return Err(late_timestamp(header.max_timestamp, now_ms));
    }
    if header.is_transactional() {
        let message = "Record was not part of an ongoing transaction";
        return Err(Rejection::new(ErrorCode::INVALID_TXN_STATE, message));
    }
    Ok(())
}

fn late_timestamp(timestamp: i64, now_ms: i64) -> Rejection {
    Rejection::new(
        ErrorCode::INVALID_TIMESTAMP,
        format!(
            "Timestamp {timestamp} is out of range: it may not lie more than {MAX_FUTURE_MS} ms after the broker's clock, {now_ms}"
        ),
    )
}

/// Whether the records are as many as the header says, in the order of their offsets, and whole.
fn check_records(header: &BatchHeader, records: &Bytes, now_ms: i64) -> Result<(), Rejection> {
    let body = records.slice(HEADER_LEN..);
    let body = match header.compression() {
        Ok(Compression::None) | Err(_) => body,
        Ok(compression) => match decompress(compression, &body, UNPACK_LIMIT) {
            Ok(unpacked) => unpacked,
            Err(CompressionError::TooLarge { .. }) => return Ok(()),
            Err(error) => {
                return Err(Rejection::new(
                    ErrorCode::CORRUPT_MESSAGE,
                    error.to_string(),
                ));
            }
        },
    };
    let latest = now_ms.saturating_add(MAX_FUTURE_MS);
    let checked = record_shape::check(&body, header.record_count, header.base_timestamp, latest);
    checked.map_err(|(index, fault)| {
        let invalid = |message: String| Rejection::new(ErrorCode::INVALID_RECORD, message);
        let mut rejection = match fault {
            Fault::Malformed(reason) => invalid(reason.to_owned()),
            Fault::Offset(offset) => invalid(format!("Offset {offset} where {index} was expected")),
            Fault::Timestamp(timestamp) => late_timestamp(timestamp, now_ms),
        };
        rejection.records = vec![(index, rejection.message.clone())];
        rejection
    })
}
