//! The producer's settings: Kafka's names and values in, typed and checked values out.
//!
//! [`Settings`] holds keys and values as they are given, [`SETTINGS`] says what each key means, and [`Config`] is what
//! the producer runs on. Nothing here reads files or the environment.

mod bootstrap;
mod check;
mod effective;
mod error;
mod partitioning;
mod properties;
mod rules;
mod setting;
mod settings;
mod table;
mod unknown;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use raban_protocol::compression::Codec;

pub use bootstrap::{Address, Bootstrap};
use check::Checked;
pub use effective::{CheckedSettings, EffectiveValue, Source};
pub use error::{ConfigError, ConfigProblem, ConfigProblemKind, ConfigWarning};
pub use setting::{Importance, Setting, SettingType, Treatment, Valid};
pub use settings::Settings;
pub use table::SETTINGS;

use crate::partitioner::{Partitioner, Partitioning};

/// Checked settings of a producer. Each field names the setting that it comes from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// `bootstrap.servers`.
    pub bootstrap: Bootstrap,
    /// `client.id`; `None` when it is not set, so that the producer may name itself.
    pub client_id: Option<String>,
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`, after `acks` and `retries` had their say.
    pub enable_idempotence: bool,
    /// `in.doubt.policy`.
    pub in_doubt_policy: InDoubtPolicy,
    /// `retries`.
    pub retries: u32,
    /// `delivery.timeout.ms`, at least `linger` + `request_timeout`.
    pub delivery_timeout: Duration,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `max.in.flight.requests.per.connection`, at least 1, and at most 5 with idempotence.
    pub max_in_flight: usize,
    /// `retry.backoff.ms`, not above `retry_backoff_max`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
    /// `max.block.ms`.
    pub max_block: Duration,
    /// `linger.ms`, at most 2³¹ - 1 ms.
    pub linger: Duration,
    /// `batch.size` in bytes, at least 1.
    pub batch_size: usize,
    /// `batch.growth.enable`.
    pub batch_growth: bool,
    /// `buffer.memory` in bytes.
    pub buffer_memory: usize,
    /// `max.request.size` in bytes.
    pub max_request_size: usize,
    /// `compression.type`, with the level that was set for it.
    pub codec: Codec,
    /// `partitioner.class`, or the application's own partitioner. If there is one, the next four are off.
    pub partitioner: Partitioning,
    /// `partitioner.ignore.keys`.
    pub ignore_keys: bool,
    /// `partitioner.adaptive.partitioning.enable`.
    pub adaptive_partitioning: bool,
    /// `partitioner.availability.timeout.ms`; `None`: never, or partitioning isn't adaptive.
    pub partition_availability_timeout: Option<Duration>,
    /// `partitioner.rack.aware`.
    pub rack_aware: bool,
    /// `client.rack`; not empty.
    pub client_rack: Option<String>,
    /// `bootstrap.resolve.timeout.ms`.
    pub bootstrap_resolve_timeout: Duration,
    /// `client.dns.lookup`: whether bootstrap servers are connected to by their canonical names.
    pub canonical_bootstrap: bool,
    /// `connections.max.idle.ms`; `None`: never.
    pub connections_max_idle: Option<Duration>,
    /// `socket.connection.setup.timeout.ms`, not above `connection_setup_timeout_max`.
    pub connection_setup_timeout: Duration,
    /// `socket.connection.setup.timeout.max.ms`.
    pub connection_setup_timeout_max: Duration,
    /// `reconnect.backoff.ms`, not above `reconnect_backoff_max`.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`; the same as `reconnect_backoff` when only that is set.
    pub reconnect_backoff_max: Duration,
    /// `send.buffer.bytes`; `None` leaves it to the operating system.
    pub send_buffer: Option<usize>,
    /// `receive.buffer.bytes`; `None` leaves it to the operating system.
    pub receive_buffer: Option<usize>,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Duration,
    /// `metadata.max.idle.ms`.
    pub metadata_max_idle: Duration,
    /// `metadata.recovery.rebootstrap.trigger.ms`; `None` with `metadata.recovery.strategy=none`.
    pub rebootstrap_trigger: Option<Duration>,
    /// `metadata.cluster.check.enable`, unless `metadata.recovery.strategy=none`.
    pub cluster_check: bool,
    /// `allow.auto.create.topics`.
    pub allow_auto_create_topics: bool,
    /// `enable.metrics.push`; off where the feature `telemetry` is.
    pub enable_metrics_push: bool,
    /// `metrics.sample.window.ms`.
    pub metrics_sample_window: Duration,
    /// `metrics.num.samples`, at least 1.
    pub metrics_num_samples: u32,
    /// `statistics.interval.ms`; `None`: never.
    pub statistics_interval: Option<Duration>,
    /// What one should know about the settings although they work.
    pub warnings: Vec<ConfigWarning>,
    /// A fault put in on purpose.
    #[cfg(feature = "mutants")]
    pub mutant: Option<crate::mutant::Mutant>,
}

/// Whose acknowledgement makes a record delivered. Displays as the value of `acks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Nobody's: the record is written to the connection, and its offset stays unknown.
    None,
    /// The partition leader's.
    Leader,
    /// The leader's and every in-sync replica's.
    All,
}

/// What happens to a batch of which it can't be told whether it is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDoubtPolicy {
    /// Its records fail, in doubt.
    Fail,
    /// It is sent again, and may be in the log twice.
    Resend,
}

