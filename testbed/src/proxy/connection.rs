//! One connection through a proxy: frames read ahead, judged, and written in order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::frame::{FrameReader, Piece, RequestHead, response_correlation_id};
use super::rule::{Action, Direction, RuleId};
use super::state::{State, Verdict};

/// Frames that may wait behind a delayed or held one before the sender feels it.
const READ_AHEAD: usize = 64;

/// Serves a client's connection to its end.
pub(super) async fn serve(mut client: TcpStream, state: Arc<State>) {
    let (id, cut) = state.open();
    let end = forward(&mut client, id, &cut, &state).await;
    if matches!(end, Ok(End::Reset) | Err(_)) {
        // Best effort: a socket that refuses the option is closed in order.
        let _ = client.set_zero_linger();
    }
    drop(client);
    state.close(id);
}

/// How a connection ended, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

async fn forward(client: &mut TcpStream, id: u64, cut: &Notify, state: &State) -> io::Result<End> {
    let mut target = tokio::select! {
        connected = TcpStream::connect(state.target()) => connected?,
        () = cut.notified() => return Ok(End::Reset),
    };
    client.set_nodelay(true)?;
    target.set_nodelay(true)?;
    let (from_client, mut to_client) = client.split();
    let (mut from_target, mut to_target) = target.split();
    let requests = pump(Direction::Request, from_client, &mut to_target, id, state);
    let ended = {
        let responses = pump(
            Direction::Response,
            &mut from_target,
            &mut to_client,
            id,
            state,
        );
        tokio::select! {
            () = cut.notified() => return Ok(End::Reset),
            ended = responses => return ended,
            ended = requests => ended?,
        }
    };
    if ended == End::Closed {
        // The client is gone, but what it sent still counts: the target reads it all before it sees the end.
        to_target.shutdown().await?;
        let mut unread = tokio::io::sink();
        tokio::select! {
            () = cut.notified() => {}
            drained = tokio::io::copy(&mut from_target, &mut unread) => { drained?; }
        }
    }
    Ok(ended)
}

/// One frame on its way.
struct Passing {
    bytes: Bytes,
    correlation_id: Option<i32>,
    step: Step,
}

enum Step {
    Forward,
    At(Instant),
    Hold(RuleId),
    Cut(usize),
}

async fn pump(
    direction: Direction,
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    id: u64,
    state: &State,
) -> io::Result<End> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    let read = async {
        // An error ends the stream as its end does: what came before is still passed on, and then the writing ends.
        read_all(direction, from, id, state, sender).await;
        std::future::pending().await
    };
    tokio::select! {
        end = write_all(direction, to, id, state, receiver) => end,
        end = read => end,
    }
}

async fn read_all(
    direction: Direction,
    from: impl AsyncRead + Unpin,
    id: u64,
    state: &State,
    passing: mpsc::Sender<Passing>,
) {
    let mut reader = FrameReader::new(from);
    while let Ok(Some(piece)) = reader.next().await {
        let arrived = Instant::now();
        let (bytes, correlation_id, verdict) = match (piece, direction) {
            (Piece::Opaque(bytes), _) => (bytes, None, Verdict::Forward),
            (Piece::Frame(bytes), Direction::Request) => {
                let verdict = state.handle_request(id, RequestHead::of(&bytes));
                (bytes, None, verdict)
            }
            (Piece::Frame(bytes), Direction::Response) => {
                let correlation_id = response_correlation_id(&bytes);
                let verdict = state.handle_response(id, correlation_id);
                (bytes, correlation_id, verdict)
            }
        };
        let step = match verdict {
            Verdict::Forward => Step::Forward,
            Verdict::Apply(Action::Swallow, _) => continue,
            Verdict::Apply(Action::Delay(by), _) => Step::At(arrived + by),
            Verdict::Apply(Action::Hold, rule) => Step::Hold(rule),
            Verdict::Apply(Action::CutAfter(bytes), _) => Step::Cut(bytes),
        };
        if passing
            .send(Passing {
                bytes,
                correlation_id,
                step,
            })
            .await
            .is_err()
        {
            return;
        }
    }
}

async fn write_all(
    direction: Direction,
    mut to: impl AsyncWrite + Unpin,
    id: u64,
    state: &State,
    mut passing: mpsc::Receiver<Passing>,
) -> io::Result<End> {
    while let Some(Passing {
        mut bytes,
        correlation_id,
        step,
    }) = passing.recv().await
    {
        match step {
            Step::Forward => {}
            Step::At(time) => tokio::time::sleep_until(time).await,
            Step::Hold(rule) => state.removed(rule).await,
            Step::Cut(len) => {
                bytes.truncate(len);
                write(direction, &mut to, bytes, state).await?;
                return Ok(End::Reset);
            }
        }
        if direction == Direction::Response {
            state.answered(id, correlation_id);
        }
        write(direction, &mut to, bytes, state).await?;
    }
    Ok(End::Closed)
}

/// Writes at the throughput that is set when each piece is written.
async fn write(
    direction: Direction,
    to: &mut (impl AsyncWrite + Unpin),
    mut bytes: Bytes,
    state: &State,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let rate = state.throughput(direction);
        if rate == 0 {
            to.write_all(&bytes).await?;
            state.passed_on(direction, bytes.len() as u64);
            return Ok(());
        }
        // A twentieth of a second's worth at a time, so that a slow link is smooth and a new limit acts soon.
        let piece = bytes.split_to(
            usize::try_from(rate / 20)
                .unwrap_or(usize::MAX)
                .clamp(1, bytes.len()),
        );
        to.write_all(&piece).await?;
        state.passed_on(direction, piece.len() as u64);
        tokio::time::sleep(Duration::from_secs_f64(piece.len() as f64 / rate as f64)).await;
    }
    Ok(())
}
