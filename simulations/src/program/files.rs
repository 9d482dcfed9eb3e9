//! Files that the program reads and writes.

use super::wrong::Wrong;
use frontdesk_sim::lab::{Finding, Scenario, report::Report};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Reads a scenario. Its name is that of the file.
pub(crate) fn scenario(path: &Path) -> Result<(String, Scenario), Wrong> {
    let scenario = Scenario::from_toml(&text(path)?).map_err(|error| {
        let what = format!("{} is no scenario: {error}", path.display());
        Wrong::with_next(what, "docs/simulations.md lists every key that a scenario can have")
    })?;
    Ok((name_of(path), scenario))
}

/// Reads a failure.
pub(crate) fn finding(path: &Path) -> Result<Finding, Wrong> {
    Finding::from_toml(&text(path)?).map_err(|error| {
        let what = format!("{} is no failure: {error}", path.display());
        Wrong::with_next(
            what,
            "give a file that `frontdesk-sim run` or `check` wrote when a promise was broken",
        )
    })
}

/// Reads a report: the file itself, or the only one in a folder, or in a folder in it.
pub(crate) fn report(path: &Path) -> Result<Report, Wrong> {
    let file = if path.is_dir() { only_report(path)? } else { path.to_owned() };
    serde_json::from_str(&text(&file)?).map_err(|error| {
        let what = format!("{} is no report: {error}", file.display());
        Wrong::with_next(what, "give a report.json that `frontdesk-sim run --out DIR` wrote")
    })
}

fn only_report(folder: &Path) -> Result<PathBuf, Wrong> {
    let own = folder.join("report.json");
    if own.is_file() {
        return Ok(own);
    }
    let within: Vec<PathBuf> = list(folder)?.into_iter().map(|entry| entry.join("report.json")).collect();
    let mut found = within.into_iter().filter(|file| file.is_file());
    match (found.next(), found.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => Err(Wrong::new(format!(
            "there is no report.json in {}; play a scenario with `--out {0}` first",
            folder.display()
        ))),
        (Some(first), Some(_)) => Err(Wrong::new(format!(
            "{} holds several runs; name one of them, such as {}",
            folder.display(),
            first.parent().unwrap_or(folder).display()
        ))),
    }
}

/// All TOML files of a folder, by name.
pub(crate) fn all_toml(folder: &Path) -> Result<Vec<PathBuf>, Wrong> {
    let is_toml = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "toml");
    Ok(list(folder)?.into_iter().filter(is_toml).collect())
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Wrong> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut entries: Vec<PathBuf> = entries.map_err(|error| {
        Wrong::new(format!(
            "the folder {} can't be read: {error}; run this from the root of the repository, or name the folder",
            folder.display()
        ))
    })?;
    entries.sort();
    Ok(entries)
}

/// Writes a file, and the folders that it is in.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Wrong> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(path, text)).map_err(|error| {
        Wrong::new(format!("{} can't be written: {error}; give another folder with --out", path.display()))
    })
}

/// A file's name without folders and extension.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn text(path: &Path) -> Result<String, Wrong> {
    fs::read_to_string(path)
        .map_err(|error| Wrong::new(format!("{} can't be read: {error}; check the path", path.display())))
}
