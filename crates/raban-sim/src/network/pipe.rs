//! One direction of a connection: bytes on their way, in order, and frames cut out of them at the other end.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use raban_protocol::frame::{FrameDecoder, FrameError};

use crate::random::Random;

/// What arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Bytes(Bytes),
    /// The other end is gone: by a reset, or in order.
    End {
        reset: bool,
    },
}

/// A stream of bytes that takes time.
#[derive(Debug)]
pub(super) struct Pipe {
    on_the_way: VecDeque<(Duration, Piece)>,
    last_at: Duration,
    ended: bool,
    received: BytesMut,
    decoder: FrameDecoder,
}

impl Pipe {
    pub(super) fn new(max_frame: usize) -> Self {
        Self {
            on_the_way: VecDeque::new(),
            last_at: Duration::ZERO,
            ended: false,
            received: BytesMut::new(),
            decoder: FrameDecoder::new(max_frame),
        }
    }

    /// Sends a piece, which arrives at `at` or behind those before it. Returns when; `None` where the stream has ended.
    pub(super) fn push(&mut self, at: Duration, piece: Piece) -> Option<Duration> {
        if self.ended {
            return None;
        }
        self.ended = matches!(piece, Piece::End { .. });
        self.last_at = self.last_at.max(at);
        self.on_the_way.push_back((self.last_at, piece));
        Some(self.last_at)
    }

    pub(super) fn last_at(&self) -> Duration {
        self.last_at
    }

    /// The piece that has arrived, if one has.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Piece> {
        let (at, _) = self.on_the_way.front()?;
        (*at <= now).then(|| self.on_the_way.pop_front().expect("looked at above").1)
    }

    /// Loses what is on its way from some point on, in the middle of a piece as often as between two.
    pub(super) fn cut(&mut self, random: &mut Random) {
        let kept = random.below(self.on_the_way.len() as u64 + 1) as usize;
        let next = self.on_the_way.get(kept).cloned();
        self.on_the_way.truncate(kept);
        if let Some((at, Piece::Bytes(bytes))) = next
            && random.chance(700)
        {
            let part = bytes.slice(..random.below(bytes.len() as u64) as usize);
            self.on_the_way.push_back((at, Piece::Bytes(part)));
        }
        self.last_at = self.on_the_way.back().map_or(Duration::ZERO, |(at, _)| *at);
        self.ended = false;
    }

    pub(super) fn clear(&mut self) {
        self.on_the_way.clear();
        self.ended = true;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.on_the_way.is_empty()
    }

    /// Takes in bytes that arrived.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// The next whole frame among the bytes that arrived, without its size.
    pub(super) fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        self.decoder.next(&mut self.received)
    }

    /// Whether a frame's first part arrived and not yet its last.
    pub(super) fn is_within_a_frame(&self) -> bool {
        !self.received.is_empty()
    }
}
