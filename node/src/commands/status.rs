//! `frontdesk status`.

use super::Context;
use crate::{
    client::Status,
    driver::wall_clock,
    failure::Outcome,
    render::{clean, date_and_time, from_now, short},
};
use serde_json::Value;

pub(super) async fn status(context: &Context) -> Outcome {
    let client = context.client().await?;
    let value: Value = client.get("/v1/status").await?;
    let status: Status = serde_json::from_value(value.clone())?;
    context.say(&value, || describe(&status));
    Ok(())
}

fn describe(status: &Status) -> String {
    let mut lines = vec![("", who(status))];
    lines.extend(status.principal.as_ref().map(|id| ("principal", id.clone())));
    lines.push(("device", status.device.clone()));
    if let Some(expires) = status.expires {
        lines.push((
            "valid",
            format!("until {} ({})", date_and_time(expires), from_now(expires, wall_clock())),
        ));
    }
    lines.push((
        "reachable",
        if status.addresses.is_empty() { "nowhere".into() } else { status.addresses.join(", ") },
    ));
    let peers: Vec<String> = status.connected.iter().map(|peer| short(peer)).collect();
    lines.push(("connected", if peers.is_empty() { "to nobody".into() } else { peers.join(", ") }));
    lines.push(("threads", status.threads.to_string()));
    lines.push(("outbox", format!("{} frames wait to be delivered", status.outbox)));
    lines.push(("refused", format!("{} frames since the start", status.refused_frames)));
    if status.ahead > 0 {
        lines.push((
            "old copy?",
            format!("{} peers know of more than this home; see `frontdesk doctor`", status.ahead),
        ));
    }
    let lines = lines.into_iter().map(
        |(name, text)| {
            if name.is_empty() { text } else { format!("{name:<10} {text}") }
        },
    );
    lines.collect::<Vec<_>>().join("\n")
}

fn who(status: &Status) -> String {
    let name = if status.name.is_empty() { "This device".to_owned() } else { clean(&status.name) };
    let of = status.entity.as_deref().map(|entity| format!(" of {}", clean(entity))).unwrap_or_default();
    match status.standing.as_str() {
        "fresh" => {
            format!("{name}, a device that belongs to nobody yet. `frontdesk join INVITATION` enrols it.")
        }
        "joining" => match (&status.joining.join_refused, &status.joining.join_number) {
            (Some(reason), _) => format!("{name} asked to be enrolled, and was refused: {reason}."),
            (None, Some(number)) => format!("{name} waits to be enrolled. Its number is {number}."),
            (None, None) => format!("{name} tries to reach the administrator who invited it."),
        },
        "removed" => format!("{name} was a device{of}, and is no longer."),
        "administrator" if status.entity.as_ref() == Some(&status.name) => format!("Administrator{of}"),
        other => format!("{name}, {other}{of}"),
    }
}
