//! `raban verify`: numbers to a topic and a line about each, by the contract of Kafka's verifiable producer.

mod event;
mod teller;

use std::fmt;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use raban::{ErrorKind, Producer, Record, Settings};

use crate::args::{Acks, Verify};
use crate::cluster::not_started;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use event::Sent;
use teller::{Outcome, Records};

pub(crate) fn run(args: &Verify) -> Result<Exit, Failure> {
    let settings = settings(args)?;
    let producer = Producer::from_settings(&settings).map_err(not_started)?;
    let (stop, stopped) = sync_channel(1);
    let interrupt = {
        let producer = producer.clone();
        Interrupt::watch(move || {
            let _ = stop.send(());
            // Ends waits for memory and metadata; what was accepted has its delivery.timeout.ms.
            let _ = producer.blocking().close(Duration::MAX);
        })
    }
    .map_err(|error| Failure::failed(format!("can't watch for Ctrl-C: {error}")))?;

    let (records, telling) = teller::start(args.throughput);
    let sending = Sending {
        args,
        producer: &producer,
        records,
        stopped: &stopped,
        started: Instant::now(),
        create_time: (args.message_create_time >= 0).then_some(args.message_create_time),
    };
    let sent = sending.run();
    // What lingers is sent at once.
    let _ = producer.blocking().close(Duration::MAX);
    let told = match telling.join() {
        Ok(told) => told,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    sent.and(told)?;
    Ok(if interrupt.is_asked() {
        Exit::Interrupted
    } else {
        Exit::Done
    })
}

/// The options win over file and `-X`; these win over what the contract has instead of raban's defaults.
fn settings(args: &Verify) -> Result<Settings, Failure> {
    let mut settings = args.cluster.settings()?;
    if let Some(acks) = args.acks {
        settings.set("acks", acks.to_string());
    }
    if ["retries", "enable.idempotence"]
        .iter()
        .all(|key| settings.get(key).is_none())
    {
        settings
            .set("retries", "0")
            .set("enable.idempotence", "false");
    }
    Ok(settings)
}

impl fmt::Display for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "0",
            Self::Leader => "1",
            Self::All => "all",
        })
    }
}

/// Sends numbers until there are enough, or nobody wants more.
struct Sending<'a> {
    args: &'a Verify,
    producer: &'a Producer,
    records: Records,
    /// Says that the command was interrupted.
    stopped: &'a Receiver<()>,
    started: Instant,
    create_time: Option<i64>,
}

impl Sending<'_> {
    fn run(self) -> Result<(), Failure> {
        // -1 is no bound.
        let count = u64::try_from(self.args.max_messages).unwrap_or(u64::MAX);
        for number in 0..count {
            if self.is_stopped(number) {
                break;
            }
            let sent = self.sent(number);
            let outcome = match self.producer.blocking().enqueue(self.record(&sent)) {
                Ok(delivery) => Outcome::Accepted(delivery),
                // By the interruption, which nobody need be told of.
                Err(error) if matches!(error.kind(), ErrorKind::Closed) => break,
                Err(error) if matches!(error.kind(), ErrorKind::InvalidTopic { .. }) => {
                    return Err(Failure::usage(error.to_string()));
                }
                Err(error) => Outcome::Refused(error),
            };
            if self.records.put(sent, outcome).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Waits until it is this record's turn; whether an interruption came first.
    fn is_stopped(&self, number: u64) -> bool {
        let wait = wait(self.args.throughput, number, self.started.elapsed());
        match wait {
            None => self.stopped.recv().is_ok(),
            Some(Duration::ZERO) => self.stopped.try_recv().is_ok(),
            Some(wait) => self.stopped.recv_timeout(wait).is_ok(),
        }
    }

    fn sent(&self, number: u64) -> Sent {
        Sent {
            topic: self.args.topic.clone(),
            key: self
                .args
                .repeating_keys
                .map(|keys| (number % u64::from(keys)).to_string()),
            value: match self.args.value_prefix {
                Some(prefix) => format!("{prefix}.{number}"),
                None => number.to_string(),
            },
        }
    }

    fn record<'r>(&self, sent: &'r Sent) -> Record<'r> {
        let record = Record::to(sent.topic.as_str())
            .key(sent.key.as_deref())
            .value(sent.value.as_str());
        match self.create_time {
            Some(first) => record.timestamp(first.saturating_add(millis(self.started.elapsed()))),
            None => record,
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// How long a record has yet to wait for its turn at `throughput` records a second; `None`: for ever.
fn wait(throughput: i64, number: u64, elapsed: Duration) -> Option<Duration> {
    match throughput {
        ..0 => Some(Duration::ZERO),
        0 => (number == 0).then_some(Duration::ZERO),
        rate => {
            let turn = Duration::from_secs_f64(number as f64 / rate as f64);
            Some(turn.saturating_sub(elapsed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_waits_for_its_turn() {
        let second = Duration::from_secs(1);
        assert_eq!(wait(-1, 1_000_000, Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(wait(10, 10, Duration::ZERO), Some(second));
        assert_eq!(wait(10, 10, second * 2), Some(Duration::ZERO));
        assert_eq!(wait(0, 0, Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(wait(0, 1, second), None);
    }
}
