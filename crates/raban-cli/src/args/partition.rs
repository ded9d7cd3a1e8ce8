//! What may be written behind `raban partition`.

use std::ffi::OsString;

use clap::{Args, ValueEnum, value_parser};
use raban::partitioner::NamedPartitioner;

use super::{ClusterArgs, Report};

const PARTITION_OUTPUT: &str = "\
Partitioners: random, consistent, consistent_random, murmur2, murmur2_random,
fnv1a, fnv1a_random (librdkafka's names), sarama, sarama_reference, round_robin.

Output for keys, one a line: KEY<TAB>PARTITION; - where the key decides nothing.

Output of --sample, one partitioner a line, the best first: its name and the
percentage of keys that are where it puts them, separated by a tab; - where it
puts none anywhere. On standard error: which of them wrote the keys, and a
warning if the settings (-X, --command-config) choose otherwise.
As JSON (--report json), one object a line:
  partitioner, keys, placed (how many of them are where it puts them),
  fits (all are), configured (it chooses as the settings do)";

#[derive(Debug, Args)]
#[command(after_help = PARTITION_OUTPUT)]
pub(crate) struct Partition {
    /// How many partitions the topic has
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "sample",
        conflicts_with = "sample",
        value_parser = value_parser!(i32).range(1..)
    )]
    pub(crate) partitions: Option<i32>,

    /// Who maps keys to partitions. Without it that of the settings; murmur2_random, as the Java client,
    /// if they name none
    #[arg(long, value_name = "NAME", conflicts_with = "sample")]
    pub(crate) partitioner: Option<NamedPartitioner>,

    /// How KEY is written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) key_format: KeyFormat,

    /// Look at the newest keys in TOPIC instead, and tell which partitioner put them where they are
    #[arg(long, value_name = "TOPIC")]
    pub(crate) sample: Option<String>,

    /// Look at N records at most
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "sample", value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_messages: u32,

    /// How --sample tells: for people, or one JSON object a line
    #[arg(long, value_enum, value_name = "FORMAT", requires = "sample")]
    pub(crate) report: Option<Report>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    /// The keys; each is printed with its partition
    #[arg(
        value_name = "KEY",
        required_unless_present = "sample",
        conflicts_with_all = ["sample", "bootstrap_server", "data_dir"],
        allow_hyphen_values = false
    )]
    pub(crate) keys: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyFormat {
    /// The key's bytes as they are
    #[default]
    Text,
    /// Two hexadecimal digits a byte
    Hex,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_all_partitioners() {
        for named in NamedPartitioner::ALL {
            assert!(PARTITION_OUTPUT.contains(named.name()), "{named}");
        }
    }
}
