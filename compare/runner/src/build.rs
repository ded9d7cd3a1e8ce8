//! Builds the programs, each on its own: one that can't be built is left out, and says why.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Program, Source};
use crate::venv::Venv;

/// Apache Kafka's version: of the Java client, and of the broker.
pub(crate) const KAFKA: &str = "4.4.0";

/// Where things are.
#[derive(Debug)]
pub(crate) struct Places {
    /// The folder `compare`.
    compare: PathBuf,
    /// Cargo's target folder.
    target: PathBuf,
    venv: Venv,
}

/// How to start a program, without its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    program: PathBuf,
    args: Vec<String>,
}

impl Start {
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        command
    }
}

/// Why a program isn't there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Skipped(pub(crate) String);

impl Places {
    /// Those of this workspace.
    ///
    /// # Errors
    /// A current folder that is gone.
    pub(crate) fn find() -> io::Result<Self> {
        let compare = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .canonicalize()?;
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        // As cargo does where this program is run by it: relative to the workspace.
        let target = compare.join(target);
        let venv = Venv::new(&compare, &target);
        Ok(Self {
            compare,
            target,
            venv,
        })
    }

    /// Builds a program and tells how to start it.
    ///
    /// # Errors
    /// What is missing, or the build's last words.
    pub(crate) fn build(&self, program: &Program) -> Result<Start, Skipped> {
        match program.source {
            Source::Cargo { package, .. } => self.cargo(package),
            Source::Go => self.go(),
            Source::Java => self.java(),
            Source::Python { script, package } => self.python(script, package),
        }
    }

    fn cargo(&self, package: &str) -> Result<Start, Skipped> {
        let mut cargo = cargo(&self.compare);
        cargo
            .args(["--package", package])
            .arg("--target-dir")
            .arg(&self.target);
        run(cargo, "cargo")?;
        Ok(started(self.target.join("release").join(package)))
    }

    /// The command `raban` of the workspace around this one.
    ///
    /// # Errors
    /// The build's last words.
    pub(crate) fn raban(&self) -> Result<Start, Skipped> {
        let mut cargo = cargo(&self.compare.join(".."));
        cargo
            .args(["--package", "raban-cli"])
            .arg("--target-dir")
            .arg(&self.target);
        run(cargo, "cargo")?;
        Ok(started(self.target.join("release").join("raban")))
    }

    fn go(&self) -> Result<Start, Skipped> {
        let binary = self.target.join("load-franz-go");
        let mut go = Command::new("go");
        go.current_dir(self.compare.join("go"))
            .args(["build", "-o"])
            .arg(&binary)
            .arg(".");
        run(go, "go")?;
        Ok(started(binary))
    }

    fn java(&self) -> Result<Start, Skipped> {
        let jars = testbed::class_path(KAFKA).map_err(|error| Skipped(error.to_string()))?;
        let classes = self.target.join("java");
        let mut javac = Command::new(jdk("javac"));
        javac
            .args(["-cp", &jars, "-d"])
            .arg(&classes)
            .arg(self.compare.join("java/Load.java"));
        run(javac, "javac")?;
        let args = [
            "-Xmx512m",
            "-cp",
            &format!("{}:{jars}", classes.display()),
            "Load",
        ];
        Ok(Start {
            program: jdk("java"),
            args: args.map(str::to_owned).into(),
        })
    }

    /// A script of `python/`, in an environment that has this package.
    ///
    /// # Errors
    /// What is missing, or pip's last words.
    pub(crate) fn python(&self, script: &str, package: &str) -> Result<Start, Skipped> {
        let python = match package {
            "raban" => self.venv.with_raban()?,
            _ => self.venv.with_peers()?,
        };
        let script = self.compare.join("python").join(script);
        // Without writing what it compiles next to the scripts.
        let args = ["-B".to_owned(), script.display().to_string()];
        Ok(Start {
            program: python,
            args: args.into(),
        })
    }

