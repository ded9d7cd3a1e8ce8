//! Where the Python programs run: a virtual environment in the target folder, made when it is first needed.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::{Skipped, run};

/// Ends with what is wrong, or tells the version.
const CHECK: &str = "import sys
version = sys.version.split()[0]
sys.exit(f'error: this is Python {version}, and 3.11 is needed') if sys.version_info < (3, 11) else print(version)";

/// The environment, with the peers and, if it can be built, raban's package.
#[derive(Debug)]
pub(crate) struct Venv {
    folder: PathBuf,
    /// The folder `compare`.
    compare: PathBuf,
    /// Cargo's target folder.
    target: PathBuf,
    /// Python's version, once the peers are there.
    peers: OnceCell<Result<String, Skipped>>,
    raban: OnceCell<Result<(), Skipped>>,
}

impl Venv {
    pub(crate) fn new(compare: &Path, target: &Path) -> Self {
        Self {
            folder: target.join("python"),
            compare: compare.to_owned(),
            target: target.to_owned(),
            peers: OnceCell::new(),
            raban: OnceCell::new(),
        }
    }

    /// Its Python, which has the packages of `python/requirements.txt`.
    ///
    /// # Errors
    /// What is missing, or pip's last words.
    pub(crate) fn with_peers(&self) -> Result<PathBuf, Skipped> {
        let made = self.peers.get_or_init(|| self.make());
        made.clone().map(|_| self.python())
    }

    /// Its Python, which has these and raban's package as it is now, built with Cargo's release profile.
    ///
    /// # Errors
    /// What is missing, or pip's last words.
    pub(crate) fn with_raban(&self) -> Result<PathBuf, Skipped> {
        let python = self.with_peers()?;
        let installed = self.raban.get_or_init(|| {
            let mut pip = self.pip();
            pip.args(["--force-reinstall", "--no-deps"])
                .arg(self.compare.join("../python"))
                .env("CARGO_TARGET_DIR", &self.target);
            run(pip, "pip").map(drop)
        });
        installed.clone().map(|()| python)
    }

    /// Python's version, if the environment was made.
    pub(crate) fn version(&self) -> Option<&str> {
        self.peers.get()?.as_deref().ok()
    }

    fn make(&self) -> Result<String, Skipped> {
        let system = "python3";
        let mut check = Command::new(system);
        check.args(["-c", CHECK]);
        let version = run(check, system)?;
        let mut venv = Command::new(system);
        venv.args(["-m", "venv"]).arg(&self.folder);
        run(venv, "python3 -m venv")?;
        let mut pip = self.pip();
        pip.arg("--requirement")
            .arg(self.compare.join("python/requirements.txt"));
        run(pip, "pip")?;
        Ok(version)
    }

    fn pip(&self) -> Command {
        let mut pip = Command::new(self.python());
        pip.args(["-m", "pip", "install", "--quiet"]);
        pip
    }

    fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }
}
