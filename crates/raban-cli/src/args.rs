//! The command line: what may be written, and what each word means.

mod partition;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use raban::JavaSerializer;

pub(crate) use self::partition::{KeyFormat, Partition};
use crate::input::Separator;

const ABOUT: &str = "Produce to Apache Kafka, or to an embedded broker with nothing installed";

const EXIT_CODES: &str = "\
Exit codes:
  0    all done; of produce: each record delivered
  1    some records were surely not delivered, or the command failed
  2    wrong usage or configuration; nothing was sent
  3    some records are in doubt: they may be in the log
  130  interrupted: a first Ctrl-C delivers what was accepted, a second one
       ends at once

Data goes to standard output; progress, summaries and errors to standard error.";

/// Everything after `raban`.
#[derive(Debug, Parser)]
#[command(name = "raban", version, about = ABOUT, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send records read from a file or standard input
    Produce(Box<Produce>),
    /// Print a topic's records
    Consume(Consume),
    /// Run the embedded broker, for this and other Kafka clients
    Broker(Broker),
    /// Create, list, describe or delete topics
    #[command(subcommand)]
    Topic(Topic),
    /// Tell which partition keys go to
    Partition(Partition),
    /// List the settings, or check those of a file
    Config(Config),
    /// Send numbers and tell of each, as Kafka's system tests expect of a producer
    Verify(Verify),
}

/// Which cluster, and with which settings.
#[derive(Debug, Default, Args)]
pub(crate) struct ClusterArgs {
    /// The brokers to start from. Without it, without bootstrap.servers and without --data-dir, the
    /// embedded broker in ./raban-data is used
    #[arg(short = 'b', long, value_name = "HOST:PORT,…")]
    pub(crate) bootstrap_server: Option<String>,

    /// Use the embedded broker with its data in DIR. If a broker runs on DIR already, it is used
    #[arg(long, value_name = "DIR", conflicts_with = "bootstrap_server")]
    pub(crate) data_dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) properties: Properties,

    /// A Java properties file with settings by Kafka's names
    #[arg(long, value_name = "FILE", alias = "producer.config")]
    pub(crate) command_config: Option<PathBuf>,
}

/// Settings one by one.
#[derive(Debug, Default, Args)]
pub(crate) struct Properties {
    /// A setting by Kafka's name, such as linger.ms=50; may be repeated, and wins over a file's
    #[arg(
        short = 'X',
        long = "producer-property",
        visible_alias = "property",
        value_name = "KEY=VALUE"
    )]
    pub(crate) given: Vec<String>,
}

const PRODUCE_INPUT: &str = "\
Input as lines (the default):
  A line ends with LF or CRLF, which are no part of the record. The last line
  needs no line end. An empty line is a record with an empty value. Bytes pass
  as they are, UTF-8 or not.
  Without -K the whole line is the value, and the key is null. With -K the line
  is split at the first separator; a line without one is not sent: it counts as
  failed.

