//! Asks a cluster through Kafka's own Java clients and tools: create, delete, read back, anything in the jars.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, BufReader, Read as _, Write};
use std::process::{ChildStdout, Command, Output, Stdio};
use std::thread;

use crate::error::{Error, tail};
use crate::jars::Jars;
use crate::kafka::Kafka;
use crate::record::{Record, read_records};

/// What to read of a topic; from its beginning to its end as it is when the read starts, unless narrowed.
#[derive(Clone, Debug)]
pub struct Read {
    topic: String,
    partition: Option<i32>,
    from_offset: Option<i64>,
    properties: Vec<(String, String)>,
}

impl Read {
    /// All partitions of `topic`, from the beginning.
    pub fn topic(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            partition: None,
            from_offset: None,
            properties: Vec::new(),
        }
    }

    /// Only this partition.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// From this offset instead of the beginning; it must exist in each partition that is read.
    pub fn from_offset(mut self, offset: i64) -> Self {
        self.from_offset = Some(offset);
        self
    }

    /// A property of the Java consumer, such as `isolation.level`.
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.properties.push((key.to_owned(), value.to_owned()));
        self
    }
}

impl Kafka {
    /// Creates a topic and returns once all its partitions have a leader and all replicas are in sync.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        replication_factor: i16,
        configs: &[(&str, &str)],
    ) -> Result<(), Error> {
        let mut args = vec![
            name.to_owned(),
            partitions.to_string(),
            replication_factor.to_string(),
        ];
        args.extend(configs.iter().map(|(key, value)| format!("{key}={value}")));
        self.ask("create", args).map(drop)
    }

    /// Deletes a topic and returns once it is gone.
    pub fn delete_topic(&self, name: &str) -> Result<(), Error> {
        self.ask("delete", vec![name.to_owned()]).map(drop)
    }

    /// The leader of each partition by `node.id`; -1 where there is none.
    pub fn leaders(&self, topic: &str) -> Result<BTreeMap<i32, i32>, Error> {
        self.pairs("leaders", topic)
    }

    /// The end offset of each partition: that of the next record.
    pub fn end_offsets(&self, topic: &str) -> Result<BTreeMap<i32, i64>, Error> {
        self.pairs("end-offsets", topic)
    }

    /// All records of a topic, as the Java consumer reads them: in order within each partition.
    pub fn consume(&self, topic: &str) -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        self.consume_each(&Read::topic(topic), |record| records.push(record))?;
        Ok(records)
    }

    /// Hands each record to `each` as the Java consumer reads it, and returns their number: for what doesn't fit into
    /// memory.
    pub fn consume_each(&self, read: &Read, each: impl FnMut(Record)) -> Result<u64, Error> {
        let mut command = self.tool_command("read", &read.topic);
        command.args([
            read.partition.unwrap_or(-1).to_string(),
            read.from_offset.unwrap_or(-1).to_string(),
        ]);
        command.args(
            read.properties
                .iter()
                .map(|(key, value)| format!("{key}={value}")),
        );
        stream(
            command,
            Jars::java_missing(),
            &format!("reading topic {}", read.topic),
            |out| read_records(out, each),
        )
    }

    /// Runs a class of Kafka's jars, such as `org.apache.kafka.tools.ProducerPerformance`, with `stdin` as its input;
    /// an exit status other than 0 is an error. For 4.4.0, whose tools are not published, those of 4.3.1 run.
    pub fn run_tool<A: AsRef<OsStr>>(
        &self,
        class: &str,
        args: impl IntoIterator<Item = A>,
        stdin: &[u8],
    ) -> Result<Output, Error> {
        let mut command = Jars::with_tools(self.version())?.java();
        command.arg(class).args(args);
        run(command, Jars::java_missing(), class, stdin)
    }

    /// Sends a record with each of these keys by the Java producer with these properties, and returns the partitions
    /// that it chose.
    pub fn java_partitions(
        &self,
        topic: &str,
        keys: &[Vec<u8>],
        properties: &[(&str, &str)],
    ) -> Result<Vec<i32>, Error> {
        let mut java = self.jars().java();
        java.args(["KeyProducer", topic])
            .arg(format!("bootstrap.servers={}", self.bootstrap_servers()));
        let properties = properties.iter();
        java.args(properties.map(|(key, value)| format!("{key}={value}")));
        let mut input = String::new();
        for key in keys {
            input.extend(key.iter().map(|byte| format!("{byte:02x}")));
            input.push('\n');
        }
        let what = "partitioning by the Java producer";
        let output = run(java, Jars::java_missing(), what, input.as_bytes())?;
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        let partitions: Result<_, _> = output.lines().map(str::parse).collect();
        partitions.map_err(|_| Error::Unexpected {
            what: what.to_owned(),
            output,
        })
    }

    /// Writes each line as a value by Kafka's console producer, over the listener for clients (and its proxy);
    /// `properties` are the Java producer's.
    pub fn console_produce(
        &self,
        topic: &str,
        lines: &str,
        properties: &[(&str, &str)],
    ) -> Result<(), Error> {
        let class = match self.version().starts_with("3.") {
            true => "kafka.tools.ConsoleProducer",
            false => "org.apache.kafka.tools.ConsoleProducer",
        };
        let mut args = vec!["--bootstrap-server".to_owned(), self.bootstrap_servers()];
        args.extend(["--topic".to_owned(), topic.to_owned()]);
        for (key, value) in properties {
            args.extend(["--producer-property".to_owned(), format!("{key}={value}")]);
        }
        self.run_tool(class, args, lines.as_bytes()).map(drop)
    }

    fn pairs<V: std::str::FromStr>(
        &self,
        command: &str,
        topic: &str,
    ) -> Result<BTreeMap<i32, V>, Error> {
        let output = self.ask(command, vec![topic.to_owned()])?;
        let pair = |line: &str| {
            let (partition, value) = line.split_once(' ')?;
            Some((partition.parse().ok()?, value.parse().ok()?))
        };
        let pairs: Option<_> = output.lines().map(pair).collect();
        pairs.ok_or_else(|| Error::Unexpected {
            what: format!("{command} of topic {topic}"),
            output,
        })
    }

    fn ask(&self, command: &str, args: Vec<String>) -> Result<String, Error> {
        let (topic, rest) = args.split_first().expect("each command names a topic");
        let mut java = self.tool_command(command, topic);
        java.args(rest);
        let output = run(
            java,
            Jars::java_missing(),
            &format!("{command} of topic {topic}"),
            &[],
        )?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn tool_command(&self, command: &str, topic: &str) -> Command {
        let mut java = self.jars().java();
        java.args([
            "KafkaTool",
            command,
            &self.direct_bootstrap_servers(),
            topic,
        ]);
        java
    }
}

