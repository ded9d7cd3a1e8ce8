//! A producer's settings on their way to a running producer.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use raban_core::Partitioner;
use raban_core::config::{Acks, Address, Bootstrap, Config, ConfigError, Settings};
use raban_protocol::compression::Compression;

use crate::accept::LastThread;
use crate::callbacks::{Callbacks, DeliveryReport, ProducerInterceptor};
use crate::clock::Clock;
use crate::connector::Connector;
use crate::driver;
use crate::many::ManyCalls;
use crate::producer::{Producer, Shared};
#[cfg(feature = "json")]
use crate::reporter::log_statistics;
use crate::reporter::{MetricsReporter, Reporting};

/// Settings for a [`Producer`]. What isn't set has Kafka's default; of two values for one setting
/// the later counts. All of them are checked together by [`build`](Self::build).
///
/// ```
/// # fn main() -> Result<(), raban::StartError> {
/// use raban::{Acks, Compression, Producer};
/// use std::time::Duration;
///
/// let producer = Producer::builder()
///     .bootstrap_servers("localhost:9092")
///     .acks(Acks::All)
///     .compression(Compression::Lz4)
///     .linger(Duration::from_millis(20))
///     .set("metadata.max.age.ms", "60000")
///     .build()?;
/// # drop(producer);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Builder {
    settings: Settings,
    partitioner: Option<Arc<dyn Partitioner>>,
    reporting: Vec<Reporting>,
    callbacks: Callbacks,
    #[cfg(test)]
    resolver: Option<Arc<dyn crate::resolver::Resolve>>,
}

impl Builder {
    #[cfg(test)]
    pub(crate) fn resolver(mut self, resolver: Arc<dyn crate::resolver::Resolve>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// Any setting by Kafka's name.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.set(key, value);
        self
    }

    /// All of these settings.
    pub fn settings(mut self, settings: &Settings) -> Self {
        self.settings.merge(settings.clone());
        self
    }

    /// All settings of a Java `.properties` file.
    ///
    /// # Errors
    /// That it can't be read, or a malformed line as `FILE:LINE: …`.
    pub fn properties_file(mut self, path: impl AsRef<Path>) -> Result<Self, StartError> {
        self.settings.merge(read_properties(path.as_ref())?);
        Ok(self)
    }

    /// `bootstrap.servers`: brokers to ask first, `host:port` separated by commas. With feature
    /// `embedded`, `embedded:` is a broker in this process, and `embedded:./dir` one that keeps
    /// its records.
    pub fn bootstrap_servers(self, servers: impl Into<String>) -> Self {
        self.set("bootstrap.servers", servers)
    }

    /// `client.id`: this producer's name in the brokers' logs, metrics and quotas.
    pub fn client_id(self, id: impl Into<String>) -> Self {
        self.set("client.id", id)
    }

    /// `acks`: whose acknowledgement makes a record delivered. Default: all.
    pub fn acks(self, acks: Acks) -> Self {
        self.set("acks", acks.to_string())
    }

    /// `enable.idempotence`: a retry writes no duplicate and keeps the order. Default: true.
    pub fn enable_idempotence(self, enable: bool) -> Self {
        self.set("enable.idempotence", enable.to_string())
    }

    /// `linger.ms`: how long a batch waits for more records. Default: 5 ms.
    pub fn linger(self, linger: Duration) -> Self {
        self.millis("linger.ms", linger)
    }

    /// `batch.size`: bytes of a full batch. Default: 16 KiB.
    pub fn batch_size(self, bytes: usize) -> Self {
        self.set("batch.size", bytes.to_string())
    }

    /// `buffer.memory`: bytes for all records that aren't acknowledged yet. Default: 32 MiB.
    pub fn buffer_memory(self, bytes: usize) -> Self {
        self.set("buffer.memory", bytes.to_string())
    }

    /// `max.request.size`: the largest record and request in bytes. Default: 1 MiB.
    pub fn max_request_size(self, bytes: usize) -> Self {
        self.set("max.request.size", bytes.to_string())
    }

    /// `compression.type`. Default: none. Levels are set by name, as `compression.zstd.level`.
    pub fn compression(self, compression: Compression) -> Self {
        self.set("compression.type", compression.to_string())
    }

    /// `max.in.flight.requests.per.connection`. Default: 5, and at most that with idempotence.
    pub fn max_in_flight(self, requests: usize) -> Self {
        self.set(
            "max.in.flight.requests.per.connection",
            requests.to_string(),
        )
    }

    /// `max.block.ms`: how long a record may wait to be accepted. Default: 1 minute.
    pub fn max_block(self, timeout: Duration) -> Self {
        self.millis("max.block.ms", timeout)
    }

