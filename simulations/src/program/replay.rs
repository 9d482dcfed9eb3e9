//! `replay`: a failure once more.

use super::{files, options::Replay, say, say_json, screen::Screen, wrong::Wrong};
use frontdesk_sim::lab::{Finding, Outcome, Replayed};
use serde_json::json;

pub(crate) fn replay(options: &Replay, json: bool) -> Result<bool, Wrong> {
    let finding = files::finding(&options.failure)?;
    let screen = Screen::new(Some(1));
    screen.tell(format!("{}, seed {}", finding.name, finding.seed));
    let mut seat = screen.seat();
    seat.log_until = options.log.as_ref().map(|_| finding.violation.at);
    let played = finding.replay_watched(&mut seat);
    screen.clear();
    let (replayed, outcome) = played.map_err(|error| {
        let what = format!("the people of {} can't be set up: {error}", finding.name);
        Wrong::with_next(what, "the scenario in the file needs more than this version of the program allows")
    })?;
    if let Some(path) = &options.log {
        files::write(path, &outcome.log_in_words().map(|line| line + "\n").collect::<String>())?;
    }
    if json {
        say_json(&json!({
            "scenario": finding.name,
            "seed": finding.seed,
            "result": result(&replayed),
            "violations": outcome.violations,
            "trace": outcome.trace,
            "same_trace": outcome.trace == finding.trace,
        }))?;
    } else {
        say(format!("{}, seed {}: {}", finding.name, finding.seed, told(&finding, &replayed, &outcome)))?;
    }
    Ok(outcome.violations.is_empty())
}

/// A stable word for scripts.
const fn result(replayed: &Replayed) -> &'static str {
    match replayed {
        Replayed::Exactly => "same",
        Replayed::Similarly(_) => "similar",
        Replayed::Otherwise(_) => "other",
        Replayed::Gone { .. } => "gone",
    }
}

fn told(finding: &Finding, replayed: &Replayed, outcome: &Outcome) -> String {
    let was = format!("  as written: {}: {}", finding.violation.promise, finding.violation.seen);
    let trace = if outcome.trace == finding.trace {
        "the run is the one that was written down"
    } else {
        "the run is another one than was written down: the program has changed since"
    };
    match replayed {
        Replayed::Exactly => format!("it still happens, exactly as written\n{was}"),
        Replayed::Similarly(now) => {
            format!("it still happens, in another way; {trace}\n{was}\n  now: {}: {}", now.promise, now.seen)
        }
        Replayed::Otherwise(now) => {
            format!("another promise is broken; {trace}\n{was}\n  now: {}: {}", now.promise, now.seen)
        }
        Replayed::Gone { .. } => format!("it is gone, every promise is kept; {trace}\n{was}"),
    }
}
