//! The results as text.

use std::fmt::Write as _;

use crate::results::Results;
use crate::stats::Spread;
use crate::summary::{Block, Metric, Row};
use crate::verdict::Verdict;

/// A column: its head, and what stands in a row.
pub(crate) struct Column {
    pub(crate) head: &'static str,
    pub(crate) cell: fn(&Block<'_>, &Row<'_>) -> Option<String>,
}

/// The columns of a table; those in which nothing stands are left out.
pub(crate) const COLUMNS: [Column; 12] = [
    Column {
        head: "records/s",
        cell: |_, row| figure(row, Metric::RecordsPerSecond, 0),
    },
    Column {
        head: "(min–max)",
        cell: |_, row| range(row, Metric::RecordsPerSecond, 0),
    },
    Column {
        head: "MB/s",
        cell: |_, row| figure(row, Metric::MegabytesPerSecond, 0),
    },
    Column {
        head: "× best peer",
        cell: |block, row| versus(block, row, Metric::RecordsPerSecond),
    },
    Column {
        head: "CPU µs/record",
        cell: |_, row| figure(row, Metric::Cpu, 3),
    },
    Column {
        head: "(min–max)",
        cell: |_, row| range(row, Metric::Cpu, 3),
    },
    Column {
        head: "× best peer",
        cell: |block, row| versus(block, row, Metric::Cpu),
    },
    Column {
        head: "peak MiB",
        cell: |_, row| figure(row, Metric::PeakMib, 0),
    },
    Column {
        head: "p50/p99/p99.9 ms",
        cell: |_, row| latency(row),
    },
    Column {
        head: "p99 (min–max)",
        cell: |_, row| range(row, Metric::P99, 2),
    },
    Column {
        head: "p99 × best peer",
        cell: |block, row| versus(block, row, Metric::P99),
    },
    Column {
        head: "log bytes/record",
        cell: |_, row| figure(row, Metric::LogBytes, 1),
    },
];

fn figure(row: &Row<'_>, metric: Metric, decimals: usize) -> Option<String> {
    row.spread(metric)
        .map(|spread| number(spread.median, decimals))
}

fn range(row: &Row<'_>, metric: Metric, decimals: usize) -> Option<String> {
    let Spread { min, max, .. } = row.spread(metric)?;
    Some(format!(
        "{}–{}",
        number(min, decimals),
        number(max, decimals)
    ))
}

fn versus(block: &Block<'_>, row: &Row<'_>, metric: Metric) -> Option<String> {
    let ratio = row.ratio(metric, block.best_peer(metric)?)?;
    Some(format!("{:.2}", ratio.median))
}

fn latency(row: &Row<'_>) -> Option<String> {
    let [p50, p99, p999] =
        [Metric::P50, Metric::P99, Metric::P999].map(|metric| figure(row, metric, 2));
    Some(format!("{} / {} / {}", p50?, p99?, p999?))
}

/// With separators between thousands.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    let plain = format!("{value:.decimals$}");
    let whole = plain.find('.').unwrap_or(plain.len());
    let mut text = String::new();
    for (at, digit) in plain.char_indices() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// All of it: what took part, a table for each block, and what follows.
pub(crate) fn text(results: &Results, blocks: &[Block<'_>], verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    let machine = &results.machine;
    // Writing to a string doesn't fail, here and below.
    let _ = writeln!(
        text,
        "{} × {}, {} GiB, Linux {}; {} rounds, medians; Rust built as {}",
        machine.processors,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        results.rounds,
        results.build
    );
    for program in &results.programs {
        let _ = writeln!(
            text,
            "  {} {}: {}",
            program.name, program.version, program.note
        );
    }
    for (what, reason) in &results.skipped {
        let _ = writeln!(text, "  SKIPPED {what}: {reason}");
    }
    for block in blocks {
        let _ = writeln!(text, "\n{} {}", block.target.name(), block.cell);
        text.push_str(&table(block));
        for row in &block.rows {
            for failure in row.failures() {
                let _ = writeln!(text, "  FAILED {}: {failure}", row.program.name);
            }
        }
    }
    let (measured, others): (Vec<_>, Vec<_>) = verdicts
        .iter()
        .partition(|verdict| verdict.holds().is_some());
    let _ = writeln!(
        text,
        "\nWhat raban promises: {} here, {} not measured",
        measured.len(),
        others.len()
    );
    for verdict in measured {
        let _ = writeln!(text, "  {verdict}");
    }
    text
}

fn table(block: &Block<'_>) -> String {
    let columns = COLUMNS.iter().filter(|column| {
        block
            .rows
            .iter()
            .any(|row| (column.cell)(block, row).is_some())
    });
    let mut lines = vec![vec!["program".to_owned()]];
    lines.extend(
        block
            .rows
            .iter()
            .map(|row| vec![row.program.name.to_owned()]),
    );
    for column in columns {
        lines[0].push(column.head.to_owned());
        for (line, row) in lines[1..].iter_mut().zip(&block.rows) {
            line.push((column.cell)(block, row).unwrap_or_else(|| "–".to_owned()));
        }
    }
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|at| {
            lines
                .iter()
                .map(|line| line[at].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in &lines {
        for (at, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = match at {
                0 => write!(text, "  {cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::program::Kind;
    use crate::summary::tests::results;
    use crate::target::TargetKind;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(number(1_234_567.8, 0), "1,234,568");
        assert_eq!(number(123.456, 1), "123.5");
        assert_eq!(number(-1234.0, 2), "-1,234.00");
        assert_eq!(number(-123.0, 0), "-123");
        assert_eq!(number(0.0, 3), "0.000");
    }

    #[test]
    fn it_shows_what_was_measured() {
        let mut results = results(
            TargetKind::Kafka,
            Cell::DECIDING,
            &[
                ("raban", Kind::Own, &[(4e6, 0.2), (6e6, 0.2)]),
                ("peer", Kind::Peer, &[(2e6, 0.4), (2e6, 0.4)]),
            ],
        );
        results
            .skipped
            .insert("java".to_owned(), "javac is not installed".to_owned());
        let text = text(&results, &Block::all(&results), &[]);
        assert!(
            text.contains("kafka 100b-6p-nokey-none-1s-best\n"),
            "{text}"
        );
        assert!(
            text.contains("SKIPPED java: javac is not installed"),
            "{text}"
        );
        let raban = text
            .lines()
            .find(|line| line.starts_with("  raban  "))
            .unwrap();
        assert!(
            raban.contains("5,000,000") && raban.contains("2.50") && raban.contains("0.50"),
            "{raban}"
        );
        assert!(
            !text.contains("p99"),
            "a column in which nothing stands: {text}"
        );
    }
}
