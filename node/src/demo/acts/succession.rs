//! The administrator is away, Ben comes, Ana goes, and what follows is sealed for those who stay.

use super::super::{
    checks::{Stop, ensure},
    eavesdrop::Copy,
    node::Node,
    play::Play,
};
use crate::failure::{Failure, Outcome};
use frontdesk_engine::SealedInOutbox;
use frontdesk_identity::PrincipalId;
use std::path::Path;

/// How much of the past Ben may read.
const LAST: usize = 5;
const BEFORE: &str = "My order number is 4711.";
const AFTER: &str = "Your refund is on its way.";

pub(super) async fn without_the_administrator(play: &mut Play) -> Result<(), Stop> {
    let Play { teller, checks, acme, ana, carla, thread, .. } = play;
    teller.act("Acme's administrator is away");
    checks
        .check("without-administrator", async {
            let ended = acme.stop().await?;
            ensure(ended.success(), format!("the administrator's node ended with {ended}"))?;
            ensure(acme.client().is_err(), "the administrator's node still answers")?;
            teller.does("Acme", "gets SIGTERM; its process is gone");
            for (from, to, text) in [
                (&*carla, &*ana, "Is my bicycle ready?"),
                (&*ana, &*carla, "It is, and the chain is new."),
                (&*carla, &*ana, "Wonderful. What do I owe you?"),
                (&*ana, &*carla, "That is for Ben in accounts, I am getting him."),
            ] {
                from.say(thread, text).await?;
                to.reads(thread, text).await?;
                teller.says(from.name, text);
            }
            let alone = [carla.transport()?.to_string()];
            let connected = ana.until("Ana's node to be connected to Carla's alone", async |ana| {
                Ok((ana.status().await?.connected == alone).then_some(()))
            });
            connected.await?;
            Ok(((), "4 messages both ways; Ana's node is connected to Carla's alone".to_owned()))
        })
        .await
}

pub(super) async fn ben_comes_in(play: &mut Play) -> Result<(), Stop> {
    let Play { teller, checks, acme, ana, ben, carla, thread, .. } = play;
    teller.act("Ana brings in Ben");
    checks
        .check("last-five", async {
            acme.start().await?;
            let all = carla.texts(thread).await?;
            let caught_up = acme.until("Acme's node to have what it missed", async |acme| {
                Ok((acme.texts(thread).await? == all).then_some(()))
            });
            caught_up.await?;
            teller.does("Acme", "is started again, and gets what it missed");
            ensure(all.len() > LAST, "the thread is too short to leave something out")?;
            let last: Vec<&String> = all.iter().skip(all.len().saturating_sub(LAST)).collect();
            ana.call(&["forward", thread, "--to", "Ben", "--history", &format!("last:{LAST}")]).await?;
            teller.does("Ana", "asks Acme's node to bring in Ben, with the last 5 messages");
            let here = ben.until("Ben to have the history", async |ben| {
                let texts = ben.texts(thread).await.unwrap_or_default();
                Ok((texts.len() >= LAST).then_some(texts))
            });
            let here = here.await?;
            ensure(here.iter().eq(last), format!("Ben has {here:?}"))?;
            let hello = "Ben here, I look after the bills.";
            ben.say(thread, hello).await?;
            teller.says("Ben", hello);
            carla.reads(thread, hello).await?;
            ana.reads(thread, hello).await?;
            ensure(ben.texts(thread).await?.len() == LAST + 1, "older messages came to Ben later")?;
            Ok(((), format!("he has {LAST} of {} messages, word for word; now they are three", all.len())))
        })
        .await
}

