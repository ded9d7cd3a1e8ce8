//! A cluster of real Apache Kafka on loopback ports: started, then stopped, killed, paused and restarted by node.

mod builder;
mod node;
mod ready;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

pub use builder::Builder;
pub use node::Node;

use crate::jars::Jars;
use crate::proxy::Proxy;

/// How long a node may take to start or to end on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// In the folder of the cluster's data.
const TELEMETRY_FILE: &str = "telemetry.txt";

/// A running cluster in KRaft combined mode: each node is a controller and a broker.
///
/// Its ports are free ports of the loopback interface and stay the same over restarts. Dropping it kills the nodes and
/// removes their data, unless `RABAN_TESTBED_KEEP` is set; the nodes die with the test process too, however it ends.
#[derive(Debug)]
pub struct Kafka {
    // Dropped in this order: processes end before their data goes.
    nodes: Vec<Node>,
    proxies: Vec<Proxy>,
    jars: Jars,
    version: String,
    data: TempDir,
}

impl Kafka {
    /// Describes a cluster to start.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The version that runs.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Addresses for the client under test, by comma: the nodes', or with [`Builder::proxied`] their proxies'.
    pub fn bootstrap_servers(&self) -> String {
        match self.proxies.is_empty() {
            true => join(self.nodes.iter().map(Node::address)),
            false => join(self.proxies.iter().map(Proxy::address)),
        }
    }

    /// Addresses of a second listener that never passes a proxy: for whoever checks what was written.
    pub fn direct_bootstrap_servers(&self) -> String {
        join(self.nodes.iter().map(Node::direct_address))
    }

    /// The nodes in the order of their `node.id`.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node with this `node.id`, from 1.
    ///
    /// # Panics
    /// If the cluster has no such node.
    pub fn node(&self, id: i32) -> &Node {
        self.nodes
            .iter()
            .find(|node| node.id() == id)
            .expect("a node.id of this cluster: from 1 to the number of nodes")
    }

    /// The proxy in front of the node with this `node.id`.
    ///
    /// # Panics
    /// If the cluster has no such node or was started without [`Builder::proxied`].
    pub fn proxy(&self, id: i32) -> &Proxy {
        let index = usize::try_from(id - 1).expect("a node.id counts from 1");
        self.proxies
            .get(index)
            .expect("Builder::proxied puts a proxy in front of each node")
    }

    /// Where its nodes write what clients push.
    pub(crate) fn telemetry_file(&self) -> PathBuf {
        self.data.path().join(TELEMETRY_FILE)
    }

    pub(crate) fn jars(&self) -> &Jars {
        &self.jars
    }
}

fn join(addresses: impl Iterator<Item = SocketAddr>) -> String {
    addresses
        .map(|address| address.to_string())
        .collect::<Vec<_>>()
        .join(",")
}
