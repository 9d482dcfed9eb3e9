//! `frontdesk restore`: a new home from a backup.

use super::{Context, backup::progress_bar, init};
use crate::{
    backup::{Backup, BackupError},
    cli::Restore,
    failure::{Failure, Outcome},
    home::{PassphraseSource, Stage, Vault, protection},
    render, service,
    service::NodeStore,
};
use frontdesk_engine::{Engine, Settings, mark_restored};
use frontdesk_store::{Batch, Overlay, Store as _};
use indicatif::ProgressBar;
use serde_json::json;

/// Memory for the store while it is written, MiB.
const CACHE_MIB: u16 = 16;
/// Records in one batch.
const BATCH: usize = 256;

pub(super) fn restore(context: &Context, args: &Restore) -> Outcome {
    context.home.check_vacant()?;
    let settings = args.settings.settings().map_err(Failure::usage)?;
    let source = PassphraseSource::new(args.backup_passphrase_file.clone());
    let backup = Backup::open(&args.file, &source)?;
    let bar = progress_bar(context);
    // All of it, before anything is written.
    let summary = backup.verify()?;
    bar.set_length(summary.records);
    let vault = Vault::of_device(backup.vault.device.clone());
    let passphrase = init::new_passphrase(context, args.protect)?;
    let stage = Stage::begin(&context.home, &vault, protection(passphrase.as_ref()), &settings)?;
    let store = service::open_store(&stage.home().store(), CACHE_MIB, &vault.store_key())?;
    copy(&backup, &store, &bar)?;
    begin_anew(&store)?;
    // Proves that keys and records belong together.
    Engine::open(&store, vault.device.clone(), Settings::default(), *crate::random::seed())?;
    store.into_engine().close()?;
    stage.finish()?;
    bar.finish_and_clear();
    let made = backup.contents()?.made;
    let value = json!({ "home": context.home.root(), "made": made, "records": summary.records });
    context.say(&value, || {
        let (place, made) = (context.home.root().display(), render::date_and_time(made));
        format!(
            "Restored to {place}, as of {made}: {} records.\n\
             Threads can be read. Those that another device is steward of let this one in again once it runs.\n\
             Don't run the node that the backup was made of any more: both would be the same device.\n\n\
             Next: `frontdesk run`.",
            summary.records
        )
    });
    Ok(())
}

fn copy(backup: &Backup, store: &NodeStore, bar: &ProgressBar) -> Result<(), BackupError> {
    let mut contents = backup.contents()?;
    let mut batch = Batch::new();
    while let Some((key, value)) = contents.next()? {
        batch.put(key, value)?;
        bar.inc(1);
        if batch.len() == BATCH {
            store.commit(&std::mem::take(&mut batch))?;
        }
    }
    Ok(store.commit(&batch)?)
}

/// A restored node must not go on where the old one may have gone further: see `backup`.
fn begin_anew(store: &NodeStore) -> Outcome {
    let overlay = Overlay::new(store);
    mark_restored(&overlay, &mut crate::random::generator())?;
    store.commit(&overlay.into_batch())?;
    Ok(store.flush()?)
}
