//! The page of a run.

use super::{
    Report, measures,
    plot::{Plot, Series, Shape},
    plots::plots,
    svg,
    words::{escaped, kind_name, real, short},
};
use std::collections::BTreeMap;

const STYLE: &str = include_str!("style.css");

pub(super) fn of(report: &Report) -> String {
    let head = format!(
        "<h1>{} <span class=\"soft\">seed {}</span></h1>\n<p>{}</p>\n<p class=\"soft\">{} hours of virtual time with \
         {} nodes that run the real protocol with {}; network, clocks, disks and people are simulated. Trace \
         <code>{}</code></p>\n",
        escaped(&report.name),
        report.seed,
        escaped(&report.scenario.about),
        report.figures.virtual_hours,
        report.figures.nodes,
        escaped(&report.cryptography),
        escaped(&report.trace),
    );
    let body = [
        head,
        verdict(report),
        idle(report),
        numbers(report),
        figures(&plots(&report.figures), ""),
        counted(
            "Why texts were refused",
            "Counted for each receiver; the author saw the reason.",
            &report.figures.refusals,
        ),
        attacks(report),
        counted(
            "What nodes complained of",
            "Times that a node said of a peer that it had tried what it may not.",
            &report.figures.security,
        ),
        scenario("What was played", report),
    ];
    whole(&format!("{}, seed {}", report.name, report.seed), &body.concat())
}

/// A page around its content. It refers to nothing outside.
pub(super) fn whole(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} \u{2013} Frontdesk simulation</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(title),
    )
}

fn verdict(report: &Report) -> String {
    if report.is_good() {
        return "<p class=\"verdict good\">\u{2713} Every promise was kept.</p>\n".into();
    }
    let rows: String = report
        .violations
        .iter()
        .map(|violation| {
            format!(
                "<tr><td>{}</td><td class=\"words\">{}</td><td class=\"words\">{}</td></tr>\n",
                report.clock_of(violation),
                escaped(&violation.promise),
                escaped(&violation.seen)
            )
        })
        .collect();
    format!(
        "<p class=\"verdict bad\">\u{2717} Promises were broken: {}.</p>\n<div class=\"wide\"><table>\n\
         <tr><th>when</th><th class=\"words\">promise</th><th class=\"words\">what was seen</th></tr>\n{rows}</table></div>\n",
        report.violations.len()
    )
}

/// What the scenario asks for and did not happen: nothing was put to the test by it.
fn idle(report: &Report) -> String {
    let line = |what: &String| format!("<li>{}</li>\n", escaped(what));
    let lines: String = report.figures.idle.iter().map(line).collect();
    if lines.is_empty() {
        return lines;
    }
    format!("<p>What the scenario asks for and did not happen:</p>\n<ul>\n{lines}</ul>\n")
}

fn numbers(report: &Report) -> String {
    let cells = measures(report).into_iter().filter(|measured| measured.value.is_some());
    let cells = cells.map(|measured| {
        format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(measured.name), escaped(&measured.shown()))
    });
    format!("<h2>In numbers</h2>\n<dl>\n{}</dl>\n", cells.collect::<String>())
}

/// All plots, each with its title, what it shows, a legend and a table of its numbers.
pub(super) fn figures(plots: &[Plot], class: &str) -> String {
    let all: String = plots.iter().map(figure).collect();
    format!("<h2>In pictures</h2>\n<div class=\"plots {class}\">\n{all}</div>\n")
}

fn figure(plot: &Plot) -> String {
    format!(
        "<figure id=\"{}\">\n<figcaption><h3>{}</h3>\n<p>{}</p></figcaption>\n{}{}{}</figure>\n",
        plot.id,
        escaped(&plot.title),
        escaped(&plot.about),
        legend(plot),
        svg::draw(plot),
        facts(plot),
    )
}

fn legend(plot: &Plot) -> String {
    let entries: String = plot.series.iter().filter(|series| has_entry(series)).map(entry).collect();
    if entries.is_empty() { String::new() } else { format!("<ul class=\"legend\">\n{entries}</ul>\n") }
}

/// Rows of marks have their names at the axis.
fn has_entry(series: &Series) -> bool {
    !series.name.is_empty() && series.shape != Shape::Bars
}

fn entry(series: &Series) -> String {
    let dashed = if series.dashed { " dashed" } else { "" };
    format!(
        "<li><svg viewBox=\"0 0 30 10\" aria-hidden=\"true\" class=\"c{}{dashed}\"><path class=\"line\" d=\"M0 5H30\"/></svg>{}</li>\n",
        series.colour,
        escaped(&series.name)
    )
}

fn facts(plot: &Plot) -> String {
    let with_facts = || plot.series.iter().filter(|series| !series.facts.is_empty());
    let Some(first) = with_facts().next() else { return String::new() };
    let heads: String = first.facts.iter().map(|(name, _)| format!("<th>{}</th>", escaped(name))).collect();
    let rows: String = with_facts()
        .map(|series| {
            let name = if series.name.is_empty() { "all" } else { &series.name };
            let cells: String =
                series.facts.iter().map(|(_, value)| format!("<td>{}</td>", escaped(value))).collect();
            format!("<tr><td>{}</td>{cells}</tr>\n", escaped(name))
        })
        .collect();
    format!(
        "<details><summary>In numbers</summary><div class=\"wide\"><table>\n<tr><th></th>{heads}</tr>\n{rows}</table></div></details>\n"
    )
}

/// Reasons, and how often each was given.
fn counted(title: &str, about: &str, counts: &BTreeMap<String, u64>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let row = |(reason, count): (&String, &u64)| {
        format!("<tr><td class=\"words\">{}</td><td>{count}</td></tr>\n", escaped(reason))
    };
    let rows: String = counts.iter().map(row).collect();
    format!(
        "<h2>{title}</h2>\n<p class=\"soft\">{about}</p>\n<div class=\"wide\"><table>\n\
         <tr><th>reason</th><th>times</th></tr>\n{rows}</table></div>\n"
    )
}

fn attacks(report: &Report) -> String {
    if report.figures.attacks.is_empty() {
        return String::new();
    }
    let rows: String = report
        .figures
        .attacks
        .iter()
        .map(|(kind, attack)| {
            let refused = attack.refused.values().sum();
            let counts = [
                attack.nodes,
                attack.tried,
                refused,
                attack.ignored,
                attack.kept,
                attack.taken,
                attack.before,
                attack.spied,
                attack.read,
            ];
            let cells: String =
                counts.iter().map(|count| format!("<td>{}</td>", short(real(*count)))).collect();
            format!("<tr><td>{}</td>{cells}</tr>\n", escaped(&kind_name(kind)))
        })
        .collect();
    format!(
        "<h2>What adversaries tried</h2>\n<p class=\"soft\">Frames that they sent, and what became of them. Ignored: not even \
         acknowledged. Kept: sealed, and looked at by nobody yet. Before: frames of others that a device opened \
         while it was a member still. Spied: those that it tried to read with the keys that it had, when it was removed.</p>\n<div class=\"wide\"><table>\n<tr><th>kind</th><th>nodes</th><th>tried</th>\
         <th>refused</th><th>ignored</th><th>kept</th><th>taken</th><th>before</th><th>spied</th><th>read</th></tr>\n{rows}</table></div>\n"
    )
}

pub(super) fn scenario(title: &str, report: &Report) -> String {
    let text = toml::to_string(&report.scenario).unwrap_or_default();
    format!(
        "<details><summary>{title}: the whole scenario</summary>\n<pre>{}</pre></details>\n",
        escaped(&text)
    )
}
