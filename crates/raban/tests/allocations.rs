//! What is allocated for records: nothing for each, a fixed number for each batch. A binary of its own, since the
//! allocator counts what the whole process does, the embedded broker included.

#![allow(clippy::unwrap_used)]

use std::alloc::System;
use std::time::Duration;

use raban::embedded::Broker;
use raban::{Delivery, Producer, Topic};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BATCHES: usize = 50;

/// How often memory was asked for, by whatever thread, while so many records each went through [`BATCHES`] batches.
fn allocations(
    producer: &Producer,
    topic: &Topic,
    records: usize,
    held: &mut Vec<Delivery>,
) -> usize {
    let region = Region::new(ALLOCATOR);
    for _ in 0..BATCHES {
        for _ in 0..records {
            held.push(topic.blocking().enqueue(None, &[7; 50]).unwrap());
        }
        producer.blocking().flush().unwrap();
        for delivery in held.drain(..) {
            delivery.wait().unwrap();
        }
    }
    let change = region.change();
    change.allocations + change.reallocations
}

#[test]
fn records_are_free_and_batches_cost_a_fixed_number() {
    let broker = Broker::start().unwrap();
    let settings = [("linger.ms", "60000"), ("batch.size", "1000000")];
    let builder = settings
        .into_iter()
        .fold(Producer::builder(), |builder, (key, value)| {
            builder.set(key, value)
        });
    let producer = builder
        .bootstrap_servers(broker.bootstrap_servers())
        .build()
        .unwrap();
    let topic = producer.topic("t");
    let mut held = Vec::with_capacity(1000);
    allocations(&producer, &topic, 1000, &mut held);
    let few = allocations(&producer, &topic, 100, &mut held);
    let many = allocations(&producer, &topic, 1000, &mut held);
    let more = many.saturating_sub(few) / BATCHES;
    // Larger batches take a few more steps to grow: 900 records more are none of them.
    assert!(more < 10, "{few} and {many} in {BATCHES} batches");
    assert!(
        few / BATCHES < 80,
        "{few} in {BATCHES} batches, with the broker's"
    );
    producer.blocking().close(Duration::from_secs(10)).unwrap();
}
