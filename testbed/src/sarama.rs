//! sarama's own partitioners, by a small program in Go (`testbed/sarama`); its `go.mod` names the version.

use std::process::Command;

use crate::error::Error;
use crate::tool::run;

const NEED_GO: &str = "install Go 1.19 or later (Debian: golang-go) and put `go` on PATH";

/// The partitions that `NewHashPartitioner` and `NewReferenceHashPartitioner`, in this order, choose for keys among so
/// many partitions. The first run fetches sarama from Go's module proxy.
pub fn partitions(keys: &[Vec<u8>], partitions: i32) -> Result<[Vec<i32>; 2], Error> {
    const WHAT: &str = "sarama's partitioners";
    let mut go = Command::new("go");
    go.args(["run", ".", &partitions.to_string()])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sarama"));
    let mut input = String::new();
    for key in keys {
        input.extend(key.iter().map(|byte| format!("{byte:02x}")));
        input.push('\n');
    }
    let output = run(go, Error::spawn("go", NEED_GO), WHAT, input.as_bytes())?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = printed.lines().map(|line| {
        let numbers: Option<Vec<i32>> = line.split(' ').map(|number| number.parse().ok()).collect();
        numbers.filter(|numbers| numbers.len() == keys.len())
    });
    let lines: Option<Vec<_>> = lines.collect();
    let both = lines.and_then(|lines| lines.try_into().ok());
    both.ok_or_else(|| Error::Unexpected {
        what: WHAT.to_owned(),
        output: crate::error::tail(&printed, 2),
    })
}