    /// The version of the client that a program uses.
    pub(crate) fn version(&self, program: &Program) -> String {
        let found = match program.source {
            Source::Cargo { client, .. } => {
                let lock = self.read("Cargo.lock");
                let own = locked(&lock, client);
                // That of the C library that it wraps.
                match (client, locked(&lock, "rdkafka-sys")) {
                    ("rdkafka", Some(sys)) => own.map(|own| format!("{own} (rdkafka-sys {sys})")),
                    _ => own,
                }
            }
            Source::Go => required(&self.read("go/go.mod"), "github.com/twmb/franz-go"),
            Source::Java => Some(KAFKA.to_owned()),
            Source::Python { package, .. } => {
                let own = match package {
                    "raban" => locked(&self.read("Cargo.lock"), package),
                    _ => pinned(&self.read("python/requirements.txt"), package),
                };
                own.map(|own| match self.venv.version() {
                    Some(python) => format!("{own} (Python {python})"),
                    None => own,
                })
            }
        };
        found.unwrap_or_else(|| "unknown".to_owned())
    }

    /// A file that is missing has no versions.
    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.compare.join(file)).unwrap_or_default()
    }
}

fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(folder)
        .args(["build", "--release", "--locked", "--quiet"]);
    cargo
}

fn jdk(program: &str) -> PathBuf {
    match std::env::var_os("JAVA_HOME") {
        Some(home) => Path::new(&home).join("bin").join(program),
        None => program.into(),
    }
}

fn started(program: PathBuf) -> Start {
    Start {
        program,
        args: Vec::new(),
    }
}

/// What it says, if it does what it should.
pub(crate) fn run(mut command: Command, program: &str) -> Result<String, Skipped> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Skipped(format!("{program} is not installed")));
        }
        Err(error) => return Err(Skipped(format!("{program}: {error}"))),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(said.trim_end().to_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    // python3 -m venv tells on standard output what it lacks.
    let errors = if errors.trim().is_empty() {
        said
    } else {
        errors
    };
    Err(Skipped(format!("{program} failed: {}", cause(&errors))))
}

/// The first line that says error, with all that are behind it if there is none.
fn cause(errors: &str) -> String {
    let lines: Vec<&str> = errors
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let telling = lines.iter().filter(|line| line.contains("error"));
    let telling: Vec<&str> = telling.map(|line| line.trim()).take(3).collect();
    match telling.is_empty() {
        true => lines[lines.len().saturating_sub(3)..].join("; "),
        false => telling.join("; "),
    }
}

/// A crate's version in a lock file.
fn locked(lock: &str, name: &str) -> Option<String> {
    let entry = lock
        .split("[[package]]")
        .find(|entry| entry.contains(&format!("name = {name:?}\n")))?;
    let version = entry
        .lines()
        .find_map(|line| line.strip_prefix("version = "))?;
    Some(version.trim_matches('"').to_owned())
}

/// A module's version in a go.mod.
fn required(module: &str, name: &str) -> Option<String> {
    let words = module
        .lines()
        .map(|line| line.trim().trim_start_matches("require "));
    let mut versions = words.filter_map(|line| line.strip_prefix(name)?.strip_prefix(" v"));
    Some(versions.next()?.split_whitespace().next()?.to_owned())
}

/// A package's version in a requirements.txt.
fn pinned(requirements: &str, name: &str) -> Option<String> {
    let mut versions = requirements.lines().filter_map(|line| {
        let (package, version) = line.split_once("==")?;
        let package = package.split('[').next()?;
        (package == name).then_some(version)
    });
    versions.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::program::PROGRAMS;
    use crate::python;

    #[test]
    fn every_program_has_a_version() {
        let places = Places::find().unwrap();
        let versions: BTreeMap<_, _> = PROGRAMS
            .iter()
            .chain(&python::PROGRAMS)
            .map(|program| (program.name, places.version(program)))
            .collect();
        assert!(
            versions.values().all(|version| version != "unknown"),
            "{versions:?}"
        );
    }

    #[test]
    fn pinned_packages_have_versions() {
        let requirements = "# peers\na-b[x,y]==1.2\na==3\n";
        assert_eq!(pinned(requirements, "a").as_deref(), Some("3"));
        assert_eq!(pinned(requirements, "a-b").as_deref(), Some("1.2"));
        assert_eq!(pinned(requirements, "b"), None);
    }

    #[test]
    fn a_missing_tool_is_named() {
        let error = run(Command::new("/nowhere/cmake"), "cmake").unwrap_err();
        assert_eq!(error.to_string(), "cmake is not installed");
    }

    #[test]
    fn a_build_says_its_cause() {
        assert_eq!(
            cause("one\n\nerror: two\nthree\nfour: fatal error: x\n"),
            "error: two; four: fatal error: x"
        );
        assert_eq!(cause("a\nb\nc\nd\n"), "b; c; d");
        assert_eq!(cause(""), "");
    }
}
