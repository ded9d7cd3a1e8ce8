//! The figures that are kept, how those of now may differ from them, and how those of many partitions from those of few.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::PathBuf;

use raban_bench::Bench;

/// By how much a figure may grow before somebody has to say that it is meant.
const MOST_GROWTH: f64 = 1.10;
/// Below this the kept figure says too little.
const MOST_FALL: f64 = 0.90;
/// With many partitions a record costs so many times that of few, at equal records in a batch.
const MOST_STEEP: f64 = 1.5;
const FEW: &str = ", 6 partitions";
const MANY: &str = ", 10000 partitions";

const HEAD: &str = "# Instructions, counted by valgrind. cargo run --release --manifest-path bench/Cargo.toml -- --update\n";

/// Instructions for one unit of each bench, in order.
#[derive(Debug, PartialEq)]
pub(crate) struct Figures(Vec<Figure>);

#[derive(Debug, PartialEq)]
struct Figure {
    name: String,
    unit: String,
    instructions: f64,
}

/// What differs.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) table: String,
    pub(crate) grown: Vec<String>,
    pub(crate) fallen: Vec<String>,
}

impl Figures {
    pub(crate) fn of<'a>(figures: impl Iterator<Item = (&'a Bench, f64)>) -> Self {
        let figure = |(bench, instructions): (&Bench, f64)| Figure {
            name: bench.name.to_owned(),
            unit: bench.unit.to_owned(),
            // As it is kept.
            instructions: (instructions * 10.0).round() / 10.0,
        };
        Self(figures.map(figure).collect())
    }

    pub(crate) fn read() -> io::Result<Self> {
        let text = fs::read_to_string(path())?;
        Self::parse(&text).map_err(|line| {
            let error =
                format!("bench/instructions.tsv: this isn't name, instructions and unit: {line}");
            io::Error::new(io::ErrorKind::InvalidData, error)
        })
    }

    pub(crate) fn write(&self) -> io::Result<()> {
        fs::write(path(), self.text())
    }

    /// Returns the line that can't be read, if there is one.
    fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let figure = |line: &str| {
            let mut parts = line.split('\t');
            let (name, instructions, unit) = (parts.next()?, parts.next()?, parts.next()?);
            Some(Figure {
                name: name.to_owned(),
                unit: unit.to_owned(),
                instructions: instructions.parse().ok()?,
            })
        };
        let figures = lines.map(|line| figure(line).ok_or_else(|| line.to_owned()));
        figures.collect::<Result<_, _>>().map(Self)
    }

    fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for Figure {
            name,
            unit,
            instructions,
        } in &self.0
        {
            let _ = writeln!(text, "{name}\t{instructions:.1}\t{unit}");
        }
        text
    }

    fn get(&self, name: &str) -> Option<f64> {
        let found = self.0.iter().find(|figure| figure.name == name);
        found.map(|figure| figure.instructions)
    }
}

pub(crate) fn compare(kept: &Figures, counted: &Figures) -> Comparison {
    let mut comparison = Comparison::default();
    for Figure {
        name,
        unit,
        instructions,
    } in &counted.0
    {
        let Some(before) = kept.get(name) else {
            comparison.grown.push(format!(
                "NEW: {name} takes {instructions:.1} instructions per {unit}, none are kept"
            ));
            continue;
        };
        let times = instructions / before;
        let percent = (times - 1.0) * 100.0;
        let _ = writeln!(
            comparison.table,
            "{name:30} {before:>10.1} -> {instructions:>10.1} per {unit:6} {percent:+6.1} %"
        );
        let differs = format!(
            "{name} from {before:.1} to {instructions:.1} instructions per {unit}, {percent:+.1} %"
        );
        if times > MOST_GROWTH {
            comparison.grown.push(format!("GROWN: {differs}"));
        } else if times < MOST_FALL {
            comparison.fallen.push(format!("fallen: {differs}"));
        }
    }
    let gone = kept
        .0
        .iter()
        .filter(|figure| counted.get(&figure.name).is_none());
    let gone =
        gone.map(|figure| format!("GONE: {} is kept, and no bench has this name", figure.name));
    comparison.grown.extend(gone);
    comparison
}

/// What grows with the number of partitions by more than it may.
pub(crate) fn too_steep(counted: &Figures) -> Vec<String> {
    let many = counted
        .0
        .iter()
        .filter(|figure| figure.name.ends_with(MANY));
    let steep = many.filter_map(|figure| {
        let Figure { name, unit, instructions } = figure;
        let few = counted.get(&name.replace(MANY, FEW))?;
        let times = instructions / few;
        (times > MOST_STEEP).then(|| {
            format!(
                "STEEP: {name} takes {instructions:.1} instructions per {unit}, {times:.2} times the {few:.1} of 6 \
                 partitions: {MOST_STEEP} is the most"
            )
        })
    });
    steep.collect()
}

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.tsv"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(figures: &[(&str, f64)]) -> Figures {
        let figure = |(name, instructions): &(&str, f64)| Figure {
            name: (*name).to_owned(),
            unit: "record".to_owned(),
            instructions: *instructions,
        };
        Figures(figures.iter().map(figure).collect())
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let figures = figures(&[("append", 123.4), ("sticky, 6 partitions", 5.0)]);
        assert_eq!(Figures::parse(&figures.text()), Ok(figures));
        assert_eq!(
            Figures::parse("append\tmany\trecord"),
            Err("append\tmany\trecord".to_owned())
        );
    }

    #[test]
    fn growth_by_a_tenth_is_meant_or_a_mistake() {
        let kept = figures(&[
            ("same", 100.0),
            ("grown", 100.0),
            ("fallen", 100.0),
            ("gone", 1.0),
        ]);
        let counted = figures(&[
            ("same", 110.0),
            ("grown", 110.2),
            ("fallen", 89.0),
            ("new", 1.0),
        ]);
        let compared = compare(&kept, &counted);
        let grown: Vec<_> = compared
            .grown
            .iter()
            .map(|line| line.split_once(' '))
            .collect();
        let named = |kind, name: &str| {
            grown
                .iter()
                .flatten()
                .any(|(said, rest)| *said == kind && rest.starts_with(name))
        };
        assert_eq!(grown.len(), 3);
        assert!(named("GROWN:", "grown from 100.0 to 110.2"), "{grown:?}");
        assert!(named("NEW:", "new") && named("GONE:", "gone"), "{grown:?}");
        assert_eq!(
            compared.fallen,
            ["fallen: fallen from 100.0 to 89.0 instructions per record, -11.0 %"]
        );
    }

    #[test]
    fn many_partitions_cost_half_as_much_again_at_most() {
        let flat = [
            ("sticky, 6 partitions", 100.0),
            ("sticky, 10000 partitions", 150.0),
        ];
        assert!(too_steep(&figures(&flat)).is_empty());
        let steep = [flat[0], ("sticky, 10000 partitions", 150.1)];
        assert_eq!(too_steep(&figures(&steep)).len(), 1);
    }
}