/// Ana is out. A copy of her home from before tries to read on.
pub(super) async fn ana_goes(play: &mut Play) -> Result<(), Stop> {
    let root = play.root().to_owned();
    let Play { teller, checks, ana, ben, carla, thread, entity, .. } = play;
    teller.act("Ana hands over to Ben");
    let (old, readable) = checks
        .check("hand-over", async {
            ana.stop().await?;
            let old = Copy::of(ana, &root, "ana-before")?;
            teller.does("Ana", "keeps a copy of her home, with every key in it");
            teller.says("Carla", BEFORE);
            carla.say(thread, BEFORE).await?;
            ben.reads(thread, BEFORE).await?;
            let readable = taken_from(carla, &root, "carla-before", (thread, ana)).await?;
            carla.start().await?;
            ana.start().await?;
            ana.reads(thread, BEFORE).await?;
            ana.call(&["forward", thread, "--to", "Ben", "--hand-over"]).await?;
            teller.does("Ana", "hands over to Ben, and is out");
            let name = ana.status().await?.device;
            let gone = carla.until("Ana to be out on Carla's node", async |carla| {
                let who = carla.who(thread).await?;
                Ok(who.members.iter().all(|member| member.device != name).then_some(who))
            });
            let who = gone.await?;
            let left = ana.until("Ana's node to be told", async |ana| {
                Ok((ana.thread(thread).await?.status == "left").then_some(()))
            });
            left.await?;
            let refused = ana.call(&["send", thread, "One more thing"]).await;
            ensure(refused.is_err_and(|refusal| refusal.code == "left"), "Ana can still write")?;
            let seen = format!("Carla's node: epoch {}, {} devices, no Ana", who.epoch, who.members.len());
            Ok(((old, readable), seen))
        })
        .await?;
    checks
        .check("ana-reads-nothing", async {
            let principal = carla.status().await?.principal;
            carla.stop().await?;
            ben.call(&["send", thread, AFTER]).await?;
            teller.says("Ben", AFTER);
            let secret = taken_from(ben, &root, "ben-after", (thread, carla)).await?;
            teller.does("Ana", &format!("is given the ciphertext: {} bytes", secret.sealed.len()));
            let acme: PrincipalId = entity.parse()?;
            let control = old.open(acme, &readable)?;
            ensure(control.as_deref() == Ok(BEFORE), format!("the copy can't read the past: {control:?}"))?;
            ana.stop().await?;
            let new = Copy::of(ana, &root, "ana-after")?;
            let (by_old, by_new) = (old.open(acme, &secret)?, new.open(acme, &secret)?);
            let opened = by_old.as_ref().ok().or(by_new.as_ref().ok());
            ensure(opened.is_none(), format!("Ana reads: {opened:?}"))?;
            // The very same bytes are a good message: Carla's keys open them.
            let carlas: PrincipalId = principal.unwrap_or_default().parse()?;
            let good = Copy::of(carla, &root, "carla-after")?.open(carlas, &secret)?;
            ensure(good.as_deref() == Ok(AFTER), format!("Carla's keys don't open it: {good:?}"))?;
            let why = |tried: Result<String, String>| tried.err().unwrap_or_default();
            teller.does("Ana", &format!("tries it with the copy's keys: {}", why(by_old)));
            teller.does("Ana", &format!("tries it with the keys of now: {}", why(by_new)));
            Ok((
                (),
                "none opens it; Carla's keys do, and the copy's keys open what was written before".to_owned(),
            ))
        })
        .await?;
    checks
        .check("carla-reads-it", async {
            ben.start().await?;
            carla.start().await?;
            carla.reads(thread, AFTER).await?;
            teller.does("Carla", "is back, and reads it");
            Ok(((), format!("\"{AFTER}\"")))
        })
        .await
}

/// Stops a node, and takes the newest ciphertext of the thread for somebody out of a copy of its outbox.
async fn taken_from(
    node: &mut Node,
    root: &Path,
    name: &str,
    (thread, receiver): (&str, &Node),
) -> Outcome<SealedInOutbox> {
    node.stop().await?;
    let waiting = Copy::of(node, root, name)?.waiting_for(&receiver.transport()?, thread)?;
    waiting.ok_or_else(|| Failure::new(format!("nothing waits for {} at {}", receiver.name, node.name)))
}
