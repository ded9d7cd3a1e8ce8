//! Record batches: round trips, an independent codec, and bytes that lie.

use bytes::{Bytes, BytesMut};
use kafka_protocol::records as independent;
use proptest::prelude::*;
use raban_protocol::compression::{Codec, Compression};
use raban_protocol::primitives::Records;
use raban_protocol::record_batch::{
    BatchError, BatchHeader, HEADER_LEN, Header, Measured, Record, RecordBatch, RecordReader,
    RecordRef, RecordsBuilder, split_batches, verify_crc,
};

const LIMIT: usize = 1 << 20;

/// A record to write; its offset follows from its place.
#[derive(Debug, Clone)]
struct Written {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<Header>,
}

impl Written {
    fn as_ref(&self) -> RecordRef<'_> {
        RecordRef {
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &self.headers,
        }
    }
}

fn nullable(len: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..len))
}

fn header() -> impl Strategy<Value = Header> {
    (".{0,12}", nullable(40)).prop_map(|(key, value)| Header {
        key,
        value: value.map(Bytes::from),
    })
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(-1),
        0_i64..10,
        1_700_000_000_000_i64..1_700_000_100_000,
        any::<i64>().prop_map(|timestamp| timestamp.max(-1)),
    ]
}

fn records() -> impl Strategy<Value = Vec<Written>> {
    let headers = proptest::collection::vec(header(), 0..4);
    let record = (timestamp(), nullable(60), nullable(300), headers).prop_map(
        |(timestamp, key, value, headers)| Written {
            timestamp,
            key,
            value,
            headers,
        },
    );
    proptest::collection::vec(record, 1..80)
}

fn codec() -> impl Strategy<Value = Codec> {
    let all = Compression::ALL.into_iter();
    let built: Vec<_> = all
        .filter_map(|compression| Codec::new(compression, None).ok())
        .collect();
    proptest::sample::select(built)
}

fn encode(records: &[Written], codec: &Codec, producer: (i64, i16, i32)) -> Bytes {
    let mut builder = RecordsBuilder::new(BytesMut::new());
    for record in records {
        builder.append(record.timestamp, &record.as_ref());
    }
    let (sealed, _) = builder.seal(codec, BytesMut::new()).unwrap();
    let (id, epoch, sequence) = producer;
    sealed.stamp(id, epoch, sequence).into_bytes()
}

fn expected(records: &[Written]) -> Vec<Record> {
    let records = records.iter().enumerate();
    records
        .map(|(offset, record)| Record {
            offset: offset as i64,
            timestamp: record.timestamp,
            key: record.key.clone().map(Bytes::from),
            value: record.value.clone().map(Bytes::from),
            headers: record.headers.clone(),
        })
        .collect()
}

/// A batch around this body, with these many records by its header and a true checksum.
fn batch_around(body: &[u8], record_count: i32) -> Bytes {
    let header = BatchHeader {
        base_offset: 0,
        batch_length: (HEADER_LEN - 12 + body.len()) as i32,
        partition_leader_epoch: -1,
        magic: 2,
        crc: 0,
        attributes: 0,
        last_offset_delta: record_count.wrapping_sub(1),
        base_timestamp: 0,
        max_timestamp: 0,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count,
    };
    with_true_crc([&header.write()[..], body].concat())
}

