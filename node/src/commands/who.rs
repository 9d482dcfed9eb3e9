//! `frontdesk who`.

use super::{Context, names, threads::devices};
use crate::{
    cli::OfThread,
    client::{Member, Who},
    driver::wall_clock,
    failure::Outcome,
    render::{clean, date_and_time, from_now, short},
};
use frontdesk_identity::UnixTime;
use serde_json::Value;

pub(super) async fn who(context: &Context, args: OfThread) -> Outcome {
    let client = context.client().await?;
    let thread = names::thread(&client, &args.thread).await?;
    let value: Value = client.get(&format!("/v1/threads/{thread}/who")).await?;
    let who: Who = serde_json::from_value(value.clone())?;
    context.say(&value, || {
        let now = wall_clock();
        let head = format!(
            "{} can read thread {} (epoch {}):",
            devices(who.members.len()),
            short(&thread),
            who.epoch
        );
        let members = who.members.iter().map(|member| describe(member, now));
        std::iter::once(head).chain(members).collect::<Vec<_>>().join("\n\n")
    });
    Ok(())
}

fn describe(member: &Member, now: UnixTime) -> String {
    let side = if member.side == "guest" { "customer's side" } else { "business's side" };
    let mut traits = vec![side];
    traits.extend(member.steward.then_some("steward"));
    traits.extend(member.me.then_some("this device"));
    traits.extend(member.expired.then_some(if member.revoked { "REVOKED" } else { "EXPIRED" }));
    let chain: Vec<String> = member.chain.iter().map(|key| short(key)).collect();
    let (since, until) = (date_and_time(member.since), date_and_time(member.until));
    format!(
        "{}  {}  ({})\n  may      {}, history: {}\n  since    {since}\n  until    {until} ({})\n  by       {}",
        short(&member.device),
        clean(&member.name),
        traits.join(", "),
        member.abilities,
        member.history,
        from_now(member.until, now),
        chain.join(" -> "),
    )
}
