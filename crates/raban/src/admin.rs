//! Topics from the outside: create, delete, list, describe.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use raban_core::Cause;
use raban_core::config::{Address, Settings};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use raban_protocol::messages::delete_topics::DeleteTopicState;
use raban_protocol::messages::metadata::MetadataResponseTopic;
use raban_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest, MetadataResponse};
use tokio::sync::oneshot;

use crate::blocking::block_on;
use crate::builder::{Builder, StartError};
use crate::client::{self, Client, EARLIEST, LATEST, Link, backoff};

/// From this version on, DeleteTopics names topics in structs.
const DELETE_BY_STATE: i16 = 6;

/// Creates, deletes and describes topics. Cheap to clone; each call has connections of its own, on a
/// thread of its own, and its future runs on any executor.
#[derive(Clone)]
pub struct Admin {
    client: Client,
}

impl Admin {
    /// For the cluster at these addresses, `host:port` separated by commas.
    ///
    /// # Errors
    /// An address that can't be one.
    pub fn new(bootstrap_servers: impl Into<String>) -> Result<Self, StartError> {
        Self::builder().bootstrap_servers(bootstrap_servers).build()
    }

    /// With settings of choice.
    pub fn builder() -> AdminBuilder {
        AdminBuilder::default()
    }

    /// With these settings, by Kafka's names.
    ///
    /// # Errors
    /// All that is wrong with them, at once.
    pub fn from_properties<K: Into<String>, V: Into<String>>(
        properties: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, StartError> {
        Self::from_settings(&properties.into_iter().collect())
    }

    /// With these settings.
    ///
    /// # Errors
    /// All that is wrong with them, at once.
    pub fn from_settings(settings: &Settings) -> Result<Self, StartError> {
        let client = Client::new(settings)?;
        Ok(Self { client })
    }

    /// Connects to a bootstrap server and asks which requests it speaks: whether anybody is there.
    ///
    /// # Errors
    /// That none of them answers.
    pub async fn ping(&self) -> Result<(), AdminError> {
        self.run(|client| async move { ping(&client).await }).await
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// That it exists, that it may not be created so, or that nobody is there.
    pub async fn create_topic(&self, name: &str, topic: NewTopic) -> Result<(), AdminError> {
        let name = name.to_owned();
        self.run(move |client| async move { create_topic(&client, &name, &topic).await })
            .await
    }

    /// Deletes a topic with all its records.
    ///
    /// # Errors
    /// That there is no such topic, that it may not be deleted, or that nobody is there.
    pub async fn delete_topic(&self, name: &str) -> Result<(), AdminError> {
        let name = name.to_owned();
        self.run(move |client| async move { delete_topic(&client, &name).await })
            .await
    }

    /// All topics, by name.
    ///
    /// # Errors
    /// That nobody is there.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>, AdminError> {
        self.run(|client| async move { list_topics(&client).await })
            .await
    }

    /// One topic with its partitions, leaders, replicas and offsets.
    ///
    /// # Errors
    /// That there is no such topic, or that nobody is there.
    pub async fn describe(&self, name: &str) -> Result<TopicDescription, AdminError> {
        let name = name.to_owned();
        self.run(move |client| async move { describe(&client, &name).await })
            .await
    }

    /// The same calls for threads that may block.
    pub fn blocking(&self) -> BlockingAdmin {
        BlockingAdmin(self.clone())
    }

    /// Does the work on a thread of its own, so that the caller's executor needn't be tokio.
    async fn run<T, F>(&self, work: impl FnOnce(Client) -> F) -> Result<T, AdminError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AdminError>> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let work = work(self.client.clone());
        let run = async move {
            // A caller that is gone needs no answer.
            let _ = sender.send(work.await);
        };
        client::spawn("raban-admin", run).map_err(|error| AdminError::Thread(error.to_string()))?;
        let ended = receiver.await;
        ended.unwrap_or_else(|_| Err(AdminError::Thread("it ended without an answer".to_owned())))
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// Settings for an [`Admin`]: those of a producer about servers, connections and timeouts.
#[derive(Debug, Default)]
pub struct AdminBuilder {
    settings: Builder,
}

impl AdminBuilder {
    /// `bootstrap.servers`, as a producer has it.
    pub fn bootstrap_servers(mut self, servers: impl Into<String>) -> Self {
        self.settings = self.settings.bootstrap_servers(servers);
        self
    }

    /// Any setting by Kafka's name.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings = self.settings.set(key, value);
        self
    }

    /// All of these settings.
    pub fn settings(mut self, settings: &Settings) -> Self {
        self.settings = self.settings.settings(settings);
        self
    }

    /// All settings of a Java `.properties` file.
    ///
    /// # Errors
    /// That it can't be read, or a malformed line as `FILE:LINE: …`.
    pub fn properties_file(mut self, path: impl AsRef<Path>) -> Result<Self, StartError> {
        self.settings = self.settings.properties_file(path)?;
        Ok(self)
    }

    /// Checks the settings. Nothing is connected yet.
    ///
    /// # Errors
    /// All that is wrong with them, at once.
    pub fn build(self) -> Result<Admin, StartError> {
        Admin::from_settings(self.settings.as_settings())
    }
}

/// An [`Admin`] for threads that may block; made by [`Admin::blocking`].
#[derive(Debug, Clone)]
pub struct BlockingAdmin(Admin);

impl BlockingAdmin {
    /// As [`Admin::ping`].
    ///
    /// # Errors
    /// As [`Admin::ping`].
    pub fn ping(&self) -> Result<(), AdminError> {
        block_on(self.0.ping())
    }

