//! Failures: explained, written as files, and told.

use super::{files, screen::Screen, wrong::Wrong};
use frontdesk_sim::lab::Finding;
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Failures that are made smaller. Further ones are written as they are: making them smaller takes many runs each, and they
/// are mostly the same.
const EXPLAINED: usize = 3;

/// How much may be spent on failures.
pub(crate) struct Explaining {
    reruns: usize,
    so_far: AtomicUsize,
}

impl Explaining {
    pub(crate) const fn new(reruns: usize) -> Self {
        Self { reruns, so_far: AtomicUsize::new(0) }
    }

    /// Makes a failure smaller and adds what happened before. If that goes wrong, it stays as it was found.
    pub(crate) fn explain(&self, finding: Finding, screen: &Screen) -> Finding {
        let reruns = if self.so_far.fetch_add(1, Ordering::Relaxed) < EXPLAINED { self.reruns } else { 0 };
        let (name, seed) = (finding.name.clone(), finding.seed);
        let mut told = |left| {
            screen.tell(format!("{name}, seed {seed}: looks for a smaller failure, {left} runs at most"))
        };
        finding.clone().explain(reruns, &mut told).unwrap_or(finding)
    }
}

/// Writes a failure.
pub(crate) fn write(finding: &Finding, path: &Path) -> Result<PathBuf, Wrong> {
    files::write(path, &finding.to_toml().map_err(Wrong::new)?)?;
    Ok(path.to_owned())
}

/// What people read about a failure.
pub(crate) fn told(finding: &Finding, file: &Path) -> String {
    let violation = &finding.violation;
    let mut lines = vec![
        format!("BROKEN: {}", violation.promise),
        format!("  scenario {}, seed {}, at {}", finding.name, finding.seed, finding.clock()),
        format!("  seen: {}", violation.seen),
    ];
    if !finding.smaller.is_empty() {
        lines.push(format!("  made smaller: {}", finding.smaller.join("; ")));
    }
    if !finding.story.is_empty() {
        lines.push("  what happened before:".into());
        lines.extend(finding.story.iter().map(|line| format!("    {line}")));
    }
    lines.push(format!("  written to {}", file.display()));
    lines.push(format!("  again: frontdesk-sim replay {}", file.display()));
    lines.join("\n")
}
