//! Changes a running cluster through Kafka's own admin client: leaders, settings, permissions.

use crate::error::Error;
use crate::jars::Jars;
use crate::kafka::Kafka;
use crate::tool::run;

impl Kafka {
    /// The `node.id` of the active controller.
    pub fn controller(&self) -> Result<i32, Error> {
        let output = self.control("controller", &[])?;
        output.trim().parse().map_err(|_| Error::Unexpected {
            what: "asking for the controller".to_owned(),
            output,
        })
    }

    /// Waits until each partition of these topics has a leader and all its replicas are in sync.
    pub fn wait_in_sync(&self, topics: &[&str]) -> Result<(), Error> {
        self.control("await-in-sync", topics).map(drop)
    }

    /// Waits until no partition's leader remembers an idempotent producer: see `producer.id.expiration.ms`.
    pub fn wait_producers_forgotten(&self, topics: &[&str]) -> Result<(), Error> {
        self.control("await-forgotten", topics).map(drop)
    }

    /// Waits as [`wait_in_sync`](Self::wait_in_sync) does, then has each partition led by its first replica.
    pub fn elect_preferred(&self, topics: &[&str]) -> Result<(), Error> {
        self.control("elect-preferred", topics).map(drop)
    }

    /// Moves the leadership of each partition of these topics to its next replica, so many times, by a reassignment and
    /// a preferred leader election. Returns once the last have taken over.
    pub fn move_leaders(&self, topics: &[&str], times: u32) -> Result<(), Error> {
        let times = times.to_string();
        self.control("move-leaders", &[&[times.as_str()], topics].concat())
            .map(drop)
    }

    /// Changes a topic's own settings; `None` takes one back to its default.
    pub fn configure_topic(
        &self,
        topic: &str,
        settings: &[(&str, Option<&str>)],
    ) -> Result<(), Error> {
        self.configure("configure-topic", topic, settings)
    }

    /// Changes settings of what has this name.
    pub(crate) fn configure(
        &self,
        command: &str,
        name: &str,
        settings: &[(&str, Option<&str>)],
    ) -> Result<(), Error> {
        let settings = assignments(settings);
        let mut args = vec![name];
        args.extend(settings.iter().map(String::as_str));
        self.control(command, &args).map(drop)
    }

    /// Changes settings of all running nodes; `None` takes one back to what `server.properties` says.
    pub fn configure_brokers(&self, settings: &[(&str, Option<&str>)]) -> Result<(), Error> {
        let settings = assignments(settings);
        let args: Vec<&str> = settings.iter().map(String::as_str).collect();
        self.control("configure-brokers", &args).map(drop)
    }

    /// From now on clients may do only this with the topic: operations such as `WRITE`. Needs
    /// [`Builder::authorized`](crate::Builder::authorized).
    pub fn allow(&self, topic: &str, operations: &[&str]) -> Result<(), Error> {
        self.control("allow", &[&[topic], operations].concat())
            .map(drop)
    }

    fn control(&self, command: &str, args: &[&str]) -> Result<String, Error> {
        let mut java = self.jars().java();
        java.args(["KafkaControl", command, &self.direct_bootstrap_servers()])
            .args(args);
        let what = format!("{command} {}", args.join(" "));
        let output = run(java, Jars::java_missing(), &what, &[])?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn assignments(settings: &[(&str, Option<&str>)]) -> Vec<String> {
    let assignment = |(key, value): &(&str, Option<&str>)| match value {
        Some(value) => format!("{key}={value}"),
        None => (*key).to_owned(),
    };
    settings.iter().map(assignment).collect()
}
