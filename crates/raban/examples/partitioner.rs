//! Chooses partitions in a way of its own: `cargo run --example partitioner [HOST:PORT]`.
//!
//! Orders of large customers have partition 0 to themselves; all others are spread by their key, as the Java
//! client does. Without an address a broker in this process takes the records.

use raban::partitioner::{Partitioner, Unpartitioned, murmur2};
use raban::{Producer, Record};

struct LargeCustomersFirst {
    large: Vec<&'static str>,
}

impl Partitioner for LargeCustomersFirst {
    fn partition(&self, record: &Unpartitioned<'_>) -> i32 {
        let key = record.key.unwrap_or_default();
        let is_large = self.large.iter().any(|name| name.as_bytes() == key);
        if is_large || record.partition_count == 1 {
            return 0;
        }
        1 + murmur2::partition_for_key(key, record.partition_count - 1)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "embedded:".to_owned());
    let large = vec!["acme"];
    let producer = Producer::builder()
        .bootstrap_servers(servers)
        .partitioner(LargeCustomersFirst { large })
        .build()?
        .blocking();
    for customer in ["acme", "ada", "bob", "acme"] {
        let at = producer.send(Record::to("orders").key(customer).value("1 anvil"))?;
        println!(
            "{customer}: partition {}, offset {:?}",
            at.partition(),
            at.offset()
        );
    }
    Ok(())
}
