//! The `raban` command.

fn main() {}
