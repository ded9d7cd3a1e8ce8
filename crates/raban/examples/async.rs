//! Sends records from tasks under tokio: `cargo run --example async [HOST:PORT]`.
//!
//! Without an address a broker in this process takes them.

use std::time::Duration;

use raban::{Producer, Record};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "embedded:".to_owned());
    let producer = Producer::new(servers)?;

    // Acknowledged when it returns.
    let at = producer
        .send(Record::to("hello").key("first").value("Hello!"))
        .await?;
    println!("partition {}, offset {:?}", at.partition(), at.offset());

    // Accepted when it returns: many records are under way at a time.
    let mut deliveries = Vec::new();
    for index in 0..1000 {
        let record = Record::to("hello")
            .key(format!("key {}", index % 10))
            .value(format!("record {index}"));
        deliveries.push(producer.enqueue(record).await?);
    }
    for delivery in deliveries {
        if let Err(error) = delivery.await {
            eprintln!("{error}");
            if error.may_have_been_written() {
                eprintln!("sending it again could write it twice");
            }
        }
    }

    producer.close(Duration::from_secs(10)).await?;
    println!("{} records sent", producer.metrics().record_send.total);
    Ok(())
}
