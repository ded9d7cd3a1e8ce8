//! Ctrl-C: the first delivers what was accepted, the second ends at once.

use std::io::{Read, Write};

use tempfile::tempdir;

use crate::support::{RunningBroker, command, halt, nobody, raban, read_line, signal, wait};

#[test]
fn what_was_accepted_is_delivered() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "memory"]);
    // The second record would linger for a minute.
    let args = [
        "produce",
        "-t",
        "a",
        "-b",
        &broker.address,
        "--report",
        "json",
        "-X",
        "linger.ms=60000",
        "-X",
        "batch.size=100",
        "-X",
        "delivery.timeout.ms=120000",
    ];
    let mut child = command(dir.path(), &args).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(&[[b'x'; 200].as_slice(), b"\nlast\n"].concat())
        .unwrap();
    // Both lines came in one block: when the first is reported, the second is accepted or about to be.
    read_line(child.stdout.as_mut().unwrap());
    signal(&child, "INT");
    let mut rest = String::new();
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    let run = wait(child);
    assert_eq!(run.code, 130, "{run:?}");
    assert!(
        run.stderr
            .contains("interrupted: the rest of the input was not read"),
        "{run:?}"
    );
    let read = raban(
        dir.path(),
        &[
            "consume",
            "-t",
            "a",
            "-b",
            &broker.address,
            "--from-beginning",
            "-e",
        ],
        "",
    )
    .text();
    // Reported means in the log, and nothing else is there.
    assert_eq!(read.lines().count(), 1 + rest.lines().count());
    drop(stdin);
}

#[test]
fn a_wait_for_a_server_that_isn_t_there_is_ended() {
    let dir = tempdir().unwrap();
    let mut child = command(dir.path(), &["produce", "-t", "a", "-b", &nobody()])
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(b"x\n").unwrap();
    // Signals may come before the command watches for them: then they end it outright.
    until_it_ends(&mut child);
}

#[test]
fn a_second_one_ends_a_flush_that_can_t_succeed() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "memory"]);
    let mut child = command(
        dir.path(),
        &[
            "produce",
            "-t",
            "a",
            "-b",
            &broker.address,
            "--report",
            "json",
        ],
    )
    .spawn()
    .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\n").unwrap();
    read_line(child.stdout.as_mut().unwrap());
    halt(&broker.child);
    stdin.write_all(b"two\n").unwrap();
    until_it_ends(&mut child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// Interrupts until the command is gone.
fn until_it_ends(child: &mut std::process::Child) {
    while child.try_wait().unwrap().is_none() {
        signal(child, "INT");
    }
}
