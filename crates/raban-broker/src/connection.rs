//! One client's connection: frames in, responses out, in order and bounded both ways.
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use raban_protocol::frame::{Frame, FrameDecoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::cluster::Outcome;
use crate::config::BrokerConfig;
use crate::server::{Run, Shared};

/// Room made for a read: the least and the most. In between, it follows what the connection really received at a time.
const MIN_READ: usize = 16 << 10;
const MAX_READ: usize = 1 << 20;
/// Responses are written once they hold so many bytes, before the next request is looked at.
const MAX_PENDING: usize = 256 << 10;
/// Parts of one vectored write.
const MAX_SLICES: usize = 64;

/// What all connections share.
pub(crate) struct Connections {
    shared: Arc<Shared>,
    node: i32,
    max_request_bytes: usize,
    max_idle: Duration,
    run: watch::Receiver<Run>,
    /// Where the answers of requests that wait go.
    waiters: RefCell<BTreeMap<u64, oneshot::Sender<Outcome>>>,
}

/// Why a connection ended.
enum End {
    /// The client closed it, or the broker stops.
    Quiet,
    /// For this reason.
    Because(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Quiet,
            _ => Self::Because(error.to_string()),
        }
    }
}

impl Connections {
    pub(crate) fn new(
        config: &BrokerConfig,
        shared: Arc<Shared>,
        run: watch::Receiver<Run>,
    ) -> Self {
        Self {
            shared,
            node: config.node_id,
            max_request_bytes: config.max_request_bytes,
            max_idle: config.connections_max_idle,
            run,
            waiters: RefCell::new(BTreeMap::new()),
        }
    }

    /// Serves a connection until its end.
    pub(crate) async fn serve(self: Rc<Self>, id: u64, socket: TcpStream, peer: SocketAddr) {
        if let Ok(local) = socket.local_addr() {
            let reached_at = (local.ip().to_canonical().to_string(), local.port());
            self.shared.cluster().handle_connect(id, reached_at);
        }
        let mut run = self.run.clone();
        let mut connection = Connection {
            all: &self,
            id,
            socket,
            received: BytesMut::new(),
            read_size: MIN_READ,
            decoder: FrameDecoder::new(self.max_request_bytes),
            pending: VecDeque::new(),
            pending_len: 0,
        };
        let _registration = Registration { all: &self, id };
        let end = tokio::select! {
            end = connection.serve() => end,
            // A killed broker writes nothing any more; one that stops ends connections between requests.
            _ = run.wait_for(|run| *run == Run::Kill) => Err(End::Quiet),
        };
        if let Err(End::Because(reason)) = end {
            tracing::warn!(%peer, reason, "closed a connection");
        }
    }

    /// Hands on the answers that others' requests have made possible.
    fn dispatch(&self) {
        loop {
            let Some((id, outcome)) = self.shared.cluster().poll_reply(self.shared.now()) else {
                return;
            };
            if let Some(waiter) = self.waiters.borrow_mut().remove(&id) {
                // A connection that is gone needs no answer.
                let _ = waiter.send(outcome);
            }
        }
    }
}

/// Forgets a connection, however it ends.
struct Registration<'a> {
    all: &'a Connections,
    id: u64,
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.all.waiters.borrow_mut().remove(&self.id);
        self.all.shared.cluster().handle_disconnect(self.id);
    }
}

struct Connection<'a> {
    all: &'a Connections,
    id: u64,
    socket: TcpStream,
    received: BytesMut,
    read_size: usize,
    decoder: FrameDecoder,
    pending: VecDeque<Bytes>,
    pending_len: usize,
}