    /// `delivery.timeout.ms`: how long an accepted record may take to be delivered, retries
    /// included. Default: 2 minutes.
    pub fn delivery_timeout(self, timeout: Duration) -> Self {
        self.millis("delivery.timeout.ms", timeout)
    }

    /// `request.timeout.ms`: how long a broker may take to answer. Default: 30 s.
    pub fn request_timeout(self, timeout: Duration) -> Self {
        self.millis("request.timeout.ms", timeout)
    }

    /// `retries`: how often a batch is sent again; `delivery.timeout.ms` limits it in any case.
    pub fn retries(self, retries: u32) -> Self {
        self.set("retries", retries.to_string())
    }

    /// Who chooses the partition of records that name none, in place of `partitioner.class`. Partitioners of other clients
    /// have [names](crate::partitioner::NamedPartitioner) for that setting.
    ///
    /// As in the Java client, with a partitioner of one's own `partitioner.ignore.keys`, adaptive partitioning, its
    /// availability timeout and rack awareness are off.
    ///
    /// ```
    /// use raban::Producer;
    /// use raban::partitioner::{Unpartitioned, murmur2};
    ///
    /// // Partition 0 is for records without a key.
    /// let builder = Producer::builder().partitioner(|record: &Unpartitioned<'_>| match record.key {
    ///     Some(key) if record.partition_count > 1 => {
    ///         1 + murmur2::partition_for_key(key, record.partition_count - 1)
    ///     }
    ///     _ => 0,
    /// });
    /// # drop(builder);
    /// ```
    pub fn partitioner(mut self, partitioner: impl Partitioner + 'static) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Has `callback` called once with each accepted record's outcome, on the producer's thread: in a
    /// partition in the order of the records, before [`flush`](Producer::flush) and
    /// [`close`](Producer::close) end. [`Record::tag`](crate::Record::tag) tells which record it is.
    ///
    /// It should be quick, for nothing is sent meanwhile; it may `try_enqueue` further records, but
    /// can't wait for this producer ([`ErrorKind::InCallback`](crate::ErrorKind::InCallback)); and a
    /// panic is logged. Of several the last counts.
    ///
    /// ```
    /// # fn main() -> Result<(), raban::StartError> {
    /// let producer = raban::Producer::builder()
    ///     .bootstrap_servers("localhost:9092")
    ///     .on_delivery(|report| match &report.outcome {
    ///         Ok(at) => println!("{} is at offset {:?}", report.tag, at.offset()),
    ///         Err(error) => eprintln!("{} failed: {error}", report.tag),
    ///     })
    ///     .build()?;
    /// # drop(producer);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_delivery(
        mut self,
        callback: impl Fn(&DeliveryReport) + Send + Sync + 'static,
    ) -> Self {
        self.callbacks.on_delivery = Some(Box::new(callback));
        self
    }

    /// Has `interceptor` see each record and its outcome, behind those given before.
    pub fn interceptor(mut self, interceptor: impl ProducerInterceptor + 'static) -> Self {
        self.callbacks.interceptors.push(Box::new(interceptor));
        self
    }

    /// Has `reporter` take the metrics at this interval (at least 1 ms), on a thread of its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> Result<(), raban::StartError> {
    /// let producer = raban::Producer::builder()
    ///     .bootstrap_servers("localhost:9092")
    ///     .metrics_reporter(Duration::from_secs(10), |metrics: &raban::Metrics| {
    ///         let latency = metrics.request_latency;
    ///         println!("{:.0} records/s, p99 {} ms", metrics.record_send.rate, latency.p99);
    ///     })
    ///     .build()?;
    /// # drop(producer);
    /// # Ok(())
    /// # }
    /// ```
    pub fn metrics_reporter(
        mut self,
        every: Duration,
        reporter: impl MetricsReporter + 'static,
    ) -> Self {
        self.reporting.push(Reporting {
            every: every.max(Duration::from_millis(1)),
            reporter: Box::new(reporter),
        });
        self
    }

    pub(crate) fn as_settings(&self) -> &Settings {
        &self.settings
    }

    /// A shorter wait than the unit can tell is not the same as none.
    fn millis(self, key: &str, duration: Duration) -> Self {
        self.set(key, duration.as_nanos().div_ceil(1_000_000).to_string())
    }

