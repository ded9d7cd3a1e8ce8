//! Settings of addresses, connections and sockets.

use crate::config::setting::Importance::{High, Low, Medium};
use crate::config::setting::SettingType::{Int, List, Long, String};
use crate::config::setting::{Setting, Valid};

pub(super) const ROWS: &[Setting] = &[
    Setting::new("bootstrap.servers", List, None, High)
        .required()
        .aliases(&["metadata.broker.list"])
        .doc(
            "Brokers to ask first about the cluster, as host:port separated by commas; the others are learnt from them. \
             `embedded:` runs a broker in this process that keeps records in memory, `embedded:./dir` one that keeps \
             them in that directory.",
        ),
    Setting::new("bootstrap.resolve.timeout.ms", Long, Some("0"), High)
        .valid(Valid::AtLeast(0))
        .doc(
            "How long in milliseconds names in bootstrap.servers may fail to resolve, counted from the first attempt, \
             before records fail at once; 0: one attempt at each. One name that resolves is enough. Names are tried on, \
             and records are accepted again once one resolves. The Java client with 0 resolves in its constructor and \
             fails there with ConfigException; with more it resolves in the background, and after that time each call \
             fails with BootstrapResolutionException until the client is made anew (KIP-909).",
        ),
    Setting::new("client.dns.lookup", String, Some("use_all_dns_ips"), Medium)
        .valid(Valid::OneOf(&[
            "use_all_dns_ips",
            "resolve_canonical_bootstrap_servers_only",
        ]))
        .doc(
            "How names are resolved. use_all_dns_ips: all addresses of a name are tried. Each connection resolves the \
             name anew and tries all its addresses in turn, beginning behind the one that was used last; the Java \
             client tries one address with each attempt, and resolves again when all were tried or a connection was \
             lost. resolve_canonical_bootstrap_servers_only: each name in bootstrap.servers is resolved to its \
             addresses, these to their canonical names (reverse lookup), and those are connected to in turn; other \
             brokers as with use_all_dns_ips.",
        ),
    Setting::new("client.id", String, Some(""), Medium)
        .doc("The name that brokers put in their logs, metrics and quotas for this producer."),
    Setting::new("client.rack", String, Some(""), Low)
        .doc("The rack or zone that this client runs in, for partitioner.rack.aware."),
    Setting::new("connections.max.idle.ms", Long, Some("540000"), Medium)
        .doc("After how many milliseconds without use a connection is closed. A negative number: never."),
    Setting::new(
        "socket.connection.setup.timeout.ms",
        Long,
        Some("10000"),
        Medium,
    )
    .valid(Valid::AtLeast(0))
    .doc(
        "How long in milliseconds a connection to one address may take to be set up, and the resolution of its name, \
         which the Java client waits for without limit. The time doubles with each failed attempt in a row, up to \
         socket.connection.setup.timeout.max.ms.",
    ),
    Setting::new(
        "socket.connection.setup.timeout.max.ms",
        Long,
        Some("30000"),
        Medium,
    )
    .valid(Valid::AtLeast(0))
    .doc("The longest time in milliseconds that the setup of a connection may take after failures in a row."),
    Setting::new("reconnect.backoff.ms", Long, Some("50"), Low)
        .valid(Valid::AtLeast(0))
        .doc(
            "How long in milliseconds to wait before connecting to a broker again. The wait doubles with each failure \
             in a row, up to reconnect.backoff.max.ms; it stays the same if that one is not set along with this one.",
        ),
    Setting::new("reconnect.backoff.max.ms", Long, Some("1000"), Low)
        .valid(Valid::AtLeast(0))
        .doc("The longest wait in milliseconds before connecting to a broker again."),
    Setting::new("send.buffer.bytes", Int, Some("131072"), Medium)
        .valid(Valid::AtLeast(-1))
        .aliases(&["socket.send.buffer.bytes"])
        .doc("The size in bytes of a connection's send buffer (SO_SNDBUF); -1 or 0 leaves it to the operating system."),
    Setting::new("receive.buffer.bytes", Int, Some("32768"), Medium)
        .valid(Valid::AtLeast(-1))
        .aliases(&["socket.receive.buffer.bytes"])
        .doc("The size in bytes of a connection's receive buffer (SO_RCVBUF); -1 or 0 leaves it to the operating system."),
];