fn with_true_crc(mut batch: Vec<u8>) -> Bytes {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

fn decode(batch: Bytes) -> Result<RecordBatch, BatchError> {
    RecordBatch::decode(batch, LIMIT)
}

/// The shortest record: null key, null value, no headers.
const SHORTEST: [u8; 7] = [12, 0, 0, 0, 1, 1, 0];

mod independently {
    use super::*;

    const CODECS: [(Compression, independent::Compression); 3] = [
        (Compression::None, independent::Compression::None),
        (Compression::Gzip, independent::Compression::Gzip),
        (Compression::Snappy, independent::Compression::Snappy),
    ];

    /// The same record in the other crate's words, which keep one header of each key.
    fn record(offset: i64, written: &Written, producer: (i64, i16, i32)) -> independent::Record {
        let (producer_id, producer_epoch, sequence) = producer;
        independent::Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id,
            producer_epoch,
            timestamp_type: independent::TimestampType::Creation,
            offset,
            sequence: sequence.wrapping_add(offset as i32),
            timestamp: written.timestamp,
            key: written.key.clone().map(Bytes::from),
            value: written.value.clone().map(Bytes::from),
            headers: written
                .headers
                .iter()
                .map(|header| (header.key.clone().into(), header.value.clone()))
                .collect(),
        }
    }

    fn with_distinct_headers(mut records: Vec<Written>) -> Vec<Written> {
        for record in &mut records {
            let mut seen = std::collections::BTreeSet::new();
            record
                .headers
                .retain(|header| seen.insert(header.key.clone()));
        }
        records
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn reads_what_raban_writes(records in records().prop_map(with_distinct_headers), sequence in 0..1_000_000) {
            for (ours, theirs) in CODECS {
                let Ok(codec) = Codec::new(ours, None) else { continue };
                let producer = (4000, 7, sequence);
                let mut batch = encode(&records, &codec, producer);
                let decoded = independent::RecordBatchDecoder::decode(&mut batch).unwrap();
                prop_assert_eq!(decoded.compression, theirs);
                let expected: Vec<_> = records
                    .iter()
                    .enumerate()
                    .map(|(offset, written)| record(offset as i64, written, producer))
                    .collect();
                prop_assert_eq!(decoded.records, expected);
            }
        }

        #[test]
        fn writes_what_raban_reads(records in records().prop_map(with_distinct_headers), sequence in 0..1_000_000) {
            for (ours, theirs) in CODECS {
                if Codec::new(ours, None).is_err() {
                    continue;
                }
                let producer = (4000, 7, sequence);
                let theirs: Vec<_> = records
                    .iter()
                    .enumerate()
                    .map(|(offset, written)| record(offset as i64, written, producer))
                    .map(|record| (record, theirs))
                    .collect();
                let options = independent::RecordEncodeOptions { version: 2, compression: theirs[0].1 };
                let mut batches = BytesMut::new();
                let theirs = theirs.iter().map(|(record, _)| record);
                independent::RecordBatchEncoder::encode(&mut batches, theirs, &options).unwrap();
                let mut read = Vec::new();
                for batch in split_batches(batches.freeze()) {
                    let decoded = decode(batch.unwrap().1).unwrap();
                    prop_assert_eq!(decoded.header.compression(), Ok(ours));
                    prop_assert_eq!(decoded.header.producer_id, 4000);
                    read.extend(decoded.records);
                }
                prop_assert_eq!(read, expected(&records));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn sealed_records_can_be_read_again(records in records(), codec in codec()) {
        let mut builder = RecordsBuilder::new(BytesMut::new());
        for record in &records {
            builder.append(record.timestamp, &record.as_ref());
        }
        let (sealed, _) = builder.seal(&codec, BytesMut::new()).unwrap();
        let read: Result<Vec<_>, _> = sealed.read().unwrap().collect();
        prop_assert_eq!(read.unwrap(), expected(&records));
    }

    #[test]
    fn records_round_trip(
        records in records(),
        codec in codec(),
        id in -1_i64..,
        epoch in -1_i16..,
        sequence in -1_i32..,
    ) {
        let batch = encode(&records, &codec, (id, epoch, sequence));
        let decoded = decode(batch.clone()).unwrap();
        prop_assert_eq!(decoded.header.total_len(), batch.len());
        prop_assert_eq!(decoded.header.producer_id, id);
        prop_assert_eq!(decoded.header.producer_epoch, epoch);
        prop_assert_eq!(decoded.header.base_sequence, sequence);
        prop_assert_eq!(decoded.header.base_timestamp, records[0].timestamp);
        prop_assert_eq!(Some(decoded.header.max_timestamp), records.iter().map(|r| r.timestamp).max());
        prop_assert_eq!(decoded.header.last_offset(), records.len() as i64 - 1);
        prop_assert_eq!(decoded.records, expected(&records));
    }

    #[test]
    fn sizes_are_known_before(records in records()) {
        let mut builder = RecordsBuilder::new(BytesMut::new());
        for record in &records {
            let before = builder.len();
            let expected = builder.encoded_len(record.timestamp, &record.as_ref());
            builder.append(record.timestamp, &record.as_ref());
            prop_assert_eq!(builder.len() - before, expected);
            prop_assert!(HEADER_LEN + expected <= Measured::new(record.as_ref()).upper_bound());
        }
        prop_assert_eq!(builder.count() as usize, records.len());
    }

    #[test]
    fn stamping_again_changes_the_header_alone(records in records(), codec in codec(), id: i64, sequence: i32) {
        let mut builder = RecordsBuilder::new(BytesMut::new());
        for record in &records {
            builder.append(record.timestamp, &record.as_ref());
        }
        let (sealed, _) = builder.seal(&codec, BytesMut::new()).unwrap();
        let first = sealed.stamp(-1, -1, -1);
        let second = sealed.stamp(id, 3, sequence);
        let body = |records: &Records| records.segments().last().map(|body| body.as_ptr());
        prop_assert_eq!(body(&first), body(&second), "the body is shared");
        prop_assert!(verify_crc(&first.into_bytes()).is_ok());
        let header = verify_crc(&second.into_bytes()).unwrap();
        prop_assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (id, 3, sequence));
    }

    #[test]
    fn a_changed_byte_is_noticed(records in records(), at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut batch = encode(&records, &Codec::NONE, (1, 1, 1)).to_vec();
        let at = at.index(batch.len());
        batch[at] ^= flip;
        let result = decode(batch.into());
        // The checksum doesn't cover base offset and leader epoch, which brokers assign.
        let assigned = at < 8 || (12..16).contains(&at);
        prop_assert_eq!(result.is_ok(), assigned);
    }

    #[test]
    fn random_bodies_are_refused_calmly(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        count in 0..40,
        compression in 0_i16..8,
    ) {
        let mut batch = batch_around(&body, count).to_vec();
        batch[21..23].copy_from_slice(&compression.to_be_bytes());
        let _ = decode(with_true_crc(batch));
    }

    #[test]
    fn mutated_bodies_are_refused_calmly(
        records in records(),
        codec in codec(),
        mutations in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut batch = encode(&records, &codec, (1, 1, 1)).to_vec();
        for (at, byte) in mutations {
            let at = 21 + at.index(batch.len() - 21);
            batch[at] = byte;
        }
        let _ = decode(with_true_crc(batch));
    }
}

#[test]
fn buffers_come_back_for_the_next_batch() {
    let record = RecordRef {
        value: Some(&[7; 1000]),
        ..RecordRef::default()
    };
    let mut builder = RecordsBuilder::new(BytesMut::with_capacity(16_384));
    builder.append(0, &record);
    let (sealed, spare) = builder
        .seal(&Codec::NONE, BytesMut::with_capacity(64))
        .unwrap();
    assert_eq!(spare.unwrap().capacity(), 64, "the scratch wasn't needed");
    let buffer = sealed.into_body().try_into_mut().unwrap();
    assert_eq!(buffer.capacity(), 16_384);

    let Ok(codec) = Codec::new(Compression::Lz4, None) else {
        return;
    };
    let mut builder = RecordsBuilder::new(buffer);
    assert!(builder.is_empty());
    builder.append(0, &record);
    let (sealed, spare) = builder.seal(&codec, BytesMut::new()).unwrap();
    assert!(sealed.len() < 200 && sealed.uncompressed_len() > 1000);
    let spare = spare.unwrap();
    assert_eq!(spare.capacity(), 16_384);

    let short = RecordRef {
        value: Some(b"short"),
        ..RecordRef::default()
    };
    let [reused, fresh] = [spare, BytesMut::new()].map(|buffer| {
        let mut builder = RecordsBuilder::new(buffer);
        builder.append(0, &short);
        let (sealed, _) = builder.seal(&Codec::NONE, BytesMut::new()).unwrap();
        sealed.into_body()
    });
    assert_eq!(reused, fresh, "nothing is left of what it held");
}

#[test]
fn log_append_time_takes_the_place_of_timestamps() {
    let mut batch = batch_around(&SHORTEST, 1).to_vec();
    batch[22] |= 0x08;
    batch[35..43].copy_from_slice(&99_i64.to_be_bytes());
    let decoded = decode(with_true_crc(batch)).unwrap();
    assert_eq!(decoded.records[0].timestamp, 99);
}

#[test]
fn header_keys_that_are_not_utf8_are_replaced() {
    // One header, whose key is the byte 0xff, without value.
    let decoded = decode(batch_around(&[18, 0, 0, 0, 1, 1, 2, 2, 0xff, 1], 1)).unwrap();
    assert_eq!(decoded.records[0].headers[0].key, "\u{fffd}");
}

#[test]
fn batches_that_are_cut_or_too_long() {
    let whole = batch_around(&SHORTEST, 1);
    assert!(decode(whole.clone()).is_ok());
    for cut in 0..whole.len() {
        let error = decode(whole.slice(..cut)).unwrap_err();
        assert!(matches!(error, BatchError::Truncated { .. }), "{error}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(
        decode(longer.into()),
        Err(BatchError::TrailingBytes { count: 1 })
    );
}

#[test]
fn counts_that_lie() {
    let two = SHORTEST.repeat(2);
    assert_eq!(
        decode(batch_around(&two, 1)),
        Err(BatchError::TrailingBytes { count: 7 })
    );
    for count in [3, i32::MAX, -1, i32::MIN] {
        assert_eq!(
            decode(batch_around(&two, count)),
            Err(BatchError::InvalidRecordCount {
                count,
                available: 14
            })
        );
    }
    assert_eq!(
        decode(batch_around(&two, 0)),
        Err(BatchError::TrailingBytes { count: 14 })
    );
    let empty = decode(batch_around(&[], 0)).unwrap();
    assert!(empty.records.is_empty(), "compaction leaves such batches");
}

#[test]
fn lengths_that_lie() {
    let cases: [(&[u8], &str); 8] = [
        (&[13, 0, 0, 0, 1, 1, 0], "record"),
        (&[14, 0, 0, 0, 1, 1, 0], "record"),
        (&[12, 0, 0, 0, 3, 1, 0], "key"),
        (&[12, 0, 0, 0, 40, 1, 0], "key"),
        (&[12, 0, 0, 0, 1, 20, 0], "value"),
        (&[12, 0, 0, 0, 1, 1, 2], "header count"),
        (&[12, 0, 0, 0, 1, 1, 1], "header count"),
        (&[18, 0, 0, 0, 1, 1, 2, 1, 0, 0], "header key"),
    ];
    for (body, expected) in cases {
        match decode(batch_around(body, 1)) {
            Err(BatchError::InvalidRecordLength { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    // A record that is longer than its fields.
    assert_eq!(
        decode(batch_around(&[14, 0, 0, 0, 1, 1, 0, 0], 1)),
        Err(BatchError::TrailingBytes { count: 1 })
    );
    let endless = [0xff; 12];
    assert_eq!(
        decode(batch_around(&endless, 1)),
        Err(BatchError::VarintTooLong { max_len: 5 })
    );
    let endless_timestamp = [&[40, 0][..], &[0xff; 20]].concat();
    assert_eq!(
        decode(batch_around(&endless_timestamp, 1)),
        Err(BatchError::VarintTooLong { max_len: 10 })
    );
}

#[test]
fn the_reader_ends_after_an_error() {
    let body = [&SHORTEST[..], &[12, 0, 0, 0, 3, 1, 0], &SHORTEST].concat();
    let batch = batch_around(&body, 3);
    let header = BatchHeader::read(&batch).unwrap();
    let reader = RecordReader::new(&header, batch.slice(HEADER_LEN..), LIMIT).unwrap();
    let read: Vec<_> = reader.map(|record| record.is_ok()).collect();
    assert_eq!(read, [true, false]);
}
