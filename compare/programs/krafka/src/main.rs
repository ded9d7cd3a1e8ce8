//! krafka: each record's handle awaited.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use krafka::producer::{DeliveryHandle, Producer};
use krafka::{Compression, Kafka};
use load::awaiting::{self, Enqueue};
use load::{Client, Codec, Failure, Profile, Record, Settings, Share, Tally, Workload};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    load::run(connect)
}

/// All that krafka is told. acks=all and idempotence are its defaults.
async fn producer(workload: &Workload) -> Result<(Producer, Settings), Failure> {
    let kafka = Kafka::builder(&workload.bootstrap).connect().await;
    let compression = match workload.compression {
        Codec::None => Compression::None,
        Codec::Lz4 => Compression::Lz4,
        Codec::Zstd => Compression::Zstd,
        Codec::Gzip => Compression::Gzip,
    };
    let mut builder = kafka
        .map_err(Failure::new)?
        .producer()
        .compression(compression);
    let mut settings = Settings::from([(
        "compression".to_owned(),
        workload.compression.name().to_owned(),
    )]);
    if workload.settings == Profile::Best {
        // Its guide's "High Throughput Producer" has 1 MiB; 128 KiB was faster here.
        builder = builder.batch_size(131_072).buffer_memory(67_108_864);
        settings.insert("batch_size".to_owned(), "131072".to_owned());
        settings.insert("buffer_memory".to_owned(), "67108864".to_owned());
    }
    if let Some(linger) = workload.linger_ms {
        builder = builder.linger(Duration::from_millis(linger));
        settings.insert("linger".to_owned(), format!("{linger} ms"));
    }
    Ok((builder.build().await.map_err(Failure::new)?, settings))
}

fn connect(workload: &Workload, _: &Arc<Tally>) -> Result<(Krafka, Settings), Failure> {
    let runtime = Runtime::new().map_err(Failure::new)?;
    let (producer, settings) = runtime.block_on(producer(workload))?;
    let client = Arc::new(Sending {
        topic: workload.topic.clone(),
        producer,
    });
    Ok((Krafka { client, runtime }, settings))
}

struct Krafka {
    client: Arc<Sending>,
    runtime: Runtime,
}

impl Client for Krafka {
    fn send(&self, share: Share) -> Result<(), Failure> {
        awaiting::send(&self.runtime, &self.client, share)
    }

    fn close(self) -> Result<(), Failure> {
        let closed = self.runtime.block_on(self.client.producer.close());
        closed.map_err(Failure::new)
    }
}

struct Sending {
    topic: String,
    producer: Producer,
}

impl Enqueue for Sending {
    type Delivery = DeliveryHandle;

    async fn enqueue(&self, record: Record) -> Result<DeliveryHandle, Failure> {
        let to_send = krafka::Record::new(self.topic.clone(), Bytes::from_static(record.value));
        let to_send = match record.key {
            Some(key) => to_send.key(Bytes::from_static(key)),
            None => to_send,
        };
        self.producer.enqueue(to_send).await.map_err(Failure::new)
    }

    async fn delivered(delivery: DeliveryHandle) -> Result<(), Failure> {
        delivery.await.map(drop).map_err(Failure::new)
    }
}
