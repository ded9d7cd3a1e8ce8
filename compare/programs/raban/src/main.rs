//! raban: each delivery awaited, waited for by the sending thread (variant `blocking`), told to one function (variant
//! `callback`), or waited for by a call that sends many records (variant `many`).

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use load::awaiting::{self, Enqueue, HELD};
use load::{Client, Codec, Failure, Profile, Record, Settings, Share, Tally, Ticket, Workload};
use raban::{Builder, Delivery, Producer, Topic, TopicRecord};
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
        // What docs/tuning.md says.
        let batch_size = match workload.compression {
            Codec::Gzip => "131072",
            _ => "262144",
        };
        set("batch.size", batch_size);
        if workload.linger_ms == Some(0) {
            // And of near brokers.
            set("max.in.flight.requests.per.connection", "1");
        }
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
        "blocking" => (builder, Way::Blocked),
        "callback" => (tell(builder, tally), Way::Called),
        "many" => (builder, Way::Many),
        other => return Err(Failure::new(format!("raban has no variant {other:?}"))),
    };
    let producer = builder.build().map_err(Failure::new)?;
    let client = Arc::new(Sending {
        topic: producer.topic(&workload.topic),
        producer,
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
    Blocked,
    Called,
    Many,
}

impl Client for Raban {
    fn send(&self, share: Share) -> Result<(), Failure> {
        match &self.way {
            Way::Awaited(runtime) => awaiting::send(runtime, &self.client, share),
            Way::Blocked => self.client.send_blocked(share),
            Way::Called => self.client.send_called(share),
            Way::Many => self.client.send_many(share),
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
    topic: Topic,
    producer: Producer,
}

type ToSend<'a> = TopicRecord<'a, [u8], [u8], Option<&'static [u8]>, &'static [u8]>;

impl Sending {
    fn record(&self, record: Record) -> ToSend<'_> {
        self.topic
            .record(record.key, record.value)
            .tag(record.ticket.to_bits() as u64)
    }

    fn send_called(&self, share: Share) -> Result<(), Failure> {
        for record in share {
            let enqueued = self.record(record).blocking().enqueue();
            enqueued.map_err(Failure::new)?.detach();
        }
        self.producer.blocking().flush().map_err(Failure::new)
    }

    fn send_many(&self, share: Share) -> Result<(), Failure> {
        let tally = Arc::clone(&share.tally);
        let records = share.map(|record| self.topic.record(record.key, record.value));
        let report = self.topic.blocking().send_many(records);
        tally.delivered_many(report.delivered as u64);
        match report.failures.into_iter().next() {
            None => Ok(()),
            Some((_, error)) => Err(Failure::new(error)),
        }
    }

    fn send_blocked(&self, share: Share) -> Result<(), Failure> {
        if share.is_paced() {
            return self.send_paced(share);
        }
        let tally = Arc::clone(&share.tally);
        let records = share.len() as u64;
        let mut held = VecDeque::with_capacity(HELD);
        for record in share {
            let enqueued = self.record(record).blocking().enqueue();
            held.push_back(enqueued.map_err(Failure::new)?);
            if held.len() == HELD {
                for delivery in held.drain(..HELD / 2) {
                    delivery.wait().map_err(Failure::new)?;
                }
            }
        }
        for delivery in held {
            delivery.wait().map_err(Failure::new)?;
        }
        tally.delivered_many(records);
        Ok(())
    }

    /// Another thread waits for the deliveries, so that each is noticed when it is there.
    fn send_paced(&self, share: Share) -> Result<(), Failure> {
        let tally = Arc::clone(&share.tally);
        let (sent, waiting) = sync_channel::<(Ticket, Delivery)>(HELD);
        thread::scope(|scope| {
            scope.spawn(|| {
                for (ticket, delivery) in waiting {
                    match delivery.wait() {
                        Ok(_) => tally.delivered(ticket),
                        Err(error) => tally.failed(error),
                    }
                }
            });
            for record in share {
                let enqueued = self.record(record).blocking().enqueue();
                sent.send((record.ticket, enqueued.map_err(Failure::new)?))
                    .map_err(Failure::new)?;
            }
            drop(sent);
            Ok(())
        })
    }
}

impl Enqueue for Sending {
    type Delivery = raban::Delivery;

    async fn enqueue(&self, record: Record) -> Result<raban::Delivery, Failure> {
        self.record(record).enqueue().await.map_err(Failure::new)
    }

    async fn delivered(delivery: raban::Delivery) -> Result<(), Failure> {
        delivery.await.map(drop).map_err(Failure::new)
    }
}
