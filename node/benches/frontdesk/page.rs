//! The figures on their page.

use anyhow::{Context as _, Result};
use std::fs;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");
const BEGIN: &str = "<!-- figures: written by `cargo bench -p frontdesk -- --write-page` -->\n";
const END: &str = "<!-- end of figures -->";

/// Replaces what stands between the two marks.
pub(crate) fn write(figures: &str) -> Result<()> {
    let page = fs::read_to_string(PAGE)?;
    let (head, rest) = page.split_once(BEGIN).context("the page has no place for figures")?;
    let (_, tail) = rest.split_once(END).context("the place for figures has no end")?;
    Ok(fs::write(PAGE, format!("{head}{BEGIN}\n{figures}\n{END}{tail}"))?)
}
