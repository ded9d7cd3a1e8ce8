//! The value of `bootstrap.servers`: addresses of brokers, or the embedded broker.

use std::fmt;
use std::path::{MAIN_SEPARATOR, PathBuf};

use super::setting::list_entries;

/// Where the producer finds its first broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bootstrap {
    /// Brokers of a cluster, at least one, in the order given.
    Servers(Vec<Address>),
    /// A broker in this process, that keeps records in that directory, or else in memory.
    Embedded(Option<PathBuf>),
}

/// Host and port of a broker. Displays as `host:port`, with an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// A name, or an IP address without brackets.
    pub host: String,
    /// The port, not 0.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

const EMBEDDED: &str = "embedded:";

const ALONE: &str =
    "`embedded:` stands alone. Give either the embedded broker or servers, not both.";

impl Bootstrap {
    /// Reads the value of `bootstrap.servers`.
    ///
    /// # Errors
    /// For each entry that cannot be used, cause and remedy as sentences.
    pub(super) fn parse(value: &str) -> Result<Self, Vec<String>> {
        let value = value.trim();
        if let Some(directory) = value.strip_prefix(EMBEDDED) {
            return embedded(directory.trim()).map_err(|problem| vec![problem]);
        }
        let mut servers = Vec::new();
        let mut problems = Vec::new();
        for entry in list_entries(value) {
            match server(entry) {
                Ok(address) if servers.contains(&address) => {}
                Ok(address) => servers.push(address),
                Err(problem) => problems.push(problem),
            }
        }
        if servers.is_empty() && problems.is_empty() {
            problems.push(
                "it names no server. Name at least one broker as host:port, as in `localhost:9092`."
                    .to_owned(),
            );
        }
        if problems.is_empty() {
            Ok(Self::Servers(servers))
        } else {
            Err(problems)
        }
    }
}

fn embedded(directory: &str) -> Result<Bootstrap, String> {
    if directory.is_empty() {
        return Ok(Bootstrap::Embedded(None));
    }
    let names_server = |entry: &str| entry.starts_with(EMBEDDED) || server(entry).is_ok();
    if list_entries(directory).skip(1).any(names_server) {
        return Err(ALONE.to_owned());
    }
    if directory.contains(['/', '.', MAIN_SEPARATOR]) {
        return Ok(Bootstrap::Embedded(Some(PathBuf::from(directory))));
    }
    Err(format!(
        "`{directory}` could be a host or a directory. For a directory write `embedded:./{directory}`, for a broker on \
         that host `{directory}:9092`, for an embedded broker in memory only `embedded:`."
    ))
}

fn server(entry: &str) -> Result<Address, String> {
    let address = match entry.split_once("://") {
        None => entry,
        Some((scheme, _)) if scheme.to_ascii_lowercase().starts_with("http") => {
            return Err(format!(
                "`{entry}` is the address of a web server. Write a broker's host and port, as in `localhost:9092`."
            ));
        }
        Some((scheme, _))
            if ["ssl", "sasl_ssl", "sasl_plaintext"]
                .contains(&scheme.to_ascii_lowercase().as_str()) =>
        {
            return Err(format!(
                "`{entry}` asks for {scheme}, and raban has neither TLS nor SASL yet. Name a PLAINTEXT listener as \
                 host:port."
            ));
        }
        Some((_, address)) => address,
    };
    if address.starts_with(EMBEDDED) {
        return Err(ALONE.to_owned());
    }
    let (host, port) = split(entry, address)?;
    if host.is_empty() {
        return Err(format!(
            "there is no host in `{entry}`. Write host:port, as in `localhost:9092`."
        ));
    }
    let odd = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '%' | '.' | '_' | ':');
    if let Some(c) = host.chars().find(|c| odd(*c)) {
        return Err(format!(
            "a host cannot contain {c:?}, as `{entry}` does. Write host:port, several separated by commas."
        ));
    }
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok(Address {
            host: host.to_owned(),
            port,
        }),
        _ => Err(format!(
            "`{port}` in `{entry}` is no port. A port is a number from 1 to 65535, mostly 9092."
        )),
    }
}

