//! A connection for one request at a time: what the reader and the admin client speak through.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use raban_core::config::{Address, Bootstrap, Config, Settings};
use raban_core::{Cause, CloseReason};
use raban_protocol::api::{Request, VersionRange};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::frame::{decode_response, encode_request};
use raban_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use raban_protocol::messages::metadata::MetadataRequestTopic;
use raban_protocol::messages::{
    ApiVersionsRequest, ListOffsetsRequest, MetadataRequest, MetadataResponse,
};

use crate::builder::{Keep, StartError, prepare};
use crate::connector::Connector;
use crate::transport::Connection;

/// Brokers since 2.4 know it; older ones answer error 35, and are asked again with version 0.
const NEWEST_COMMON_API_VERSIONS: i16 = 3;

/// What ListOffsets takes for a partition's next offset, and for its first one.
pub(crate) const LATEST: i64 = -1;
pub(crate) const EARLIEST: i64 = -2;

/// What connections are made with.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) config: Arc<Config>,
    connector: Connector,
    servers: Vec<Address>,
    _keep: Keep,
}

impl Client {
    pub(crate) fn new(settings: &Settings) -> Result<Self, StartError> {
        let (config, keep) = prepare(settings)?;
        let servers = match &config.bootstrap {
            Bootstrap::Servers(servers) => servers.clone(),
            Bootstrap::Embedded(_) => unreachable!("prepare replaces it by an address"),
        };
        Ok(Self {
            connector: Connector::new(&config),
            config: Arc::new(config),
            servers,
            _keep: keep,
        })
    }

    /// A connection to the first bootstrap server that answers.
    pub(crate) async fn bootstrap(&self) -> Result<Link, Cause> {
        let mut latest = None;
        for server in &self.servers {
            match self
                .connect_as(server, self.config.canonical_bootstrap)
                .await
            {
                Ok(link) => return Ok(link),
                Err(cause) => latest = Some(cause),
            }
        }
        Err(latest.expect("bootstrap.servers names at least one"))
    }

    /// A connection to this broker, its versions known.
    pub(crate) async fn connect(&self, address: &Address) -> Result<Link, Cause> {
        self.connect_as(address, false).await
    }

    async fn connect_as(&self, address: &Address, canonical: bool) -> Result<Link, Cause> {
        let timeout = self.config.connection_setup_timeout;
        let connecting = self
            .connector
            .clone()
            .connect(address.clone(), canonical, timeout);
        let connected = connecting.await;
        let stream = connected.map_err(|error| error.cause(address.to_string()))?;
        let mut link = Link {
            address: address.to_string(),
            connection: Connection::new(stream),
            versions: None,
            correlation_id: 0,
            client_id: self.config.client_id.clone(),
            request_timeout: self.config.request_timeout,
        };
        link.negotiate().await?;
        Ok(link)
    }
}

/// A connection whose versions are known. After an error it is of no more use.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) address: String,
    connection: Connection,
    /// `None` until the broker has told them.
    versions: Option<BTreeMap<i16, VersionRange>>,
    correlation_id: i32,
    client_id: Option<String>,
    request_timeout: Duration,
}

impl Link {
    async fn negotiate(&mut self) -> Result<(), Cause> {
        let request = ApiVersionsRequest {
            client_software_name: "raban".to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..ApiVersionsRequest::default()
        };
        let content = self.exchange(NEWEST_COMMON_API_VERSIONS, &request).await?;
        // An older broker answers in version 0, whatever it was asked in.
        let newest = self.decode::<ApiVersionsRequest>(NEWEST_COMMON_API_VERSIONS, content.clone());
        let mut response = match newest {
            Ok(response) => response,
            Err(_) => self.decode::<ApiVersionsRequest>(0, content)?,
        };
        if response.error_code == ErrorCode::UNSUPPORTED_VERSION {
            let content = self.exchange(0, &ApiVersionsRequest::default()).await?;
            response = self.decode::<ApiVersionsRequest>(0, content)?;
        }
        self.check::<ApiVersionsRequest>(response.error_code)?;
        let range = |min, max| VersionRange { min, max };
        let apis = response.api_keys.iter();
        self.versions = Some(
            apis.map(|api| (api.api_key, range(api.min_version, api.max_version)))
                .collect(),
        );
        Ok(())
    }

    /// The newest version of `R` that both sides speak, up to `newest`.
    pub(crate) fn version<R: Request>(&self, newest: i16) -> Result<i16, Cause> {
        let ours = VersionRange {
            min: R::VERSIONS.min,
            max: R::VERSIONS.max.min(newest),
        };
        let theirs = self
            .versions
            .as_ref()
            .and_then(|all| all.get(&(R::KEY as i16)));
        let common = theirs.and_then(|theirs| theirs.intersect(ours));
        common
            .map(|common| common.max)
            .ok_or_else(|| Cause::UnsupportedBroker {
                address: self.address.clone(),
                api: R::KEY.name(),
            })
    }

    /// Sends the request in the newest common version up to `newest` and waits for the answer.
    pub(crate) async fn call<R: Request>(
        &mut self,
        newest: i16,
        request: &R,
    ) -> Result<R::Response, Cause> {
        let version = self.version::<R>(newest)?;
        let content = self.exchange(version, request).await?;
        self.decode::<R>(version, content)
    }

