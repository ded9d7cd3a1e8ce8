//! Bars with whiskers, as SVG.

use std::fmt::Write as _;

use crate::program::Kind;
use crate::stats::Spread;
use crate::table::number;

const NAMES: f64 = 130.0;
const BARS: f64 = 270.0;
const FIGURES: f64 = 80.0;
const LINE: f64 = 20.0;
const HEAD: f64 = 24.0;

/// One bar.
pub(crate) struct Bar<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) spread: Spread,
}

/// A plot of medians, with lines from the least to the most that was measured. The floor is drawn, but doesn't stretch the axis.
pub(crate) fn bars(title: &str, decimals: usize, bars: &[Bar<'_>]) -> String {
    let longest = |bars: &mut dyn Iterator<Item = &Bar<'_>>| {
        bars.map(|bar| bar.spread.max).fold(0.0, f64::max)
    };
    let clients = longest(&mut bars.iter().filter(|bar| bar.kind != Kind::Floor));
    let end = if clients > 0.0 {
        clients
    } else {
        longest(&mut bars.iter())
    };
    let x = |value: f64| {
        NAMES
            + if end > 0.0 {
                (value / end).clamp(0.0, 1.0) * BARS
            } else {
                0.0
            }
    };
    let (width, height) = (NAMES + BARS + FIGURES, HEAD + LINE * bars.len() as f64);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">\n<text x=\"0\" y=\"15\" class=\"title\">{title}</text>\n",
        title = escaped(title)
    );
    for (at, bar) in bars.iter().enumerate() {
        let top = HEAD + LINE * at as f64;
        let middle = top + LINE / 2.0;
        let Spread { median, min, max } = bar.spread;
        // Writing to a string doesn't fail.
        let _ = writeln!(
            svg,
            "<g class=\"{class}\"><title>{name}: {median} ({min}–{max})</title><text x=\"{at}\" y=\"{text}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{NAMES}\" y=\"{bar_top}\" width=\"{bar_width:.1}\" height=\"12\"/>\
             <path d=\"M{from:.1} {middle}H{to:.1}M{from:.1} {up}V{down}M{to:.1} {up}V{down}\"/>\
             <text x=\"{figure}\" y=\"{text}\">{median}</text></g>",
            class = class(bar.kind),
            name = escaped(bar.name),
            median = number(median, decimals),
            min = number(min, decimals),
            max = number(max, decimals),
            at = NAMES - 6.0,
            text = middle + 4.0,
            bar_top = top + 4.0,
            bar_width = x(median) - NAMES,
            from = x(min),
            to = x(max),
            up = middle - 3.0,
            down = middle + 3.0,
            figure = NAMES + BARS + 6.0,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

const fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Own => "own",
        Kind::Floor => "floor",
        Kind::Peer => "peer",
    }
}

/// Text as HTML has it.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, kind: Kind, median: f64) -> Bar<'_> {
        let (min, max) = (median / 2.0, median);
        Bar {
            name,
            kind,
            spread: Spread { median, min, max },
        }
    }

    #[test]
    fn bars_are_as_long_as_their_figures() {
        let svg = bars(
            "a & b",
            0,
            &[
                bar("one", Kind::Own, 50.0),
                bar("two", Kind::Peer, 100.0),
                bar("least", Kind::Floor, 900.0),
            ],
        );
        assert!(
            svg.contains("a &amp; b")
                && svg.contains("width=\"135.0\"")
                && svg.contains("class=\"own\""),
            "{svg}"
        );
        assert_eq!(
            svg.matches("width=\"270.0\"").count(),
            2,
            "the floor is cut off: {svg}"
        );
    }

    #[test]
    fn nothing_is_no_bar() {
        let svg = bars("zero", 0, &[bar("<x>", Kind::Peer, 0.0)]);
        assert!(
            svg.contains("width=\"0.0\"") && svg.contains("&lt;x&gt;"),
            "{svg}"
        );
    }
}
