//! Who can read, in the end.

use super::super::{
    checks::{Stop, ensure},
    play::Play,
};
use crate::{
    client::Member,
    render::{date_and_time, short},
};

pub(super) async fn who_can_read(play: &mut Play) -> Result<(), Stop> {
    let Play { teller, checks, acme, ben, carla, thread, entity, .. } = play;
    teller.act("Who can read this thread, as Carla's node proves it");
    let who = checks
        .check("who-can-read", async {
            let shown = carla.call(&["who", thread]).await?;
            let members = carla.who(thread).await?.members;
            for member in &members {
                teller.does(&member.name, &format!("may {}", member.abilities));
                teller.does("", &by_what(member));
            }
            let devices = |side: &str| {
                let of_side = members.iter().filter(move |member| member.side == side);
                of_side.map(|member| member.device.as_str()).collect::<Vec<_>>()
            };
            let (administrator, bens) = (acme.status().await?.device, ben.status().await?.device);
            let hosts = devices("host");
            ensure(devices("guest") == [carla.status().await?.device], "the guest is not Carla alone")?;
            ensure(hosts.len() == 2, format!("{} devices of Acme can read", hosts.len()))?;
            for device in [&administrator, &bens] {
                ensure(hosts.contains(&device.as_str()), format!("{} is missing", short(device)))?;
            }
            let rooted = |member: &&Member| member.side == "guest" || member.chain.first() == Some(entity);
            ensure(members.iter().filter(rooted).count() == 3, "a chain does not begin at Acme's root key")?;
            Ok((shown, "three devices, each with its chain from a root key".to_owned()))
        })
        .await?;
    play.who = who;
    Ok(())
}

fn by_what(member: &Member) -> String {
    let chain: Vec<String> = member.chain.iter().map(|key| short(key)).collect();
    format!("by {}, history {}, until {}", chain.join(" -> "), member.history, date_and_time(member.until))
}
