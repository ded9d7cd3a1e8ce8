//! Runs the binary with streamed input and a bound on its time, and reads what it says.

use std::io::{self, BufWriter, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

/// No test waits longer for anything; what works takes a fraction of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Lets one test run at a time: a cluster and a producer at full speed fill a small machine.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Run {
    /// Its standard output, of a run that went well.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        String::from_utf8(self.stdout).unwrap()
    }

    /// Its report, a line for each record.
    pub(crate) fn report(&self) -> Vec<Report> {
        let lines = self.stdout.split_inclusive(|byte| *byte == b'\n');
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

/// A line of `--report json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    #[serde(rename = "topic")]
    pub(crate) _topic: String,
    pub(crate) partition: Option<i32>,
    pub(crate) offset: Option<i64>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) in_doubt: bool,
    pub(crate) line: Option<u64>,
    pub(crate) trail: Option<Value>,
    #[serde(rename = "trail_of_line")]
    pub(crate) _trail_of_line: Option<u64>,
}

/// Starts `raban` with its three streams piped.
pub(crate) fn spawn(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_raban"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs `raban` to its end, with what `input` writes on standard input.
#[track_caller]
pub(crate) fn raban(
    args: &[&str],
    input: impl FnOnce(&mut BufWriter<ChildStdin>) -> io::Result<()> + Send + 'static,
) -> Run {
    let began = Instant::now();
    let mut child = spawn(args);
    let mut stdin = BufWriter::with_capacity(1 << 16, child.stdin.take().unwrap());
    // A command that fails early doesn't read: then writing does, and that's fine.
    let writer = thread::spawn(move || drop(input(&mut stdin).and_then(|()| stdin.flush())));
    let run = finish(child, began);
    writer.join().unwrap();
    run
}

/// Runs `raban` with nothing on standard input.
#[track_caller]
pub(crate) fn ask(args: &[&str]) -> String {
    raban(args, |_| Ok(())).text()
}

/// Waits for the end of a command, and ends it should it not end by itself.
#[track_caller]
pub(crate) fn finish(mut child: Child, began: Instant) -> Run {
    let stdout = child.stdout.take().map(read);
    let stderr = read(child.stderr.take().unwrap());
    let ended = stderr.recv_timeout(PATIENCE);
    if ended.is_err() {
        child.kill().unwrap();
    }
    let code = child.wait().unwrap().code();
    let took = began.elapsed();
    let Ok(stderr) = ended else {
        let said = stderr.recv_timeout(PATIENCE).unwrap_or_default();
        panic!("raban did not end: {}", String::from_utf8_lossy(&said));
    };
    let stdout = stdout.map_or_else(Vec::new, |stdout| stdout.recv_timeout(PATIENCE).unwrap());
    Run {
        code: code.expect("ended by itself"),
        stdout,
        stderr: String::from_utf8(stderr).unwrap(),
        took,
    }
}

fn read(mut from: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = from.read_to_end(&mut bytes);
        sender.send(read.map(|_| bytes).unwrap())
    });
    receiver
}

/// Creates a topic with `raban topic create`, and returns once its leaders answer: before that, what is sent with acks=0
/// is lost.
#[track_caller]
pub(crate) fn create_topic(server: &str, topic: &str, partitions: i32) {
    let count = partitions as usize;
    let partitions = partitions.to_string();
    ask(&[
        "topic",
        "create",
        topic,
        "-b",
        server,
        "--partitions",
        &partitions,
    ]);
    let deadline = Instant::now() + PATIENCE;
    let describe = ["topic", "describe", topic, "-b", server];
    while ask(&describe)
        .lines()
        .filter(|line| line.ends_with("\t0"))
        .count()
        < count
    {
        assert!(Instant::now() < deadline, "{topic} has no leaders");
    }
}

/// The partitions that `raban partition` tells for keys.
#[track_caller]
pub(crate) fn partitions_of(keys: &[String], partitions: i32) -> Vec<i32> {
    let partitions = partitions.to_string();
    let mut args = vec!["partition", "--partitions", &partitions];
    args.extend(keys.iter().map(String::as_str));
    let told = ask(&args);
    let parse = |(line, key): (&str, &String)| {
        let (told, partition) = line.split_once('\t').unwrap();
        assert_eq!(told, key);
        partition.parse().unwrap()
    };
    told.lines().zip(keys).map(parse).collect()
}

/// The summary, which is the last that `produce` says, tells of so many records and of no failure.
#[track_caller]
pub(crate) fn assert_all_delivered(run: &Run, records: u64) {
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines: Vec<&str> = run.stderr.lines().collect();
    let [.., first, _partitions, last] = &lines[..] else {
        panic!("no summary: {}", run.stderr);
    };
    let delivered: String = first
        .chars()
        .take_while(|c| *c != ' ')
        .filter(char::is_ascii_digit)
        .collect();
    assert_eq!(delivered, records.to_string(), "{}", run.stderr);
    assert!(last.ends_with(", failed: 0, in doubt: 0"), "{}", run.stderr);
}