pub(crate) fn run(
    mut command: Command,
    missing: impl FnOnce(io::Error) -> Error,
    what: &str,
    stdin: &[u8],
) -> Result<Output, Error> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(missing)?;
    let mut input = child.stdin.take().expect("standard input is piped");
    let output = thread::scope(|scope| {
        // A tool that ends before it has read everything has its reason in its exit status.
        scope.spawn(move || input.write_all(stdin));
        child.wait_with_output()
    });
    let output = output.map_err(Error::io(what))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = [&output.stdout[..], &output.stderr].concat();
    let output_tail = tail(&String::from_utf8_lossy(&text), 30);
    Err(Error::Failed {
        what: what.to_owned(),
        status: output.status,
        output: output_tail,
    })
}

/// Runs a command whose output is read while it runs.
pub(crate) fn stream<T>(
    mut command: Command,
    missing: impl FnOnce(io::Error) -> Error,
    what: &str,
    read: impl FnOnce(BufReader<ChildStdout>) -> io::Result<T>,
) -> Result<T, Error> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(missing)?;
    let stdout = BufReader::with_capacity(
        1 << 16,
        child.stdout.take().expect("standard output is piped"),
    );
    let mut stderr = child.stderr.take().expect("standard error is piped");
    let log = thread::spawn(move || {
        let mut log = Vec::new();
        // What could be read of the log is all there is to show.
        let _ = stderr.read_to_end(&mut log);
        log
    });
    let outcome = read(stdout);
    let status = child.wait().map_err(Error::io(what))?;
    let log = log.join().expect("reading standard error doesn't panic");
    if status.success() {
        return outcome.map_err(Error::io(what));
    }
    Err(Error::Failed {
        what: what.to_owned(),
        status,
        output: tail(&String::from_utf8_lossy(&log), 30),
    })
}
