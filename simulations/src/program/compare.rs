//! `compare`: two runs side by side.

use super::{files, options::Compare, say, say_json, wrong::Wrong};
use frontdesk_sim::lab::report::Comparison;
use serde::Serialize;
use std::path::PathBuf;

/// A comparison as JSON.
#[derive(Serialize)]
struct Told<'a> {
    same: bool,
    html: Option<PathBuf>,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

pub(crate) fn compare(options: &Compare, json: bool) -> Result<bool, Wrong> {
    let (base, new) = (files::report(&options.base)?, files::report(&options.new)?);
    let comparison = Comparison::new(&base, &new);
    let html = options.out.as_ref().map(|out| out.join("compare.html"));
    if let Some(html) = &html {
        files::write(html, &comparison.page(&base, &new))?;
    }
    if json {
        say_json(&Told { same: comparison.is_same(), html, comparison: &comparison })?;
        return Ok(true);
    }
    say(format!("base: {}\nnew:  {}\n", comparison.base, comparison.new))?;
    say(comparison.table())?;
    say(comparison.verdict())?;
    html.map_or(Ok(()), |html| say(format!("page: {}", html.display())))?;
    Ok(true)
}
