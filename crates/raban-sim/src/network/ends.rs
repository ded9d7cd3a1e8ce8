//! How connections end: the producer lets go, the broker hangs up or dies, the network cuts.

use raban_core::ConnectionId;

use super::pipe::Piece;
use super::{Network, Way};
use crate::hits::Hit;
use crate::stage::{Event, Stage};

impl Network {
    /// The producer gives a connection up. What is on its way to the broker arrives, or part of it.
    pub(crate) fn close(&mut self, stage: &mut Stage, conn: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let number = connection.number;
        stage.line(|| format!("connection {number} closed by the producer"));
        connection.held = false;
        connection.down.clear();
        if !connection.connected {
            self.forget(conn);
            return;
        }
        if connection.unanswered > 0 && self.random.chance(300) {
            connection.up.cut(&mut self.random);
        }
        let latency = self.latency();
        let up = &mut self.connections.get_mut(&conn).expect("seen above").up;
        match up.push(
            up.last_at().max(stage.now + latency),
            Piece::End { reset: false },
        ) {
            Some(at) => stage.at(at, Event::AtBroker(conn)),
            // Its bytes are lost, its end too: the broker never hears of it.
            None => stage.after(latency, Event::AtBroker(conn)),
        }
    }

    /// Cuts all connections to the node that carry something, both ways, with part of it delivered.
    pub(crate) fn reset(&mut self, stage: &mut Stage, node: i32) {
        let all = self.connections.iter();
        let to_node = all.filter(|(_, c)| c.node == node && c.held && c.connected);
        let conns: Vec<ConnectionId> = to_node.map(|(conn, _)| *conn).collect();
        for conn in conns {
            let connection = self.connections.get_mut(&conn).expect("listed");
            let number = connection.number;
            if connection.unanswered > 0 {
                stage.hits.hit(Hit::Reset);
            }
            connection.up.cut(&mut self.random);
            connection.down.cut(&mut self.random);
            connection.mute = true;
            stage.line(|| format!("connection {number} is reset"));
            for (pipe, event) in [
                (&mut connection.up, Event::AtBroker(conn)),
                (&mut connection.down, Event::AtProducer(conn)),
            ] {
                let at = pipe.last_at().max(stage.now);
                if let Some(at) = pipe.push(at, Piece::End { reset: true }) {
                    stage.at(at, event);
                }
            }
        }
    }

    /// The node's process died: nothing that came in is applied, and what it said last may arrive in part. With `silent`
    /// the machine died: nobody says that the connections are gone. Returns their numbers.
    pub(crate) fn kill(&mut self, stage: &mut Stage, node: i32, silent: bool) -> Vec<u64> {
        let mut numbers = Vec::new();
        let all = self.connections.iter();
        let to_node = all.filter(|(_, c)| c.node == node && c.connected);
        for conn in to_node.map(|(conn, _)| *conn).collect::<Vec<_>>() {
            let latency = self.latency();
            let connection = self.connections.get_mut(&conn).expect("listed");
            numbers.push(connection.number);
            connection.inbox.clear();
            connection.up.clear();
            (connection.ended, connection.busy) = (true, false);
            if silent {
                connection.down.clear();
            } else {
                connection.down.cut(&mut self.random);
                let at = connection.down.last_at().max(stage.now + latency);
                if let Some(at) = connection.down.push(at, Piece::End { reset: true }) {
                    stage.at(at, Event::AtProducer(conn));
                }
            }
            self.by_number.remove(&numbers[numbers.len() - 1]);
        }
        numbers
    }

    /// The broker closes a connection.
    pub(crate) fn hang_up(&mut self, stage: &mut Stage, number: u64, reason: &str) {
        let Some(conn) = self.conn(number) else {
            return;
        };
        stage.line(|| format!("connection {number} closed by the broker: {reason}"));
        self.send_piece(stage, conn, Way::Down, Piece::End { reset: false });
        let connection = self.connections.get_mut(&conn).expect("numbered");
        connection.inbox.clear();
        connection.up.clear();
        (connection.ended, connection.busy) = (true, false);
    }

    /// Leadership changed at the node: requests of connections that are given up are dropped.
    pub(crate) fn drop_late(&mut self, node: i32) {
        for connection in self.connections.values_mut().filter(|c| c.node == node) {
            connection.late = 0;
        }
    }

    /// The number of a connection that both ends are done with.
    pub(crate) fn end_if_done(&mut self, conn: ConnectionId) -> Option<u64> {
        let connection = self.connections.get(&conn)?;
        let number = connection.number;
        let done = connection.ended && !connection.busy && connection.inbox.is_empty();
        if !done {
            return None;
        }
        if !connection.held {
            self.connections.remove(&conn);
        }
        self.by_number.remove(&number).map(|_| number)
    }
}
