//! Compaction: what goes, what stays, and that a compacted log is read, cut and opened like any other.
use bytes::{Bytes, BytesMut};
use raban_log::{Log, MemoryStorage, Storage};
use raban_protocol::compression::{Codec, Compression};
use raban_protocol::record_batch::{
    BatchHeader, Record, RecordBatch, RecordRef, RecordsBuilder, split_batches,
};

use crate::support::{batch_at, open};

/// A batch of these values, by a producer whose sequences are the log's offsets.
fn stamped(producer: i64, sequence: i32, values: &[&str], compression: Compression) -> Bytes {
    let mut builder = RecordsBuilder::new(BytesMut::new());
    for (at, value) in (0..).zip(values) {
        let record = RecordRef {
            value: Some(value.as_bytes()),
            ..Default::default()
        };
        builder.append(1_000 + at, &record);
    }
    let codec = Codec::new(compression, None).unwrap();
    let (sealed, _) = builder.seal(&codec, BytesMut::new()).unwrap();
    sealed.stamp(producer, 0, sequence).into_bytes()
}

fn value(record: &Record) -> String {
    String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()
}

/// Each batch's offsets, sequence and records.
type Found = (i64, i64, i32, Vec<(i64, i64, String)>);

/// All batches, read in small bites.
fn batches<S: Storage>(log: &mut Log<S>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut offset = log.start_offset();
    while offset < log.end_offset() {
        let read = log.read(offset, 100, true).unwrap();
        assert!(read.next_offset > offset, "stuck at {offset}");
        for split in split_batches(read.bytes) {
            let RecordBatch { header, records } =
                RecordBatch::decode(split.unwrap().1, 1 << 20).unwrap();
            let records = records.iter().map(|r| (r.offset, r.timestamp, value(r)));
            let last = header.last_offset();
            found.push((
                header.base_offset,
                last,
                header.base_sequence,
                records.collect(),
            ));
        }
        offset = read.next_offset;
    }
    found
}

fn kept(offset: i64, timestamp: i64, value: &str) -> (i64, i64, String) {
    (offset, timestamp, value.to_owned())
}

#[test]
fn records_go_and_offsets_sequences_and_timestamps_stay() {
    for compression in [Compression::None, Compression::Gzip] {
        let storage = MemoryStorage::new();
        let (mut log, _) = open(storage.clone());
        for (producer, sequence, values) in [
            (1, 0, &["a", "gone", "c"][..]),
            (1, 3, &["gone", "gone"]),
            (2, 0, &["gone"]),
            (1, 5, &["f"]),
            (1, 6, &["gone", "gone"]),
        ] {
            let batch = stamped(producer, sequence, values, compression);
            log.append(&batch, 7).unwrap();
        }
        log.compact(9, &mut |record| value(record) != "gone")
            .unwrap();
        let expected = [
            (0, 2, 0, vec![kept(0, 1_000, "a"), kept(2, 1_002, "c")]),
            (5, 5, 0, vec![]),
            (6, 6, 5, vec![kept(6, 1_000, "f")]),
            (7, 8, 6, vec![]),
        ];
        assert_eq!(batches(&mut log), expected);
        assert_eq!((log.start_offset(), log.end_offset()), (0, 9));
        let (mut reopened, recovery) = open(storage);
        assert_eq!(
            (batches(&mut reopened), recovery.truncated),
            (expected.into(), None)
        );
        reopened
            .append(&stamped(1, 8, &["j"], compression), 7)
            .unwrap();
        let last = batches(&mut reopened).pop().unwrap();
        assert_eq!(last, (9, 9, 8, vec![kept(9, 1_000, "j")]));
    }
}

#[test]
fn what_lies_behind_the_end_or_before_the_start_stays() {
    let (mut log, _) = open(MemoryStorage::new());
    for sequence in 0..6 {
        log.append(&stamped(1, sequence, &["v"], Compression::None), 7)
            .unwrap();
    }
    log.truncate_front(1).unwrap();
    log.compact(4, &mut |_| false).unwrap();
    let left: Vec<i64> = batches(&mut log).iter().map(|batch| batch.0).collect();
    assert_eq!(left, [4, 5]);
    log.compact(6, &mut |_| false).unwrap();
    let left: Vec<(i64, usize)> = batches(&mut log).iter().map(|b| (b.0, b.3.len())).collect();
    assert_eq!(
        left,
        [(4, 0), (5, 0)],
        "a segment's last batch, the producer's"
    );
}

#[test]
fn a_compacted_log_is_cut_and_looked_up() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    for at in 0..12 {
        let value = at.to_string();
        log.append(&batch_at(at, &[&value], Compression::None), 7)
            .unwrap();
    }
    let keep = |record: &Record| record.offset % 4 == 0;
    log.compact(12, &mut { keep }).unwrap();
    let mut headers = Vec::new();
    let mut push = |header: &BatchHeader| headers.push(header.base_offset);
    log.headers(5, &mut push).unwrap();
    assert!(
        headers.contains(&8) && headers.last() == Some(&11),
        "{headers:?}"
    );
    assert_eq!(log.offset_for_timestamp(5).unwrap(), Some((8, 8)));
    assert_eq!(log.offset_of_max_timestamp().unwrap(), Some((8, 8)));
    log.truncate_to(7).unwrap();
    assert_eq!(log.end_offset(), 7);
    log.append(&batch_at(50, &["new"], Compression::None), 7)
        .unwrap();
    let records = |log: &mut Log<MemoryStorage>| -> Vec<i64> {
        let found = batches(log).into_iter().flat_map(|batch| batch.3);
        found.map(|record| record.0).collect()
    };
    assert_eq!(records(&mut log), [0, 4, 7]);
    let (mut reopened, recovery) = open(storage);
    assert_eq!(
        (records(&mut reopened), recovery.truncated),
        (vec![0, 4, 7], None)
    );
}

#[test]
fn a_segment_that_never_took_its_place_is_removed() {
    let mut storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    log.append(&stamped(1, 0, &["v"], Compression::None), 7)
        .unwrap();
    let left = "00000000000000000000.log.cleaned";
    storage.create(left).unwrap();
    let (mut log, _) = open(storage.clone());
    assert!(storage.list().unwrap().iter().all(|file| file.name != left));
    log.compact(1, &mut |_| false).unwrap();
    assert_eq!(batches(&mut log), [(0, 0, 0, vec![])]);
}
