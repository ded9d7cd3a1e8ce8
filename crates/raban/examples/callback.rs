//! Hears of outcomes by calls: `cargo run --example callback [HOST:PORT]`.
//!
//! Without an address a broker in this process takes the records.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raban::{Producer, Record};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args().nth(1);
    let delivered = Arc::new(AtomicU64::new(0));
    let producer = {
        let delivered = Arc::clone(&delivered);
        Producer::builder()
            .bootstrap_servers(servers.unwrap_or_else(|| "embedded:".to_owned()))
            // On the producer's thread, in the order of each partition's records: be quick.
            .on_delivery(move |report| match &report.outcome {
                Ok(_) => drop(delivered.fetch_add(1, Ordering::Relaxed)),
                Err(error) => eprintln!("record {}: {error}", report.tag),
            })
            .build()?
    };
    let blocking = producer.blocking();
    for tag in 0..1000 {
        let record = Record::to("hello").value(format!("record {tag}"));
        blocking.enqueue(record.tag(tag))?.detach();
    }

    // One of its own, for this record alone.
    blocking.send_with_callback(Record::to("hello").value("last"), |outcome| {
        println!("the last one: {outcome:?}");
    })?;

    // Every callback was called when it returns.
    blocking.close(Duration::from_secs(10))?;
    println!("{} delivered", delivered.load(Ordering::Relaxed));
    Ok(())
}
