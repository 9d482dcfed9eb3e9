//! `frontdesk demo`: the whole story on one machine, in separate processes, with a check for each claim.
//!
//! # Model
//! A *stage* is a temporary directory; on it stand *nodes*, each a home and a `frontdesk run` process of its own, on
//! loopback. The *acts* drive them as people would, by the command line, watch them through their local API, and end in
//! *checks*. Where the story needs a cheat, another process plays the *rogue*: real keys, real frames, bad grants.
//!
//! Nothing waits for a fixed time: each wait is for an event, with a deadline. Whatever happens, the processes are ended
//! and the homes removed.

mod acts;
mod bot;
mod checks;
mod eavesdrop;
mod node;
mod play;
mod process;
mod rogue;
mod tell;

use crate::{
    cli::{Demo, DemoBot},
    failure::{Failure, Outcome},
    home::Home,
    render,
};
use play::Play;
use tokio::signal::unix::{SignalKind, signal};

/// Plays the story; fails if a check does.
pub(crate) async fn demo(json: bool, args: &Demo) -> Outcome {
    let mut play = Play::begin(json, args.keep)?;
    let finished = tokio::select! {
        () = acts::all(&mut play) => true,
        caught = interrupted() => { caught?; false }
    };
    play.end().await;
    if !finished {
        return Err(
            Failure::new("interrupted: every process is ended, and every home removed").code("interrupted")
        );
    }
    play.report();
    match play.checks.wanting() {
        0 => Ok(()),
        wanting => Err(Failure::new(format!("{wanting} checks did not hold")).code("check")),
    }
}

/// Plays the bot beside its node, in a process of its own.
pub(crate) async fn demo_bot(home: &Home, args: &DemoBot) -> Outcome {
    let ended = bot::run(home.root(), args.person.as_deref(), |text| render::line(text)).await;
    ended.map_err(Failure::new)
}

/// Plays the rogue, as standard input tells it.
pub(crate) async fn demo_rogue() -> Outcome {
    rogue::play().await
}

async fn interrupted() -> Outcome {
    let (mut interrupt, mut terminate, mut hangup) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
