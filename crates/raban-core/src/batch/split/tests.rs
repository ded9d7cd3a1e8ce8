use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use raban_protocol::compression::Compression;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::record_batch::{Header, RecordRef};

use super::*;
use crate::batch::OpenBatch;
use crate::delivery::{BatchResult, Delivery, Settled};
use crate::error::{ErrorKind, ProduceError};
use crate::record::RecordMetadata;
use crate::time::Instant;
use crate::trail::Trail;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Written {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<Header>,
}

fn nullable(len: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
    let repeated = (any::<u8>(), 0..len).prop_map(|(byte, len)| vec![byte; len]);
    proptest::option::of(prop_oneof![vec(any::<u8>(), 0..len), repeated])
}

fn written() -> impl Strategy<Value = Vec<Written>> {
    let header = ("[a-zä]{0,6}", nullable(10)).prop_map(|(key, value)| Header {
        key,
        value: value.map(Into::into),
    });
    let headers = vec(header, 0..3);
    let record = (
        0..2_000_000_000_000_i64,
        nullable(20),
        nullable(400),
        headers,
    );
    let record = record.prop_map(|(timestamp, key, value, headers)| Written {
        timestamp,
        key,
        value,
        headers,
    });
    vec(record, 1..60)
}

fn codec() -> impl Strategy<Value = Codec> {
    let codecs = Compression::ALL.map(|compression| Codec::new(compression, None).unwrap());
    proptest::sample::select(codecs.to_vec())
}

fn batch_of(records: &[Written], codec: &Codec) -> (SealedBatch, Vec<Delivery>) {
    let result = BatchResult::new("t".into(), 3);
    let mut open = OpenBatch::new(BytesMut::new(), result, Instant::default(), 0);
    let append = |record: &Written| {
        let bytes = RecordRef {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
        };
        open.append(record.timestamp, (&bytes).into(), None)
    };
    let deliveries = records.iter().map(append).collect();
    let sealed = open.seal(codec, Instant::default(), None).unwrap();
    (sealed.batch, deliveries)
}

fn records_of(batch: &SealedBatch) -> Vec<Written> {
    let record = |record: Result<Record, _>| {
        let record = record.unwrap();
        Written {
            timestamp: record.timestamp,
            key: record.key.map(|key| key.to_vec()),
            value: record.value.map(|value| value.to_vec()),
            headers: record.headers,
        }
    };
    batch.records.read().unwrap().map(record).collect()
}

fn acknowledged(base_offset: i64) -> Settled {
    Settled::Acknowledged {
        base_offset: Some(base_offset),
        log_append_time: None,
        trail: None,
    }
}

/// What is told of a record that lies at this offset.
fn told(record: &Written, offset: i64) -> (Option<i64>, i64, [Option<usize>; 2]) {
    let sizes = [&record.key, &record.value].map(|part| part.as_ref().map(Vec::len));
    (Some(offset), record.timestamp, sizes)
}

fn tells(metadata: &RecordMetadata) -> (Option<i64>, i64, [Option<usize>; 2]) {
    let sizes = [
        metadata.serialized_key_size(),
        metadata.serialized_value_size(),
    ];
    (metadata.offset, metadata.timestamp, sizes)
}

/// Splits until nothing can be split by these sizes.
fn split_all(batch: SealedBatch, codec: &Codec, sizes: &[usize]) -> Vec<SealedBatch> {
    let Some((max_bytes, smaller)) = sizes.split_first() else {
        return vec![batch];
    };
    match batch.split(codec, *max_bytes) {
        Split::Whole(batch) => vec![batch],
        Split::Halves(batches) => batches
            .into_iter()
            .flat_map(|batch| split_all(batch, codec, smaller))
            .collect(),
    }
}

