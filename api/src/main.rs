//! Lists the public API of the crate `raban` with all its features, what it re-exports included, and compares it with
//! `crates/raban/tests/public-api.txt`; `--update` writes that file anew.
//!
//! rustdoc writes the lists as JSON, which stable Rust has behind `RUSTC_BOOTSTRAP`: so the list doesn't change with a
//! nightly's date.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::Value;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const LIST: &str = "crates/raban/tests/public-api.txt";

/// What `raban` re-exports from, with the features that may show. Faults put in on purpose are no API.
const PARTS: [(&str, &[&str]); 2] = [
    ("raban-core", &["--features", "gzip,snappy,lz4,zstd"]),
    ("raban-protocol", &["--all-features"]),
];

fn main() -> ExitCode {
    let update = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [option] if option == "--update" => true,
        _ => {
            eprintln!("usage: cargo run --manifest-path api/Cargo.toml [-- --update]");
            return ExitCode::from(2);
        }
    };
    match run(update) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the list that is kept is true.
fn run(update: bool) -> Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let list = list(&root)?;
    let path = root.join(LIST);
    if update {
        fs::write(&path, list)?;
        return Ok(true);
    }
    let kept = fs::read_to_string(&path)?;
    let (kept, is): (Vec<_>, Vec<_>) = (kept.lines().collect(), list.lines().collect());
    let gone = kept.iter().filter(|line| !is.contains(line));
    let new = is.iter().filter(|line| !kept.contains(line));
    gone.for_each(|line| println!("-{line}"));
    new.for_each(|line| println!("+{line}"));
    if kept == is {
        return Ok(true);
    }
    eprintln!(
        "the public API isn't what {LIST} has; if that is meant, tell of it in CHANGELOG.md and run\n    \
         cargo run --manifest-path api/Cargo.toml -- --update"
    );
    Ok(false)
}

fn list(root: &Path) -> Result<String> {
    let json = rustdoc(root, "raban", &["--all-features"])?;
    let mut lines = items(&json)?;
    let names = re_exported(&fs::read_to_string(&json)?, &lines)?;
    for (package, features) in PARTS {
        let library = library(package);
        let items = items(&rustdoc(root, package, features)?)?;
        let shown = |line: &String| {
            let subject = subject(line, &library);
            names.keys().any(|path| is_at(subject, path))
        };
        lines.extend(items.into_iter().filter(shown));
    }
    let mut lines: Vec<_> = lines.iter().map(|line| renamed(line, &names)).collect();
    lines.retain(|line| !line.starts_with("pub use "));
    lines.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
    lines.dedup();
    let unnamed = |line: &&String| {
        let mut paths = line.split(|c| !is_of_path(c));
        paths.any(|path| path.starts_with("raban_"))
    };
    let unnamed: String = lines
        .iter()
        .filter(unnamed)
        .map(|line| format!("\n    {line}"))
        .collect();
    if !unnamed.is_empty() {
        return Err(format!("raban doesn't re-export what these speak of:{unnamed}").into());
    }
    Ok(lines.iter().flat_map(|line| [line, "\n"]).collect())
}

/// Has rustdoc write the package's JSON, and returns where it is.
fn rustdoc(root: &Path, package: &str, features: &[&str]) -> Result<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("api/target"), PathBuf::from);
    let target = target.join("rustdoc");
    let status = Command::new("cargo")
        .args([
            "rustdoc",
            "--quiet",
            "--locked",
            "--lib",
            "--package",
            package,
        ])
        .args(features)
        .args([
            "-Z",
            "unstable-options",
            "--output-format",
            "json",
            "--target-dir",
        ])
        .arg(&target)
        .current_dir(root)
        .env("RUSTC_BOOTSTRAP", "1")
        .status()?;
    if !status.success() {
        return Err(format!("cargo rustdoc of {package}: {status}").into());
    }
    Ok(target.join(format!("doc/{}.json", library(package))))
}

/// The package's name in paths.
fn library(package: &str) -> String {
    package.replace('-', "_")
}