Input as JSON (--format json), one object a line; blank lines are skipped:
  {\"key\": …, \"value\": …, \"headers\": …, \"partition\": 0, \"timestamp\": 1735689600000}
  All members are optional. key and value: null or absent is null, a string its
  UTF-8 bytes, {\"base64\": \"…\"} those bytes, any other JSON its text as written.
  headers: an object, or an array of {\"key\": …, \"value\": …}; a key may repeat.
  topic and offset are ignored, so that the output of
  `raban consume --format json` can be piped in.

Serializers (--key-serializer, --value-serializer, or the settings
key.serializer, value.serializer) make bytes of that text as Kafka's Java ones do:
  With integer, 42 is four bytes. Null stays null. Strings and UUIDs are in the
  charset that the settings key.serializer.encoding, value.serializer.encoding
  or serializer.encoding name. Without all these, and with bytearray, bytes pass as
  they are.

A line that can't be read as a record, or whose key or value isn't what its
serializer takes, counts as failed; the others are sent.";

#[derive(Debug, Args)]
#[command(after_help = PRODUCE_INPUT)]
pub(crate) struct Produce {
    /// The topic to send to
    #[arg(short, long)]
    pub(crate) topic: String,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    /// Where the records are read from; - is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) file: PathBuf,

    /// How the input is read
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// What stands between key and value in a line: any text; \t, \n, \r, \0, \\ and \xHH are understood
    #[arg(short = 'K', long, value_name = "TEXT")]
    pub(crate) key_separator: Option<Separator>,

    /// What makes bytes of keys: boolean, short, integer, long, float, double, uuid, string, bytearray, void, or Kafka's
    /// class for one of these. Wins over the setting key.serializer
    #[arg(long, value_name = "NAME")]
    pub(crate) key_serializer: Option<JavaSerializer>,

    /// The same for values. Wins over the setting value.serializer
    #[arg(long, value_name = "NAME")]
    pub(crate) value_serializer: Option<JavaSerializer>,

    /// A header for every record; may be repeated, also with the same key. K alone has a null value
    #[arg(short = 'H', long = "header", value_name = "K=V")]
    pub(crate) headers: Vec<String>,

    /// Send every record to this partition, unless its JSON names one
    #[arg(short, long, value_name = "N", value_parser = value_parser!(i32).range(0..))]
    pub(crate) partition: Option<i32>,

    /// A line's value that equals TEXT is sent as null (a tombstone)
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) null_value: Option<OsString>,

    /// Print what became of each record, in input order, one JSON object a line:
    /// topic, partition, offset (null with acks=0), timestamp, or the error and its trail
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) report: Option<Report>,

    /// Tell the trail of delivered records, too, that took more than one attempt: where the time
    /// went, and each attempt
    #[arg(long)]
    pub(crate) trail: bool,

    /// Serve the producer's metrics to Prometheus at http://HOST:PORT/metrics while records are sent; PORT alone
    /// is on this machine only (127.0.0.1), 0.0.0.0:PORT for all; port 0 is any free one, and told
    #[arg(long, value_name = "[HOST:]PORT", value_parser = listen_address)]
    pub(crate) metrics_port: Option<SocketAddr>,

    /// No progress and no summary; failures are still told
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// A port, or an address with one.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let port = text
        .parse()
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    port.or_else(|_| text.parse()).map_err(|_| {
        "neither a port (0 to 65535) nor an IP address with one, as 0.0.0.0:9404".to_owned()
    })
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One record a line
    #[default]
    Lines,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Report {
    /// One JSON object a line
    Json,
}

const CONSUME_OUTPUT: &str = "\
Output as lines (the default): the fields asked for, then the value, separated
by tabs, in this order:
  timestamp, partition, offset, headers (k=v,k=v), key, value
  Null is printed as null. Bytes pass as they are.

Output as JSON (--format json), one object a line, all fields:
  topic, partition, offset, timestamp, key, value,
  headers as an array of {\"key\": …, \"value\": …}
  Null is null; bytes that are UTF-8 are a string, others {\"base64\": \"…\"}.
  `raban produce --format json` reads this back to the same bytes.

When whoever reads the output goes away (as in `raban consume … | head`), the
command ends with exit code 0.";

#[derive(Debug, Args)]
#[command(after_help = CONSUME_OUTPUT)]
pub(crate) struct Consume {
    /// The topic to read
    #[arg(short, long)]
    pub(crate) topic: String,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    /// Read this partition only; all of them without it
    #[arg(short, long, value_name = "N", value_parser = value_parser!(i32).range(0..))]
    pub(crate) partition: Option<i32>,

    /// Start at the first record instead of those that come from now on
    #[arg(long)]
    pub(crate) from_beginning: bool,

    /// End after the last record there was at the start
    #[arg(short, long)]
    pub(crate) exit_at_end: bool,

    /// End after N records
    #[arg(long, value_name = "N")]
    pub(crate) max_messages: Option<u64>,

    /// End when no record came for N milliseconds
    #[arg(long, value_name = "N")]
    pub(crate) timeout_ms: Option<u64>,

    /// Print each record's key
    #[arg(long)]
    pub(crate) print_key: bool,

    /// Print each record's partition
    #[arg(long)]
    pub(crate) print_partition: bool,

    /// Print each record's offset
    #[arg(long)]
    pub(crate) print_offset: bool,

    /// Print each record's headers
    #[arg(long)]
    pub(crate) print_headers: bool,

    /// Print each record's timestamp, in milliseconds since 1970
    #[arg(long)]
    pub(crate) print_timestamp: bool,

    /// How records are printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

const BROKER_ADDRESS: &str = "\
The address is printed on standard output as HOST:PORT as soon as the broker
listens; everything else goes to standard error. Ctrl-C or SIGTERM stops the
broker in order, with exit code 0.";

#[derive(Debug, Args)]
#[command(after_help = BROKER_ADDRESS)]
pub(crate) struct Broker {
    /// Where the data is kept with --storage disk [default: ./raban-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9092")]
    pub(crate) listen: String,

    /// Partitions of topics that are created by being used
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(i32).range(1..=10_000))]
    pub(crate) partitions: i32,

    /// Where records are kept
    #[arg(long, value_enum, default_value_t)]
    pub(crate) storage: Storage,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Storage {
    /// In files under the data directory
    #[default]
    Disk,
    /// In memory, gone when the broker stops
    Memory,
    /// Nowhere: acknowledged and dropped, to measure producers
    Discard,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Topic {
    /// Create a topic
    Create {
        #[command(flatten)]
        name: TopicName,

        /// How many partitions [default: the broker's own default]
        #[arg(long, value_name = "N", value_parser = value_parser!(i32).range(1..))]
        partitions: Option<i32>,

        /// How many brokers keep each partition [default: the broker's own default]
        #[arg(long, value_name = "N", value_parser = value_parser!(i16).range(1..))]
        replication_factor: Option<i16>,

        #[command(flatten)]
        cluster: ClusterArgs,
    },
    /// Print the topics' names, one a line
    List {
        #[command(flatten)]
        cluster: ClusterArgs,
    },
    /// Print a topic's partitions, one a line: partition, leader, replicas, in-sync replicas, first offset, next offset,
    /// separated by tabs; - is unknown
    Describe {
        #[command(flatten)]
        name: TopicName,
        #[command(flatten)]
        cluster: ClusterArgs,
    },
    /// Delete a topic and all its records
    Delete {
        #[command(flatten)]
        name: TopicName,
        #[command(flatten)]
        cluster: ClusterArgs,
    },
}

/// The topic, as `NAME` or as `-t NAME`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TopicName {
    /// The topic
    #[arg(value_name = "TOPIC")]
    name: Option<String>,

    /// The same as an option
    #[arg(short, long = "topic", value_name = "TOPIC")]
    topic: Option<String>,
}

impl TopicName {
    pub(crate) fn get(&self) -> &str {
        // clap requires exactly one of the two.
        self.name
            .as_deref()
            .or(self.topic.as_deref())
            .unwrap_or_default()
    }
}

const CONFIG_OUTPUT: &str = "\
Output as text (the default): for each setting its name, type, default and valid
values, what it means, and what raban does with it.

Output as JSON (--format json), one object a line:
  name, type, default, valid, unit, importance, doc, aliases,
  treatment (effect, translated, accepted or refused) and its reason";

#[derive(Debug, Args)]
#[command(after_help = CONFIG_OUTPUT, args_conflicts_with_subcommands = true)]
pub(crate) struct Config {
    /// Only these settings, by name, or by the part of it before a *: 'retry.*'; all of them without it
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,

    /// How settings are printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ConfigFormat,

    #[command(subcommand)]
    pub(crate) check: Option<ConfigCommand>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConfigFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether a producer can run on the settings of a properties file, and which values are in force
    Check(ConfigCheck),
}

const CHECK_OUTPUT: &str = "\
Output as text (the default), one setting a line, separated by tabs:
  name=value, and where the value comes from: FILE:LINE, -X, default, or changed
  where other settings changed it. Settings without a value and those that have
  no effect are left out, unless they are set.

Output as JSON (--format json), one object a line, all settings:
  name, value, source (set, default or changed), origin, has_effect

Warnings and errors go to standard error. Exit code 2 says that `raban produce`
does not start on these settings.";

#[derive(Debug, Args)]
#[command(after_help = CHECK_OUTPUT)]
pub(crate) struct ConfigCheck {
    /// A Java properties file with settings by Kafka's names; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) properties: Properties,

    /// How settings are printed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ConfigFormat,
}

const VERIFY_OUTPUT: &str = "\
Output, one JSON object a line, each with timestamp (milliseconds since 1970)
and name, then by name:
  startup_complete
  producer_send_success  key, value, topic, partition, offset (-1 with acks=0)
  producer_send_error    exception, key, value, topic, message
  shutdown_complete      all records before it are told of
  tool_data              sent, acked, target_throughput, avg_throughput
A partition's records are told in order; other partitions don't wait for it.

Unless the settings speak of retries or enable.idempotence, nothing is sent
twice: retries=0, as in Kafka's tool.

Ctrl-C or SIGTERM delivers what was accepted, then tells shutdown_complete and
tool_data. Exit code 0 says that every record was told of, failed ones too.
--producer.config is another name of --command-config.";

/// The options of Kafka's verifiable producer.
#[derive(Debug, Args)]
#[command(after_help = VERIFY_OUTPUT)]
pub(crate) struct Verify {
    /// The topic to send to
    #[arg(short, long)]
    pub(crate) topic: String,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,

    /// End after N records; -1: go on until interrupted
    #[arg(
        long,
        value_name = "N",
        default_value_t = -1,
        allow_negative_numbers = true,
        value_parser = value_parser!(i64).range(-1..)
    )]
    pub(crate) max_messages: i64,

    /// Send about N records a second; -1: as many as possible
    #[arg(
        long,
        value_name = "N",
        default_value_t = -1,
        allow_negative_numbers = true,
        value_parser = value_parser!(i64).range(-1..)
    )]
    pub(crate) throughput: i64,

    /// Whose acknowledgement makes a record delivered; wins over the setting acks
    #[arg(long, value_enum, allow_negative_numbers = true)]
    pub(crate) acks: Option<Acks>,

    /// Send the values N.0, N.1, … instead of 0, 1, …
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) value_prefix: Option<i32>,

    /// Send the keys 0 to N-1 in turn; without it there are none
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) repeating_keys: Option<u32>,

    /// The first record's timestamp, in milliseconds since 1970, which then goes on with the clock; -1: the clock's own
    #[arg(
        long,
        value_name = "N",
        default_value_t = -1,
        allow_negative_numbers = true,
        value_parser = value_parser!(i64).range(-1..)
    )]
    pub(crate) message_create_time: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Acks {
    /// Nobody's: there are no offsets then
    #[value(name = "0")]
    None,
    /// The leader's
    #[value(name = "1")]
    Leader,
    /// All in-sync replicas'
    #[value(name = "all", alias = "-1")]
    All,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(words: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(words.split_whitespace())
    }

    #[test]
    fn the_interface_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn short_and_long_names_of_produce() {
        let short = "raban produce -t a -b h:1 -K : -H a=1 -H a=2 -p 3 -X acks=all -q";
        let long = "raban produce --topic a --bootstrap-server h:1 --key-separator : --header a=1 --header a=2 \
                    --partition 3 --producer-property acks=all --quiet";
        for words in [short, long] {
            let Command::Produce(produce) = parse(words).unwrap().command else {
                panic!("not produce")
            };
            assert_eq!(produce.topic, "a");
            assert_eq!(produce.cluster.bootstrap_server.as_deref(), Some("h:1"));
            assert_eq!(produce.headers, ["a=1", "a=2"]);
            assert_eq!(produce.partition, Some(3));
            assert_eq!(produce.cluster.properties.given, ["acks=all"]);
            assert!(produce.quiet);
        }
    }

    #[test]
    fn a_server_and_a_data_directory_exclude_each_other() {
        let error = parse("raban produce -t a -b h:1 --data-dir d").unwrap_err();
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_topic_is_named_by_position_or_option_once() {
        for words in [
            "raban topic delete a",
            "raban topic delete -t a",
            "raban topic delete --topic a",
        ] {
            let Command::Topic(Topic::Delete { name, .. }) = parse(words).unwrap().command else {
                panic!("not delete")
            };
            assert_eq!(name.get(), "a");
        }
        assert!(parse("raban topic delete").is_err());
        assert!(parse("raban topic delete a -t b").is_err());
    }

    #[test]
    fn an_empty_key_is_a_key() {
        let cli = Cli::try_parse_from(["raban", "partition", "--partitions", "3", ""]).unwrap();
        let Command::Partition(partition) = cli.command else {
            panic!("not partition")
        };
        assert_eq!(partition.keys, [""]);
    }

    #[test]
    fn the_options_of_the_verifiable_producer() {
        let words = "raban verify --topic a --bootstrap-server h:1 --max-messages -1 --throughput 0 --acks -1 \
                     --value-prefix 7 --repeating-keys 3 --message-create-time 5 --producer.config c.properties";
        let Command::Verify(verify) = parse(words).unwrap().command else {
            panic!("not verify")
        };
        assert_eq!(
            (verify.max_messages, verify.throughput, verify.acks),
            (-1, 0, Some(Acks::All))
        );
        assert_eq!(
            verify.cluster.command_config,
            Some(PathBuf::from("c.properties"))
        );
        assert!(parse("raban verify -t a --acks all").is_ok());
        assert!(parse("raban verify -t a --acks 2").is_err());
        assert!(parse("raban verify -t a --repeating-keys 0").is_err());
    }
}
