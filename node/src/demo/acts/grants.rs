//! A rogue poses as Acme towards Carla, with grants that are forged, widened, expired and revoked. With a good one the
//! same rogue is let in: so it is the grant that makes the difference.

use super::{
    super::{
        checks::{Checks, Stop, ensure},
        node::Node,
        play::Play,
        process::PATIENCE,
        rogue::{Orders, Rogue, Ruse},
    },
    enrol::{invite, number_at},
};
use crate::{
    client::Thread,
    failure::{Failure, Outcome},
    home::Home,
    render::short,
};
use frontdesk_identity::{ContactLink, PrincipalId};

pub(super) async fn four_refusals(play: &mut Play) -> Result<(), Stop> {
    let root = play.root().to_owned();
    let Play { teller, checks, acme, carla, thread, entity, phrase, .. } = play;
    teller.act("A rogue poses as Acme");
    let orders = |ruse: Ruse| Orders { ruse, entity: entity.clone(), phrase: phrase.clone(), home: None };
    for (name, ruse, tale) in [
        ("grant-forged", Ruse::Forged, "shows a grant that names Acme's root and is signed by another key"),
        ("grant-widened", Ruse::Widened, "shows a grant with `accept`, from a device that has no `accept`"),
        ("grant-expired", Ruse::Expired, "shows a grant by Acme's root that ended an hour ago"),
    ] {
        teller.does("Rogue", tale);
        // One that is not refused is no reason not to try the others.
        let _ = refused(checks, name, carla, orders(ruse)).await;
    }
    let desk = Node::new(&root, "Desk");
    let own = checks
        .check("grant-good", async {
            let desk = desk?;
            let invitation = invite(acme, "admin", "Desk", "1h").await?;
            let joining = desk.ask_to_join(&invitation).await?;
            acme.call(&["approve", &number_at(acme, desk.name).await?]).await?;
            joining.enrolled().await?;
            teller.does("Acme", "enrols a second administrator's device; the rogue gets hold of its keys");
            let own = Orders { home: Some(desk.home.root().to_owned()), ..orders(Ruse::Own) };
            let (opened, code) = try_on(carla, &own).await?;
            let open = opened.status == "open" && code.is_none();
            ensure(open, format!("Carla's thread is {}: {code:?}", opened.status))?;
            Ok((own, "its grant is good, and Carla's node opens a thread".to_owned()))
        })
        .await?;
    teller.does("Acme", "removes that device; those who have a thread with Acme are told");
    let removed: Outcome = async {
        acme.call(&["remove", "Desk"]).await?;
        // What a node sends to another comes in order: with this message the revocation is there.
        acme.say(thread, "Our second desk is closed.").await
    }
    .await;
    match removed {
        Ok(()) => refused(checks, "grant-revoked", carla, own).await,
        Err(failure) => checks.check("grant-revoked", async { Err(failure) }).await,
    }
}

/// Carla is given a link to the rogue. Her node must refuse what it shows, for the reason that the check is named after.
async fn refused(checks: &mut Checks, name: &'static str, carla: &Node, orders: Orders) -> Result<(), Stop> {
    checks
        .check(name, async {
            let (thread, code) = try_on(carla, &orders).await?;
            let failed = thread.status == "failed" && thread.reason.as_deref() == Some(name);
            let shown = format!("thread {} {}: {:?}", short(&thread.id), thread.status, thread.reason);
            ensure(failed && code.as_deref() == Some(name), shown)?;
            Ok(((), format!("thread {} failed: {name}", short(&thread.id))))
        })
        .await
}

/// Carla contacts Acme by a link whose reception is the rogue: how her thread stands in the end, and the refusal's word.
async fn try_on(carla: &Node, orders: &Orders) -> Outcome<(Thread, Option<String>)> {
    let rogue = Rogue::start(&Home::locate(Some(carla.home.root().to_owned()))?, orders).await?;
    let entity: PrincipalId = orders.entity.parse()?;
    let link = ContactLink::new(entity, rogue.reception, vec![rogue.address.clone()])?;
    let known: Vec<Thread> = carla.client()?.get("/v1/threads").await?;
    let patience = format!("{}s", PATIENCE.as_secs());
    let tried = carla.call(&["contact", link.as_str(), "Is this Acme?", "--wait", &patience]).await;
    let threads: Vec<Thread> = carla.client()?.get("/v1/threads").await?;
    let fresh = threads.into_iter().find(|thread| known.iter().all(|old| old.id != thread.id));
    let fresh = fresh.ok_or_else(|| Failure::new("Carla's node has no trace of the contact"))?;
    rogue.end().await?;
    Ok((fresh, tried.err().map(|refusal| refusal.code)))
}
