//! raban: each delivery awaited, or with the variant `callback` told to one function.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use load::awaiting::{self, Enqueue};
use load::{Client, Failure, Profile, Record, Settings, Share, Tally, Ticket, Workload};
use raban::{Builder, Producer};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    load::run(connect)
}

/// All that raban is told.
fn settings(workload: &Workload) -> Settings {
    let mut settings = Settings::new();
    let mut set = |key: &str, value: &str| settings.insert(key.to_owned(), value.to_owned());
    set("compression.type", workload.compression.name());
    if workload.settings == Profile::Best {
        // What docs/tuning.md says: above that little is gained.
        set("batch.size", "262144");
    }
    if let Some(linger) = workload.linger_ms {
        set("linger.ms", &linger.to_string());
    }
    settings
}

fn connect(workload: &Workload, tally: &Arc<Tally>) -> Result<(Raban, Settings), Failure> {
    let settings = settings(workload);
    let builder = Producer::builder().bootstrap_servers(&workload.bootstrap);
    let builder = settings
        .iter()
        .fold(builder, |builder, (key, value)| builder.set(key, value));
    let (builder, way) = match workload.variant.as_str() {
        "" => (builder, Way::Awaited(Runtime::new().map_err(Failure::new)?)),
        "callback" => (tell(builder, tally), Way::Called),
        other => return Err(Failure::new(format!("raban has no variant {other:?}"))),
    };
    let client = Arc::new(Sending {
        topic: workload.topic.clone(),
        producer: builder.build().map_err(Failure::new)?,
    });
    Ok((Raban { client, way }, settings))
}

fn tell(builder: Builder, tally: &Arc<Tally>) -> Builder {
    let tally = Arc::clone(tally);
    builder.on_delivery(move |report| match &report.outcome {
        Ok(_) => tally.delivered(Ticket::from_bits(report.tag as usize)),
        Err(error) => tally.failed(error),
    })
}

struct Raban {
    client: Arc<Sending>,
    way: Way,
}

enum Way {
    Awaited(Runtime),
    Called,
}

impl Client for Raban {
    fn send(&self, share: Share) -> Result<(), Failure> {
        match &self.way {
            Way::Awaited(runtime) => awaiting::send(runtime, &self.client, share),
            Way::Called => self.client.send_called(share),
        }
    }

    fn close(self) -> Result<(), Failure> {
        let closed = self
            .client
            .producer
            .blocking()
            .close(Duration::from_secs(10));
        closed.map_err(Failure::new)
    }
}

struct Sending {
    topic: String,
    producer: Producer,
}

impl Sending {
    fn record(&self, record: Record) -> raban::Record<'_> {
        let to_send = raban::Record::to(&self.topic)
            .value(record.value)
            .tag(record.ticket.to_bits() as u64);
        match record.key {
            Some(key) => to_send.key(key),
            None => to_send,
        }
    }

    fn send_called(&self, share: Share) -> Result<(), Failure> {
        let producer = self.producer.blocking();
        for record in share {
            let delivery = producer.enqueue(self.record(record));
            delivery.map_err(Failure::new)?.detach();
        }
        producer.flush().map_err(Failure::new)
    }
}

impl Enqueue for Sending {
    type Delivery = raban::Delivery;

    async fn enqueue(&self, record: Record) -> Result<raban::Delivery, Failure> {
        let enqueued = self.producer.enqueue(self.record(record)).await;
        enqueued.map_err(Failure::new)
    }

    async fn delivered(delivery: raban::Delivery) -> Result<(), Failure> {
        delivery.await.map(drop).map_err(Failure::new)
    }
}
