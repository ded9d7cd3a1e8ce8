//! Appending, reading, looking up and cutting a log in memory.
use bytes::Bytes;
use raban_log::{Appended, LogError, MemoryStorage, Storage};
use raban_protocol::compression::Compression;

use crate::support::{batch, batch_at, contents, numbered, open};

const SEGMENT_0: &str = "00000000000000000000.log";

fn segments(storage: &MemoryStorage) -> Vec<String> {
    let mut files = storage.clone().list().unwrap();
    files.sort();
    files.into_iter().map(|f| f.name).collect()
}

#[test]
fn batches_get_offsets_and_read_back_across_segments() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    assert!(segments(&storage).is_empty(), "an empty log has no file");
    assert_eq!(log.read(0, 100, true).unwrap().bytes, Bytes::new());
    let mut expected = Vec::new();
    for round in 0..40 {
        let values: Vec<String> = (0..=round % 3).map(|i| format!("{round}.{i}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let base_offset = log.end_offset();
        let last_offset = base_offset + values.len() as i64 - 1;
        expected.extend(numbered(base_offset, &values));
        let appended = log.append(&batch(&values), 7).unwrap();
        assert_eq!(
            appended,
            Appended {
                base_offset,
                last_offset
            }
        );
    }
    assert_eq!(contents(&mut log), expected);
    assert!(segments(&storage).len() > 5);
    assert_eq!(log.size(), storage.size());

    let mut seen = 0;
    let (mut log, recovery) = open(storage.clone());
    assert_eq!(contents(&mut log), expected);
    assert_eq!(recovery.truncated, None);
    assert_eq!((recovery.batches, recovery.bytes), (40, storage.size()));
    raban_log::Log::open(storage, crate::support::small_segments(), &mut |header| {
        assert_eq!(header.base_offset, seen);
        seen = header.last_offset() + 1;
    })
    .unwrap();
    assert_eq!(seen, log.end_offset());
}

#[test]
fn a_read_keeps_to_its_limit_but_for_one_batch() {
    let (mut log, _) = open(MemoryStorage::new());
    let len = batch(&["a"]).len();
    for value in ["a", "b", "c"] {
        log.append(&batch(&[value]), 7).unwrap();
    }
    assert!(log.read(0, len - 1, false).unwrap().bytes.is_empty());
    assert_eq!(log.read(0, 0, true).unwrap().bytes.len(), len);
    let two = log.read(1, 2 * len + 10, false).unwrap();
    assert_eq!((two.bytes.len(), two.next_offset), (2 * len, 3));
    for offset in [-1, 4] {
        let error = log.read(offset, 10, true).unwrap_err();
        assert!(
            matches!(
                error,
                LogError::OffsetOutOfRange {
                    start: 0,
                    end: 3,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn bytes_that_are_no_single_batch_are_refused() {
    let (mut log, _) = open(MemoryStorage::new());
    let one = batch(&["a"]);
    let two = Bytes::from([&one[..], &one[..]].concat());
    for bad in [
        Bytes::new(),
        one.slice(..30),
        one.slice(..one.len() - 1),
        two,
    ] {
        assert!(log.append(&bad, 7).is_err());
    }
    assert_eq!((log.end_offset(), log.size()), (0, 0));
}

#[test]
fn offsets_are_found_by_timestamp() {
    for compression in [Compression::None, Compression::Gzip] {
        let (mut log, _) = open(MemoryStorage::new());
        assert_eq!(log.offset_for_timestamp(0).unwrap(), None);
        assert_eq!(log.offset_of_max_timestamp().unwrap(), None);
        // The third is older than the second: the first record that is new enough counts.
        for timestamp in [1_000, 3_000, 2_000, 4_000, 4_000] {
            log.append(&batch_at(timestamp, &["x", "y"], compression), 7)
                .unwrap();
        }
        let cases = [
            (0, Some((0, 1_000))),
            (1_001, Some((1, 1_001))),
            (1_002, Some((2, 3_000))),
            (3_001, Some((3, 3_001))),
            (3_002, Some((6, 4_000))),
            (4_001, Some((7, 4_001))),
            (4_002, None),
        ];
        for (timestamp, expected) in cases {
            assert_eq!(
                log.offset_for_timestamp(timestamp).unwrap(),
                expected,
                "{timestamp}"
            );
        }
        assert_eq!(log.offset_of_max_timestamp().unwrap(), Some((7, 4_001)));
        log.truncate_front(1).unwrap();
        assert_eq!(log.offset_for_timestamp(0).unwrap(), Some((1, 1_000)));
    }
}

#[test]
fn the_front_can_be_cut_off() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    let values: Vec<String> = (0..30).map(|i| i.to_string()).collect();
    for value in &values {
        log.append(&batch(&[value]), 7).unwrap();
    }
    let before = segments(&storage).len();
    log.truncate_front(17).unwrap();
    assert!(segments(&storage).len() < before);
    assert_eq!(contents(&mut log)[0], (17, "17".to_owned()));
    assert!(log.read(16, 10, true).is_err());
    assert!(log.truncate_front(16).is_err());

    let (mut again, _) = open(storage.clone());
    assert!(again.start_offset() <= 17 && again.start_offset() > 10);
    assert_eq!(contents(&mut again).last().unwrap(), &(29, "29".to_owned()));

    log.truncate_front(30).unwrap();
    assert_eq!(
        (log.start_offset(), log.end_offset(), log.size()),
        (30, 30, 0)
    );
    let (mut again, _) = open(storage);
    assert_eq!((again.start_offset(), again.end_offset()), (30, 30));
    assert_eq!(again.append(&batch(&["z"]), 7).unwrap().base_offset, 30);
}

#[test]
fn a_torn_tail_is_cut_and_said() {
    let whole = batch(&["a", "b"]);
    for torn in 1..whole.len() {
        let mut storage = MemoryStorage::new();
        let (mut log, _) = open(storage.clone());
        log.append(&whole, 7).unwrap();
        log.append(&whole, 7).unwrap();
        let kept = whole.len() as u64;
        storage.truncate(SEGMENT_0, kept + torn as u64).unwrap();
        let (mut log, recovery) = open(storage.clone());
        let cut = recovery.truncated.unwrap();
        assert_eq!(
            (cut.file.as_str(), cut.position, cut.bytes),
            (SEGMENT_0, kept, torn as u64)
        );
        assert_eq!(storage.size(), kept);
        log.append(&batch(&["c"]), 7).unwrap();
        let mut expected = numbered(0, &["a", "b", "c"]);
        expected[2].0 = 2;
        assert_eq!(contents(&mut log), expected);
    }
}

#[test]
fn a_flipped_bit_in_the_tail_is_found() {
    let one = batch(&["a"]);
    for at in 0..one.len() {
        let mut storage = MemoryStorage::new();
        let mut bytes = one.to_vec();
        bytes[15] = 7;
        bytes[at] ^= 0x10;
        storage.create(SEGMENT_0).unwrap();
        storage.append(SEGMENT_0, &[Bytes::from(bytes)]).unwrap();
        let (log, recovery) = open(storage);
        // The leader epoch alone is not covered by anything.
        let uncovered = (12..16).contains(&at);
        assert_eq!(recovery.truncated.is_none(), uncovered, "bit at {at}");
        assert_eq!(log.end_offset(), i64::from(uncovered));
    }
}

#[test]
fn a_damaged_segment_before_the_last_one_is_an_error() {
    let mut storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    for _ in 0..20 {
        log.append(&batch(&["a"]), 7).unwrap();
    }
    storage.truncate(SEGMENT_0, 100).unwrap();
    let error =
        raban_log::Log::open(storage, crate::support::small_segments(), &mut |_| {}).unwrap_err();
    assert!(
        matches!(&error, LogError::Corrupt { file, .. } if file == SEGMENT_0),
        "{error}"
    );
}

#[test]
fn a_sync_beside_appends_covers_what_was_there_when_it_began() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    log.append(&batch(&["a"]), 7).unwrap();
    assert_eq!(log.synced_offset(), 0);
    let pending = log.begin_sync().unwrap().unwrap();
    log.append(&batch(&["b"]), 7).unwrap();
    let outcome = pending.run();
    log.finish_sync(outcome).unwrap();
    assert_eq!(log.synced_offset(), 1);
    log.sync().unwrap();
    assert_eq!(log.synced_offset(), 2);
    assert!(log.begin_sync().unwrap().is_none());
}

#[test]
fn a_log_is_cut_at_its_end_and_goes_on_there() {
    let storage = MemoryStorage::new();
    let (mut log, _) = open(storage.clone());
    for at in 0..10 {
        let value = at.to_string();
        log.append(&batch(&[&value, "x"]), 7).unwrap();
    }
    log.truncate_to(20).unwrap();
    assert_eq!(log.end_offset(), 20);
    assert!(log.truncate_to(21).is_err());
    log.truncate_to(5).unwrap();
    assert_eq!(log.end_offset(), 4, "a batch goes as a whole");
    storage.crash(3);
    let (mut log, recovery) = open(storage.clone());
    assert_eq!(recovery.truncated, None, "the cut is durable");
    assert_eq!(contents(&mut log), numbered(0, &["0", "x", "1", "x"]));
    log.append(&batch(&["new"]), 7).unwrap();
    log.truncate_front(4).unwrap();
    log.truncate_to(2).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (2, 2));
    log.append(&batch(&["again"]), 7).unwrap();
    assert_eq!(contents(&mut log), numbered(2, &["again"]));
}
