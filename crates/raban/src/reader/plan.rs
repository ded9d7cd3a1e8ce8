//! Which partition is read from which leader, and what happens when one is lost.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use raban_core::Cause;
use raban_core::config::Address;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::MetadataResponse;
use raban_protocol::messages::metadata::MetadataResponseTopic;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::follow::{Cursor, Follow, Followed, TopicName};
use super::{Chunk, ReadError, Start};
use crate::client::{Client, backoff};

/// How long a topic that nobody knows may take to become known: it may just be created.
const UNKNOWN_TOPIC_WAIT: Duration = Duration::from_secs(1);

/// The reading of one topic.
pub(super) struct Reading {
    pub(super) client: Client,
    pub(super) topic: Arc<str>,
    pub(super) partition: Option<i32>,
    pub(super) start: Start,
    pub(super) exit_at_end: bool,
    pub(super) chunks: mpsc::Sender<Chunk>,
}

/// What kept a plan from being made.
enum Trouble {
    /// Trying again may help.
    Passing(Cause),
    Fatal(ReadError),
}

impl From<Cause> for Trouble {
    fn from(cause: Cause) -> Self {
        Self::Passing(cause)
    }
}

impl Reading {
    /// Reads until all ends are reached, an error ends it, or nobody listens any more.
    pub(super) async fn run(self) {
        let mut reading = pin!(self.read());
        let mut unheard = pin!(self.chunks.closed());
        let ended = poll_fn(|cx| match reading.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(ended),
            Poll::Pending => unheard.as_mut().poll(cx).map(Ok),
        });
        if let Err(error) = ended.await {
            // A reader that is gone needs no error.
            let _ = self.chunks.send(Err(error)).await;
        }
    }

    async fn read(&self) -> Result<(), ReadError> {
        let started = Instant::now();
        let mut good = started;
        let mut failures = 0;
        // The partitions that nobody reads at the moment; none is known at first.
        let mut homeless: Option<Vec<Cursor>> = None;
        let mut following = JoinSet::new();
        loop {
            let planned = match homeless.take() {
                Some(cursors) if cursors.is_empty() => Ok(Vec::new()),
                cursors => self
                    .plan(cursors.clone(), started)
                    .await
                    .inspect_err(|_| homeless = cursors),
            };
            let trouble = match planned {
                Ok(plan) => {
                    for follow in plan {
                        following.spawn(follow.run());
                    }
                    match following.join_next().await {
                        None => return Ok(()),
                        Some(Ok(followed)) => {
                            let Followed {
                                cursors,
                                trouble,
                                progressed,
                            } = followed?;
                            if progressed {
                                (good, failures) = (Instant::now(), 0);
                            }
                            homeless = Some(cursors);
                            trouble
                        }
                        Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                    }
                }
                Err(Trouble::Fatal(error)) => return Err(error),
                Err(Trouble::Passing(cause)) => Some(cause),
            };
            if let Some(cause) = trouble {
                tracing::info!("reading topic {}: {cause}", self.topic);
                self.give_up_after(good, cause)?;
                tokio::time::sleep(backoff(&self.client.config, failures)).await;
                failures += 1;
            }
        }
    }

    fn give_up_after(&self, good: Instant, cause: Cause) -> Result<(), ReadError> {
        let waited = good.elapsed();
        if waited < self.client.config.max_block {
            return Ok(());
        }
        Err(ReadError::Unreachable {
            topic: Arc::clone(&self.topic),
            waited,
            cause,
        })
    }

    /// Finds the leaders of these partitions; `None` stands for all that are to be read.
    async fn plan(
        &self,
        cursors: Option<Vec<Cursor>>,
        started: Instant,
    ) -> Result<Vec<Follow>, Trouble> {
        let mut link = self.client.bootstrap().await?;
        let metadata = link.metadata(Some(&[&*self.topic])).await?;
        let found = metadata
            .topics
            .iter()
            .find(|topic| topic.name.as_deref() == Some(&*self.topic));
        let topic = found.ok_or_else(|| Cause::WrongAnswer {
            address: link.address.clone(),
            api: "Metadata",
            error: format!("it lacks topic {}", self.topic),
        })?;
        self.judge(topic.error_code, &link.address, started)?;
        let cursors = match cursors {
            Some(cursors) => cursors,
            None => self.all_cursors(topic)?,
        };
        let mut by_leader: BTreeMap<i32, Vec<Cursor>> = BTreeMap::new();
        for cursor in cursors {
            let mut partitions = topic.partitions.iter();
            let partition =
                partitions.find(|partition| partition.partition_index == cursor.partition);
            let leader = partition.map_or(-1, |partition| partition.leader_id);
            by_leader.entry(leader).or_default().push(cursor);
        }
        let name = TopicName {
            name: Arc::clone(&self.topic),
            id: topic.topic_id,
        };
        let mut plan = Vec::new();
        for (leader, cursors) in by_leader {
            let address = leader_address(&metadata, leader).ok_or_else(|| Cause::NoLeader {
                topic: Arc::clone(&self.topic),
                partition: cursors[0].partition,
            })?;
            plan.push(Follow {
                client: self.client.clone(),
                address,
                topic: name.clone(),
                cursors,
                chunks: self.chunks.clone(),
            });
        }
        Ok(plan)
    }

    fn judge(&self, code: ErrorCode, address: &str, started: Instant) -> Result<(), Trouble> {
        let topic = || Arc::clone(&self.topic);
        match code {
            ErrorCode::NONE => Ok(()),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION if started.elapsed() >= UNKNOWN_TOPIC_WAIT => {
                Err(Trouble::Fatal(ReadError::UnknownTopic { topic: topic() }))
            }
            code if code.is_retriable() => Err(Trouble::Passing(Cause::Broker {
                address: address.to_owned(),
                api: "Metadata",
                code,
            })),
            code => Err(Trouble::Fatal(ReadError::Refused {
                topic: topic(),
                api: "Metadata",
                code,
            })),
        }
    }

    fn all_cursors(&self, topic: &MetadataResponseTopic) -> Result<Vec<Cursor>, Trouble> {
        let mut partitions: Vec<i32> = topic
            .partitions
            .iter()
            .map(|partition| partition.partition_index)
            .collect();
        partitions.sort_unstable();
        if let Some(only) = self.partition {
            let count = partitions.len();
            partitions.retain(|partition| *partition == only);
            if partitions.is_empty() {
                return Err(Trouble::Fatal(ReadError::UnknownPartition {
                    topic: Arc::clone(&self.topic),
                    partition: only,
                    count,
                }));
            }
        }
        let cursor = |partition| Cursor::new(partition, self.start, self.exit_at_end);
        Ok(partitions.into_iter().map(cursor).collect())
    }
}

fn leader_address(metadata: &MetadataResponse, leader: i32) -> Option<Address> {
    let broker = metadata
        .brokers
        .iter()
        .find(|broker| broker.node_id == leader)?;
    Some(Address {
        host: broker.host.clone(),
        port: u16::try_from(broker.port).ok()?,
    })
}
