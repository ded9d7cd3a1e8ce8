//! A batch's bytes: written, read, compressed.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use raban_protocol::compression::{Codec, Compression};
use raban_protocol::record_batch::{
    BatchHeader, HEADER_LEN, RecordReader, RecordRef, RecordsBuilder,
};

use crate::Meter;

const BATCH_SIZE: usize = 16 * 1024;
const ROUNDS: u64 = 20;

pub(crate) fn encode(meter: &mut Meter) -> u64 {
    let values = values(BATCH_SIZE / 120);
    let mut buffer = BytesMut::with_capacity(BATCH_SIZE);
    for _ in 0..ROUNDS {
        let empty = std::mem::take(&mut buffer);
        let mut batch = None;
        let mut empty = Some(empty);
        meter.measure(&mut || {
            let empty = empty.take().unwrap_or_default();
            batch = Some(sealed(empty, &values).stamp(1, 0, 0));
        });
        black_box(&batch);
        buffer = BytesMut::with_capacity(BATCH_SIZE);
    }
    ROUNDS * values.len() as u64
}

pub(crate) fn decode(meter: &mut Meter) -> u64 {
    let values = values(BATCH_SIZE / 120);
    let batch = sealed(BytesMut::new(), &values).stamp(1, 0, 0).into_bytes();
    let mut read = 0;
    for _ in 0..ROUNDS {
        meter.measure(&mut || {
            let header = BatchHeader::read(&batch).expect("it was just written");
            let body = batch.slice(HEADER_LEN..);
            let records = RecordReader::new(&header, body, 1 << 20).expect("it isn't compressed");
            read += records.filter(|record| black_box(record).is_ok()).count() as u64;
        });
    }
    read
}

pub(crate) fn gzip(meter: &mut Meter) -> u64 {
    compress(meter, Compression::Gzip)
}

pub(crate) fn snappy(meter: &mut Meter) -> u64 {
    compress(meter, Compression::Snappy)
}

pub(crate) fn lz4(meter: &mut Meter) -> u64 {
    compress(meter, Compression::Lz4)
}

pub(crate) fn zstd(meter: &mut Meter) -> u64 {
    compress(meter, Compression::Zstd)
}

/// The records of a batch, as the producer compresses them, at the codec's own level.
fn compress(meter: &mut Meter, compression: Compression) -> u64 {
    let codec = Codec::new(compression, None).expect("the feature is on");
    let mut body = sealed(BytesMut::new(), &values(BATCH_SIZE / 100))
        .body()
        .to_vec();
    body.truncate(BATCH_SIZE);
    assert_eq!(body.len(), BATCH_SIZE);
    for _ in 0..ROUNDS {
        let mut out = BytesMut::with_capacity(BATCH_SIZE);
        meter.measure(&mut || {
            codec
                .compress(&body, &mut out)
                .expect("it has no reason to fail")
        });
        black_box(out);
    }
    ROUNDS
}

fn sealed(buffer: BytesMut, values: &[Bytes]) -> raban_protocol::record_batch::SealedRecords {
    let mut builder = RecordsBuilder::new(buffer);
    for (value, timestamp) in values.iter().zip(1_700_000_000_000..) {
        let record = RecordRef {
            key: None,
            value: Some(value),
            headers: &[],
        };
        builder.append(timestamp, &record);
    }
    let sealed = builder.seal(&Codec::NONE, BytesMut::new());
    sealed.expect("nothing is compressed").0
}

/// About 110 bytes each, half of them always alike.
fn values(count: usize) -> Vec<Bytes> {
    let mut random = 1_u64;
    let mut next = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        random >> 33
    };
    let value = |id: usize| {
        let (customer, cents, session) = (next() % 5000, next() % 100_000, next() << 32 | next());
        format!(
            r#"{{"id":{id},"customer":"customer-{customer}","cents":{cents},"currency":"EUR","session":"{session:016x}"}}"#
        )
        .into()
    };
    (0..count).map(value).collect()
}
