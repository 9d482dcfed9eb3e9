//! `frontdesk init`: a new home for a business or a customer.

use super::{Context, input};
use crate::{
    cli::{Init, InitArgs},
    config::Setting,
    driver::wall_clock,
    failure::{Failure, Outcome},
    home::{Home, PassphraseSource, Stage, Vault, protection},
    render, service,
};
use frontdesk_engine::{FoundError, found_customer, found_entity, found_fresh};
use frontdesk_identity::{DeviceKeys, Passphrase, RecoveryPhrase, RootKey};
use frontdesk_store::{Overlay, Store as _};
use serde_json::{Value, json};
use std::io;

/// Where a business listens unless it says otherwise: a fixed port, since links are printed.
const ENTITY_LISTENS: [&str; 2] = ["/ip4/0.0.0.0/tcp/4100", "/ip4/0.0.0.0/udp/4100/quic-v1"];
/// Memory for the store while it is set up, MiB.
const CACHE_MIB: u16 = 4;

/// What a home is founded as.
pub(super) enum Founding<'a> {
    Entity {
        name: &'a str,
        root: &'a RootKey,
    },
    Customer {
        name: &'a str,
        root: &'a RootKey,
    },
    /// A device that is going to join an entity.
    Fresh {
        name: &'a str,
    },
}

pub(super) fn init(context: &Context, args: Init) -> Outcome {
    let (kind, args) = match &args {
        Init::Entity(args) => ("entity", args),
        Init::Customer(args) => ("customer", args),
    };
    context.home.check_vacant()?;
    let name = args.name.trim();
    let mut settings = args.settings.settings().map_err(Failure::usage)?;
    let kept = args.from_phrase.then(phrase_from_input).transpose()?;
    let fresh = RootKey::generate(&mut crate::random::generator());
    let root = kept.as_ref().map_or(fresh, RecoveryPhrase::to_root);
    let founding = if kind == "entity" {
        let listens = ENTITY_LISTENS.map(str::to_owned);
        settings.insert(0, Setting::list("init", "net.listen", &listens).map_err(Failure::usage)?);
        Founding::Entity { name, root: &root }
    } else {
        Founding::Customer { name, root: &root }
    };
    let passphrase = new_passphrase(context, args.protect)?;
    let (stage, keys) = prepare(&context.home, founding, passphrase.as_ref(), &settings)?;
    let phrase = kept.is_none().then(|| RecoveryPhrase::of(&root));
    // A home whose phrase nobody has seen is worse than none.
    tell(context, kind, args, &keys, &root, phrase.as_ref()).map_err(|error| {
        let what = if phrase.is_some() { "the recovery phrase" } else { "what was set up" };
        let what = format!("{what} can't be shown here ({error}), so nothing was set up");
        Failure::new(what).code("output")
    })?;
    Ok(stage.finish()?)
}

/// A passphrase for new keys, if one is wanted.
pub(super) fn new_passphrase(context: &Context, protect: bool) -> Outcome<Option<Passphrase>> {
    let wanted = protect || context.passphrase_given;
    Ok(wanted.then(|| PassphraseSource::fresh(&context.passphrase)).transpose()?)
}

/// Makes the home, all of it or nothing.
pub(super) fn found(
    home: &Home,
    founding: Founding<'_>,
    passphrase: Option<&Passphrase>,
    settings: &[Setting],
) -> Outcome {
    let (stage, _) = prepare(home, founding, passphrase, settings)?;
    Ok(stage.finish()?)
}

/// Makes what a home has, beside its place: keys, token, configuration and a store with who the node is.
fn prepare(
    home: &Home,
    founding: Founding<'_>,
    passphrase: Option<&Passphrase>,
    settings: &[Setting],
) -> Outcome<(Stage, DeviceKeys)> {
    let vault = Vault::generate();
    let stage = Stage::begin(home, &vault, protection(passphrase), settings)?;
    let store = service::open_store(&stage.home().store(), CACHE_MIB, &vault.store_key())?;
    let overlay = Overlay::new(&store);
    write(&overlay, &vault.device, founding).map_err(refusal)?;
    let batch = overlay.into_batch();
    store.commit(&batch)?;
    store.into_engine().close()?;
    Ok((stage, vault.device))
}

fn write(overlay: &Overlay<'_>, keys: &DeviceKeys, founding: Founding<'_>) -> Result<(), FoundError> {
    let (now, rng) = (wall_clock(), &mut crate::random::generator());
    match founding {
        Founding::Entity { name, root } => found_entity(overlay, keys, root, name, now, rng),
        Founding::Customer { name, root } => found_customer(overlay, keys, root, name, now, rng),
        Founding::Fresh { name } => found_fresh(overlay, keys, name, now, rng),
    }
}

/// A name that can't be is the command line's fault.
fn refusal(error: FoundError) -> Failure {
    let code = match &error {
        FoundError::NameLength { .. } => "name-length",
        FoundError::NameUnfit => "name-unfit",
        FoundError::NameLikeId => "name-like-id",
        FoundError::AlreadyFounded | FoundError::Grant(_) | FoundError::Profile(_) | FoundError::Store(_) => {
            return Failure::new(error);
        }
    };
    Failure::usage(error).code(code)
}

fn phrase_from_input() -> Outcome<RecoveryPhrase> {
    let text = input::standard_input("Type the 24 words of the recovery phrase")?;
    text.parse().map_err(Failure::usage)
}

fn tell(
    context: &Context,
    kind: &str,
    args: &InitArgs,
    keys: &DeviceKeys,
    root: &RootKey,
    phrase: Option<&RecoveryPhrase>,
) -> io::Result<()> {
    let words = phrase.map(|phrase| phrase.reveal().split(' ').collect::<Vec<_>>());
    let value: Value = json!({
        "kind": kind,
        "name": args.name.trim(),
        "home": context.home.root(),
        "principal": root.principal().to_string(),
        "device": keys.id().to_string(),
        "recovery_phrase": words,
    });
    context.must_say(&value, || {
        let title = if kind == "entity" { "business" } else { "customer" };
        let place = context.home.root().display();
        let mut text = format!("The {title} {} is set up in {place}.\n", render::clean(args.name.trim()));
        if let Some(words) = &words {
            text.push_str(&phrase_for_paper(words));
        }
        text.push_str("\nNext: `frontdesk run` starts the node");
        text.push_str(if kind == "entity" { ", and `frontdesk link` shows the contact link." } else { "." });
        text
    })
}

fn phrase_for_paper(words: &[&str]) -> String {
    let mut text = "\nRecovery phrase. Write it down and keep it away from this device. It is shown this once; whoever\nhas it can act in your name, and without it nothing brings this identity back.\n\n".to_owned();
    for (row, four) in words.chunks(4).enumerate() {
        for (column, word) in four.iter().enumerate() {
            let number = row.saturating_mul(4).saturating_add(column).saturating_add(1);
            text.push_str(&format!("  {number:>2}. {word:<10}"));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_phrase_are_numbered() {
        let words = ["zebra"; 24];
        let text = phrase_for_paper(&words);
        assert!(text.contains("   1. zebra") && text.contains("  24. zebra\n"), "{text}");
        assert_eq!(text.matches("zebra").count(), 24);
    }
}
