//! What cluster to start, and its `server.properties`.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tempfile::TempDir;

use super::node::{Heap, Identity, Ports};
use super::{Kafka, Node, PATIENCE, TELEMETRY_FILE};
use crate::error::Error;
use crate::jars::Jars;
use crate::proxy::Proxy;

const REPLICAS: [&str; 4] = [
    "default.replication.factor",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "share.coordinator.state.topic.replication.factor",
];
const IN_SYNC_REPLICAS: [&str; 3] = [
    "min.insync.replicas",
    "transaction.state.log.min.isr",
    "share.coordinator.state.topic.min.isr",
];
const PARTITIONS: [&str; 3] = [
    "offsets.topic.num.partitions",
    "transaction.state.log.num.partitions",
    "share.coordinator.state.topic.num.partitions",
];

/// Describes a cluster; [`Builder::start`] starts it.
#[derive(Clone, Debug)]
pub struct Builder {
    version: String,
    nodes: usize,
    proxied: bool,
    collecting: bool,
    log_dirs: BTreeMap<i32, PathBuf>,
    configs: Vec<(String, String)>,
}

impl Builder {
    pub(super) fn new() -> Self {
        let newest = crate::VERSIONS[crate::VERSIONS.len() - 1];
        Self {
            version: newest.to_owned(),
            nodes: 1,
            proxied: false,
            collecting: false,
            log_dirs: BTreeMap::new(),
            configs: Vec::new(),
        }
    }

    /// One of [`VERSIONS`](crate::VERSIONS); the newest unless set.
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// The number of nodes; 1 unless set. With 3, topics get three replicas by default and `min.insync.replicas` is 2.
    ///
    /// # Panics
    /// If `nodes` is 0.
    pub fn nodes(mut self, nodes: usize) -> Self {
        assert!(nodes > 0, "a cluster has at least one node");
        self.nodes = nodes;
        self
    }

    /// A line of every node's `server.properties`; it wins over the testbed's own. The listeners are named `CLIENT`
    /// (for clients under test), `INTERNAL` and `CONTROLLER`.
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.configs.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Puts a [`Proxy`] in front of each node, whose address the node tells its clients.
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// Clients under test are `User:client` and may do what no access control list forbids; see [`Kafka::allow`]. Nodes
    /// and the testbed's own tools may do everything.
    pub fn authorized(self) -> Self {
        let authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
        self.config("authorizer.class.name", authorizer)
            .config("allow.everyone.if.no.acl.found", "true")
            .config("principal.builder.class", "ListenerPrincipal")
            .config("super.users", "User:testbed")
    }

    /// Nodes take metrics from clients that are subscribed to (KIP-714): see [`Kafka::subscribe`] and [`Kafka::pushes`].
    pub fn collecting(mut self) -> Self {
        self.collecting = true;
        self
    }

    /// Where the node with this `node.id` keeps its partitions' logs, instead of a folder of the testbed's.
    pub fn log_dir(mut self, node: i32, folder: &Path) -> Self {
        self.log_dirs.insert(node, folder.to_owned());
        self
    }

    /// Starts the cluster and returns once each node answers and knows all others.
    pub fn start(self) -> Result<Kafka, Error> {
        let jars = Jars::of(&self.version)?;
        let keep = std::env::var_os("RABAN_TESTBED_KEEP").is_some();
        let data = tempfile::Builder::new()
            .prefix("raban-testbed-")
            .disable_cleanup(keep)
            .tempdir();
        let data = data.map_err(Error::io("cannot create a temporary folder"))?;
        if keep {
            eprintln!(
                "Apache Kafka {} keeps its logs and data in {}",
                self.version,
                data.path().display()
            );
        }
        let ports = (0..self.nodes)
            .map(|_| Ports::reserve())
            .collect::<Result<Vec<_>, Error>>()?;
        let mut proxies = Vec::new();
        if self.proxied {
            for port in &ports {
                proxies.push(
                    Proxy::start(port.client.address())
                        .map_err(Error::io("cannot start a proxy"))?,
                );
            }
        }
        let advertised: Vec<SocketAddr> = match self.proxied {
            true => proxies.iter().map(Proxy::address).collect(),
            false => ports.iter().map(|port| port.client.address()).collect(),
        };
        let voters = voters(&ports);
        let heap = if self.nodes == 1 {
            Heap::Single
        } else {
            Heap::Shared
        };
        let cluster_id = cluster_id(&ports);
        let mut nodes = Vec::new();
        for ((id, ports), advertised) in (1..).zip(ports).zip(advertised) {
            let folder = node_folder(&data, id)?;
            let log_dir = self.log_dirs.get(&id).cloned();
            let log_dir = log_dir.unwrap_or_else(|| folder.join("data"));
            let mut properties = self.properties(id, &log_dir, &ports, advertised, &voters);
            if self.collecting {
                let file = data.path().join(TELEMETRY_FILE);
                properties.push_str("metric.reporters=TelemetryPlugin\n");
                properties.push_str(&format!("testbed.telemetry.file={}\n", file.display()));
            }
            let config = folder.join("server.properties");
            fs::write(&config, properties)
                .map_err(Error::io(format!("cannot write {}", config.display())))?;
            let removable = if keep {
                None
            } else {
                Some(data.path().to_owned())
            };
            let identity = Identity {
                node_id: id,
                cluster_id: cluster_id.clone(),
            };
            nodes.push(Node::new(
                identity,
                ports,
                folder,
                log_dir,
                removable,
                jars.clone(),
                heap,
            ));
        }
        let kafka = Kafka {
            nodes,
            proxies,
            jars,
            version: self.version,
            data,
        };
        let deadline = Instant::now() + PATIENCE;
        kafka.nodes.iter().try_for_each(Node::spawn)?;
        kafka
            .nodes
            .iter()
            .try_for_each(|node| node.wait_ready(self.nodes, deadline))?;
        Ok(kafka)
    }

