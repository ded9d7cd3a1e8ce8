//! The input of `produce`: blocks read on a thread of their own, cut into lines of bounded size.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::str::FromStr;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;

use memchr::{memchr, memmem};

use crate::exit::Failure;

/// Bytes read at once.
const BLOCK: usize = 256 * 1024;
/// Blocks read ahead.
const BLOCKS: usize = 2;

/// An opened file or standard input.
pub(crate) struct Source {
    reader: Box<dyn Read + Send>,
    /// As messages name it.
    pub(crate) name: String,
    /// Bytes, if it is a plain file.
    pub(crate) len: Option<u64>,
    pub(crate) is_terminal: bool,
}

impl Source {
    /// Opens `path`, where `-` is standard input. An error names the option, if there is one, and what was expected.
    pub(crate) fn open(path: &Path, option: &str, what: &str) -> Result<Self, Failure> {
        if path.as_os_str() == OsStr::new("-") {
            return Ok(Self {
                reader: Box::new(io::stdin()),
                name: "standard input".into(),
                len: None,
                is_terminal: io::stdin().is_terminal(),
            });
        }
        let name = path.display().to_string();
        let unreadable = |error: io::Error| {
            Failure::usage(format!(
                "can't read {name}{option}: {error}; name {what}, or - for standard input"
            ))
        };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        let len = metadata.is_file().then_some(metadata.len());
        Ok(Self {
            reader: Box::new(file),
            name,
            len,
            is_terminal: false,
        })
    }

    /// All of it.
    pub(crate) fn read_to_end(mut self) -> Result<Vec<u8>, Failure> {
        let mut content = Vec::new();
        match self.reader.read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(error) => Err(Failure::usage(format!("can't read {}: {error}", self.name))),
        }
    }
}

enum Message {
    Block(Vec<u8>),
    Failed(io::Error),
    /// Somebody wants the reader of the blocks to look up from waiting.
    Wake,
}

/// What there is to read next.
pub(crate) enum Next {
    Block(Vec<u8>),
    Failed(io::Error),
    /// Nothing at the moment; only without waiting.
    Idle,
    /// Woken by a [`Waker`].
    Woken,
    End,
}

/// The input as blocks of bytes; memory is bounded by [`BLOCKS`] × [`BLOCK`].
pub(crate) struct Blocks(Receiver<Message>);

/// Ends a wait of [`Blocks::wait`].
#[derive(Clone)]
pub(crate) struct Waker(SyncSender<Message>);

