//! A child process that never outlives its parent: a small shell between them kills it when the parent is gone.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Starts "$@", prints its pid, then sends it each signal named on standard input and prints whether that worked.
/// The end of standard input is the parent's end: the child is killed and, if asked, its data removed.
const WATCHDOG: &str = r#"
log=$1 data=$2
shift 2
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
child=$!
echo "$child"
(
  while read -r signal; do
    kill -s "$signal" "$child"
    echo "$?"
  done
  : >"$log.orphan"
  kill -s KILL "$child"
) <&3 2>/dev/null &
watcher=$!
exec 3<&- >&- 2>/dev/null
wait "$child"
status=$?
kill "$watcher" 2>/dev/null
if [ -n "$data" ] && [ -e "$log.orphan" ]; then
  rm -rf "$data"
fi
exit "$status"
"#;

/// A signal for [`Process::signal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Term,
    Kill,
    Stop,
    Cont,
}

/// A running or ended child.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    signals: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    exit: Arc<(Mutex<Option<ExitStatus>>, Condvar)>,
}

impl Process {
    /// Starts `program`, whose output goes to the end of `log`. If this process dies, so does the child, and
    /// `data` is removed.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Path,
        args: impl IntoIterator<Item = A>,
        log: &Path,
        data: Option<&Path>,
    ) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCHDOG, "sh"])
            .arg(log)
            .arg(data.unwrap_or(Path::new("")));
        command.arg(program).args(args);
        // A group of its own: Ctrl-C reaches the tests, whose end then ends the child.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut shell = command.spawn()?;
        let signals = shell.stdin.take();
        let mut answers = BufReader::new(shell.stdout.take().expect("standard output is piped"));
        let exit = Arc::new((Mutex::new(None), Condvar::new()));
        let seen = Arc::clone(&exit);
        thread::spawn(move || {
            let status = shell
                .wait()
                .expect("a child that nobody else waits for can be waited for");
            *seen.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
            seen.1.notify_all();
        });
        let pid = read_line(&mut answers)?.parse().map_err(io::Error::other)?;
        Ok(Self {
            pid,
            signals,
            answers,
            exit,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// How the child ended, if it has.
    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the child's end.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<ExitStatus> {
        let guard = self.exit.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .exit
            .1
            .wait_timeout_while(guard, timeout, |status| status.is_none());
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Sends a signal; false if the child has ended. After [`Signal::Stop`], returns once no thread runs any more.
    pub(crate) fn signal(&mut self, signal: Signal) -> bool {
        let name = match signal {
            Signal::Term => "TERM",
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Cont => "CONT",
        };
        let Some(signals) = &mut self.signals else {
            return false;
        };
        let sent = signals
            .write_all(format!("{name}\n").as_bytes())
            .and_then(|()| read_line(&mut self.answers));
        let sent = sent.is_ok_and(|answer| answer == "0");
        if sent && signal == Signal::Stop {
            self.wait_until_stopped();
        }
        sent
    }

    /// A stop signal reaches the threads of a process one after the other; Linux tells when it has reached all.
    fn wait_until_stopped(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !all_threads_stopped(self.pid) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exit_status().is_none() && self.signal(Signal::Kill) {
            self.wait(Duration::from_secs(10));
        }
    }
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn all_threads_stopped(pid: u32) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    tasks.flatten().all(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The state follows the program's name, which is in parentheses and may hold any character.
        stat.rsplit_once(") ")
            .is_none_or(|(_, rest)| rest.starts_with(['T', 'Z', 'X']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(folder: &Path) -> Process {
        Process::start(
            Path::new("sleep"),
            ["1000"],
            &folder.join("log"),
            Some(&folder.join("data")),
        )
        .unwrap()
    }

    #[test]
    fn signals_arrive_and_the_end_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = sleeper(folder.path());
        assert!(process.signal(Signal::Stop));
        assert!(all_threads_stopped(process.pid()));
        assert_eq!(process.exit_status(), None);
        assert!(process.signal(Signal::Cont));
        assert!(process.signal(Signal::Term));
        assert_eq!(
            process.wait(Duration::from_secs(10)).unwrap().code(),
            Some(128 + 15)
        );
        assert!(!process.signal(Signal::Kill));
    }

    #[test]
    fn the_child_and_its_data_die_with_the_parents_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mut process = sleeper(folder.path());
        // What the kernel does when this process is killed: the pipe closes and nothing else happens.
        drop(process.signals.take());
        assert_eq!(
            process.wait(Duration::from_secs(10)).unwrap().code(),
            Some(128 + 9)
        );
        assert!(!data.exists());
    }
}