impl Connection<'_> {
    async fn serve(&mut self) -> Result<(), End> {
        self.socket.set_nodelay(true)?;
        loop {
            while let Some(content) = self.next_frame()? {
                self.handle(content).await?;
                if self.pending_len >= MAX_PENDING {
                    self.write_pending().await?;
                }
            }
            self.write_pending().await?;
            self.read().await?;
        }
    }

    fn next_frame(&mut self) -> Result<Option<Bytes>, End> {
        let frame = self.decoder.next(&mut self.received);
        frame.map_err(|e| End::Because(e.to_string()))
    }

    async fn handle(&mut self, content: Bytes) -> Result<(), End> {
        let all = self.all;
        let outcome =
            all.shared
                .cluster()
                .handle_request(all.shared.now(), all.node, self.id, content);
        all.dispatch();
        match outcome {
            Outcome::Wait { deadline } => {
                self.write_pending().await?;
                let answer = self.wait(deadline).await?;
                self.settle(answer)
            }
            outcome => self.settle(outcome),
        }
    }

    fn settle(&mut self, outcome: Outcome) -> Result<(), End> {
        match outcome {
            Outcome::Reply(frame) => {
                self.push(frame);
                Ok(())
            }
            Outcome::NoReply => Ok(()),
            Outcome::Wait { .. } => unreachable!("a request that waited is answered"),
            Outcome::Close(reason) => Err(End::Because(reason)),
        }
    }

    fn push(&mut self, frame: Frame) {
        self.pending_len += frame.len();
        self.pending
            .extend(frame.into_segments().into_iter().filter(|s| !s.is_empty()));
    }

    /// Waits for the answer of a request that waits, watching for the client's end meanwhile.
    async fn wait(&mut self, deadline: Duration) -> Result<Outcome, End> {
        let all = self.all;
        let (answer, mut answered) = oneshot::channel();
        all.waiters.borrow_mut().insert(self.id, answer);
        let left = deadline.saturating_sub(all.shared.now().elapsed);
        let mut run = all.run.clone();
        let sleep = tokio::time::sleep(left);
        tokio::pin!(sleep);
        loop {
            // A client may send ahead while it waits, but only so much.
            let may_read = self.received.len() < MAX_READ;
            tokio::select! {
                outcome = &mut answered => return outcome.map_err(|_| End::Quiet),
                () = &mut sleep => break,
                _ = run.wait_for(|run| *run != Run::On) => break,
                read = receive(&mut self.socket, &mut self.received, MIN_READ), if may_read => {
                    if read? == 0 {
                        return Err(End::Quiet);
                    }
                }
            }
        }
        all.waiters.borrow_mut().remove(&self.id);
        let outcome = all
            .shared
            .cluster()
            .handle_timeout(all.shared.now(), self.id);
        outcome.ok_or(End::Quiet)
    }

    /// Reads more. Room grows with what came in, never by what a frame announces.
    async fn read(&mut self) -> Result<(), End> {
        let mut run = self.all.run.clone();
        let read = receive(&mut self.socket, &mut self.received, self.read_size);
        let read = tokio::select! {
            read = timeout(self.all.max_idle, read) => read,
            _ = run.wait_for(|run| *run != Run::On) => return Err(End::Quiet),
        };
        match read {
            Err(_) if self.received.is_empty() => Err(End::Quiet),
            Err(_) => Err(End::Because(format!(
                "half a request came in, and nothing for {:?}",
                self.all.max_idle
            ))),
            Ok(read) => match read? {
                0 => Err(End::Quiet),
                read if read >= self.read_size => {
                    self.read_size = (self.read_size * 2).min(MAX_READ);
                    Ok(())
                }
                read if read < self.read_size / 8 => {
                    self.read_size = (self.read_size / 2).max(MIN_READ);
                    Ok(())
                }
                _ => Ok(()),
            },
        }
    }

    /// Writes all responses. No request is read meanwhile: a client that doesn't read its responses holds up only itself.
    async fn write_pending(&mut self) -> Result<(), End> {
        let max_idle = self.all.max_idle;
        while !self.pending.is_empty() {
            let written = {
                let slices = self
                    .pending
                    .iter()
                    .take(MAX_SLICES)
                    .map(|s| IoSlice::new(s));
                let slices: Vec<IoSlice<'_>> = slices.collect();
                let write = self.socket.write_vectored(&slices);
                let written = timeout(max_idle, write).await;
                written.map_err(|_| {
                    End::Because(format!("the client read no response for {max_idle:?}"))
                })??
            };
            if written == 0 {
                return Err(End::Quiet);
            }
            self.advance(written);
        }
        Ok(())
    }

    fn advance(&mut self, mut written: usize) {
        self.pending_len -= written;
        while let Some(front) = self.pending.front_mut() {
            if written < front.len() {
                front.advance(written);
                return;
            }
            written -= front.len();
            self.pending.pop_front();
        }
    }
}

/// Reads what is there into at least `room` bytes; 0 is the end of the stream.
async fn receive(
    socket: &mut TcpStream,
    received: &mut BytesMut,
    room: usize,
) -> io::Result<usize> {
    if received.capacity() - received.len() < room / 2 {
        received.reserve(room);
    }
    socket.read_buf(received).await
}