impl Waker {
    pub(crate) fn wake(&self) {
        match self.0.try_send(Message::Wake) {
            // Full: nobody waits, there are blocks to take. Disconnected: nobody reads any more.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

impl Blocks {
    /// Starts reading. The thread ends with the input; a read that never returns (a terminal, an
    /// idle pipe) can't be ended, so nothing waits for the thread.
    pub(crate) fn read(source: Source) -> (Self, Waker) {
        let (sender, receiver) = sync_channel(BLOCKS);
        let waker = Waker(sender.clone());
        thread::spawn(move || read_blocks(source.reader, &sender));
        (Self(receiver), waker)
    }

    /// The next block if it is there already.
    pub(crate) fn poll(&self) -> Next {
        match self.0.try_recv() {
            Ok(message) => Self::next(message),
            Err(TryRecvError::Empty) => Next::Idle,
            Err(TryRecvError::Disconnected) => Next::End,
        }
    }

    /// The next block, waiting for it.
    pub(crate) fn wait(&self) -> Next {
        self.0.recv().map_or(Next::End, Self::next)
    }

    fn next(message: Message) -> Next {
        match message {
            Message::Block(block) if block.is_empty() => Next::End,
            Message::Block(block) => Next::Block(block),
            Message::Failed(error) => Next::Failed(error),
            Message::Wake => Next::Woken,
        }
    }
}

/// The end of the input is an empty block: a [`Waker`] keeps the channel open.
fn read_blocks(mut reader: Box<dyn Read + Send>, sender: &SyncSender<Message>) {
    loop {
        let mut block = vec![0; BLOCK];
        let message = match reader.read(&mut block) {
            Ok(len) => {
                block.truncate(len);
                Message::Block(block)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Message::Failed(error),
        };
        let ended = match &message {
            Message::Block(block) => block.is_empty(),
            _ => true,
        };
        if sender.send(message).is_err() || ended {
            return;
        }
    }
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) content: Content<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    Bytes(&'a [u8]),
    /// Longer than the limit: its bytes weren't kept, only counted.
    TooLong(u64),
}

/// Cuts blocks into lines that end with LF or CRLF. Keeps at most `limit` bytes.
#[derive(Debug)]
pub(crate) struct Lines {
    limit: usize,
    number: u64,
    /// The beginning of a line whose end is in a block to come.
    carry: Vec<u8>,
    /// Bytes of that line that weren't kept.
    dropped: u64,
    /// Whether the line's last byte so far is a CR.
    ends_in_cr: bool,
    /// The carry was handed out and is done with.
    stale: bool,
}

impl Lines {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            number: 0,
            carry: Vec::new(),
            dropped: 0,
            ends_in_cr: false,
            stale: false,
        }
    }

    /// The next whole line; `None` when the block is used up.
    pub(crate) fn next<'a, 'b: 'a>(&'a mut self, block: &mut &'b [u8]) -> Option<Line<'a>> {
        self.forget_stale();
        let Some(end) = memchr(b'\n', block) else {
            self.keep(block);
            *block = &[];
            return None;
        };
        let (head, rest) = (&block[..end], &block[end + 1..]);
        *block = rest;
        if self.carry.is_empty() && self.dropped == 0 {
            self.number += 1;
            let bytes = head.strip_suffix(b"\r").unwrap_or(head);
            let content = if bytes.len() > self.limit {
                Content::TooLong(bytes.len() as u64)
            } else {
                Content::Bytes(bytes)
            };
            return Some(Line {
                number: self.number,
                content,
            });
        }
        self.keep(head);
        Some(self.take(true))
    }

    /// The last line, if the input doesn't end with a line end.
    pub(crate) fn finish(&mut self) -> Option<Line<'_>> {
        self.forget_stale();
        (!self.carry.is_empty() || self.dropped > 0).then(|| self.take(false))
    }

    fn take(&mut self, ended: bool) -> Line<'_> {
        self.number += 1;
        self.stale = true;
        let cr = usize::from(ended && self.ends_in_cr);
        // Dropped or not: the CR is the last byte of the line, and never counts.
        let len = self.carry.len() as u64 + self.dropped - cr as u64;
        let content = if len > self.limit as u64 {
            Content::TooLong(len)
        } else {
            Content::Bytes(&self.carry[..len as usize])
        };
        Line {
            number: self.number,
            content,
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = (self.limit + 1).saturating_sub(self.carry.len());
        let kept = bytes.len().min(room);
        self.carry.extend_from_slice(&bytes[..kept]);
        if let Some(last) = bytes.last() {
            self.ends_in_cr = *last == b'\r';
        }
        self.dropped += (bytes.len() - kept) as u64;
    }

    fn forget_stale(&mut self) {
        if self.stale {
            self.carry.clear();
            self.dropped = 0;
            self.stale = false;
        }
    }
}

/// What stands between key and value in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Separator(Vec<u8>);

impl Separator {
    /// Key and value around the first separator.
    pub(crate) fn split<'a>(&self, line: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let at = match self.0[..] {
            [byte] => memchr(byte, line),
            _ => memmem::find(line, &self.0),
        }?;
        Some((&line[..at], &line[at + self.0.len()..]))
    }
}

impl FromStr for Separator {
    type Err = SeparatorError;

