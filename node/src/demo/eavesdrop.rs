//! Copies of homes, and what can be read with the keys in them.

use super::node::Node;
use crate::{
    driver::wall_clock,
    failure::{Failure, Outcome},
    home::{Home, PassphraseSource, Vault},
    service::{NodeStore, open_store},
};
use frontdesk_capability::Revocations;
use frontdesk_engine::{SealedInOutbox, sealed_in_outbox};
use frontdesk_identity::{DeviceRecord, PrincipalId, TransportKey};
use frontdesk_store::Overlay;
use frontdesk_thread::{Ctx, Mls, Thread};
use frontdesk_wire::{Bundle, ContentKind, SignedContent};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::{cell::RefCell, fs, os::unix::fs::DirBuilderExt as _, path::Path};

const CACHE_MIB: u16 = 4;

/// The home of a stopped node, as it was at some moment: every key that it had then.
pub(super) struct Copy {
    vault: Vault,
    store: NodeStore,
}

impl Copy {
    pub(super) fn of(node: &Node, root: &Path, name: &str) -> Outcome<Self> {
        if node.is_running() {
            return Err(Failure::new("a home is copied while its node is stopped"));
        }
        let place = root.join(name);
        copy(node.home.root(), &place)?;
        let home = Home::locate(Some(place))?;
        let vault = Vault::load(&home.keys(), &PassphraseSource::None)?;
        let store = open_store(&home.store(), CACHE_MIB, &vault.store_key())?;
        Ok(Self { vault, store })
    }

    /// Tries to open a sealed message as this device of `principal` would: its text, or why that can't be done. Nothing is
    /// stored, so each try finds the keys as they were.
    pub(super) fn open(
        &self,
        principal: PrincipalId,
        message: &SealedInOutbox,
    ) -> Outcome<Result<String, String>> {
        let overlay = Overlay::new(&self.store);
        let (mls, revocations, keys) = (Mls::new(), Revocations::new(), &self.vault.device);
        let now = wall_clock();
        let record = DeviceRecord::sign(keys, principal, now).verify()?;
        let rng = RefCell::new(ChaCha20Rng::from_seed(*crate::random::seed()));
        let ctx =
            Ctx { overlay: &overlay, mls: &mls, rng, keys, record: &record, now, revocations: &revocations };
        let Some(mut thread) = Thread::load(&ctx, message.thread, message.era)? else {
            return Ok(Err("no keys of this thread are left".to_owned()));
        };
        match thread.open(&ctx, &message.sealed) {
            Ok(opened) => Ok(Ok(text_of(&opened.plaintext)?)),
            Err(refusal) => Ok(Err(refusal.to_string())),
        }
    }

    /// The newest sealed message of a thread that waits for `receiver`, as it will travel.
    pub(super) fn waiting_for(
        &self,
        receiver: &TransportKey,
        thread: &str,
    ) -> Outcome<Option<SealedInOutbox>> {
        let waiting = sealed_in_outbox(&self.store)?.into_iter();
        let fits = |sealed: &SealedInOutbox| sealed.to == *receiver && sealed.thread.to_string() == thread;
        Ok(waiting.rev().find(fits))
    }
}

fn text_of(plaintext: &[u8]) -> Outcome<String> {
    let bundle = Bundle::decode(plaintext)?;
    match bundle.contents().last().map(SignedContent::verify).transpose()?.map(|content| content.kind) {
        Some(ContentKind::Text(text)) => Ok(text),
        Some(ContentKind::Read(_) | ContentKind::Close | ContentKind::Name(_)) | None => {
            Err(Failure::new("the ciphertext is not a message for people"))
        }
    }
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
