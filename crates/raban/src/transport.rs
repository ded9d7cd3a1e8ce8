//! What goes over a socket: frames out, frames in.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use raban_core::{CloseReason, Speaks};
use raban_protocol::frame::{Frame, FrameDecoder, FrameError};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

/// A larger response is no Kafka frame that this client asked for.
pub(crate) const MAX_FRAME: usize = 100 << 20;
/// The read buffer grows from the first to the second while reads fill it.
const READ_CHUNK_MIN: usize = 8 << 10;
const READ_CHUNK_MAX: usize = 256 << 10;
/// Slices given to one vectored write.
const WRITE_SLICES: usize = 64;

/// The bytes' way: what a connection is read from and written to.
#[derive(Debug)]
pub(crate) enum Stream {
    /// `security.protocol=PLAINTEXT`.
    Plain(TcpStream),
}

impl Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => pin!(stream.read_buf(into)).poll(cx),
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }
}

/// Frames over a stream. Polled by its owner's loop; the context of a poll is woken for reading
/// and writing alike.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    decoder: FrameDecoder,
    incoming: BytesMut,
    read_chunk: usize,
    outgoing: Outgoing,
}

impl Connection {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            decoder: FrameDecoder::new(MAX_FRAME),
            incoming: BytesMut::new(),
            read_chunk: READ_CHUNK_MIN,
            outgoing: Outgoing::default(),
        }
    }

    /// Queues a frame; [`poll_write`](Self::poll_write) hands it on, and `token` back.
    pub(crate) fn queue(&mut self, token: u32, frame: Frame) {
        self.outgoing.push(token, frame);
    }

    /// Writes the queued frames, several in one call of the system. Ready with the token of the
    /// next frame that is wholly with the system; pending while the system takes no more or
    /// nothing is queued.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<u32, CloseReason>> {
        loop {
            if let Some(token) = self.outgoing.pop_written() {
                return Poll::Ready(Ok(token));
            }
            if self.outgoing.frames.is_empty() {
                return Poll::Pending;
            }
            let mut slices = [IoSlice::new(&[]); WRITE_SLICES];
            let used = self.outgoing.slices(&mut slices);
            match ready!(self.stream.poll_write(cx, &slices[..used])) {
                Ok(0) => return Poll::Ready(Err(CloseReason::Eof)),
                Ok(written) => self.outgoing.advance(written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(self.last_words(cx, &error))),
            }
        }
    }

    /// The next frame's content, without its size.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, CloseReason>> {
        loop {
            match self.decoder.next(&mut self.incoming) {
                Ok(Some(content)) => return Poll::Ready(Ok(content)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(no_frame(&error))),
            }
            self.make_room();
            match ready!(self.stream.poll_read(cx, &mut self.incoming)) {
                Ok(0) => return Poll::Ready(Err(CloseReason::Eof)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(CloseReason::Io(error.to_string()))),
            }
        }
    }

    /// Why the peer is gone: what it said before it closed tells more than the failed write.
    fn last_words(&mut self, cx: &mut Context<'_>, write: &io::Error) -> CloseReason {
        match self.poll_frame(cx) {
            Poll::Ready(Err(
                reason @ (CloseReason::NotKafka(_) | CloseReason::FrameTooLarge { .. }),
            )) => reason,
            _ => CloseReason::Io(write.to_string()),
        }
    }

    fn make_room(&mut self) {
        let spare = self.incoming.capacity() - self.incoming.len();
        if spare == 0 {
            self.read_chunk = (self.read_chunk * 2).min(READ_CHUNK_MAX);
        }
        if spare < self.read_chunk / 4 {
            self.incoming.reserve(self.read_chunk);
        }
    }
}

fn no_frame(error: &FrameError) -> CloseReason {
    match error {
        FrameError::LooksLikeHttp => CloseReason::NotKafka(Speaks::Http),
        FrameError::LooksLikeTls => CloseReason::NotKafka(Speaks::Tls),
        FrameError::TooLarge { size, .. } => CloseReason::FrameTooLarge { size: *size },
        _ => CloseReason::NotKafka(Speaks::Unknown),
    }
}

/// The frames to be written, as the segments they consist of.
#[derive(Debug, Default)]
struct Outgoing {
    segments: VecDeque<Bytes>,
    /// For each frame its token and its bytes not yet written.
    frames: VecDeque<(u32, usize)>,
}

impl Outgoing {
    fn push(&mut self, token: u32, frame: Frame) {
        self.frames.push_back((token, frame.len()));
        let segments = frame.into_segments().into_iter();
        self.segments
            .extend(segments.filter(|part| !part.is_empty()));
    }

    fn slices<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let mut used = 0;
        for (slice, segment) in into.iter_mut().zip(&self.segments) {
            *slice = IoSlice::new(segment);
            used += 1;
        }
        used
    }

    fn advance(&mut self, written: usize) {
        let mut left = written;
        while left > 0 {
            let segment = &mut self.segments[0];
            let part = left.min(segment.len());
            segment.advance(part);
            left -= part;
            if segment.is_empty() {
                self.segments.pop_front();
            }
        }
        let mut left = written;
        for (_, unwritten) in &mut self.frames {
            let part = left.min(*unwritten);
            *unwritten -= part;
            left -= part;
            if left == 0 {
                break;
            }
        }
    }

    fn pop_written(&mut self) -> Option<u32> {
        match self.frames.front() {
            Some((token, 0)) => {
                let token = *token;
                self.frames.pop_front();
                Some(token)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raban_protocol::frame::encode_request;
    use raban_protocol::messages::ApiVersionsRequest;

    fn frame(client_id: &str) -> Frame {
        encode_request(0, 7, Some(client_id), &ApiVersionsRequest::default()).unwrap()
    }

    #[test]
    fn tokens_come_back_when_their_last_byte_is_written() {
        let (first, second) = (frame("a"), frame("bb"));
        let (first_len, second_len) = (first.len(), second.len());
        let mut outgoing = Outgoing::default();
        outgoing.push(1, first);
        outgoing.push(2, second);
        outgoing.advance(first_len - 1);
        assert_eq!(outgoing.pop_written(), None);
        outgoing.advance(2);
        assert_eq!(outgoing.pop_written(), Some(1));
        assert_eq!(outgoing.pop_written(), None);
        outgoing.advance(second_len - 1);
        assert_eq!(outgoing.pop_written(), Some(2));
        assert!(outgoing.segments.is_empty() && outgoing.frames.is_empty());
    }

    #[test]
    fn what_is_left_of_a_partly_written_frame_is_written_next() {
        let whole = frame("client").to_bytes();
        let mut outgoing = Outgoing::default();
        outgoing.push(1, frame("client"));
        outgoing.advance(5);
        let mut slices = [IoSlice::new(&[]); 4];
        let used = outgoing.slices(&mut slices);
        let left: Vec<u8> = slices[..used]
            .iter()
            .flat_map(|part| part.to_vec())
            .collect();
        assert_eq!(left, whole[5..]);
    }
}
