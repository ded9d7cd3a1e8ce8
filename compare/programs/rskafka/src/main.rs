//! rskafka: a producer per partition, each record's future awaited. It has no partitioner: records without a key go round, those
//! with a key go by its hash.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chrono::Utc;
use load::awaiting::{self, Enqueue};
use load::{Client, Codec, Failure, Profile, Record, Settings, Share, Tally, Workload};
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, UnknownTopicHandling};
use rskafka::client::producer::aggregator::RecordAggregator;
use rskafka::client::producer::{BatchProducer, BatchProducerBuilder, Error};
use tokio::runtime::Runtime;

/// Unkeyed records that go to one partition before the next one has its turn.
const RUN: u64 = 1_024;

fn main() -> ExitCode {
    load::run(connect)
}

/// All that rskafka is told. It has no idempotence, and acks=all always.
fn settings(workload: &Workload) -> (Duration, usize, Settings) {
    // Linger is 5 ms unless set; a batch's size must be given, and the module's example gives 1,024 bytes.
    let (linger, batch) = match workload.settings {
        Profile::Defaults => (Duration::from_millis(5), 16 * 1024),
        Profile::Best => (Duration::from_millis(5), 900_000),
    };
    let linger = workload.linger(linger);
    let settings = [
        ("compression", workload.compression.name().to_owned()),
        ("linger", format!("{} ms", linger.as_millis())),
        ("max_batch_size", batch.to_string()),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value));
    (linger, batch, settings.into())
}

fn connect(workload: &Workload, _: &Arc<Tally>) -> Result<(RsKafka, Settings), Failure> {
    let runtime = Runtime::new().map_err(Failure::new)?;
    let (linger, batch, settings) = settings(workload);
    let compression = match workload.compression {
        Codec::None => Compression::NoCompression,
        Codec::Lz4 => Compression::Lz4,
        Codec::Zstd => Compression::Zstd,
        Codec::Gzip => Compression::Gzip,
    };
    let partitions = runtime.block_on(async {
        let client = ClientBuilder::new(vec![workload.bootstrap.clone()]);
        let client = client.build().await.map_err(Failure::new)?;
        let mut partitions = Vec::new();
        for partition in 0..workload.partitions {
            let of = client
                .partition_client(&workload.topic, partition, UnknownTopicHandling::Retry)
                .await
                .map_err(Failure::new)?;
            let builder = BatchProducerBuilder::new(Arc::new(of))
                .with_linger(linger)
                .with_compression(compression);
            partitions.push(Arc::new(builder.build(RecordAggregator::new(batch))));
        }
        Ok(partitions)
    })?;
    let client = Arc::new(Sending(partitions));
    Ok((RsKafka { client, runtime }, settings))
}

struct RsKafka {
    client: Arc<Sending>,
    runtime: Runtime,
}

impl Client for RsKafka {
    fn send(&self, share: Share) -> Result<(), Failure> {
        awaiting::send(&self.runtime, &self.client, share)
    }

    fn close(self) -> Result<(), Failure> {
        Ok(())
    }
}

struct Sending(Vec<Arc<BatchProducer<RecordAggregator>>>);

impl Sending {
    fn partition(&self, record: &Record) -> &Arc<BatchProducer<RecordAggregator>> {
        let number = match record.key {
            None => record.index / RUN,
            Some(key) => {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                hasher.finish()
            }
        };
        &self.0[(number % self.0.len() as u64) as usize]
    }
}

impl Enqueue for Sending {
    type Delivery = Pin<Box<dyn Future<Output = Result<i64, Error>> + Send>>;

    async fn enqueue(&self, record: Record) -> Result<Self::Delivery, Failure> {
        let producer = Arc::clone(self.partition(&record));
        let record = rskafka::record::Record {
            key: record.key.map(<[u8]>::to_vec),
            value: Some(record.value.to_vec()),
            headers: BTreeMap::new(),
            timestamp: Utc::now(),
        };
        let mut delivery: Self::Delivery = Box::pin(async move { producer.produce(record).await });
        // Its first poll puts the record into the batch; it isn't done before an answer came.
        poll_fn(|cx| match delivery.as_mut().poll(cx) {
            Poll::Pending => Poll::Ready(Ok(())),
            Poll::Ready(Ok(_)) => Poll::Ready(Err(Failure::new("delivered before it was sent"))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(Failure::new(error))),
        })
        .await?;
        Ok(delivery)
    }

    async fn delivered(delivery: Self::Delivery) -> Result<(), Failure> {
        delivery.await.map(drop).map_err(Failure::new)
    }
}
