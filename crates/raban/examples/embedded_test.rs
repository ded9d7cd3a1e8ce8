//! How to test code that produces, without a cluster: `cargo test --example embedded_test`.

use raban::{ProduceError, Producer, Record};

/// The code to be tested.
fn greet(producer: &Producer, names: &[&str]) -> Result<(), ProduceError> {
    for name in names {
        let record = Record::to("greetings")
            .key(*name)
            .value(format!("Hello, {name}!"));
        producer.blocking().send(record)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = raban::embedded::Broker::start()?;
    greet(&Producer::new(broker.bootstrap_servers())?, &["World"])?;
    for record in broker.records("greetings")? {
        println!("{}: {:?}", record.offset, record.value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use raban::embedded::Broker;

    #[test]
    fn everybody_is_greeted() {
        let broker = Broker::start().unwrap();
        let producer = Producer::new(broker.bootstrap_servers()).unwrap();
        greet(&producer, &["Ada", "Grace"]).unwrap();
        let records = broker.records("greetings").unwrap();
        let values: Vec<_> = records
            .iter()
            .filter_map(|record| record.value.as_deref())
            .collect();
        assert_eq!(values, [&b"Hello, Ada!"[..], b"Hello, Grace!"]);
    }
}
