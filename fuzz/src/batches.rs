//! Record batches as anybody may have written them; with a true length and checksum, so that what is behind is reached.

use bytes::{Bytes, BytesMut};
use raban_protocol::compression::{Codec, Compression};
use raban_protocol::record_batch::{
    BatchHeader, HEADER_LEN, Header, Record, RecordBatch, RecordReader, RecordRef, RecordsBuilder,
    split_batches,
};

use crate::entropy::Entropy;

/// The most that a batch is decompressed to.
const LIMIT: usize = 1 << 18;

/// First byte: as it is, or made whole; the rest is the batches.
pub fn run(data: &[u8]) {
    let mut entropy = Entropy::new(data);
    let whole = entropy.flag();
    let mut bytes = entropy.rest().to_vec();
    if whole {
        make_whole(&mut bytes);
    }
    let bytes = Bytes::from(bytes);
    let mut total = 0;
    for split in split_batches(bytes.clone()) {
        let Ok((header, batch)) = split else { continue };
        assert_eq!(header.total_len(), batch.len());
        total += batch.len();
        read(&header, &batch);
    }
    assert!(total <= bytes.len());
}

fn read(header: &BatchHeader, batch: &Bytes) {
    if let Ok(reader) = RecordReader::new(header, batch.slice(HEADER_LEN..), LIMIT) {
        // It ends at its first error.
        let read: Vec<_> = reader.collect();
        let wrong = read.iter().position(Result::is_err);
        assert!(wrong.is_none_or(|at| at == read.len() - 1));
    }
    if let Ok(decoded) = RecordBatch::decode(batch.clone(), LIMIT) {
        assert_eq!(decoded.records.len() as i64, i64::from(header.record_count));
        write_again(&decoded.records);
    }
}

/// A batch of the same records is read as the same, but for offsets.
fn write_again(records: &[Record]) {
    if records.is_empty() {
        return;
    }
    let mut builder = RecordsBuilder::new(BytesMut::new());
    for record in records {
        let content = content(record);
        let expected = builder.len() + builder.encoded_len(record.timestamp, &content);
        builder.append(record.timestamp, &content);
        assert_eq!(builder.len(), expected);
    }
    let (sealed, _) = builder
        .seal(&Codec::NONE, BytesMut::new())
        .expect("nothing is compressed");
    let batch = sealed.stamp(-1, -1, -1).into_bytes();
    assert_eq!(batch.len(), sealed.len());
    let read = RecordBatch::decode(batch, usize::MAX).expect("what was written can be read");
    assert_eq!(read.records.len(), records.len());
    for (read, record) in read.records.iter().zip(records) {
        assert_eq!(read.timestamp, record.timestamp);
        assert_eq!(content(read), content(record));
    }
}

fn content(record: &Record) -> RecordRef<'_> {
    RecordRef {
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        headers: &record.headers,
    }
}

/// Magic, length and checksum as they must be.
fn make_whole(bytes: &mut [u8]) {
    if bytes.len() < HEADER_LEN {
        return;
    }
    let length = (bytes.len() - 12) as i32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[16] = 2;
    let checksum = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
}

pub fn seeds() -> Vec<Vec<u8>> {
    let headers = [
        Header {
            key: "h".to_owned(),
            value: None,
        },
        Header {
            key: String::new(),
            value: Some(Bytes::from_static(b"v")),
        },
    ];
    let records = [
        RecordRef::default(),
        RecordRef {
            key: Some(b"key"),
            value: Some(&[b'x'; 100]),
            headers: &headers,
        },
        RecordRef {
            value: Some(b""),
            ..RecordRef::default()
        },
    ];
    let mut seeds = Vec::new();
    for compression in Compression::ALL {
        let mut builder = RecordsBuilder::new(BytesMut::new());
        for (timestamp, record) in [1_000, 5, 1 << 40].into_iter().zip(&records) {
            builder.append(timestamp, record);
        }
        let codec = Codec::new(compression, None).expect("each has a default");
        let (sealed, _) = builder
            .seal(&codec, BytesMut::new())
            .expect("it compresses");
        let batch = sealed.stamp(7, 0, 3).into_bytes();
        seeds.push([&[1], &batch[..]].concat());
        seeds.push([&[0], &batch[..], &batch[..]].concat());
    }
    seeds
}