/// Host, without brackets, and port of `address`, which `entry` holds.
fn split<'a>(entry: &str, address: &'a str) -> Result<(&'a str, &'a str), String> {
    let no_port = |with_port: String| {
        format!(
            "there is no port in `{entry}`. Write host:port; for Kafka's usual port that is `{with_port}`."
        )
    };
    if let Some(rest) = address.strip_prefix('[') {
        let Some((host, rest)) = rest.split_once(']') else {
            return Err(format!(
                "the bracket in `{entry}` is not closed. Write an IPv6 address as in `[::1]:9092`."
            ));
        };
        return match rest.strip_prefix(':') {
            Some(port) if !port.is_empty() => Ok((host, port)),
            _ => Err(no_port(format!("[{host}]:9092"))),
        };
    }
    match address.split_once(':') {
        None | Some((_, "")) => Err(no_port(format!("{}:9092", address.trim_end_matches(':')))),
        // Java takes what follows the last colon for the port, but that also splits `::1`.
        Some((_, rest)) if rest.contains(':') => Err(format!(
            "`{entry}` has several colons. Write an IPv6 address in brackets, as in `[::1]:9092`, and separate servers \
             by commas."
        )),
        Some(host_and_port) => Ok(host_and_port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(value: &str) -> Vec<String> {
        match Bootstrap::parse(value).unwrap() {
            Bootstrap::Servers(servers) => servers.iter().map(Address::to_string).collect(),
            embedded => panic!("{embedded:?}"),
        }
    }

    fn problem(value: &str) -> String {
        let mut problems = Bootstrap::parse(value).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn servers_are_separated_by_commas() {
        assert_eq!(servers("localhost:9092"), ["localhost:9092"]);
        assert_eq!(
            servers(" a.b-c_d:1 , 10.0.0.1:65535,[::1]:9092,[fe80::1%eth0]:9092,"),
            [
                "a.b-c_d:1",
                "10.0.0.1:65535",
                "[::1]:9092",
                "[fe80::1%eth0]:9092"
            ]
        );
        assert_eq!(servers("a:1,b:1,a:1"), ["a:1", "b:1"]);
        assert_eq!(servers("PLAINTEXT://a:1,kafka://b:2"), ["a:1", "b:2"]);
    }

    #[test]
    fn the_embedded_broker_keeps_records_in_memory_or_in_a_directory() {
        let directory = |value: &str| Bootstrap::parse(value).unwrap();
        assert_eq!(directory("embedded:"), Bootstrap::Embedded(None));
        for path in ["./data", "/var/kafka", "data/x", "..", "data.d", "./a, b"] {
            assert_eq!(
                directory(&format!("embedded:{path}")),
                Bootstrap::Embedded(Some(PathBuf::from(path)))
            );
        }
    }

    #[test]
    fn each_wrong_entry_says_why_and_what_to_write() {
        for (value, expected) in [
            (
                "",
                "it names no server. Name at least one broker as host:port, as in `localhost:9092`.",
            ),
            (
                "localhost",
                "there is no port in `localhost`. Write host:port; for Kafka's usual port that is `localhost:9092`.",
            ),
            (
                "localhost:",
                "there is no port in `localhost:`. Write host:port; for Kafka's usual port that is `localhost:9092`.",
            ),
            (
                "[::1]",
                "there is no port in `[::1]`. Write host:port; for Kafka's usual port that is `[::1]:9092`.",
            ),
            (
                "[::1:9092",
                "the bracket in `[::1:9092` is not closed. Write an IPv6 address as in `[::1]:9092`.",
            ),
            (
                "::1:9092",
                "`::1:9092` has several colons. Write an IPv6 address in brackets, as in `[::1]:9092`, and separate servers by commas.",
            ),
            (
                ":9092",
                "there is no host in `:9092`. Write host:port, as in `localhost:9092`.",
            ),
            (
                "a:9092;b:9092",
                "`a:9092;b:9092` has several colons. Write an IPv6 address in brackets, as in `[::1]:9092`, and separate servers by commas.",
            ),
            (
                "a b:9092",
                "a host cannot contain ' ', as `a b:9092` does. Write host:port, several separated by commas.",
            ),
            (
                "a:0",
                "`0` in `a:0` is no port. A port is a number from 1 to 65535, mostly 9092.",
            ),
            (
                "a:65536",
                "`65536` in `a:65536` is no port. A port is a number from 1 to 65535, mostly 9092.",
            ),
            (
                "http://a:80/",
                "`http://a:80/` is the address of a web server. Write a broker's host and port, as in `localhost:9092`.",
            ),
            (
                "SSL://a:9093",
                "`SSL://a:9093` asks for SSL, and raban has neither TLS nor SASL yet. Name a PLAINTEXT listener as host:port.",
            ),
            (
                "embedded:data",
                "`data` could be a host or a directory. For a directory write `embedded:./data`, for a broker on that host `data:9092`, for an embedded broker in memory only `embedded:`.",
            ),
            (
                "embedded:./a,b:1",
                "`embedded:` stands alone. Give either the embedded broker or servers, not both.",
            ),
            (
                "b:1,embedded:",
                "`embedded:` stands alone. Give either the embedded broker or servers, not both.",
            ),
        ] {
            assert_eq!(problem(value), expected, "{value}");
        }
    }

    #[test]
    fn all_wrong_entries_are_reported() {
        assert_eq!(Bootstrap::parse("a,b:1,c:x").unwrap_err().len(), 2);
    }
}
