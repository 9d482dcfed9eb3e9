//! What all of it was measured on.

use serde_json::{Value, json};
use std::{fs, path::Path, thread::available_parallelism};

/// Above this load average somebody else works on the machine, and figures say little.
const QUIET: f64 = 0.5;

/// A description of this machine, as it was at the start.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    memory: String,
    filesystem: String,
    /// Over the last minute.
    load: f64,
}

impl Machine {
    /// This machine, with the file system of `folder`.
    pub(crate) fn describe(folder: &Path) -> Self {
        let load = read("/proc/loadavg");
        Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cores: available_parallelism().map_or(1, usize::from),
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease")),
            memory: field("/proc/meminfo", "MemTotal"),
            filesystem: filesystem(folder),
            load: load.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default(),
        }
    }

    /// A warning if the machine is not free for this.
    pub(crate) fn warning(&self) -> Option<String> {
        let busy = self.load > QUIET;
        busy.then(|| {
            format!("the load average at the start was {}: other work disturbed these figures", self.load)
        })
    }

    pub(crate) fn json(&self) -> Value {
        let Self { cpu, cores, kernel, memory, filesystem, load } = self;
        json!({ "cpu": cpu, "cores": cores, "kernel": kernel, "memory": memory, "filesystem": filesystem, "load": load })
    }

    pub(crate) fn markdown(&self) -> String {
        let Self { cpu, cores, kernel, memory, filesystem, load } = self;
        format!(
            "{cpu}, {cores} cores, {memory} of memory, {kernel}, {filesystem}; load average at the start {load}."
        )
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn field(path: &str, name: &str) -> String {
    let text = read(path);
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    line.unwrap_or("unknown").trim().to_owned()
}

/// The mount with the longest path that the folder is under.
fn filesystem(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mounts = read("/proc/mounts");
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
        folder.starts_with(point).then(|| (point.len(), format!("{kind} on {device}")))
    });
    mounts.max_by_key(|(len, _)| *len).map_or_else(|| "unknown".to_owned(), |(_, text)| text)
}