proptest! {
    #[test]
    fn halves_have_the_records_in_order_and_the_size(
        records in written(),
        codec in codec(),
        max_bytes in 1..6000_usize,
    ) {
        let (batch, deliveries) = batch_of(&records, &codec);
        let held = batch.held;
        let batches = match batch.split(&codec, max_bytes) {
            Split::Whole(whole) => {
                prop_assert_eq!(whole.count(), 1);
                prop_assert_eq!(records_of(&whole), records);
                return Ok(());
            }
            Split::Halves(batches) => batches,
        };
        prop_assert!(batches.len() >= 2);
        for batch in &batches {
            prop_assert!(batch.len() <= max_bytes || batch.count() == 1);
            prop_assert_eq!(records_of(batch).len(), batch.count() as usize);
        }
        let together: Vec<_> = batches.iter().flat_map(records_of).collect();
        prop_assert_eq!(together, records);
        prop_assert_eq!(batches.iter().map(|batch| batch.held).sum::<usize>(), held);
        prop_assert!(deliveries.iter().all(|delivery| !delivery.is_settled()));
    }

    #[test]
    fn handles_find_their_records_through_any_splits(
        records in written(),
        codec in codec(),
        sizes in vec(1..6000_usize, 0..4),
        dropped in vec(any::<bool>(), 60),
    ) {
        let (batch, deliveries) = batch_of(&records, &codec);
        let (early, kept): (Vec<_>, Vec<_>) = deliveries
            .into_iter()
            .zip(0..)
            .partition(|(_, index)| dropped[*index as usize]);
        let mut early: Vec<_> = early.into_iter().map(|(delivery, _)| delivery).collect();
        let unobserved = early.len();
        // Half of them leave before the split, half of them after it.
        let late = early.split_off(unobserved / 2);
        drop(early);
        let batches = split_all(batch, &codec, &sizes);
        drop(late);
        let mut next = 1000;
        let mut counted = 0;
        for batch in batches {
            let count = i64::from(batch.count());
            counted += batch.settle(acknowledged(next), None).unobserved as usize;
            next += count;
        }
        prop_assert_eq!(counted, unobserved);
        for (delivery, index) in kept {
            let metadata = delivery.try_outcome().unwrap().unwrap();
            let expected = told(&records[index as usize], 1000 + index);
            prop_assert_eq!(tells(&metadata), expected);
        }
    }

    #[test]
    fn culprits_leave_and_the_rest_keeps_its_order(
        records in written(),
        codec in codec(),
        culprits in btree_map(0..70_u32, proptest::option::of("[ab]"), 0..30),
    ) {
        let (batch, deliveries) = batch_of(&records, &codec);
        let held = batch.held;
        let is_culprit = |index: usize| culprits.contains_key(&(index as u32));
        let Separated { rest, refused } = match batch.without(&codec, &culprits) {
            Ok(separated) => separated,
            Err(batch) => {
                prop_assert!(!(0..records.len()).any(is_culprit));
                prop_assert_eq!(records_of(&batch), records);
                return Ok(());
            }
        };
        let all = rest.iter().chain(refused.iter().map(|(batch, _)| batch));
        prop_assert_eq!(all.map(|batch| batch.held).sum::<usize>(), held);
        let expected: Vec<_> = records
            .iter()
            .enumerate()
            .filter(|(index, _)| !is_culprit(*index))
            .map(|(_, record)| record.clone())
            .collect();
        prop_assert_eq!(rest.as_ref().map(records_of).unwrap_or_default(), expected);
        if let Some(rest) = rest {
            rest.settle(acknowledged(50), None);
        }
        for (batch, message) in refused {
            let code = ErrorCode::INVALID_RECORD;
            let kind = ErrorKind::Rejected { code, message };
            let error = ProduceError::new(kind, ("t".into(), 3), Trail::default(), false);
            batch.settle(Settled::Failed(error), None);
        }
        let mut next = 50;
        for (index, delivery) in deliveries.iter().enumerate() {
            match delivery.try_outcome().unwrap() {
                Ok(metadata) => {
                    prop_assert!(!is_culprit(index));
                    prop_assert_eq!(tells(&metadata), told(&records[index], next));
                    next += 1;
                }
                Err(error) => match error.kind() {
                    ErrorKind::Rejected { message, .. } => {
                        prop_assert_eq!(Some(message), culprits.get(&(index as u32)));
                    }
                    other => panic!("{other}"),
                },
            }
        }
    }
}

#[test]
fn halves_of_an_uncompressed_batch_are_two() {
    let codec = Codec::new(Compression::None, None).unwrap();
    let record = Written {
        timestamp: 5,
        key: None,
        value: Some(vec![1; 90]),
        headers: Vec::new(),
    };
    let (batch, _deliveries) = batch_of(&vec![record; 100], &codec);
    let refused = batch.len();
    let Split::Halves(batches) = batch.split(&codec, refused - 1) else {
        panic!("it has 100 records");
    };
    let counts: Vec<_> = batches.iter().map(SealedBatch::count).collect();
    assert_eq!(counts, [50, 50]);
}