    /// As [`Admin::create_topic`].
    ///
    /// # Errors
    /// As [`Admin::create_topic`].
    pub fn create_topic(&self, name: &str, topic: NewTopic) -> Result<(), AdminError> {
        block_on(self.0.create_topic(name, topic))
    }

    /// As [`Admin::delete_topic`].
    ///
    /// # Errors
    /// As [`Admin::delete_topic`].
    pub fn delete_topic(&self, name: &str) -> Result<(), AdminError> {
        block_on(self.0.delete_topic(name))
    }

    /// As [`Admin::list_topics`].
    ///
    /// # Errors
    /// As [`Admin::list_topics`].
    pub fn list_topics(&self) -> Result<Vec<TopicListing>, AdminError> {
        block_on(self.0.list_topics())
    }

    /// As [`Admin::describe`].
    ///
    /// # Errors
    /// As [`Admin::describe`].
    pub fn describe(&self, name: &str) -> Result<TopicDescription, AdminError> {
        block_on(self.0.describe(name))
    }
}

/// What a topic to create shall have; what isn't said is the broker's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// How many partitions.
    pub partitions: Option<i32>,
    /// How many replicas of each.
    pub replication_factor: Option<i16>,
    /// The topic's own settings, such as `("cleanup.policy", "compact")`.
    pub configs: Vec<(String, String)>,
}

/// A topic in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicListing {
    /// Its name.
    pub name: String,
    /// Whether it is one of Kafka's own.
    pub internal: bool,
    /// How many partitions it has.
    pub partitions: usize,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id as Kafka writes it; empty if the brokers don't know ids.
    pub topic_id: String,
    /// Whether it is one of Kafka's own.
    pub internal: bool,
    /// Its partitions, in order.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionDescription {
    /// Its number.
    pub partition: i32,
    /// The leading broker's id, if it has a leader.
    pub leader: Option<i32>,
    /// The ids of all brokers that hold it.
    pub replicas: Vec<i32>,
    /// The ids of those that are in sync.
    pub in_sync: Vec<i32>,
    /// The first offset that the log still has, if the leader tells.
    pub start_offset: Option<i64>,
    /// The offset that the next record will have, if the leader tells.
    pub end_offset: Option<i64>,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// No broker could be asked within `max.block.ms`.
    #[error("no broker answered within max.block.ms ({waited:?}); the latest trouble: {cause}")]
    Unreachable {
        /// How long it was tried.
        waited: Duration,
        /// The latest trouble.
        cause: Cause,
    },
    /// The brokers refuse.
    #[error("topic {topic}: {code}: {message}")]
    Refused {
        /// The topic.
        topic: String,
        /// The brokers' answer.
        code: ErrorCode,
        /// The brokers' own words, or what the error means.
        message: String,
    },
    /// The system gives no thread.
    #[error("no thread for the call: {0}")]
    Thread(String),
}

