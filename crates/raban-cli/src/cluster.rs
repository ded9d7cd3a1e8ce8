//! Which cluster a command speaks to, and with which settings: from the options, the properties and the defaults.

use std::fs;
use std::path::{Path, PathBuf};

use raban::{Settings, StartError};

use crate::args::{ClusterArgs, Properties};
use crate::exit::Failure;
use crate::progress::tell;

/// The data directory when neither a server nor a directory is named.
pub(crate) const DEFAULT_DATA_DIR: &str = "./raban-data";

const SERVERS: &str = "bootstrap.servers";

/// Keys that speak of a cluster somewhere: whoever sets one doesn't mean a folder on this machine.
const CLUSTER_PREFIXES: [&str; 6] = [
    "bootstrap.",
    "client.dns.lookup",
    "metadata.",
    "sasl.",
    "security.",
    "ssl.",
];

impl ClusterArgs {
    /// The settings of the client to be, `bootstrap.servers` among them. Tells on standard error
    /// where records go if nobody said so.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let (settings, chosen) = self.choose()?;
        if chosen == Chosen::DefaultDir {
            tell(&format!(
                "no server given: using the embedded broker in {DEFAULT_DATA_DIR} (-b HOST:PORT for a cluster, \
                 --data-dir DIR for another folder)"
            ));
        }
        Ok(settings)
    }

    /// What the properties say, wherever the cluster is.
    pub(crate) fn properties(&self) -> Result<Settings, Failure> {
        let mut settings = match &self.command_config {
            Some(file) => read_properties(file)?,
            None => Settings::new(),
        };
        self.properties.set(&mut settings)?;
        Ok(settings)
    }

    fn choose(&self) -> Result<(Settings, Chosen), Failure> {
        let mut settings = self.properties()?;
        if let Some(servers) = &self.bootstrap_server {
            settings.set(SERVERS, servers);
            return Ok((settings, Chosen::Server));
        }
        let has_server = settings
            .get(SERVERS)
            .is_some_and(|servers| !servers.trim().is_empty());
        match &self.data_dir {
            Some(dir) => {
                if has_server {
                    return Err(Failure::usage(format!(
                        "--data-dir {} means the embedded broker, but {SERVERS} is set too; give one of the two",
                        dir.display()
                    )));
                }
                refuse_cluster_keys(
                    &settings,
                    &format!("--data-dir {} means the embedded broker", dir.display()),
                )?;
                settings.set(SERVERS, embedded(dir)?);
                Ok((settings, Chosen::DataDir))
            }
            None if has_server => Ok((settings, Chosen::Server)),
            None => {
                refuse_cluster_keys(&settings, "no server is given (-b or bootstrap.servers)")?;
                settings.set(SERVERS, embedded(Path::new(DEFAULT_DATA_DIR))?);
                Ok((settings, Chosen::DefaultDir))
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Chosen {
    Server,
    DataDir,
    DefaultDir,
}

/// A client that wasn't started, for want of right settings, of a usable folder, or of a thread.
pub(crate) fn not_started(error: StartError) -> Failure {
    match error {
        StartError::Thread(_) => Failure::failed(error.to_string()),
        _ => Failure::usage(error.to_string()),
    }
}

/// The brokers don't allow the topic's name; their error doesn't say which ones they do.
pub(crate) fn illegal_topic(topic: &str) -> Failure {
    Failure::usage(format!(
        "illegal topic name {topic:?}: use 1 to 249 ASCII letters, digits, '.', '_' and '-', but not '.' or '..'"
    ))
}

impl Properties {
    /// Sets what `-X` was given.
    pub(crate) fn set(&self, settings: &mut Settings) -> Result<(), Failure> {
        for property in &self.given {
            let (key, value) = property
                .split_once('=')
                .filter(|(key, _)| !key.trim().is_empty())
                .ok_or_else(|| {
                    Failure::usage(format!(
                        "{property:?} (-X) is no setting; write KEY=VALUE, such as linger.ms=50"
                    ))
                })?;
            settings.set(key, value);
        }
        Ok(())
    }
}

fn read_properties(file: &Path) -> Result<Settings, Failure> {
    let name = file.display().to_string();
    let bytes = fs::read(file).map_err(|error| {
        Failure::usage(format!(
            "can't read {name} (--command-config): {error}; name a properties file"
        ))
    })?;
    parse_properties(&name, bytes)
}

/// The settings that the content of a properties file has.
pub(crate) fn parse_properties(name: &str, content: Vec<u8>) -> Result<Settings, Failure> {
    Settings::from_properties_file(name, content).map_err(|error| Failure::usage(error.to_string()))
}

/// Settings of a cluster and no cluster: more likely a forgotten server than a wish for a local folder.
fn refuse_cluster_keys(settings: &Settings, because: &str) -> Result<(), Failure> {
    let mut keys = settings
        .iter()
        .map(|(key, _)| key)
        .filter(|key| speaks_of_a_cluster(key));
    let Some(first) = keys.next() else {
        return Ok(());
    };
    let more = match keys.count() {
        0 => String::new(),
        count => format!(" (and {count} more such)"),
    };
    Err(Failure::usage(format!(
        "{because}, but {first}{more} speaks of a cluster; name its servers with -b HOST:PORT, or leave such settings \
         out to use the embedded broker"
    )))
}

fn speaks_of_a_cluster(key: &str) -> bool {
    CLUSTER_PREFIXES
        .iter()
        .any(|prefix| key.starts_with(prefix))
}

/// `embedded:DIR`, where DIR must hold a `/` or a `.` to be told from a word.
fn embedded(dir: &Path) -> Result<String, Failure> {
    if dir.as_os_str().is_empty() {
        return Err(Failure::usage("--data-dir is empty; name a directory"));
    }
    let dir = if dir.is_absolute() || dir.starts_with(".") {
        dir.to_owned()
    } else {
        PathBuf::from(".").join(dir)
    };
    match dir.to_str() {
        Some(dir) => Ok(format!("embedded:{dir}")),
        None => Err(Failure::usage(format!(
            "--data-dir {} isn't UTF-8; name another directory",
            dir.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(properties: &[&str]) -> ClusterArgs {
        ClusterArgs {
            properties: Properties {
                given: properties
                    .iter()
                    .map(|&property| property.to_owned())
                    .collect(),
            },
            ..Default::default()
        }
    }

    fn servers(args: &ClusterArgs) -> Result<(String, Chosen), String> {
        let (settings, chosen) = args.choose().map_err(|failure| failure.to_string())?;
        Ok((settings.get(SERVERS).unwrap_or_default().to_owned(), chosen))
    }

    #[test]
    fn the_option_wins_over_the_property() {
        let mut args = args(&["bootstrap.servers=a:1", "acks=1"]);
        assert_eq!(servers(&args), Ok(("a:1".into(), Chosen::Server)));
        args.bootstrap_server = Some("b:2".into());
        assert_eq!(servers(&args), Ok(("b:2".into(), Chosen::Server)));
    }

    #[test]
    fn without_server_and_directory_it_is_the_default_directory() {
        assert_eq!(
            servers(&args(&["acks=1"])),
            Ok(("embedded:./raban-data".into(), Chosen::DefaultDir))
        );
        assert_eq!(
            servers(&args(&["bootstrap.servers="]))
                .unwrap_err()
                .split(',')
                .next(),
            Some("no server is given (-b or bootstrap.servers)")
        );
    }

    #[test]
    fn settings_of_a_cluster_need_a_server() {
        for property in [
            "security.protocol=SASL_SSL",
            "sasl.mechanism=PLAIN",
            "ssl.truststore.location=x",
            "bootstrap.resolve.timeout.ms=1",
            "metadata.max.age.ms=1",
            "client.dns.lookup=use_all_dns_ips",
        ] {
            assert!(servers(&args(&[property])).is_err(), "{property}");
            let with_dir = ClusterArgs {
                data_dir: Some("d".into()),
                ..args(&[property])
            };
            assert!(servers(&with_dir).is_err(), "{property}");
            let with_server = ClusterArgs {
                bootstrap_server: Some("a:1".into()),
                ..args(&[property])
            };
            assert!(servers(&with_server).is_ok(), "{property}");
        }
    }

    #[test]
    fn a_directory_and_a_server_exclude_each_other() {
        let both = ClusterArgs {
            data_dir: Some("d".into()),
            ..args(&["bootstrap.servers=a:1"])
        };
        assert!(servers(&both).unwrap_err().contains("give one of the two"));
    }

    #[test]
    fn a_directory_is_told_from_a_word() {
        for (dir, written) in [
            ("d", "./d"),
            ("./d", "./d"),
            ("../d", "./../d"),
            ("/d/e", "/d/e"),
            (".", "."),
        ] {
            assert_eq!(
                embedded(Path::new(dir)).ok(),
                Some(format!("embedded:{written}"))
            );
        }
        assert!(embedded(Path::new("")).is_err());
    }

    #[test]
    fn a_property_needs_a_key_and_a_value() {
        for property in ["acks", "=1", " =1"] {
            assert!(
                servers(&args(&[property]))
                    .unwrap_err()
                    .contains("write KEY=VALUE")
            );
        }
        assert!(servers(&args(&["client.id="])).is_ok());
    }
}
