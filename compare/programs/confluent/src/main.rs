//! Confluent's Rust client: each record's future awaited.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use confluent_kafka::common::KafkaFuture;
use confluent_kafka::common::serialization::ByteArraySerializer;
use confluent_kafka::producer::{
    KafkaProducer, Producer, ProducerConfig, ProducerRecord, RecordMetadata,
};
use load::awaiting::{self, Enqueue};
use load::{Client, Failure, Profile, Record, Settings, Share, Tally, Workload};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    load::run(connect)
}

/// All that the client is told. acks=all and idempotence are its defaults, as in Java.
fn settings(workload: &Workload) -> Settings {
    let mut settings = Settings::new();
    let mut set = |key: &str, value: &str| settings.insert(key.to_owned(), value.to_owned());
    set("compression.type", workload.compression.name());
    if workload.settings == Profile::Best {
        set("batch.size", "131072");
        set("buffer.memory", "67108864");
    }
    if let Some(linger) = workload.linger_ms {
        set("linger.ms", &linger.to_string());
    }
    settings
}

fn connect(workload: &Workload, _: &Arc<Tally>) -> Result<(Confluent, Settings), Failure> {
    let settings = settings(workload);
    let mut properties: HashMap<_, _> = settings.clone().into_iter().collect();
    properties.insert("bootstrap.servers".to_owned(), workload.bootstrap.clone());
    let config = ProducerConfig::new(&properties).map_err(Failure::new)?;
    let runtime = Runtime::new().map_err(Failure::new)?;
    // Its tasks are spawned into the runtime that it is made in.
    let inside = runtime.enter();
    let producer = KafkaProducer::new(
        config,
        ByteArraySerializer::default(),
        ByteArraySerializer::default(),
    );
    let client = Arc::new(Sending {
        topic: workload.topic.clone(),
        producer: producer.map_err(Failure::new)?,
    });
    drop(inside);
    Ok((Confluent { client, runtime }, settings))
}

struct Confluent {
    client: Arc<Sending>,
    runtime: Runtime,
}

impl Client for Confluent {
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
    producer: KafkaProducer<Vec<u8>, Vec<u8>>,
}

impl Enqueue for Sending {
    type Delivery = KafkaFuture<RecordMetadata>;

    async fn enqueue(&self, record: Record) -> Result<Self::Delivery, Failure> {
        // The way that takes slices and copies them once, into the batch.
        let record = ProducerRecord::with_key(self.topic.clone(), record.key, Some(record.value));
        let sent = KafkaProducer::<Vec<u8>, Vec<u8>>::send(&self.producer, record, None).await;
        sent.map_err(Failure::new)
    }

    async fn delivered(delivery: Self::Delivery) -> Result<(), Failure> {
        delivery.get().await.map(drop).map_err(Failure::new)
    }
}
