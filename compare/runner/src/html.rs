//! The results as one page: no script, nothing from elsewhere.

use std::fmt::Write as _;

use crate::plot::{self, Bar, escaped};
use crate::results::Results;
use crate::summary::{Block, Metric};
use crate::table::COLUMNS;
use crate::verdict::Verdict;

const STYLE: &str = "
:root { color-scheme: light dark; --own: #c2410c; --peer: #3b6fb6; --floor: #8a8a8a; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2em auto; padding: 0 1em; }
h2 { margin-top: 2.5em; border-top: 1px solid #8885; padding-top: 1em; font-size: 1.1em; }
.plots { display: flex; flex-wrap: wrap; gap: 1.5em; } svg { width: 480px; max-width: 100%; }
svg text { font-size: 12px; fill: currentColor; } svg .title { font-weight: 600; }
svg path { stroke: currentColor; stroke-opacity: .7; fill: none; }
.own rect { fill: var(--own); } .peer rect { fill: var(--peer); } .floor rect { fill: var(--floor); }
.table { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; white-space: nowrap; }
td, th { padding: .2em .7em; text-align: right; border-bottom: 1px solid #8883; }
td:first-child, th:first-child, .text td { text-align: left; } .text { white-space: normal; }
.holds { color: #15803d; } .missed { color: #b91c1c; font-weight: 600; } .failed { color: #b91c1c; }
";

/// The plots of a block, each if it was measured.
const PLOTS: [(&str, Metric, usize); 7] = [
    ("records/s (more is better)", Metric::RecordsPerSecond, 0),
    ("client CPU, µs/record (less is better)", Metric::Cpu, 3),
    ("peak memory, MiB (less is better)", Metric::PeakMib, 0),
    ("latency p50, ms (less is better)", Metric::P50, 2),
    ("latency p99, ms (less is better)", Metric::P99, 2),
    ("latency p99.9, ms (less is better)", Metric::P999, 2),
    (
        "bytes in the broker's log, a record (less is better)",
        Metric::LogBytes,
        1,
    ),
];

/// The whole page.
pub(crate) fn page(results: &Results, blocks: &[Block<'_>], verdicts: &[Verdict]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>raban and its peers</title><style>{STYLE}</style></head><body>\n<h1>raban and its peers</h1>\n"
    );
    introduce(&mut page, results);
    promises(&mut page, verdicts);
    for block in blocks {
        show(&mut page, block);
    }
    page.push_str("</body></html>\n");
    page
}

// Writing to a string doesn't fail, here and below.

fn introduce(page: &mut String, results: &Results) {
    let machine = &results.machine;
    let _ = writeln!(
        page,
        "<p>{} × {}, {} GiB, Linux {}. {} rounds, each program in turn: bars are medians, lines reach from the least to the most. \
         Ratios compare runs of the same round. Rust programs: {}. The brokers' own CPU is in no figure.</p>\n<table class=\"text\">",
        machine.processors,
        escaped(&machine.processor),
        machine.memory_gib,
        escaped(&machine.kernel),
        results.rounds,
        escaped(results.build)
    );
    for program in &results.programs {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(program.name),
            escaped(&program.version),
            escaped(program.note)
        );
    }
    for (what, reason) in &results.skipped {
        let _ = writeln!(
            page,
            "<tr class=\"failed\"><td>{}</td><td>skipped</td><td>{}</td></tr>",
            escaped(what),
            escaped(reason)
        );
    }
    page.push_str("</table>\n");
}

fn promises(page: &mut String, verdicts: &[Verdict]) {
    page.push_str("<h2>What raban promises</h2>\n<ul>\n");
    for verdict in verdicts {
        let class = match verdict.holds() {
            Some(true) => "holds",
            Some(false) => "missed",
            None => continue,
        };
        let _ = writeln!(
            page,
            "<li class=\"{class}\">{}</li>",
            escaped(&verdict.to_string())
        );
    }
    let open = verdicts
        .iter()
        .filter(|verdict| verdict.holds().is_none())
        .count();
    let _ = writeln!(page, "</ul>\n<p>{open} were not measured in this run.</p>");
}

fn show(page: &mut String, block: &Block<'_>) {
    let _ = writeln!(
        page,
        "<h2>{}: {}</h2>\n<div class=\"plots\">",
        block.target.name(),
        block.cell
    );
    for (title, metric, decimals) in PLOTS {
        // At a fixed rate all send as much.
        if metric == Metric::RecordsPerSecond && block.cell.rate.is_some() {
            continue;
        }
        let bars = block.rows.iter().filter_map(|row| {
            Some(Bar {
                name: row.program.name,
                kind: row.program.kind,
                spread: row.spread(metric)?,
            })
        });
        let bars: Vec<_> = bars.collect();
        if !bars.is_empty() {
            page.push_str(&plot::bars(title, decimals, &bars));
        }
    }
    page.push_str("</div>\n");
    table(page, block);
    for row in &block.rows {
        for failure in row.failures() {
            let _ = writeln!(
                page,
                "<p class=\"failed\">{}: {}</p>",
                row.program.name,
                escaped(failure)
            );
        }
    }
    settings(page, block);
}

fn table(page: &mut String, block: &Block<'_>) {
    let shown = COLUMNS.iter().filter(|column| {
        block
            .rows
            .iter()
            .any(|row| (column.cell)(block, row).is_some())
    });
    let shown: Vec<_> = shown.collect();
    page.push_str("<div class=\"table\"><table><tr><th>program</th>");
    for column in &shown {
        let _ = write!(page, "<th>{}</th>", escaped(column.head));
    }
    page.push_str("</tr>\n");
    for row in &block.rows {
        let _ = write!(page, "<tr><td>{}</td>", escaped(row.program.name));
        for column in &shown {
            let text = (column.cell)(block, row).unwrap_or_else(|| "–".to_owned());
            let _ = write!(page, "<td>{}</td>", escaped(&text));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></div>\n");
}

fn settings(page: &mut String, block: &Block<'_>) {
    page.push_str("<details><summary>what each client was told</summary><table class=\"text\">\n");
    for row in &block.rows {
        let settings = row.settings().unwrap_or_default();
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td></tr>",
            escaped(row.program.name),
            escaped(&settings)
        );
    }
    page.push_str("</table></details>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Cell;
    use crate::program::Kind;
    use crate::summary::tests::results;
    use crate::target::TargetKind;
    use crate::verdict::judge;

    fn shown(cell: Cell) -> String {
        let mut results = results(
            TargetKind::Kafka,
            cell,
            &[
                ("raban", Kind::Own, &[(2e6, 0.2), (2e6, 0.2)]),
                ("rdkafka-threaded", Kind::Peer, &[(4e6, 0.4), (4e6, 0.4)]),
            ],
        );
        results
            .skipped
            .insert("java".to_owned(), "<none>".to_owned());
        let blocks = Block::all(&results);
        page(&results, &blocks, &judge(&blocks))
    }

    #[test]
    fn it_is_one_page_that_needs_nothing_else() {
        let page = shown(Cell::DECIDING);
        assert!(page.contains("kafka: 100b-6p-nokey-none-1s-best"), "{page}");
        assert!(
            page.contains("&lt;none&gt;") && page.contains("linger=5"),
            "{page}"
        );
        assert!(
            page.contains("class=\"missed\">MISSED") && page.contains("class=\"holds\">holds"),
            "{page}"
        );
        assert!(
            page.contains("records/s (more is better)") && !page.contains("latency p50, ms"),
            "{page}"
        );
        for outside in ["http:", "https:", "<script", "<link", "url(", "src="] {
            assert!(!page.contains(outside), "{outside} in {page}");
        }
    }

    #[test]
    fn latency_is_plotted_where_it_was_measured() {
        let page = shown(Cell::latency(0));
        assert!(
            page.contains("latency p99.9, ms") && !page.contains("records/s (more is better)"),
            "{page}"
        );
    }
}
