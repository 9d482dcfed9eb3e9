//! Carla writes to Acme; the bot answers, and hands over to Ana; Carla's node knows why Ana may read.

use super::{
    super::{
        checks::{Stop, ensure},
        node::Node,
        play::Play,
        process::{PATIENCE, frontdesk},
    },
    office::text,
};
use crate::{
    client::Member,
    failure::{Failure, Outcome},
    render::short,
};
use std::process::Stdio;

const FIRST: &str = "Hello! When are you open?";
const WISH: &str = "Thank you. May I talk to a person, please?";

pub(super) async fn first_message(play: &mut Play) -> Result<(), Stop> {
    let Play { teller, checks, acme, carla, link, .. } = play;
    teller.act("Carla writes to Acme");
    let thread = checks
        .check("first-message", async {
            carla.start().await?;
            teller.says("Carla", FIRST);
            let patience = format!("{}s", PATIENCE.as_secs());
            let opened = text(&carla.call(&["contact", link, FIRST, "--wait", &patience]).await?, "/thread")?;
            acme.reads(&opened, FIRST).await?;
            let title = carla.thread(&opened).await?.title;
            ensure(title == "Acme", format!("Carla sees {title} and not Acme"))?;
            let seen = format!("thread {} is open; Acme's node has the message", short(&opened));
            Ok((opened, seen))
        })
        .await?;
    play.thread = thread;
    Ok(())
}

pub(super) async fn the_bot(play: &mut Play) -> Result<(), Stop> {
    let Play { teller, checks, acme, ana, bot, carla, bot_program, thread, .. } = play;
    teller.act("The bot answers, and hands over to Ana");
    checks
        .check("forward-to-bot", async {
            let mut command = frontdesk(&bot.home, &["demo-bot", "--person", "Ana"])?;
            *bot_program = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
            stocked(acme, &["Ana", "Ben", "Bot"]).await?;
            acme.call(&["forward", thread, "--to", "Bot"]).await?;
            teller.does("Acme", "forwards the thread to the bot, for 24 hours");
            let answer = answered(carla, thread, "Bot").await?;
            teller.says("Bot", &answer);
            ensure(answer.contains("open from Monday"), format!("the answer is: {answer}"))?;
            Ok(((), "the answer is about opening hours".to_owned()))
        })
        .await?;
    checks
        .check("bot-hands-over", async {
            teller.says("Carla", WISH);
            carla.say(thread, WISH).await?;
            let joined = ana.until("Ana to be in the thread", async |ana| {
                Ok(ana.who(thread).await.ok().filter(|who| who.members.iter().any(|member| member.me)))
            });
            let who = joined.await?;
            ensure(who.members.iter().all(|member| member.name != "Bot"), "the bot is still in the thread")?;
            let left = bot.until("the bot to be out", async |bot| {
                Ok((bot.thread(thread).await?.status == "left").then_some(()))
            });
            left.await?;
            teller.says("Bot", &answered(bot, thread, "Bot").await?);
            let hello = "Ana here. How can I help you?";
            ana.say(thread, hello).await?;
            teller.says("Ana", hello);
            carla.reads(thread, hello).await?;
            Ok(((), "Ana came with the change that let the bot go".to_owned()))
        })
        .await
}

/// Waits until the administrator has key packages of these devices: they send them when they are enrolled.
pub(super) async fn stocked(acme: &Node, names: &[&str]) -> Outcome {
    acme.until("key packages of the devices", async |acme| {
        let devices: Vec<crate::client::Device> = acme.client()?.get("/v1/devices").await?;
        let has = |name: &&str| devices.iter().any(|device| device.name == **name && device.key_packages > 0);
        Ok(names.iter().all(has).then_some(()))
    })
    .await
}

/// The newest text of the thread, once it is of this author.
async fn answered(node: &Node, thread: &str, author: &str) -> Outcome<String> {
    node.until(&format!("an answer of {author}"), async |node| {
        let messages = node.messages(thread).await?;
        Ok(messages
            .last()
            .filter(|message| message.author_name == author)
            .map(|message| message.text.clone()))
    })
    .await
}

pub(super) async fn the_chain(play: &mut Play) -> Result<(), Stop> {
    let Play { teller, checks, acme, ana, carla, thread, entity, .. } = play;
    teller.act("Carla asks who can read this");
    checks
        .check("chain-verified", async {
            let (administrator, anas) = (acme.status().await?.device, ana.status().await?.device);
            let members = carla.who(thread).await?.members;
            let member = members.iter().find(|member| member.device == anas);
            let member = member.ok_or_else(|| Failure::new("Ana is not among those who can read"))?;
            let chain = [entity.clone(), administrator, anas];
            ensure(member.chain == chain, format!("Ana's chain is {:?}", member.chain))?;
            let good = !member.expired && member.abilities.contains("write") && member.side == "host";
            ensure(good, format!("Ana's grant is not in force: {}", member.abilities))?;
            ensure(members.len() == 3, format!("{} devices can read, not 3", members.len()))?;
            teller.does("Carla", &format!("sees that {} may {}", member.name, member.abilities));
            Ok(((), links_of(member)))
        })
        .await
}

fn links_of(member: &Member) -> String {
    let links = member.chain.iter().zip(["Acme", "administrator", "Ana"]);
    links.map(|(key, whose)| format!("{whose} {}", short(key))).collect::<Vec<_>>().join(" -> ")
}