    fn from_str(text: &str) -> Result<Self, SeparatorError> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('\\') {
            bytes.extend_from_slice(&rest.as_bytes()[..at]);
            let (byte, len) = unescape(&rest[at + 1..]).ok_or(SeparatorError::Escape)?;
            bytes.push(byte);
            rest = &rest[at + 1 + len..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        if bytes.is_empty() {
            Err(SeparatorError::Empty)
        } else {
            Ok(Self(bytes))
        }
    }
}

/// The byte that stands behind a backslash, and how long it is written.
fn unescape(text: &str) -> Option<(u8, usize)> {
    Some(match text.as_bytes().first()? {
        b't' => (b'\t', 1),
        b'n' => (b'\n', 1),
        b'r' => (b'\r', 1),
        b'0' => (0, 1),
        b'\\' => (b'\\', 1),
        b'x' => {
            let digits = text
                .get(1..3)
                .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
            (u8::from_str_radix(digits, 16).ok()?, 3)
        }
        _ => return None,
    })
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SeparatorError {
    #[error("it is empty; give at least one character, such as : or \\t")]
    Empty,
    #[error("a backslash must be followed by t, n, r, 0, \\ or xHH")]
    Escape,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of `input` cut into blocks of `size` bytes.
    fn lines(input: &[u8], size: usize, limit: usize) -> Vec<Result<Vec<u8>, u64>> {
        let mut lines = Lines::new(limit);
        let mut out = Vec::new();
        let mut push = |line: Line<'_>| {
            out.push(match line.content {
                Content::Bytes(bytes) => Ok(bytes.to_vec()),
                Content::TooLong(len) => Err(len),
            });
            assert_eq!(line.number, out.len() as u64);
        };
        for block in input.chunks(size.max(1)) {
            let mut rest = block;
            while let Some(line) = lines.next(&mut rest) {
                push(line);
            }
        }
        if let Some(line) = lines.finish() {
            push(line);
        }
        out
    }

    fn ok(lines: &[&str]) -> Vec<Result<Vec<u8>, u64>> {
        lines
            .iter()
            .map(|line| Ok(line.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn line_ends_belong_to_no_line() {
        for size in 1..12 {
            assert_eq!(lines(b"", size, 99), ok(&[]));
            assert_eq!(lines(b"\n", size, 99), ok(&[""]));
            assert_eq!(lines(b"a\nb\n", size, 99), ok(&["a", "b"]));
            assert_eq!(lines(b"a\nb", size, 99), ok(&["a", "b"]));
            assert_eq!(lines(b"a\r\n\r\nb\r\n", size, 99), ok(&["a", "", "b"]));
            assert_eq!(lines(b"a\n\nb\n", size, 99), ok(&["a", "", "b"]));
            // Only directly before LF is CR part of a line end.
            assert_eq!(
                lines(b"a\rb\n\r\r\nc\r", size, 99),
                ok(&["a\rb", "\r", "c\r"])
            );
        }
    }

    #[test]
    fn a_line_over_the_limit_is_counted_and_the_next_one_read() {
        for size in 1..20 {
            assert_eq!(
                lines(b"12345\n123456\n1\n", size, 5),
                [Ok(b"12345".to_vec()), Err(6), Ok(b"1".to_vec())]
            );
            assert_eq!(lines(b"12345\r\n12", size, 5), ok(&["12345", "12"]));
            assert_eq!(lines(b"1\n1234567", size, 5), [Ok(b"1".to_vec()), Err(7)]);
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory_beyond_the_limit() {
        let mut lines = Lines::new(1000);
        for _ in 0..100 {
            let mut rest = &[7u8; 5000][..];
            assert_eq!(lines.next(&mut rest), None);
        }
        assert!(lines.carry.capacity() < 10_000);
        assert_eq!(lines.finish().unwrap().content, Content::TooLong(500_000));
    }

    proptest! {
        #[test]
        fn blocks_don_t_matter(input in prop::collection::vec(prop::sample::select(&b"ab\r\n"[..]), 0..200), size in 1usize..50) {
            prop_assert_eq!(lines(&input, size, 20), lines(&input, input.len(), 20));
        }
    }

    #[test]
    fn a_line_is_split_at_the_first_separator() {
        let split = |separator: &str, line: &'static str| {
            separator
                .parse::<Separator>()
                .unwrap()
                .split(line.as_bytes())
        };
        assert_eq!(split(":", "k:v:w"), Some((&b"k"[..], &b"v:w"[..])));
        assert_eq!(split("=>", "k=v=>w"), Some((&b"k=v"[..], &b"w"[..])));
        assert_eq!(split("\\t", "k\tv"), Some((&b"k"[..], &b"v"[..])));
        assert_eq!(split("\\x01", "k\u{1}v"), Some((&b"k"[..], &b"v"[..])));
        assert_eq!(split(":", ":"), Some((&b""[..], &b""[..])));
        assert_eq!(split(":", "kv"), None);
    }

    #[test]
    fn separators_that_make_no_sense_are_refused() {
        assert_eq!("".parse::<Separator>(), Err(SeparatorError::Empty));
        for text in ["\\", "\\q", "\\x", "\\x1", "\\xg0", "\\x+1", "\\xé"] {
            assert_eq!(
                text.parse::<Separator>(),
                Err(SeparatorError::Escape),
                "{text}"
            );
        }
    }

    #[test]
    fn waiting_for_input_can_be_ended() {
        let (sender, receiver) = sync_channel(BLOCKS);
        let (blocks, waker) = (Blocks(receiver), Waker(sender));
        assert!(matches!(blocks.poll(), Next::Idle));
        waker.wake();
        assert!(matches!(blocks.wait(), Next::Woken));
    }
}
