//! Batches against the bytes that the Java client wrote (testbed/java/GoldenBatches.java), and Java reading ours.

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::{Bytes, BytesMut};
use raban_protocol::compression::{Codec, Compression};
use raban_protocol::record_batch::{
    Header, Record, RecordBatch, RecordRef, RecordsBuilder, split_batches,
};

const CASES: [&str; 6] = [
    "plain",
    "nulls",
    "headers",
    "timestamps",
    "idempotent",
    "long",
];
const LIMIT: usize = 1 << 20;

/// What a `batch-CASE.tsv` says is in the batches of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Case {
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    records: Vec<Record>,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

impl Case {
    fn load(name: &str) -> Self {
        let path = golden().join(format!("batch-{name}.tsv"));
        Self::parse(&std::fs::read_to_string(path).unwrap())
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let producer: Vec<_> = lines.next().unwrap().split('\t').collect();
        Self {
            producer_id: producer[1].parse().unwrap(),
            producer_epoch: producer[2].parse().unwrap(),
            base_sequence: producer[3].parse().unwrap(),
            records: lines
                .enumerate()
                .map(|(offset, line)| parse_record(offset as i64, line))
                .collect(),
        }
    }

    /// Records of words, which come to about `len` bytes.
    fn of_words(len: usize) -> Self {
        let mut state = 1_u64;
        let mut word = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            format!("{} ", (state >> 44) % 1000 * 37)
        };
        let record = |offset| Record {
            offset,
            timestamp: 1_700_000_000_000,
            key: None,
            value: Some(
                std::iter::repeat_with(&mut word)
                    .take(20)
                    .collect::<String>()
                    .into(),
            ),
            headers: Vec::new(),
        };
        Self {
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records: (0..len as i64 / 115).map(record).collect(),
        }
    }

    /// The batch as raban writes it.
    fn encode(&self, codec: &Codec) -> Bytes {
        let mut builder = RecordsBuilder::new(BytesMut::new());
        for record in &self.records {
            let record_ref = RecordRef {
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &record.headers,
            };
            let before = builder.len();
            let expected = builder.encoded_len(record.timestamp, &record_ref);
            let index = builder.append(record.timestamp, &record_ref);
            assert_eq!(i64::from(index), record.offset);
            assert_eq!(builder.len() - before, expected);
        }
        let (sealed, _) = builder.seal(codec, BytesMut::new()).unwrap();
        let records = sealed.stamp(self.producer_id, self.producer_epoch, self.base_sequence);
        assert_eq!(records.len(), sealed.len());
        records.into_bytes()
    }

    fn check(&self, batch: Bytes, compression: Compression) {
        let decoded = RecordBatch::decode(batch, LIMIT).unwrap();
        assert_eq!(decoded.header.compression(), Ok(compression));
        assert_eq!(decoded.header.producer_id, self.producer_id);
        assert_eq!(decoded.header.producer_epoch, self.producer_epoch);
        assert_eq!(decoded.header.base_sequence, self.base_sequence);
        assert!(decoded.records == self.records);
    }
}

fn parse_record(offset: i64, line: &str) -> Record {
    let fields: Vec<_> = line.split('\t').collect();
    let headers = fields[3].split(',').filter(|header| !header.is_empty());
    Record {
        offset,
        timestamp: fields[0].parse().unwrap(),
        key: parse_bytes(fields[1]),
        value: parse_bytes(fields[2]),
        headers: headers
            .map(|header| {
                let (key, value) = header.split_once('=').unwrap();
                Header {
                    key: String::from_utf8(parse_bytes(key).unwrap().to_vec()).unwrap(),
                    value: parse_bytes(value),
                }
            })
            .collect(),
    }
}

fn parse_bytes(notation: &str) -> Option<Bytes> {
    if notation == "-" {
        return None;
    }
    let (unit, times) = notation.split_once('*').unwrap_or((notation, "1"));
    let unit: Vec<u8> = (0..unit.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&unit[at..at + 2], 16).unwrap())
        .collect();
    Some(unit.repeat(times.parse().unwrap()).into())
}

fn java_batch(name: &str, compression: Compression) -> Bytes {
    let path = golden().join(format!("batch-{name}-{compression}.bin"));
    std::fs::read(path).unwrap().into()
}

/// The codecs that this build has.
fn codecs() -> impl Iterator<Item = Codec> {
    let all = Compression::ALL.into_iter();
    all.filter_map(|compression| Codec::new(compression, None).ok())
}

#[test]
fn uncompressed_batches_are_byte_for_byte_those_of_java() {
    for name in CASES {
        let ours = Case::load(name).encode(&Codec::NONE);
        assert!(ours == java_batch(name, Compression::None), "{name}");
    }
}

#[test]
fn batches_of_java_are_read() {
    for name in CASES {
        let case = Case::load(name);
        for codec in codecs() {
            case.check(java_batch(name, codec.compression()), codec.compression());
        }
    }
}

#[test]
fn batches_of_raban_are_read() {
    for name in CASES {
        let case = Case::load(name);
        for codec in codecs() {
            case.check(case.encode(&codec), codec.compression());
        }
    }
}

#[test]
fn batches_in_a_row_are_split() {
    let run: Vec<_> = codecs()
        .map(|codec| java_batch("headers", codec.compression()))
        .collect();
    let split: Vec<_> = split_batches(run.concat().into())
        .map(|batch| batch.unwrap().1)
        .collect();
    assert_eq!(split, run);
}

#[test]
#[ignore = "needs Java, and Maven to fetch the jars of Apache Kafka"]
fn java_reads_batches_of_raban() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut cases = Vec::new();
    let mut files = Vec::new();
    let named = CASES.map(|name| (name.to_owned(), Case::load(name)));
    // One block of each size that LZ4 frames have here, and several.
    let large = [50_000, 200_000, 800_000, 3_000_000];
    let large = large.map(|len| (format!("words-{len}"), Case::of_words(len)));
    for (name, case) in named.into_iter().chain(large) {
        for codec in codecs() {
            let file = scratch.join(format!("raban-{name}-{}.bin", codec.compression()));
            std::fs::write(&file, case.encode(&codec)).unwrap();
            cases.push(case.clone());
            files.push(file);
        }
    }
    let read = run_java(scratch, &files);
    let read = read.split("batch\t").skip(1);
    let read: Vec<_> = read
        .map(|one| Case::parse(&format!("batch\t{one}")))
        .collect();
    assert!(read == cases);
}

/// What GoldenBatches.java prints about these files.
fn run_java(scratch: &Path, files: &[PathBuf]) -> String {
    let testbed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testbed");
    let class_path = scratch.join("classpath");
    let fetched = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(testbed.join("kafka/pom.xml"))
        .arg("dependency:build-classpath")
        .arg("-Dkafka.version=4.4.0")
        .arg(format!("-Dmdep.outputFile={}", class_path.display()))
        .output()
        .unwrap();
    assert!(fetched.status.success(), "{fetched:?}");
    let java = Command::new("java")
        .arg("-cp")
        .arg(std::fs::read_to_string(class_path).unwrap().trim())
        .arg(testbed.join("java/GoldenBatches.java"))
        .arg("read")
        .args(files)
        .output()
        .unwrap();
    assert!(java.status.success(), "{java:?}");
    String::from_utf8(java.stdout).unwrap()
}
