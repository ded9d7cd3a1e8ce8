//! Fetches Apache Kafka's jars with Maven, once per version, and compiles the testbed's Java classes against them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::error::tail;

/// The versions of Apache Kafka that the testbed can start, each a profile of `testbed/kafka/pom.xml`.
pub const VERSIONS: [&str; 3] = ["3.9.1", "4.3.1", "4.4.0"];

const POM: &str = include_str!("../kafka/pom.xml");
const SOURCES: [(&str, &str); 7] = [
    (
        "KafkaControl.java",
        include_str!("../kafka/KafkaControl.java"),
    ),
    ("KafkaNode.java", include_str!("../kafka/KafkaNode.java")),
    ("KafkaTool.java", include_str!("../kafka/KafkaTool.java")),
    (
        "KeyProducer.java",
        include_str!("../kafka/KeyProducer.java"),
    ),
    (
        "LineProducer.java",
        include_str!("../kafka/LineProducer.java"),
    ),
    (
        "ListenerPrincipal.java",
        include_str!("../kafka/ListenerPrincipal.java"),
    ),
    (
        "TelemetryPlugin.java",
        include_str!("../kafka/TelemetryPlugin.java"),
    ),
];

const NEED_MAVEN: &str = "install Apache Maven (Debian: maven) and put mvn on PATH";
const NEED_JDK: &str = "install a JDK, 17 or newer (Debian: openjdk-17-jdk-headless), and put it on PATH or set JAVA_HOME";

/// The class path of Apache Kafka of `version`, one of [`VERSIONS`], fetched if it is not in the cache yet: for Java programs of
/// one's own, to compile and to run.
pub fn class_path(version: &str) -> Result<String, Error> {
    Jars::of(version).map(|jars| jars.class_path())
}

/// The jars and classes of one version, complete on disk.
#[derive(Clone, Debug)]
pub(crate) struct Jars {
    folder: PathBuf,
}

impl Jars {
    /// The jars of `version`, fetched if they are not in the cache yet. Tests and processes that ask together wait
    /// for the one that fetches.
    pub(crate) fn of(version: &str) -> Result<Self, Error> {
        if !VERSIONS.contains(&version) {
            return Err(Error::UnknownVersion(version.to_owned()));
        }
        let cache = cache();
        let jars = Self {
            folder: cache.join(format!("kafka-{version}")),
        };
        fs::create_dir_all(&jars.folder).map_err(Error::io(format!(
            "cannot create {}",
            jars.folder.display()
        )))?;
        let path = cache.join(format!("kafka-{version}.lock"));
        let opened = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path);
        let lock = opened.map_err(Error::io(format!("cannot open {}", path.display())))?;
        lock.lock()
            .map_err(Error::io(format!("cannot lock {}", path.display())))?;
        jars.fetch(version)?;
        jars.compile()?;
        Ok(jars)
    }

    /// The jars that hold Kafka's command-line tools for a cluster of `version`: its own, or the newest published.
    pub(crate) fn with_tools(version: &str) -> Result<Self, Error> {
        Self::of(if version == "4.4.0" { "4.3.1" } else { version })
    }

    /// A JVM with the jars and classes on its class path.
    pub(crate) fn java(&self) -> Command {
        let mut command = Command::new(jdk("java"));
        command
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .args(self.java_args());
        command
    }

    pub(crate) fn java_args(&self) -> [String; 3] {
        [
            "-Xshare:auto".to_owned(),
            "-cp".to_owned(),
            self.class_path(),
        ]
    }

    pub(crate) fn java_program() -> PathBuf {
        jdk("java")
    }

    pub(crate) fn java_missing() -> impl FnOnce(std::io::Error) -> Error {
        Error::spawn("java", NEED_JDK)
    }

    fn class_path(&self) -> String {
        format!(
            "{}:{}/*",
            self.folder.join("classes").display(),
            self.folder.join("libs").display()
        )
    }

    fn fetch(&self, version: &str) -> Result<(), Error> {
        let pom = self.folder.join("pom.xml");
        let libs = self.folder.join("libs");
        if libs.is_dir() && holds(&pom, POM) {
            return Ok(());
        }
        remove(&libs)?;
        let partial = self.folder.join("libs.partial");
        remove(&partial)?;
        write(&pom, POM)?;
        let mut maven = Command::new("mvn");
        maven.args(["--batch-mode", "--quiet", "--file"]).arg(&pom);
        maven.arg(format!("--activate-profiles=kafka-{version}"));
        maven
            .arg("dependency:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", partial.display()));
        run(
            maven,
            "mvn",
            NEED_MAVEN,
            &format!("fetching Apache Kafka {version}"),
        )?;
        fs::rename(&partial, &libs).map_err(Error::io(format!("cannot create {}", libs.display())))
    }

    fn compile(&self) -> Result<(), Error> {
        let classes = self.folder.join("classes");
        let sources = self.folder.join("sources");
        if classes.is_dir()
            && SOURCES
                .iter()
                .all(|(name, text)| holds(&sources.join(name), text))
        {
            return Ok(());
        }
        remove(&classes)?;
        let partial = self.folder.join("classes.partial");
        remove(&partial)?;
        fs::create_dir_all(&sources)
            .map_err(Error::io(format!("cannot create {}", sources.display())))?;
        let mut compiler = Command::new(jdk("javac"));
        compiler
            .arg("-cp")
            .arg(self.class_path())
            .arg("-d")
            .arg(&partial);
        for (name, text) in SOURCES {
            write(&sources.join(name), text)?;
            compiler.arg(sources.join(name));
        }
        run(
            compiler,
            "javac",
            NEED_JDK,
            "compiling the testbed's Java classes",
        )?;
        fs::rename(&partial, &classes)
            .map_err(Error::io(format!("cannot create {}", classes.display())))
    }
}

/// `RABAN_TESTBED_DIR`, or `testbed` in Cargo's target folder.
fn cache() -> PathBuf {
    if let Some(folder) = std::env::var_os("RABAN_TESTBED_DIR") {
        return folder.into();
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target).join("testbed")
}

fn jdk(program: &str) -> PathBuf {
    match std::env::var_os("JAVA_HOME") {
        Some(home) => Path::new(&home).join("bin").join(program),
        None => program.into(),
    }
}

fn holds(path: &Path, text: &str) -> bool {
    fs::read(path).is_ok_and(|found| found == text.as_bytes())
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::io(format!("cannot write {}", path.display())))
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(format!(
            "cannot remove {}",
            folder.display()
        ))(error)),
        _ => Ok(()),
    }
}

fn run(mut command: Command, program: &str, remedy: &'static str, what: &str) -> Result<(), Error> {
    let output = command.output().map_err(Error::spawn(program, remedy))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(Error::Failed {
        what: what.to_owned(),
        status: output.status,
        output: tail(&String::from_utf8_lossy(&text), 30),
    })
}