/// One line each; of the traits that types get without being asked `Send` and `Sync` alone, and of those that are derived
/// no methods.
fn items(json: &Path) -> Result<Vec<String>> {
    const TRAITS: [&str; 6] = [
        "Freeze",
        "RefUnwindSafe",
        "StructuralPartialEq",
        "Unpin",
        "UnsafeUnpin",
        "UnwindSafe",
    ];
    const METHODS: [&str; 6] = ["clone", "cmp", "eq", "fmt", "hash", "partial_cmp"];
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .build()
        .map_err(|error| {
            format!("{error}; does api/Cargo.toml name the version of public-api for this Rust?")
        })?;
    let omitted = |line: &str| {
        let is_method = |name: &&str| {
            line.contains(&format!("::{name}(&self")) || line.contains(&format!("::{name}<"))
        };
        TRAITS
            .iter()
            .any(|name| line.contains(&format!("::{name} for ")))
            || line.starts_with("pub fn ") && METHODS.iter().any(is_method)
    };
    let lines = api.items().map(ToString::to_string);
    Ok(lines.filter(|line| !omitted(line)).collect())
}

/// The names in `raban` of what it re-exports, by each path that it has in the crate it comes from.
fn re_exported(json: &str, lines: &[String]) -> Result<BTreeMap<String, String>> {
    let json: Value = serde_json::from_str(json)?;
    let mut names = BTreeMap::new();
    for item in json["index"].as_object().into_iter().flatten() {
        let used = &item.1["inner"]["use"];
        let (Some(source), Some(name)) = (used["source"].as_str(), used["name"].as_str()) else {
            continue;
        };
        let ours = |package: &str| source.starts_with(&format!("{}::", library(package)));
        if !PARTS.iter().any(|(package, _)| ours(package)) {
            continue;
        }
        let end = format!("::{name}");
        let mut at = lines
            .iter()
            .filter_map(|line| line.strip_prefix("pub use "));
        let name = at
            .find(|path| path.ends_with(&end))
            .ok_or_else(|| format!("no path of {source}"))?;
        names.insert(source.to_owned(), name.to_owned());
        let canonical = json["paths"][used["id"].to_string()]["path"].as_array();
        let canonical = canonical.into_iter().flatten().filter_map(Value::as_str);
        let canonical: Vec<_> = canonical.collect();
        if !canonical.is_empty() {
            names.insert(canonical.join("::"), name.to_owned());
        }
    }
    Ok(names)
}

/// The path of what a line is about: what is implemented for something is about that.
fn subject<'a>(line: &'a str, library: &str) -> &'a str {
    let rest = match line.starts_with("impl") {
        true => line.split_once(" for ").map_or(line, |(_, rest)| rest),
        false => line,
    };
    let start = rest.find(&format!("{library}::")).unwrap_or(rest.len());
    &rest[start..start + path_len(&rest[start..])]
}

/// How much of the text is the path at its beginning; a colon behind it is no part of it.
fn path_len(text: &str) -> usize {
    let end = text.find(|c| !is_of_path(c)).unwrap_or(text.len());
    text[..end].trim_end_matches(':').len()
}

fn is_of_path(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | ':')
}

/// Whether `subject` is the item at `path`, or one in it.
fn is_at(subject: &str, path: &str) -> bool {
    subject
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The line with all paths as users of `raban` write them.
fn renamed(line: &str, names: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(is_of_path) {
        out.push_str(&rest[..start]);
        // A lone colon is passed as it is.
        let end = start + path_len(&rest[start..]).max(1);
        let path = &rest[start..end];
        // The longest path comes last, and is the closest.
        match names.iter().rev().find(|(known, _)| is_at(path, known)) {
            Some((known, name)) => out.extend([name, &path[known.len()..]]),
            None => out.push_str(path),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// By what a line is about: an item goes before what is implemented for it, and its functions come last.
fn sort_key(line: &str) -> (&str, usize, &str) {
    let rank = ["impl", "pub fn", "pub async fn", "pub const fn"];
    let rank = rank.iter().position(|start| line.starts_with(start));
    (
        subject(line, "raban"),
        rank.map_or(0, |rank| rank + 1),
        line,
    )
}
