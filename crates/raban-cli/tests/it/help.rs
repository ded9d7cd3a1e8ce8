//! What `--help` and `--version` say.

use tempfile::tempdir;

use crate::support::raban;

#[test]
fn help_of_each_command() {
    let dir = tempdir().unwrap();
    for command in [
        "produce",
        "consume",
        "broker",
        "topic",
        "partition",
        "config",
        "verify",
    ] {
        let help = raban(dir.path(), &[command, "--help"], "").text();
        insta::assert_snapshot!(format!("help_{command}"), help);
    }
    insta::assert_snapshot!("help", raban(dir.path(), &["--help"], "").text());
    let check = raban(dir.path(), &["config", "check", "--help"], "").text();
    insta::assert_snapshot!("help_config_check", check);
}

#[test]
fn the_version() {
    let dir = tempdir().unwrap();
    let version = raban(dir.path(), &["--version"], "").text();
    assert_eq!(version, format!("raban {}\n", env!("CARGO_PKG_VERSION")));
}
