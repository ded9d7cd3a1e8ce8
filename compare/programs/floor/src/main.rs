//! The least that a producer must do: encode the records into batches, checksum them and write them to a socket. No
//! partitions, no bound on memory, no answers: at the end the sink tells how many bytes came, and that's all.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use load::{Client, Failure, Settings, Share, Tally, Workload};
use raban_protocol::compression::{Codec, Compression};
use raban_protocol::record_batch::{HEADER_LEN, RecordRef, RecordsBuilder};

/// Bytes of records in a batch: the size that is cheapest here.
const BATCH: usize = 256 * 1024;

fn main() -> ExitCode {
    load::run(Floor::connect)
}

struct Floor {
    sink: String,
    codec: Codec,
}

impl Floor {
    fn connect(workload: &Workload, _: &Arc<Tally>) -> Result<(Self, Settings), Failure> {
        let compression = Compression::from_name(workload.compression.name())
            .ok_or_else(|| Failure::new("raban-protocol doesn't know this codec"))?;
        let floor = Self {
            sink: workload.bootstrap.clone(),
            codec: Codec::new(compression, None).map_err(Failure::new)?,
        };
        let settings = [("batch".to_owned(), BATCH.to_string())];
        Ok((floor, settings.into()))
    }
}

impl Client for Floor {
    fn send(&self, share: Share) -> Result<(), Failure> {
        let tally = Arc::clone(&share.tally);
        let records = share.len() as u64;
        let mut sink = Sink::connect(&self.sink)?;
        let mut spare = BytesMut::with_capacity(BATCH);
        let mut batch = RecordsBuilder::new(std::mem::take(&mut spare));
        let mut scratch = BytesMut::new();
        let mut now = now();
        for record in share {
            let record = RecordRef {
                key: record.key,
                value: Some(record.value),
                headers: &[],
            };
            if batch.len() + HEADER_LEN + batch.encoded_len(now, &record) > BATCH {
                (spare, scratch) = sink.write(batch, &self.codec, scratch)?;
                batch = RecordsBuilder::new(spare);
                now = self::now();
            }
            batch.append(now, &record);
        }
        if !batch.is_empty() {
            sink.write(batch, &self.codec, scratch)?;
        }
        sink.end()?;
        tally.delivered_many(records);
        Ok(())
    }

    fn close(self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Milliseconds since the Unix epoch: a record's timestamp.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

struct Sink {
    stream: TcpStream,
    written: u64,
}

impl Sink {
    fn connect(address: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)
            .map_err(|error| Failure::new(format!("no sink at {address}: {error}")))?;
        stream.set_nodelay(true).map_err(Failure::new)?;
        Ok(Self { stream, written: 0 })
    }

    /// Seals and writes a batch, and gives its buffers back: for the next one, and for its compression.
    fn write(
        &mut self,
        batch: RecordsBuilder,
        codec: &Codec,
        scratch: BytesMut,
    ) -> Result<(BytesMut, BytesMut), Failure> {
        let (sealed, spare) = batch.seal(codec, scratch).map_err(Failure::new)?;
        for part in sealed.stamp(0, 0, 0).segments() {
            self.stream.write_all(part).map_err(Failure::new)?;
            self.written += part.len() as u64;
        }
        let body = sealed
            .into_body()
            .try_into_mut()
            .unwrap_or_else(|_| BytesMut::with_capacity(BATCH));
        Ok(match spare {
            Some(spare) => (spare, body),
            None => (body, BytesMut::new()),
        })
    }

    /// What the sink counted must be what was written.
    fn end(mut self) -> Result<(), Failure> {
        self.stream
            .shutdown(Shutdown::Write)
            .map_err(Failure::new)?;
        let mut count = [0; 8];
        self.stream.read_exact(&mut count).map_err(Failure::new)?;
        let received = u64::from_be_bytes(count);
        if received != self.written {
            let written = self.written;
            return Err(Failure::new(format!(
                "the sink got {received} of {written} bytes"
            )));
        }
        Ok(())
    }
}