/// How one try ended without success.
enum Failed {
    /// Trying again may help.
    Passing(Cause),
    Fatal(AdminError),
}

impl From<Cause> for Failed {
    fn from(cause: Cause) -> Self {
        Self::Passing(cause)
    }
}

/// Judges a topic's error: one that passes is tried again.
fn judge(
    topic: &str,
    code: ErrorCode,
    message: Option<String>,
    link: &Link,
    api: &'static str,
) -> Result<(), Failed> {
    match code {
        ErrorCode::NONE => Ok(()),
        // Of a topic that isn't there it says no more than that.
        code if code.is_retriable() && code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
            let address = link.address.clone();
            Err(Failed::Passing(Cause::Broker { address, api, code }))
        }
        code => Err(Failed::Fatal(AdminError::Refused {
            topic: topic.to_owned(),
            code,
            message: message.unwrap_or_else(|| code.message().to_owned()),
        })),
    }
}

/// Tries until it is done, for `max.block.ms`.
async fn retry<T, F>(client: &Client, mut attempt: impl FnMut() -> F) -> Result<T, AdminError>
where
    F: Future<Output = Result<T, Failed>>,
{
    let started = Instant::now();
    let mut failures = 0;
    loop {
        let cause = match attempt().await {
            Ok(done) => return Ok(done),
            Err(Failed::Fatal(error)) => return Err(error),
            Err(Failed::Passing(cause)) => cause,
        };
        let waited = started.elapsed();
        if waited >= client.config.max_block {
            return Err(AdminError::Unreachable { waited, cause });
        }
        let pause = backoff(&client.config, failures);
        tokio::time::sleep(pause.min(client.config.max_block - waited)).await;
        failures += 1;
    }
}

/// A connection to the controller; with KRaft any broker passes requests on to it.
async fn controller(client: &Client) -> Result<Link, Cause> {
    let mut link = client.bootstrap().await?;
    let metadata = link.metadata(Some(&[])).await?;
    match address_of(&metadata, metadata.controller_id) {
        Some(address) if address.to_string() != link.address => client.connect(&address).await,
        _ => Ok(link),
    }
}

fn address_of(metadata: &MetadataResponse, broker: i32) -> Option<Address> {
    let broker = metadata
        .brokers
        .iter()
        .find(|found| found.node_id == broker)?;
    Some(Address {
        host: broker.host.clone(),
        port: u16::try_from(broker.port).ok()?,
    })
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

async fn create_topic(client: &Client, name: &str, topic: &NewTopic) -> Result<(), AdminError> {
    let config = |(name, value): &(String, String)| CreatableTopicConfig {
        name: name.clone(),
        value: Some(value.clone()),
    };
    retry(client, || async {
        let mut link = controller(client).await?;
        // Before version 4 a broker has no defaults to offer.
        let default = if link.version::<CreateTopicsRequest>(i16::MAX)? < 4 {
            1
        } else {
            -1
        };
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.to_owned(),
                num_partitions: topic.partitions.unwrap_or(i32::from(default)),
                replication_factor: topic.replication_factor.unwrap_or(default),
                configs: topic.configs.iter().map(config).collect(),
                ..CreatableTopic::default()
            }],
            timeout_ms: millis(client.config.request_timeout),
            ..CreateTopicsRequest::default()
        };
        let response = link.call(i16::MAX, &request).await?;
        for result in response.topics {
            judge(
                name,
                result.error_code,
                result.error_message,
                &link,
                "CreateTopics",
            )?;
        }
        Ok(())
    })
    .await
}

