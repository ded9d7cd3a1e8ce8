//! A typed topic: text keys, JSON values, tombstones. `cargo run --example json [HOST:PORT]`.

use std::time::Duration;

use raban::{Json, Producer, Utf8};

#[derive(serde::Serialize)]
struct Order {
    customer: String,
    total: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "embedded:".to_owned());
    let producer = Producer::new(servers)?;
    let orders = producer.topic("orders").with_key(Utf8).with_value(Json);

    let order = Order {
        customer: "customer-42".to_owned(),
        total: 12,
    };
    orders.send(&order.customer, &order).await?;
    let record = orders.record(&order.customer, &order);
    record.header("trace-id", "a1b2").send().await?;
    // A tombstone deletes the key from a compacted topic.
    orders.send(&order.customer, None).await?;

    producer.close(Duration::from_secs(10)).await?;
    Ok(())
}
