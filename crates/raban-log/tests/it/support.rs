//! Batches to append, and what is in a log.
use bytes::{Bytes, BytesMut};
use raban_log::{Log, LogConfig, Recovery, Storage};
use raban_protocol::compression::{Codec, Compression};
use raban_protocol::record_batch::{
    BatchHeader, RecordBatch, RecordRef, RecordsBuilder, split_batches,
};

/// A batch with one record per value, whose timestamps start at `timestamp` and rise by 1.
pub(crate) fn batch_at(timestamp: i64, values: &[&str], compression: Compression) -> Bytes {
    let mut builder = RecordsBuilder::new(BytesMut::new());
    for (at, value) in (0..).zip(values) {
        let record = RecordRef {
            value: Some(value.as_bytes()),
            ..Default::default()
        };
        builder.append(timestamp + at, &record);
    }
    let codec = Codec::new(compression, None).unwrap();
    let (sealed, _) = builder.seal(&codec, BytesMut::new()).unwrap();
    sealed.stamp(-1, -1, -1).into_bytes()
}

pub(crate) fn batch(values: &[&str]) -> Bytes {
    batch_at(1_000, values, Compression::None)
}

pub(crate) fn small_segments() -> LogConfig {
    LogConfig {
        segment_bytes: 400,
        index_interval_bytes: 150,
    }
}

pub(crate) fn open<S: Storage>(storage: S) -> (Log<S>, Recovery) {
    Log::open(storage, small_segments(), &mut |_: &BatchHeader| {}).unwrap()
}

/// All records' offsets and values, read in small bites.
pub(crate) fn contents<S: Storage>(log: &mut Log<S>) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    let start = log.start_offset();
    let mut offset = start;
    while offset < log.end_offset() {
        let read = log.read(offset, 150, true).unwrap();
        assert!(read.next_offset > offset, "stuck at {offset}");
        for batch in split_batches(read.bytes) {
            let (header, bytes) = batch.unwrap();
            assert_eq!(header.partition_leader_epoch, 7);
            for record in RecordBatch::decode(bytes, 1 << 20).unwrap().records {
                let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                found.push((record.offset, value));
            }
            // The first batch may begin before the log does.
            found.retain(|(offset, _)| *offset >= start);
        }
        offset = read.next_offset;
    }
    found
}

/// Offsets from `start` with these values.
pub(crate) fn numbered(start: i64, values: &[&str]) -> Vec<(i64, String)> {
    (start..)
        .zip(values)
        .map(|(offset, value)| (offset, (*value).to_owned()))
        .collect()
}
