//! Which cluster the brokers belong to (KIP-1242): connections that lead astray, and a cluster in another's place.

use super::Sender;
use crate::connection::{ConnectionId, Meant};
use crate::error::{Cause, Unresolved};
use crate::event::Event;
use crate::idempotence::ProducerId;
use crate::time::Instant;

impl Sender {
    /// What to tell the broker at the other end that it is taken for. Nothing before metadata named it, nor while the
    /// brokers are too old to compare: each connection would cost a refused request.
    pub(super) fn meant(&self, conn: ConnectionId) -> Option<Meant> {
        let asks = self.config.cluster_check && self.control.brokers_compare;
        let node_id = self.connections.get(&conn)?.expects.filter(|_| asks)?;
        let cluster_id = self.metadata.cluster_id.clone()?;
        Some(Meant {
            cluster_id,
            node_id,
        })
    }

    /// The address leads to another broker than metadata said: what is known is stale.
    pub(super) fn misrouted(&mut self, now: Instant, conn: ConnectionId) {
        let connection = &self.connections[&conn];
        let cause = Cause::Misrouted {
            address: connection.address.to_string(),
            node: connection.expects.unwrap_or(-1),
            cluster_id: self.metadata.cluster_id.clone().unwrap_or_default(),
        };
        self.control.rebootstraps = true;
        self.disconnect(now, conn, cause);
    }

    /// Takes in the cluster id that `conn` told with its metadata. Returns whether that metadata is to be believed.
    pub(super) fn enter_cluster(&mut self, now: Instant, conn: ConnectionId, told: String) -> bool {
        let known = match &self.metadata.cluster_id {
            Some(known) if *known == told => return true,
            Some(known) => known.clone(),
            None => {
                self.metadata.cluster_id = Some(told);
                return true;
            }
        };
        if self.config.cluster_check && !self.may_tell_of_another_cluster(conn) {
            let connection = &self.connections[&conn];
            self.control.rebootstraps |= connection.expects.is_some();
            let address = connection.address.to_string();
            let cause = Cause::OtherCluster {
                address,
                told,
                known,
            };
            self.disconnect(now, conn, cause);
            return false;
        }
        self.leave_cluster(now, conn, known, &told);
        self.metadata.cluster_id = Some(told);
        true
    }

    /// Only a bootstrap server, and only once no known broker answers or one is another than it was.
    fn may_tell_of_another_cluster(&self, conn: ConnectionId) -> bool {
        let known_are_gone = self.control.in_vain >= self.metadata.brokers.len();
        self.connections[&conn].expects.is_none() && (self.control.rebootstraps || known_are_gone)
    }

    /// Nothing of the old cluster counts in the new one: no connection, leader, topic id, producer id or sequence.
    fn leave_cluster(&mut self, now: Instant, conn: ConnectionId, left: String, entered: &str) {
        self.event(Event::ClusterChanged {
            left: left.clone(),
            entered: entered.to_owned(),
        });
        let stale = self.connections.values().filter(|held| held.id != conn);
        let stale: Vec<ConnectionId> = stale.map(|held| held.id).collect();
        for conn in stale {
            let cause = Cause::Disconnected {
                address: self.connections[&conn].address.to_string(),
                error: format!("it led to cluster {left}, which cluster {entered} replaced"),
            };
            self.disconnect(now, conn, cause);
        }
        if matches!(self.producer_id, ProducerId::Known(_)) {
            self.producer_id = ProducerId::Wanted { not_before: now };
        }
        self.metadata.forget_topic_ids();
        for id in self.all_partitions() {
            self.queue(id).sequences.abandon_id();
            self.begin_anew(now, id, Unresolved::ClusterChanged);
            self.move_to_leader(now, id, None, -1, true);
        }
    }
}
