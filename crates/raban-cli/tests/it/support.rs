//! Runs the binary, and servers that aren't Kafka.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// No test waits longer for a command to end; one that works ends in a fraction of it.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// Its standard output, of a run that went well.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Its standard output as JSON, one object a line.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        let lines = self
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("ended by itself"),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// `raban` with these arguments in `dir`, its three streams piped.
pub(crate) fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raban"));
    command
        .args(args)
        .env("COLUMNS", "100")
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs `raban` to its end with `input` on standard input.
#[track_caller]
pub(crate) fn raban(dir: &Path, args: &[&str], input: impl Into<Vec<u8>>) -> Run {
    let mut child = command(dir, args).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.into();
    // A command that fails early doesn't read: then writing does, and that's fine.
    thread::spawn(move || drop(stdin.write_all(&input)));
    wait(child)
}

/// Waits for the end of a command.
#[track_caller]
pub(crate) fn wait(child: Child) -> Run {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output().unwrap()));
    receiver
        .recv_timeout(PATIENCE)
        .expect("the command ends")
        .into()
}

/// Sends a signal by its name.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Halts a process, and returns when none of its threads runs any more.
pub(crate) fn halt(child: &Child) {
    signal(child, "STOP");
    let tasks = format!("/proc/{}/task", child.id());
    let runs = |task: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
        // The state stands behind the name, which is in parentheses.
        !stat.rsplit(')').next().unwrap().starts_with(" T")
    };
    while std::fs::read_dir(&tasks).unwrap().any(runs) {
        thread::yield_now();
    }
}

/// A running `raban broker`.
pub(crate) struct RunningBroker {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl RunningBroker {
    pub(crate) fn start(dir: &Path, args: &[&str]) -> Self {
        let mut all = vec!["broker", "--listen", "127.0.0.1:0"];
        all.extend(args);
        let mut child = command(dir, &all).spawn().unwrap();
        let address = read_line(child.stdout.as_mut().unwrap());
        Self { child, address }
    }
}

impl Drop for RunningBroker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One line, byte by byte, so that nothing behind it is taken.
pub(crate) fn read_line(from: &mut impl Read) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while from.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

/// A server that answers the first bytes of each connection with `answer` and closes.
pub(crate) fn server_answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else {
                return;
            };
            let _ = connection.read(&mut [0; 1024]);
            let _ = connection.write_all(answer);
        }
    });
    address
}

/// A port where nobody listens. It is none that the system gives out by itself, to another test's listener say.
pub(crate) fn nobody() -> String {
    "127.0.0.1:1".to_owned()
}
