//! rust-rdkafka, which wraps librdkafka: `ThreadedProducer` with a delivery callback, or `FutureProducer` whose futures are awaited.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use load::awaiting::{self, Enqueue};
use load::{Client, Failure, Profile, Record, Settings, Share, Tally, Ticket, Workload};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{
    BaseRecord, DeliveryFuture, DeliveryResult, FutureProducer, FutureRecord, Producer,
    ProducerContext, ThreadedProducer,
};
use tokio::runtime::Runtime;

const FULL: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);

fn main() -> ExitCode {
    load::run(connect)
}

/// All that librdkafka is told. acks=all is its default.
fn settings(workload: &Workload) -> Settings {
    let mut settings = Settings::new();
    let mut set = |key: &str, value: &str| settings.insert(key.to_owned(), value.to_owned());
    set("compression.type", workload.compression.name());
    if workload.settings == Profile::Best {
        // Those of librdkafka's own performance tests, and the idempotence that the others have, too.
        set("enable.idempotence", "true");
        set("batch.size", "1000000");
        set("batch.num.messages", "100000");
        set("queue.buffering.max.messages", "1000000");
    }
    if let Some(linger) = workload.linger_ms {
        set("linger.ms", &linger.to_string());
    }
    settings
}

fn connect(workload: &Workload, tally: &Arc<Tally>) -> Result<(RdKafka, Settings), Failure> {
    let settings = settings(workload);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &workload.bootstrap);
    for (key, value) in &settings {
        config.set(key, value);
    }
    let topic = workload.topic.clone();
    let client = match workload.variant.as_str() {
        "threaded" => {
            let telling = Telling(Arc::clone(tally));
            let producer = config.create_with_context(telling);
            RdKafka::Threaded(topic, producer.map_err(Failure::new)?)
        }
        "future" => {
            let producer = config.create().map_err(Failure::new)?;
            let runtime = Runtime::new().map_err(Failure::new)?;
            RdKafka::Future(Arc::new(Futures { topic, producer }), runtime)
        }
        other => return Err(Failure::new(format!("rdkafka has no variant {other:?}"))),
    };
    Ok((client, settings))
}

enum RdKafka {
    Threaded(String, ThreadedProducer<Telling>),
    Future(Arc<Futures>, Runtime),
}

impl Client for RdKafka {
    fn send(&self, share: Share) -> Result<(), Failure> {
        match self {
            Self::Threaded(topic, producer) => send_threaded(producer, topic, share),
            Self::Future(client, runtime) => awaiting::send(runtime, client, share),
        }
    }

    fn close(self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Tells each record's outcome to the tally; the opaque value is its ticket.
struct Telling(Arc<Tally>);

impl ClientContext for Telling {}

impl ProducerContext for Telling {
    type DeliveryOpaque = usize;

    fn delivery(&self, outcome: &DeliveryResult<'_>, ticket: usize) {
        match outcome {
            Ok(_) => self.0.delivered(Ticket::from_bits(ticket)),
            Err((error, _)) => self.0.failed(error),
        }
    }
}

fn send_threaded(
    producer: &ThreadedProducer<Telling>,
    topic: &str,
    share: Share,
) -> Result<(), Failure> {
    for record in share {
        let mut to_send =
            BaseRecord::with_opaque_to(topic, record.ticket.to_bits()).payload(record.value);
        to_send.key = record.key;
        // A full queue is an error here; the crate says to wait and try again.
        while let Err((error, again)) = producer.send(to_send) {
            if error != FULL {
                return Err(Failure::new(error));
            }
            thread::sleep(Duration::from_millis(1));
            to_send = again;
        }
    }
    // flush() would look only every 100 ms whether the producer's own thread has told of all.
    while producer.in_flight_count() > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

struct Futures {
    topic: String,
    producer: FutureProducer,
}

impl Enqueue for Futures {
    type Delivery = DeliveryFuture;

    async fn enqueue(&self, record: Record) -> Result<DeliveryFuture, Failure> {
        let mut to_send = FutureRecord::to(&self.topic).payload(record.value);
        to_send.key = record.key;
        loop {
            match self.producer.send_result(to_send) {
                Ok(delivery) => return Ok(delivery),
                Err((error, _)) if error != FULL => return Err(Failure::new(error)),
                Err((_, again)) => to_send = again,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn delivered(delivery: DeliveryFuture) -> Result<(), Failure> {
        match delivery.await.map_err(Failure::new)? {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(Failure::new(error)),
        }
    }
}