    /// Checks the settings and starts the producer's thread. Nothing is connected yet; only an
    /// embedded broker is started.
    ///
    /// # Errors
    /// All that is wrong with the settings, at once; or why thread or broker can't be had.
    pub fn build(self) -> Result<Producer, StartError> {
        let (mut config, keep) = prepare(&self.settings)?;
        if let Some(partitioner) = self.partitioner {
            config.use_partitioner(partitioner);
        }
        let clock = Clock::new();
        let delivery_timeout = config.delivery_timeout;
        let connector = Connector::new(&config);
        #[cfg(test)]
        let connector = match self.resolver {
            Some(resolver) => connector.with_resolver(resolver),
            None => connector,
        };
        let name = config.client_id().to_owned();
        let mut reporting = self.reporting;
        reporting.extend(statistics(&config)?);
        let (accumulator, sender) =
            raban_core::new(config, RandomState::new().build_hasher().finish());
        let callbacks = Arc::new(self.callbacks);
        let listener = Arc::clone(&callbacks);
        accumulator.listen(listener, callbacks.hear_of_all());
        let abandoned = Arc::new(OnceLock::new());
        let mut reporters = Vec::new();
        for reporting in reporting {
            let (alive, end) = std::sync::mpsc::channel();
            reporting
                .start(&name, Arc::clone(&accumulator), clock, end)
                .map_err(StartError::Thread)?;
            reporters.push(alive);
        }
        let at_end = {
            let (accumulator, abandoned) = (Arc::clone(&accumulator), Arc::clone(&abandoned));
            move || {
                drop(reporters);
                if let Some(failed_before) = abandoned.get() {
                    warn_of_failed(accumulator.record_error_total() - failed_before);
                }
            }
        };
        let register = |waker| accumulator.set_driver_waker(waker);
        driver::start(
            name,
            sender,
            clock,
            connector,
            register,
            at_end,
            keep.clone(),
        )
        .map_err(StartError::Thread)?;
        Ok(Producer {
            shared: Arc::new(Shared {
                accumulator,
                clock,
                callbacks,
                many_calls: ManyCalls::default(),
                last_thread: LastThread::default(),
                delivery_timeout,
                abandoned,
                _keep: keep,
            }),
        })
    }
}

/// What `statistics.interval.ms` asks for.
#[cfg(feature = "json")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it fails")]
fn statistics(config: &Config) -> Result<Option<Reporting>, StartError> {
    Ok(config.statistics_interval.map(|every| Reporting {
        every,
        reporter: Box::new(log_statistics),
    }))
}

#[cfg(not(feature = "json"))]
fn statistics(config: &Config) -> Result<Option<Reporting>, StartError> {
    match config.statistics_interval {
        None => Ok(None),
        Some(_) => Err(StartError::NoJson),
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("partitioner", &self.partitioner.is_some())
            .field("reporting", &self.reporting)
            .field("callbacks", &self.callbacks)
            .finish()
    }
}

/// The background delivery after the last handle's end has nobody else to tell.
fn warn_of_failed(records: u64) {
    if records > 0 {
        tracing::warn!(
            "{records} records failed after the last handle of their producer was dropped; close() before that has \
             them delivered or tells of it"
        );
    }
}

/// Whatever must live as long as the clients that use it: an embedded broker.
pub(crate) type Keep = Option<Arc<dyn std::any::Any + Send + Sync>>;

/// Checks the settings, and starts the embedded broker if they ask for one: then the servers are
/// its address.
pub(crate) fn prepare(settings: &Settings) -> Result<(Config, Keep), StartError> {
    let mut config = Config::from_settings(settings)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let mut keep = None;
    if let Bootstrap::Embedded(dir) = &config.bootstrap {
        let (address, lease) = start_embedded(dir.as_deref())?;
        config.bootstrap = Bootstrap::Servers(vec![address]);
        keep = lease;
    }
    Ok((config, keep))
}

#[cfg(feature = "embedded")]
fn start_embedded(dir: Option<&Path>) -> Result<(Address, Keep), StartError> {
    crate::embedded::lease(dir).map_err(|error| StartError::Broker(error.to_string()))
}

#[cfg(not(feature = "embedded"))]
fn start_embedded(_: Option<&Path>) -> Result<(Address, Keep), StartError> {
    Err(StartError::Broker(
        "this build of raban has none; build it with the feature `embedded`, or name a broker as host:port".to_owned(),
    ))
}

fn read_properties(path: &Path) -> Result<Settings, StartError> {
    let bytes = std::fs::read(path).map_err(|error| StartError::File {
        path: path.to_owned(),
        error,
    })?;
    Ok(Settings::from_properties_file(
        &path.display().to_string(),
        bytes,
    )?)
}

/// Why a client can't be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Something is wrong with the settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The properties file can't be read.
    #[error("{}: can't be read: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The embedded broker can't be had.
    #[error("no embedded broker: {0}")]
    Broker(String),
    /// `statistics.interval.ms` is set in a build without the feature `json`.
    #[error(
        "statistics.interval.ms writes JSON, which this build of raban can't; build it with the feature `json`, or take the metrics with Builder::metrics_reporter"
    )]
    NoJson,
    /// The system gives no thread or no way to wait for sockets.
    #[error("no thread for the client: {0}")]
    Thread(io::Error),
}
