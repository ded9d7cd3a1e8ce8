//! The programs that are compared: what they are, and how each is built.

use load::Codec;

use crate::cell::Cell;
use crate::python;

/// One client, used one way.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its name in tables and for `--only`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    /// The program's `--variant`, if it has several.
    pub(crate) variant: &'static str,
    /// What a reader must know to judge its figures.
    pub(crate) note: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// raban, in one of its ways.
    Own,
    /// What no producer can be below.
    Floor,
    Peer,
}

/// Where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A package of this workspace, and the crate whose version counts.
    Cargo {
        package: &'static str,
        client: &'static str,
    },
    /// `go/`.
    Go,
    /// `java/Load.java`.
    Java,
    /// A script of `python/`, and the package whose version counts.
    Python {
        script: &'static str,
        package: &'static str,
    },
}

/// All programs but Python's, in the order of the tables.
pub(crate) const PROGRAMS: [Program; 13] = [
    Program {
        name: "raban",
        kind: Kind::Own,
        source: cargo("load-raban", "raban"),
        variant: "",
        note: "each delivery awaited; idempotent; lz4 of its own, structured-zstd and zlib-rs (gzip level 3), all Rust",
    },
    Program {
        name: "raban-blocking",
        kind: Kind::Own,
        source: cargo("load-raban", "raban"),
        variant: "blocking",
        note: "each delivery waited for by a thread, without a runtime; otherwise as raban",
    },
    Program {
        name: "raban-callback",
        kind: Kind::Own,
        source: cargo("load-raban", "raban"),
        variant: "callback",
        note: "one callback for all; otherwise as raban",
    },
    Program {
        name: "raban-many",
        kind: Kind::Own,
        source: cargo("load-raban", "raban"),
        variant: "many",
        note: "one call of send_many, which waits for each record's delivery; otherwise as raban",
    },
    Program {
        name: "raban-zstd-c",
        kind: Kind::Own,
        source: cargo("load-raban-zstd-c", "raban"),
        variant: "",
        note: "raban with its feature zstd-c: C zstd; only where zstd is used",
    },
    Program {
        name: "floor",
        kind: Kind::Floor,
        source: cargo("load-floor", "raban-protocol"),
        variant: "",
        note: "encodes, checksums and writes to a loopback sink; no client, no broker, no answers",
    },
    Program {
        name: "rdkafka-threaded",
        kind: Kind::Peer,
        source: cargo("load-rdkafka", "rdkafka"),
        variant: "threaded",
        note: "librdkafka; delivery callback; idempotent only in best; lz4, zstd and zlib in C",
    },
    Program {
        name: "rdkafka-future",
        kind: Kind::Peer,
        source: cargo("load-rdkafka", "rdkafka"),
        variant: "future",
        note: "librdkafka; each future awaited; otherwise as rdkafka-threaded",
    },
    Program {
        name: "confluent-kafka",
        kind: Kind::Peer,
        source: cargo("load-confluent", "confluent-kafka"),
        variant: "",
        note: "each future awaited; idempotent; lz4_flex, C zstd, flate2",
    },
    Program {
        name: "krafka",
        kind: Kind::Peer,
        source: cargo("load-krafka", "krafka"),
        variant: "",
        note: "each handle awaited; idempotent; lz4_flex, C zstd, flate2",
    },
    Program {
        name: "rskafka",
        kind: Kind::Peer,
        source: cargo("load-rskafka", "rskafka"),
        variant: "",
        note: "no idempotence, no partitioner, no bound on memory; each future awaited; C lz4, C zstd, flate2",
    },
    Program {
        name: "franz-go",
        kind: Kind::Peer,
        source: Source::Go,
        variant: "",
        note: "promise per record; idempotent; Go's own codecs (pierrec/lz4, klauspost/compress)",
    },
    Program {
        name: "java",
        kind: Kind::Peer,
        source: Source::Java,
        variant: "",
        note: "callback per record; idempotent; -Xmx512m as Kafka's own performance tool; lz4-java and zstd-jni (C), zlib",
    },
];

const fn cargo(package: &'static str, client: &'static str) -> Source {
    Source::Cargo { package, client }
}

impl Program {
    /// Whether it has something to say about a case.
    pub(crate) fn takes_part(&self, cell: &Cell) -> bool {
        match (self.name, self.source) {
            ("raban-zstd-c", _) => cell.compression == Codec::Zstd,
            // The one has neither answers nor settings, no call gets many at a fixed rate, and the others' senders keep no time.
            ("floor" | "raban-many", _) | (_, Source::Python { .. }) => cell.rate.is_none(),
            _ => true,
        }
    }

    /// How many records of a case it sends: seconds for the fast, not minutes for the slow.
    pub(crate) fn records(&self, cell: &Cell) -> u64 {
        cell.records() / python::part(self)
    }
}

/// The programs of these names; if there is none, Python's or all others.
///
/// # Errors
/// A name that none has.
pub(crate) fn select(
    names: &[String],
    python: bool,
) -> Result<Vec<&'static Program>, UnknownProgram> {
    for name in names {
        if !all().any(|program| program.name == name) {
            return Err(UnknownProgram(name.clone()));
        }
    }
    let selected = |program: &&Program| match names {
        [] => matches!(program.source, Source::Python { .. }) == python,
        names => names.iter().any(|name| name == program.name),
    };
    Ok(all().filter(selected).collect())
}

/// All programs, in the order of the tables.
pub(crate) fn all() -> impl Iterator<Item = &'static Program> {
    PROGRAMS.iter().chain(&python::PROGRAMS)
}

/// A name that no program has.
#[derive(Debug, thiserror::Error)]
#[error("there is no program {0:?}; there are {known}", known = all().map(|program| program.name).collect::<Vec<_>>().join(", "))]
pub(crate) struct UnknownProgram(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_selected_by_name() {
        assert_eq!(select(&[], false).unwrap().len(), PROGRAMS.len());
        assert_eq!(select(&[], true).unwrap().len(), python::PROGRAMS.len());
        let names = ["python-confluent", "franz-go", "raban"].map(str::to_owned);
        for python in [false, true] {
            let some = select(&names, python).unwrap();
            assert_eq!(
                some.iter().map(|program| program.name).collect::<Vec<_>>(),
                ["raban", "franz-go", "python-confluent"]
            );
        }
        let error = select(&["kacrab".to_owned()], false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("\"kacrab\"; there are raban, "), "{error}");
    }

    #[test]
    fn each_takes_part_where_it_can() {
        let named = |name: &str| all().find(|program| program.name == name).unwrap();
        let zstd = Cell {
            compression: Codec::Zstd,
            ..Cell::DECIDING
        };
        assert!(named("raban-zstd-c").takes_part(&zstd));
        assert!(!named("raban-zstd-c").takes_part(&Cell::DECIDING));
        assert!(!named("floor").takes_part(&Cell::latency(0)));
        assert!(!named("raban-many").takes_part(&Cell::latency(0)));
        assert!(named("java").takes_part(&Cell::latency(0)));
        assert!(!named("python-raban").takes_part(&Cell::latency(0)));
    }

    #[test]
    fn slow_ones_send_fewer_records() {
        for program in all() {
            let (records, all) = (program.records(&Cell::DECIDING), Cell::DECIDING.records());
            let fewer = matches!(
                program.name,
                "python-kafka" | "python-kafka-future" | "python-aiokafka"
            );
            assert_eq!(records < all, fewer, "{}", program.name);
        }
    }
}
