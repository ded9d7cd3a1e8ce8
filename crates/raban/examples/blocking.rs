//! Sends the lines of standard input without any runtime: `cargo run --example blocking [HOST:PORT]`.

use std::time::Duration;

use raban::{Compression, Producer, Record};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "embedded:".to_owned());
    let producer = Producer::builder()
        .bootstrap_servers(servers)
        .compression(Compression::Lz4)
        .linger(Duration::from_millis(20))
        .build()?
        .blocking();

    // One by one, each accepted as soon as there is room for it.
    for line in std::io::stdin().lines() {
        producer.enqueue(Record::to("lines").value(line?))?.detach();
    }
    // Many at once: back-pressure is inside, failures come by index.
    let report =
        producer.send_many((0..10).map(|i| Record::to("lines").value(format!("line {i}"))));
    for (index, error) in &report.failures {
        eprintln!("record {index}: {error}");
    }

    producer.close(Duration::from_secs(10))?;
    Ok(())
}
