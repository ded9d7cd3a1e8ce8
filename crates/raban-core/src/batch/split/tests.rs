use std::task::{Context, Poll, Waker};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use raban_protocol::compression::Compression;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::record_batch::{Header, RecordRef};

use super::*;
use crate::batch::OpenBatch;
use crate::delivery::{BatchResult, Deliveries, Delivery, ManyOutcome, Settled};
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
    let delivery = |index| Delivery::new(Arc::clone(&result), index);
    let deliveries = (0..).take(records.len()).map(delivery).collect();
    (batch_with(&result, records, codec), deliveries)
}

fn batch_with(result: &Arc<BatchResult>, records: &[Written], codec: &Codec) -> SealedBatch {
    let result = Arc::clone(result);
    let mut open = OpenBatch::new(BytesMut::new(), result, Instant::default(), 0);
    let append = |record: &Written| {
        let bytes = RecordRef {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
        };
        open.append(record.timestamp, (&bytes).into(), None)
    };
    let indexes: Vec<u32> = records.iter().map(append).collect();
    assert!((0..).take(records.len()).eq(indexes));
    open.seal(codec, Instant::default(), None).unwrap().batch
}

/// One handle of many for each run of records that `begins` begins.
fn in_runs(result: &Arc<BatchResult>, count: usize, begins: &[bool]) -> Vec<Deliveries> {
    let mut runs: Vec<Deliveries> = Vec::new();
    for (index, begins) in (0..).zip(begins).take(count) {
        match runs.last_mut().filter(|_| !begins) {
            Some(run) => {
                assert!(run.goes_on(result, index));
                run.add_one();
            }
            None => runs.push(Deliveries::new(Arc::clone(result), index)),
        }
    }
    runs
}

/// What each of the records came to.
fn outcomes(mut many: Deliveries) -> Vec<Result<(), ErrorKind>> {
    let count = many.count();
    let mut cx = Context::from_waker(Waker::noop());
    match many.poll_outcome(&mut cx) {
        Poll::Ready(ManyOutcome::Settled(outcome)) => {
            vec![outcome.map_err(|error| error.kind().clone()); count]
        }
        Poll::Ready(ManyOutcome::Split(parts)) => parts.into_iter().flat_map(outcomes).collect(),
        Poll::Pending => panic!("all are settled"),
    }
}

fn refused(message: Option<String>) -> Settled {
    let code = ErrorCode::INVALID_RECORD;
    let kind = ErrorKind::Rejected { code, message };
    let topic_partition = ("t".into(), 3);
    Settled::Failed(ProduceError::new(
        kind,
        topic_partition,
        Trail::default(),
        false,
    ))
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
    (metadata.offset(), metadata.timestamp(), sizes)
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
    fn handles_of_many_find_their_records_through_any_splits(
        records in written(),
        codec in codec(),
        sizes in vec(1..6000_usize, 0..4),
        begins in vec(any::<bool>(), 60),
        dropped in vec(any::<bool>(), 60),
    ) {
        let result = BatchResult::new("t".into(), 3);
        let batch = batch_with(&result, &records, &codec);
        let runs = in_runs(&result, records.len(), &begins);
        let (early, kept): (Vec<_>, Vec<_>) = runs
            .into_iter()
            .zip(&dropped)
            .partition(|(_, dropped)| **dropped);
        let unobserved: usize = early.iter().map(|(run, _)| run.count()).sum();
        let mut early: Vec<_> = early.into_iter().map(|(run, _)| run).collect();
        // Half of them leave before the split, half of them after it.
        let late = early.split_off(early.len() / 2);
        drop(early);
        let batches = split_all(batch, &codec, &sizes);
        drop(late);
        let mut expected = Vec::new();
        let mut counted = 0;
        for (piece, batch) in batches.into_iter().enumerate() {
            let count = batch.count() as usize;
            let message = Some(piece.to_string());
            let (settled, outcome) = match piece % 2 {
                0 => (acknowledged(0), Ok(())),
                _ => {
                    let code = ErrorCode::INVALID_RECORD;
                    let kind = ErrorKind::Rejected { code, message: message.clone() };
                    (refused(message), Err(kind))
                }
            };
            expected.extend(vec![outcome; count]);
            counted += batch.settle(settled, None).unobserved as usize;
        }
        prop_assert_eq!(counted, unobserved);
        let mut kept = kept.into_iter().map(|(run, _)| run);
        let firsts = (0..records.len()).filter(|index| *index == 0 || begins[*index]);
        for (first, _) in firsts.zip(&dropped).filter(|(_, dropped)| !**dropped) {
            let run = kept.next().unwrap();
            let end = first + run.count();
            prop_assert_eq!(outcomes(run), &expected[first..end]);
        }
        prop_assert!(kept.next().is_none());
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
        let Separated { rest, refused: refused_batches } = match batch.without(&codec, &culprits) {
            Ok(separated) => separated,
            Err(batch) => {
                prop_assert!(!(0..records.len()).any(is_culprit));
                prop_assert_eq!(records_of(&batch), records);
                return Ok(());
            }
        };
        let all = rest.iter().chain(refused_batches.iter().map(|(batch, _)| batch));
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
        for (batch, words) in refused_batches {
            batch.settle(refused(words), None);
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
