//! `raban broker`: for this command and other clients.

use tempfile::tempdir;

use crate::support::{RunningBroker, command, raban, signal, wait};

#[test]
fn the_address_alone_is_on_standard_output() {
    let dir = tempdir().unwrap();
    let mut broker =
        RunningBroker::start(dir.path(), &["--storage", "memory", "--partitions", "3"]);
    let (host, port) = broker.address.rsplit_once(':').unwrap();
    assert_eq!(host, "127.0.0.1");
    assert_ne!(port.parse::<u16>().unwrap(), 0);
    assert_eq!(
        raban(
            dir.path(),
            &["produce", "-t", "a", "-b", &broker.address],
            "x\n"
        )
        .code,
        0
    );
    let described = raban(
        dir.path(),
        &["topic", "describe", "a", "-b", &broker.address],
        "",
    )
    .text();
    assert_eq!(described.lines().count(), 3, "{described}");
    assert!(
        !dir.path().join("raban-data").exists(),
        "memory leaves nothing behind"
    );
    signal(&broker.child, "TERM");
    assert!(broker.child.wait().unwrap().success());
}

#[test]
fn a_second_process_on_the_folder_uses_the_running_broker() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &[]);
    let run = raban(dir.path(), &["produce", "-t", "a"], "x\n");
    assert_eq!(run.code, 0, "{run:?}");
    let read = [
        "consume",
        "-t",
        "a",
        "--from-beginning",
        "-e",
        "-b",
        &broker.address,
    ];
    assert_eq!(raban(dir.path(), &read, "").text(), "x\n");
    let read = [
        "consume",
        "-t",
        "a",
        "--from-beginning",
        "-e",
        "--data-dir",
        "raban-data",
    ];
    assert_eq!(raban(dir.path(), &read, "").text(), "x\n");
}

#[test]
fn what_is_on_disk_is_there_after_a_kill() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--data-dir", "d"]);
    assert_eq!(
        raban(
            dir.path(),
            &["produce", "-t", "a", "-b", &broker.address],
            "x\ny\n"
        )
        .code,
        0
    );
    // Dropping it is kill -9.
    drop(broker);
    let broker = RunningBroker::start(dir.path(), &["--data-dir", "d"]);
    let read = [
        "consume",
        "-t",
        "a",
        "--from-beginning",
        "-e",
        "-b",
        &broker.address,
    ];
    assert_eq!(raban(dir.path(), &read, "").text(), "x\ny\n");
}

#[test]
fn discard_acknowledges_and_keeps_nothing() {
    let dir = tempdir().unwrap();
    let broker = RunningBroker::start(dir.path(), &["--storage", "discard"]);
    let run = raban(
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
        "x\ny\n",
    );
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.json()[1]["offset"], 1);
}

#[test]
fn an_interruption_stops_it_in_order() {
    let dir = tempdir().unwrap();
    let mut child = command(dir.path(), &["broker", "--listen", "localhost:0"])
        .spawn()
        .unwrap();
    crate::support::read_line(child.stdout.as_mut().unwrap());
    signal(&child, "INT");
    let run = wait(child);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("listens at 127.0.0.1:"), "{run:?}");
}
