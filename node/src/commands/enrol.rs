//! Devices and how they become the business's: `invite`, `requests`, `approve`, `decline`, `devices`, `remove`.

use super::{Context, names};
use crate::{
    cli::{Invite, Number, Remove},
    client::{Device, Waiting},
    driver::wall_clock,
    failure::{Failure, Outcome},
    render::{Table, clean, date_and_time, from_now, short},
};
use frontdesk_engine::Role;
use frontdesk_identity::{UnixTime, qr_terminal};
use serde_json::{Value, json};

pub(super) async fn invite(context: &Context, args: Invite) -> Outcome {
    let role = Role::from(args.role);
    let body = json!({ "role": role.as_str(), "name": args.name, "lasts": args.lasts.secs() });
    let value: Value = context.client().await?.post("/v1/invitations", &body).await?;
    let invitation = value.get("invitation").and_then(Value::as_str).unwrap_or_default();
    let expires = UnixTime(value.get("expires").and_then(Value::as_u64).unwrap_or_default());
    let code = qr_terminal(invitation)?;
    let (name, until) = (clean(&args.name), date_and_time(expires));
    context.say(&value, || {
        format!(
            "{code}\n{invitation}\n\nAn invitation for {name} ({role}), good once and until {until}.\n\
             It is a secret: give it to {name} alone. On that device: `frontdesk join -`, and paste it.\n\
             Then compare the number that it shows with `frontdesk requests`, and approve."
        )
    });
    Ok(())
}

pub(super) async fn requests(context: &Context) -> Outcome {
    let value: Value = context.client().await?.get("/v1/requests").await?;
    let requests: Vec<Waiting> = serde_json::from_value(value.clone())?;
    let now = wall_clock();
    context.say(&value, || {
        let mut table = Table::new(["NUMBER", "NAME", "ROLE", "DEVICE", "ASKED"]);
        for request in &requests {
            let asked = from_now(request.asked_at, now);
            let (number, role) = (request.number.clone(), request.role.clone());
            table.row([number, clean(&request.name), role, short(&request.device), asked]);
        }
        if requests.is_empty() {
            return "No device asks to be enrolled. `frontdesk invite` invites one.".to_owned();
        }
        let advice = "If the device shows the same number: `frontdesk approve NUMBER`. If not: `frontdesk decline NUMBER`.";
        format!("{}\n\n{advice}", table.render())
    });
    Ok(())
}

pub(super) async fn approve(context: &Context, args: Number) -> Outcome {
    let path = format!("/v1/requests/{}/approve", digits(&args)?);
    let value: Value = context.client().await?.post(&path, &json!({})).await?;
    let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default();
    context
        .say(&value, || format!("{} is enrolled (device {}).", clean(text("name")), short(text("device"))));
    Ok(())
}

pub(super) async fn decline(context: &Context, args: Number) -> Outcome {
    let path = format!("/v1/requests/{}/decline", digits(&args)?);
    let value: Value = context.client().await?.post(&path, &json!({})).await?;
    context.say(&value, || "Declined.".to_owned());
    Ok(())
}

/// People write the number in groups.
fn digits(args: &Number) -> Outcome<String> {
    let text: String = args.code.concat().chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let sound = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    if sound {
        Ok(text)
    } else {
        Err(Failure::usage("the number has six digits; `frontdesk requests` lists them"))
    }
}

pub(super) async fn devices(context: &Context) -> Outcome {
    let value: Value = context.client().await?.get("/v1/devices").await?;
    let devices: Vec<Device> = serde_json::from_value(value.clone())?;
    let now = wall_clock();
    context.say(&value, || {
        let mut table = Table::new(["DEVICE", "NAME", "ROLE", "STATE", "ENROLLED", "KEY PACKAGES"]);
        for device in &devices {
            let enrolled = if device.expires > now { "until" } else { "was until" };
            let enrolled = format!("{enrolled} {}", date_and_time(device.expires));
            let packages = if device.me { String::new() } else { device.key_packages.to_string() };
            let (id, name, role) = (short(&device.device), clean(&device.name), device.role.clone());
            table.row([id, name, role, state(device).to_owned(), enrolled, packages]);
        }
        table.render()
    });
    Ok(())
}

const fn state(device: &Device) -> &'static str {
    match (device.removed, device.me, device.online) {
        (true, _, _) => "removed",
        (false, true, _) => "this device",
        (false, false, true) => "connected",
        (false, false, false) => "away",
    }
}

pub(super) async fn remove(context: &Context, args: Remove) -> Outcome {
    let client = context.client().await?;
    let device = names::device(&client, &args.device).await?;
    let value: Value = client.delete(&format!("/v1/devices/{device}")).await?;
    context.say(&value, || format!("{} is no longer enrolled.", short(&device)));
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_however_it_is_grouped() {
        let read =
            |code: &[&str]| digits(&Number { code: code.iter().map(|part| (*part).to_owned()).collect() });
        assert_eq!(read(&["123 456"]).unwrap(), "123456");
        assert_eq!(read(&["123", "456"]).unwrap(), "123456");
        assert_eq!(read(&["123-456"]).unwrap(), "123456");
        assert!(read(&["12345"]).is_err() && read(&["12345x"]).is_err());
    }
}
