//! Devices become Acme's: by an invitation, a number that both sides show, and an approval. Others don't.

use super::{
    super::{
        checks::{Checks, Stop, ensure},
        node::Node,
        play::Play,
        tell::Teller,
    },
    office::text,
};
use crate::{
    client::Waiting,
    driver::wall_clock,
    failure::{Failure, Outcome},
};
use frontdesk_identity::{Invitation, InvitationCode};
use std::{path::Path, time::Duration};

/// Three devices, and the invitation of the first.
pub(super) async fn three_devices(play: &mut Play) -> Result<Spent, Stop> {
    let Play { teller, checks, acme, ana, ben, bot, .. } = play;
    teller.act("Ana, Ben and a bot are enrolled");
    // Made now, it has run out when a stranger tries it.
    let short_lived = invite(acme, "agent", "Stranger", "1s").await;
    let used = enrol(teller, checks, "enrol-ana", acme, (ana, "agent")).await?;
    enrol(teller, checks, "enrol-ben", acme, (ben, "agent")).await?;
    enrol(teller, checks, "enrol-bot", acme, (bot, "bot")).await?;
    Ok(Spent { used, short_lived })
}

/// Invitations that are no longer good.
pub(super) struct Spent {
    used: String,
    short_lived: Outcome<String>,
}

async fn enrol(
    teller: &Teller,
    checks: &mut Checks,
    name: &'static str,
    acme: &Node,
    (device, role): (&mut Node, &str),
) -> Result<String, Stop> {
    checks
        .check(name, async {
            let invitation = invite(acme, role, device.name, "1h").await?;
            let joining = device.ask_to_join(&invitation).await?;
            let number = joining.number.clone();
            teller.does(device.name, &format!("uses the invitation; the screen shows {number}"));
            let shown = number_at(acme, device.name).await?;
            ensure(shown == number, format!("{} shows {number}, Acme shows {shown}", device.name))?;
            acme.call(&["approve", &shown]).await?;
            teller.does("Acme", &format!("sees {shown} beside {}'s request too, and approves", device.name));
            let entity = joining.enrolled().await?;
            device.start().await?;
            let standing = device.status().await?.standing;
            ensure(entity == "Acme" && standing == role, format!("it became {standing} of {entity}"))?;
            Ok((invitation, format!("{} holds a grant as {role} of Acme", device.name)))
        })
        .await
}

/// The number that the administrator's node shows beside a request.
pub(super) async fn number_at(acme: &Node, name: &str) -> Outcome<String> {
    acme.until(&format!("the request of {name}"), async |acme| {
        let waiting: Vec<Waiting> = acme.client()?.get("/v1/requests").await?;
        let mut of_name = waiting.into_iter().filter(|request| request.name == name);
        Ok(of_name.next().map(|request| request.number).filter(|number| !number.is_empty()))
    })
    .await
}

/// An invitation as the administrator hands it on.
pub(super) async fn invite(acme: &Node, role: &str, name: &str, lasts: &str) -> Outcome<String> {
    let invited = acme.call(&["invite", "--role", role, "--name", name, "--lasts", lasts]).await?;
    text(&invited, "/invitation")
}

/// A stranger tries three invitations that are not good. A refusal that stays away is no reason not to try the others.
pub(super) async fn three_refusals(play: &mut Play, spent: Spent) {
    let root = play.root().to_owned();
    let Play { teller, checks, acme, .. } = play;
    let Spent { used, short_lived } = spent;
    teller.act("A stranger is not");
    teller.does("Stranger", "tries the invitation that Ana used");
    let _ = checks
        .check("invitation-used", refused(&root, "stranger-1", async { Ok(used) }, "used-invitation"))
        .await;
    teller.does("Stranger", "tries one that was good for a second, with its date moved on");
    let late = async { expired(&short_lived?).await };
    let _ =
        checks.check("invitation-expired", refused(&root, "stranger-2", late, "expired-invitation")).await;
    teller.does("Stranger", "tries one whose code was guessed");
    let guessed = async { wrong(&invite(acme, "agent", "Stranger", "1h").await?) };
    let _ =
        checks.check("invitation-wrong", refused(&root, "stranger-3", guessed, "unknown-invitation")).await;
}

/// A fresh device asks with an invitation, and must be refused for this reason.
async fn refused(
    root: &Path,
    place: &'static str,
    invitation: impl Future<Output = Outcome<String>>,
    reason: &str,
) -> Outcome<((), String)> {
    let stranger = Node::new(root, place)?;
    match stranger.ask_to_join(&invitation.await?).await {
        Err(refusal) if refusal.code == reason => Ok(((), format!("refused: {reason}"))),
        Err(other) => Err(other),
        Ok(_) => Err(Failure::new("a stranger got as far as the number")),
    }
}

/// Waits until the invitation has run out, then moves its date on: the stranger's own node would refuse it otherwise, and
/// it is for Acme's to do.
async fn expired(invitation: &str) -> Outcome<String> {
    let mut invitation: Invitation = invitation.parse()?;
    let ends = invitation.expires;
    while wall_clock() <= ends {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    invitation.expires = ends.plus(3600);
    Ok(invitation.reveal()?.to_string())
}

/// The same invitation with another code.
fn wrong(invitation: &str) -> Outcome<String> {
    let mut invitation: Invitation = invitation.parse()?;
    invitation.code = InvitationCode::generate(&mut crate::random::generator());
    Ok(invitation.reveal()?.to_string())
}