    fn properties(
        &self,
        id: i32,
        log_dir: &Path,
        ports: &Ports,
        advertised: SocketAddr,
        voters: &str,
    ) -> String {
        let replicas = self.nodes.min(3).to_string();
        let in_sync = self.nodes.min(3).div_ceil(2).to_string();
        let (client, internal, controller) = (
            ports.client.address(),
            ports.internal.address(),
            ports.controller.address(),
        );
        let mut lines = vec![
            ("process.roles", "broker,controller".to_owned()),
            ("node.id", id.to_string()),
            ("controller.quorum.voters", voters.to_owned()),
            (
                "listeners",
                format!("CLIENT://{client},INTERNAL://{internal},CONTROLLER://{controller}"),
            ),
            (
                "advertised.listeners",
                format!("CLIENT://{advertised},INTERNAL://{internal}"),
            ),
            (
                "listener.security.protocol.map",
                "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
            ),
            ("inter.broker.listener.name", "INTERNAL".to_owned()),
            ("controller.listener.names", "CONTROLLER".to_owned()),
            ("log.dirs", log_dir.display().to_string()),
        ];
        lines.extend(REPLICAS.map(|key| (key, replicas.clone())));
        lines.extend(IN_SYNC_REPLICAS.map(|key| (key, in_sync.clone())));
        lines.extend(PARTITIONS.map(|key| (key, "3".to_owned())));
        lines.push(("group.initial.rebalance.delay.ms", "0".to_owned()));
        // A killed node may register anew, and its partitions get new leaders, once its session is over. With several
        // nodes on few cores a short session ends by itself.
        let session = if self.nodes == 1 { "2500" } else { "6000" };
        lines.push(("broker.session.timeout.ms", session.to_owned()));
        lines.push(("broker.heartbeat.interval.ms", "500".to_owned()));
        // The log cleaner's default of 128 MiB doesn't fit a small heap.
        lines.push(("log.cleaner.dedupe.buffer.size", "4194304".to_owned()));
        lines.push(("num.network.threads", "2".to_owned()));
        lines.push(("num.io.threads", "4".to_owned()));
        let own = lines.iter().map(|(key, value)| (*key, value.as_str()));
        let given = self
            .configs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        // In a properties file the last line of a key counts.
        own.chain(given)
            .map(|(key, value)| format!("{key}={}\n", value.replace('\\', "\\\\")))
            .collect()
    }
}

/// Another one for each cluster that runs at the same time: 22 characters of Base64, of which the last holds two bits.
fn cluster_id(ports: &[Ports]) -> String {
    format!("rabantestbed{:09}A", ports[0].controller.address().port())
}

fn voters(ports: &[Ports]) -> String {
    let voters = (1..)
        .zip(ports)
        .map(|(id, ports): (i32, _)| format!("{id}@{}", ports.controller.address()));
    voters.collect::<Vec<_>>().join(",")
}

fn node_folder(data: &TempDir, id: i32) -> Result<PathBuf, Error> {
    let folder = data.path().join(format!("node-{id}"));
    fs::create_dir(&folder).map_err(Error::io(format!("cannot create {}", folder.display())))?;
    Ok(folder)
}