    /// What brokers and partitions there are; `None` asks for all topics. Topics aren't created.
    pub(crate) async fn metadata(
        &mut self,
        topics: Option<&[&str]>,
    ) -> Result<MetadataResponse, Cause> {
        let topic = |name: &&str| MetadataRequestTopic {
            name: Some((*name).to_owned()),
            ..MetadataRequestTopic::default()
        };
        let version = self.version::<MetadataRequest>(i16::MAX)?;
        let request = MetadataRequest {
            topics: topics.map(|names| names.iter().map(topic).collect()),
            // Before version 4 the request can't forbid it.
            allow_auto_topic_creation: version < 4,
            ..MetadataRequest::default()
        };
        self.call(version, &request).await
    }

    /// Each partition's first (-2) or next (-1) offset, or the broker's error for it.
    pub(crate) async fn list_offsets(
        &mut self,
        topic: &str,
        timestamp: i64,
        partitions: &[i32],
    ) -> Result<Vec<(i32, Result<i64, ErrorCode>)>, Cause> {
        let partition = |index: &i32| ListOffsetsPartition {
            partition_index: *index,
            timestamp,
            ..ListOffsetsPartition::default()
        };
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: topic.to_owned(),
                partitions: partitions.iter().map(partition).collect(),
            }],
            ..ListOffsetsRequest::default()
        };
        let response = self.call(i16::MAX, &request).await?;
        let answers: Vec<_> = response
            .topics
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .collect();
        let of = |index: &i32| {
            let answer = answers
                .iter()
                .find(|answer| answer.partition_index == *index);
            let answer = answer.ok_or_else(|| Cause::WrongAnswer {
                address: self.address.clone(),
                api: "ListOffsets",
                error: format!("it lacks partition {index} of topic {topic}"),
            })?;
            let offset = if answer.error_code.is_none() {
                Ok(answer.offset)
            } else {
                Err(answer.error_code)
            };
            Ok((*index, offset))
        };
        partitions.iter().map(of).collect()
    }

    /// An error of the answer as a whole.
    pub(crate) fn check<R: Request>(&self, code: ErrorCode) -> Result<(), Cause> {
        if code.is_none() {
            Ok(())
        } else {
            Err(Cause::Broker {
                address: self.address.clone(),
                api: R::KEY.name(),
                code,
            })
        }
    }

    async fn exchange<R: Request>(&mut self, version: i16, request: &R) -> Result<Bytes, Cause> {
        let id = self.correlation_id;
        self.correlation_id = id.wrapping_add(1) & i32::MAX;
        let frame = encode_request(version, id, self.client_id.as_deref(), request)
            .map_err(|error| self.wrong_answer::<R>(&error))?;
        self.connection.queue(0, frame);
        let connection = &mut self.connection;
        let answered = poll_fn(|cx| {
            if let Poll::Ready(frame) = connection.poll_frame(cx) {
                return Poll::Ready(frame);
            }
            while let Poll::Ready(written) = connection.poll_write(cx) {
                if let Err(reason) = written {
                    return Poll::Ready(Err(reason));
                }
            }
            Poll::Pending
        });
        match tokio::time::timeout(self.request_timeout, answered).await {
            Ok(Ok(content)) => Ok(content),
            Ok(Err(reason)) => Err(self.lost(&reason)),
            Err(_) => Err(Cause::RequestTimeout {
                address: self.address.clone(),
                api: R::KEY.name(),
                after: self.request_timeout,
            }),
        }
    }

    fn decode<R: Request>(&self, version: i16, content: Bytes) -> Result<R::Response, Cause> {
        let (id, response) = decode_response::<R>(version, content)
            .map_err(|error| self.wrong_answer::<R>(&error))?;
        // One request at a time: the answer is to the latest one.
        let asked = self.correlation_id.wrapping_sub(1) & i32::MAX;
        if id == asked {
            Ok(response)
        } else {
            Err(self.wrong_answer::<R>(&format!("it answers request {id}, not {asked}")))
        }
    }

    fn wrong_answer<R: Request>(&self, error: &impl ToString) -> Cause {
        Cause::WrongAnswer {
            address: self.address.clone(),
            api: R::KEY.name(),
            error: error.to_string(),
        }
    }

    fn lost(&self, reason: &CloseReason) -> Cause {
        reason.cause(self.address.clone(), self.versions.is_none())
    }
}

/// Runs `work` on a thread of its own, with a runtime of its own, so that its result can be awaited
/// on any executor.
pub(crate) fn spawn(
    name: &str,
    work: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(4)
        .build()?;
    let serve = move || {
        runtime.block_on(work);
        // A name's resolution may still hang: nobody waits for it.
        runtime.shutdown_background();
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(serve)?;
    Ok(())
}

/// How long to wait after the n-th failure in a row, from 0.
pub(crate) fn backoff(config: &Config, failures: u32) -> Duration {
    let doubled = config
        .reconnect_backoff
        .saturating_mul(1 << failures.min(16));
    doubled.min(config.reconnect_backoff_max)
}