async fn delete_topic(client: &Client, name: &str) -> Result<(), AdminError> {
    retry(client, || async {
        let mut link = controller(client).await?;
        let version = link.version::<DeleteTopicsRequest>(i16::MAX)?;
        let state = DeleteTopicState {
            name: Some(name.to_owned()),
            ..DeleteTopicState::default()
        };
        let request = DeleteTopicsRequest {
            topics: if version >= DELETE_BY_STATE {
                vec![state]
            } else {
                Vec::new()
            },
            topic_names: vec![name.to_owned()],
            timeout_ms: millis(client.config.request_timeout),
        };
        let response = link.call(version, &request).await?;
        for result in response.responses {
            judge(
                name,
                result.error_code,
                result.error_message,
                &link,
                "DeleteTopics",
            )?;
        }
        Ok(())
    })
    .await
}

async fn ping(client: &Client) -> Result<(), AdminError> {
    retry(client, || async { Ok(client.bootstrap().await.map(drop)?) }).await
}

async fn list_topics(client: &Client) -> Result<Vec<TopicListing>, AdminError> {
    retry(client, || async {
        let mut link = client.bootstrap().await?;
        let metadata = link.metadata(None).await?;
        let listing = |topic: MetadataResponseTopic| TopicListing {
            name: topic.name.unwrap_or_default(),
            internal: topic.is_internal,
            partitions: topic.partitions.len(),
        };
        let mut topics: Vec<TopicListing> = metadata.topics.into_iter().map(listing).collect();
        topics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    })
    .await
}

async fn describe(client: &Client, name: &str) -> Result<TopicDescription, AdminError> {
    retry(client, || async {
        let mut link = client.bootstrap().await?;
        let mut metadata = link.metadata(Some(&[name])).await?;
        let Some(topic) = metadata.topics.pop() else {
            return Err(Failed::Passing(Cause::WrongAnswer {
                address: link.address.clone(),
                api: "Metadata",
                error: format!("it lacks topic {name}"),
            }));
        };
        judge(name, topic.error_code, None, &link, "Metadata")?;
        let mut partitions: Vec<PartitionDescription> = Vec::new();
        for partition in topic.partitions {
            partitions.push(PartitionDescription {
                partition: partition.partition_index,
                leader: Some(partition.leader_id).filter(|leader| *leader >= 0),
                replicas: partition.replica_nodes,
                in_sync: partition.isr_nodes,
                start_offset: None,
                end_offset: None,
            });
        }
        partitions.sort_unstable_by_key(|partition| partition.partition);
        add_offsets(client, &metadata, name, &mut partitions).await;
        Ok(TopicDescription {
            name: name.to_owned(),
            topic_id: if topic.topic_id.is_zero() {
                String::new()
            } else {
                topic.topic_id.to_string()
            },
            internal: topic.is_internal,
            partitions,
        })
    })
    .await
}

/// Asks each leader for its partitions' offsets; those of a leader that can't be asked stay unknown.
async fn add_offsets(
    client: &Client,
    metadata: &MetadataResponse,
    topic: &str,
    partitions: &mut [PartitionDescription],
) {
    let mut by_leader: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for partition in &*partitions {
        if let Some(leader) = partition.leader {
            by_leader
                .entry(leader)
                .or_default()
                .push(partition.partition);
        }
    }
    for (leader, indexes) in by_leader {
        let Some(address) = address_of(metadata, leader) else {
            continue;
        };
        let Ok(mut link) = client.connect(&address).await else {
            continue;
        };
        let starts = link.list_offsets(topic, EARLIEST, &indexes).await;
        let ends = link.list_offsets(topic, LATEST, &indexes).await;
        let (Ok(starts), Ok(ends)) = (starts, ends) else {
            continue;
        };
        for ((index, start), (_, end)) in starts.into_iter().zip(ends) {
            let mut all = partitions.iter_mut();
            if let Some(partition) = all.find(|partition| partition.partition == index) {
                (partition.start_offset, partition.end_offset) = (start.ok(), end.ok());
            }
        }
    }
}
