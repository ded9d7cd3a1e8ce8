//! `raban topic`.

use tempfile::tempdir;

use crate::support::raban;

#[test]
fn create_list_describe_delete() {
    let dir = tempdir().unwrap();
    let topic = |args: &[&str]| {
        raban(
            dir.path(),
            &[&["topic"], args, &["--data-dir", "d"]].concat(),
            "",
        )
    };
    assert_eq!(topic(&["list"]).text(), "");
    topic(&["create", "b", "--partitions", "2"]).text();
    topic(&["create", "-t", "a"]).text();
    assert_eq!(topic(&["list"]).text(), "a\nb\n");
    assert_eq!(
        raban(
            dir.path(),
            &["produce", "-t", "b", "-p", "1", "--data-dir", "d"],
            "x\ny\n"
        )
        .code,
        0
    );
    assert_eq!(
        topic(&["describe", "b"]).text(),
        "0\t1\t1\t1\t0\t0\n1\t1\t1\t1\t0\t2\n"
    );
    topic(&["delete", "--topic", "b"]).text();
    assert_eq!(topic(&["list"]).text(), "a\n");
}