impl Acks {
    /// The number that a Produce request carries.
    pub fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
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

impl Config {
    /// Checks keys and values by Kafka's names; of two values for one key the later counts.
    ///
    /// # Errors
    /// Every problem found: unknown keys, invalid values, settings that contradict each other or that raban cannot
    /// obey.
    pub fn from_properties<K, V>(
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError>
    where
        K: Into<String>,
        V: Into<String>,
    {
        Self::from_settings(&properties.into_iter().collect())
    }

    /// `client.id`, or the name that a producer gives itself.
    pub fn client_id(&self) -> &str {
        self.client_id.as_deref().unwrap_or("raban")
    }

    /// Checks `settings`.
    ///
    /// # Errors
    /// Every problem found: unknown keys, invalid values, settings that contradict each other or that raban cannot
    /// obey.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let mut checked = Checked::new(settings);
        let checked = &mut checked;
        rules::serializer(checked, "key.serializer");
        rules::serializer(checked, "value.serializer");
        rules::companions(checked);
        let bootstrap = rules::bootstrap(checked);
        let codec = rules::codec(checked);
        let client_id = rules::client_id(checked);
        let enable_idempotence = rules::idempotence(checked);
        let delivery_timeout = rules::delivery_timeout(checked);
        let retry_backoff = rules::retry_backoff(checked);
        let reconnect_backoff = rules::reconnect_backoff(checked);
        let setup_timeout = rules::connection_setup_timeout(checked);
        let chosen = partitioning::partitioning(checked);
        let rebootstraps = checked
            .text("metadata.recovery.strategy")
            .eq_ignore_ascii_case("rebootstrap");
        let problems = std::mem::take(&mut checked.problems);
        let (Some(bootstrap), Some(codec), true) = (bootstrap, codec, problems.is_empty()) else {
            return Err(ConfigError::new(problems));
        };
        Ok(Self {
            bootstrap,
            client_id,
            acks: acks(checked),
            enable_idempotence,
            in_doubt_policy: match checked.text("in.doubt.policy").as_str() {
                "resend" => InDoubtPolicy::Resend,
                _ => InDoubtPolicy::Fail,
            },
            retries: u32::try_from(checked.number("retries")).unwrap_or(u32::MAX),
            delivery_timeout,
            request_timeout: checked.duration("request.timeout.ms"),
            max_in_flight: checked.count("max.in.flight.requests.per.connection"),
            retry_backoff: retry_backoff.first,
            retry_backoff_max: retry_backoff.max,
            max_block: checked.duration("max.block.ms"),
            linger: rules::linger(checked),
            batch_size: checked.count("batch.size").max(1),
            batch_growth: checked.boolean("batch.growth.enable"),
            buffer_memory: checked.count("buffer.memory"),
            max_request_size: checked.count("max.request.size"),
            codec,
            partitioner: chosen.partitioner,
            ignore_keys: chosen.ignore_keys,
            adaptive_partitioning: chosen.adaptive,
            partition_availability_timeout: chosen.availability_timeout,
            rack_aware: chosen.rack_aware,
            client_rack: Some(checked.text("client.rack")).filter(|rack| !rack.is_empty()),
            bootstrap_resolve_timeout: checked.duration("bootstrap.resolve.timeout.ms"),
            canonical_bootstrap: checked.text("client.dns.lookup")
                == "resolve_canonical_bootstrap_servers_only",
            connections_max_idle: Some(checked.duration("connections.max.idle.ms"))
                .filter(|_| checked.number("connections.max.idle.ms") >= 0),
            connection_setup_timeout: setup_timeout.first,
            connection_setup_timeout_max: setup_timeout.max,
            reconnect_backoff: reconnect_backoff.first,
            reconnect_backoff_max: reconnect_backoff.max,
            send_buffer: Some(checked.count("send.buffer.bytes")).filter(|bytes| *bytes > 0),
            receive_buffer: Some(checked.count("receive.buffer.bytes")).filter(|bytes| *bytes > 0),
            metadata_max_age: checked.duration("metadata.max.age.ms"),
            metadata_max_idle: checked.duration("metadata.max.idle.ms"),
            rebootstrap_trigger: rebootstraps
                .then(|| checked.duration("metadata.recovery.rebootstrap.trigger.ms")),
            cluster_check: checked.boolean("metadata.cluster.check.enable") && rebootstraps,
            allow_auto_create_topics: checked.boolean("allow.auto.create.topics"),
            enable_metrics_push: checked.boolean("enable.metrics.push")
                && cfg!(feature = "telemetry"),
            metrics_sample_window: checked.duration("metrics.sample.window.ms"),
            metrics_num_samples: u32::try_from(checked.number("metrics.num.samples"))
                .unwrap_or(u32::MAX),
            statistics_interval: Some(checked.duration("statistics.interval.ms"))
                .filter(|interval| !interval.is_zero()),
            warnings: std::mem::take(&mut checked.warnings),
            #[cfg(feature = "mutants")]
            mutant: None,
        })
    }

    /// Lets the application choose partitions, in place of `partitioner.class`; what is off with that is off with this.
    pub fn use_partitioner(&mut self, partitioner: Arc<dyn Partitioner>) {
        self.partitioner = Partitioning::Custom(partitioner);
        self.ignore_keys = false;
        self.adaptive_partitioning = false;
        self.partition_availability_timeout = None;
        self.rack_aware = false;
    }
}

fn acks(checked: &Checked<'_>) -> Acks {
    match checked.text("acks").as_str() {
        "0" => Acks::None,
        "1" => Acks::Leader,
        _ => Acks::All,
    }
}
