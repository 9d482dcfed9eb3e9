//! `frontdesk backup`: by the running node, or if none runs, from its files.

use super::Context;
use crate::{
    backup::{Recipe, Summary},
    cli::Backup,
    client::{Client, Progress},
    config::Config,
    driver::wall_clock,
    failure::{Failure, Outcome},
    home::{PassphraseSource, Vault},
    service,
};
use frontdesk_identity::Passphrase;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::Path;

pub(super) async fn backup(context: &Context, args: Backup) -> Outcome {
    context.home.check()?;
    let file = std::path::absolute(&args.file)?;
    let passphrase = PassphraseSource::new(args.backup_passphrase_file).fresh_text()?;
    let bar = progress_bar(context);
    let summary = match Client::running(&context.home)? {
        Some(client) => by_the_node(&client, &file, &passphrase, &bar).await?,
        None => from_its_files(context, &file, &passphrase, &bar)?,
    };
    bar.finish_and_clear();
    let value = json!({ "file": file, "records": summary.records, "bytes": summary.bytes });
    context.say(&value, || {
        let (records, kib) = (summary.records, summary.bytes / 1024);
        format!(
            "{records} records ({kib} KiB) are sealed in {}.\nKeep the passphrase elsewhere: without it the backup is worth nothing.",
            file.display()
        )
    });
    Ok(())
}

async fn by_the_node(client: &Client, file: &Path, passphrase: &str, bar: &ProgressBar) -> Outcome<Summary> {
    let body = json!({ "file": file, "passphrase": passphrase });
    let mut lines = client.lines("/v1/backup", &body).await?;
    while let Some(line) = lines.next_value().await? {
        if let Some(message) = line.pointer("/error/message").and_then(Value::as_str) {
            return Err(Failure::new(message).code("backup"));
        }
        let Progress { records, bytes, done } = serde_json::from_value(line)?;
        bar.set_position(records);
        if done {
            return Ok(Summary { records, bytes });
        }
    }
    Err(Failure::new("the node stopped before the backup was written"))
}

fn from_its_files(context: &Context, file: &Path, passphrase: &str, bar: &ProgressBar) -> Outcome<Summary> {
    let config = Config::load(&context.home.config(), Vec::new()).map_err(Failure::usage)?;
    let vault = Vault::load(&context.home.keys(), &context.passphrase)?;
    let recipe = Recipe::prepare(file.to_owned(), &vault.device, &Passphrase::new(passphrase.to_owned()))?;
    let store = service::open_store(&context.home.store(), config.store.cache_mib, &vault.store_key())?;
    Ok(recipe.write(&store, wall_clock(), &|records| bar.set_position(records))?)
}

/// Shown on a terminal, and only to people.
pub(super) fn progress_bar(context: &Context) -> ProgressBar {
    if context.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} records")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}
