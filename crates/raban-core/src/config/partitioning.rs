//! The rules about partitioners: which one is named, and which settings are void then.

use std::time::Duration;

use super::check::Checked;
use crate::partitioner::{NamedPartitioner, Partitioning};

const CLASS: &str = "partitioner.class";
const IGNORE_KEYS: &str = "partitioner.ignore.keys";
const ADAPTIVE: &str = "partitioner.adaptive.partitioning.enable";
const AVAILABILITY: &str = "partitioner.availability.timeout.ms";
const RACK_AWARE: &str = "partitioner.rack.aware";

/// How partitions are chosen, all settings about it taken together.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) partitioner: Partitioning,
    pub(super) ignore_keys: bool,
    pub(super) adaptive: bool,
    pub(super) availability_timeout: Option<Duration>,
    pub(super) rack_aware: bool,
}

pub(super) fn partitioning(checked: &mut Checked<'_>) -> Chosen {
    let (partitioner, ignores_keys) = named(checked);
    let timeout = Some(checked.duration(AVAILABILITY)).filter(|timeout| !timeout.is_zero());
    let chosen = Chosen {
        ignore_keys: checked.boolean(IGNORE_KEYS),
        adaptive: checked.boolean(ADAPTIVE),
        availability_timeout: timeout,
        rack_aware: checked.boolean(RACK_AWARE),
        partitioner,
    };
    if !matches!(chosen.partitioner, Partitioning::BuiltIn) {
        let adaptive = chosen.adaptive && checked.is_set(ADAPTIVE);
        let rows = [
            (chosen.ignore_keys, IGNORE_KEYS),
            (adaptive, ADAPTIVE),
            (timeout.is_some(), AVAILABILITY),
            (chosen.rack_aware, RACK_AWARE),
        ];
        let asked = rows.into_iter().filter(|(asked, _)| *asked);
        warn_of_void(
            checked,
            &asked.map(|(_, name)| name).collect::<Vec<_>>(),
            CLASS,
        );
        return Chosen {
            partitioner: chosen.partitioner,
            ..Chosen::default()
        };
    }
    if !chosen.adaptive && timeout.is_some() {
        warn_of_void(checked, &[AVAILABILITY], ADAPTIVE);
    }
    Chosen {
        ignore_keys: chosen.ignore_keys || ignores_keys,
        availability_timeout: timeout.filter(|_| chosen.adaptive),
        ..chosen
    }
}

/// The partitioner, and whether it is Java's for ignoring keys, which KIP-794 replaced by a setting.
fn named(checked: &mut Checked<'_>) -> (Partitioning, bool) {
    const PACKAGE: &str = "org.apache.kafka.clients.producer.";
    let class = checked.text(CLASS);
    match class.strip_prefix(PACKAGE).unwrap_or(&class) {
        "" | "internals.DefaultPartitioner" => (Partitioning::BuiltIn, false),
        "UniformStickyPartitioner" => (Partitioning::BuiltIn, true),
        "RoundRobinPartitioner" => (Partitioning::Named(NamedPartitioner::RoundRobin), false),
        name => match name.parse() {
            Ok(named) => (Partitioning::Named(named), false),
            Err(unknown) => {
                let reason = format!(
                    "{unknown}, also Kafka's RoundRobinPartitioner, UniformStickyPartitioner and DefaultPartitioner by \
                     class. Name one of them, or write your own and give it to `Builder::partitioner`"
                );
                checked.refused(CLASS, &reason);
                (Partitioning::BuiltIn, false)
            }
        },
    }
}

fn warn_of_void(checked: &mut Checked<'_>, void: &[&'static str], cause: &str) {
    if void.is_empty() {
        return;
    }
    let names: Vec<_> = void.iter().map(|name| checked.assignment(name)).collect();
    let verb = if void.len() == 1 { "has" } else { "have" };
    let message = format!(
        "{} {verb} no effect: {} is set.",
        names.join(", "),
        checked.assignment(cause)
    );
    checked.warning(void, message);
}
