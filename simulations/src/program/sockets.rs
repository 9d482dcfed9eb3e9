//! `sockets`: the business on real sockets, in real time.

use super::{files, options::Sockets, say, say_json, screen::Screen, wrong::Wrong};
use frontdesk_sim::sockets::{Plan, Report, SETTLE, play};
use serde::Serialize;

/// A run as JSON.
#[derive(Serialize)]
struct Told<'a> {
    scenario: Option<&'a str>,
    left_out: &'a [String],
    #[serde(flatten)]
    report: &'a Report,
}

pub(crate) fn sockets(options: &Sockets, json: bool) -> Result<bool, Wrong> {
    let (name, plan, left_out) = plan(options)?;
    plan.check().map_err(Wrong::new)?;
    let screen = Screen::new(Some(1));
    screen.tell(format!("{} nodes on real sockets", plan.nodes()));
    let mut seat = screen.seat();
    let report = play(&plan, &mut seat).map_err(|error| {
        let what = format!("the people can't be set up: {error}");
        Wrong::with_next(what, "the nodes need ports on 127.0.0.1, and time on the processor; try fewer")
    })?;
    seat.leave();
    screen.clear();
    if json {
        say_json(&Told { scenario: name.as_deref(), left_out: &left_out, report: &report })?;
    } else {
        say(in_words(&report, &left_out))?;
    }
    Ok(report.is_good())
}

/// The plan: of the scenario if there is one, with what the command line says in its place.
fn plan(options: &Sockets) -> Result<(Option<String>, Plan, Vec<String>), Wrong> {
    let read = options.scenario.as_deref().map(files::scenario).transpose()?;
    let (name, plan, left_out) = match read {
        Some((name, scenario)) => {
            let (plan, left_out) = Plan::of(&scenario);
            (Some(name), plan, left_out)
        }
        None => (None, Plan::default(), Vec::new()),
    };
    let plan = Plan {
        agents: options.agents.unwrap_or(plan.agents),
        customers: options.customers.unwrap_or(plan.customers),
        seconds: options.seconds,
        seed: options.seed,
        ..plan
    };
    Ok((name, plan, left_out))
}

fn in_words(report: &Report, left_out: &[String]) -> String {
    let verdict = if report.is_good() { "every promise kept" } else { "a promise was BROKEN" };
    let ms = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value} ms"));
    let faults: Vec<String> = report.faults.iter().map(|(what, count)| format!("{count} {what}")).collect();
    let rows = [
        ("set up in", ms(Some(report.set_up))),
        (
            "threads",
            format!(
                "{}, {} handed over, {} whose agent was taken out",
                report.threads, report.handed_over, report.revoked
            ),
        ),
        (
            "texts",
            format!(
                "{}, {} delivered, {} refused, {} not taken",
                report.texts, report.delivered, report.refused, report.not_taken
            ),
        ),
        ("without the administrator", format!("{} delivered", report.delivered_without_administrator)),
        ("faults", faults.join(", ")),
        ("links made", format!("{}, counted at both ends", report.links)),
        (
            "delay",
            format!(
                "half within {}, 99 of 100 within {}, all within {}",
                ms(report.delay_p50),
                ms(report.delay_p99),
                ms(report.delay_max)
            ),
        ),
        ("traffic", format!("{} frames, {} bytes", report.frames, report.bytes)),
        (
            "all agreed after",
            report
                .settled
                .map_or_else(|| format!("not within {} s", SETTLE.as_secs()), |settled| ms(Some(settled))),
        ),
    ];
    let head = format!(
        "{} nodes on real sockets for {} s, seed {}: {verdict}",
        report.nodes, report.seconds, report.seed
    );
    let mut lines = vec![head];
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    lines.extend(rows.iter().map(|(name, value)| format!("  {name:<width$}  {value}")));
    lines.extend(
        report.complaints.iter().map(|(reason, count)| format!("  complained {count} times: {reason}")),
    );
    if !left_out.is_empty() {
        lines.push(format!("  of the scenario left out: {}", left_out.join(", ")));
    }
    for violation in &report.violations {
        lines.push(format!(
            "BROKEN: {}\n  seed {}, at {} ms\n  seen: {}",
            violation.promise, report.seed, violation.at, violation.seen
        ));
    }
    lines.join("\n")
}
