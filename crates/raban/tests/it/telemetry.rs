//! The client instance id where there is none to be had: the embedded broker collects no metrics.

use std::sync::mpsc::channel;
use std::time::Duration;

use raban::{ClientInstanceIdError, Producer, Record, block_on};

use crate::support::{Answer, LONG, broker, builder, listener, producer};

#[test]
fn a_broker_that_collects_nothing_is_named() {
    let broker = broker();
    let producer = producer(&broker);
    let error = block_on(producer.client_instance_id(LONG)).unwrap_err();
    assert!(matches!(error, ClientInstanceIdError::NotCollected));
    assert!(error.to_string().contains("metric.reporters"), "{error}");
}

#[test]
fn telemetry_may_be_off() {
    let broker = broker();
    let off = builder(&broker)
        .set("enable.metrics.push", "false")
        .build()
        .unwrap();
    let error = off.blocking().client_instance_id(LONG).unwrap_err();
    assert!(matches!(error, ClientInstanceIdError::Disabled), "{error}");
}

#[test]
fn a_silent_broker_costs_no_more_than_the_timeout() {
    let silent = Producer::new(listener(Answer::Silence).to_string()).unwrap();
    let told = silent
        .blocking()
        .client_instance_id(Duration::from_millis(50));
    let expected = matches!(told, Err(ClientInstanceIdError::Timeout { .. }));
    assert!(expected, "{told:?}");
    silent.blocking().close(Duration::ZERO).unwrap();
    let error = silent.blocking().client_instance_id(LONG).unwrap_err();
    assert!(matches!(error, ClientInstanceIdError::Closed), "{error}");
}

#[test]
fn a_callback_can_t_wait_for_it() {
    let silent = Producer::new(listener(Answer::Silence).to_string()).unwrap();
    let broker = broker();
    let producer = producer(&broker);
    let (sender, told) = channel();
    producer
        .blocking()
        .send_with_callback(Record::to("t").value("v"), move |_| {
            let told = silent.blocking().client_instance_id(LONG);
            sender.send(told).unwrap();
        })
        .unwrap();
    let told = told.recv_timeout(LONG).unwrap();
    let expected = matches!(told, Err(ClientInstanceIdError::InCallback));
    assert!(expected, "{told:?}");
}
