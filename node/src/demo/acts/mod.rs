//! The story, act by act.

mod burst;
mod contact;
mod ending;
mod enrol;
mod grants;
mod office;
mod succession;

use super::{checks::Stop, play::Play};

/// Plays them in order, until one can't go on.
pub(super) async fn all(play: &mut Play) {
    play.teller.title("Frontdesk: Acme, its agents Ana and Ben, a bot, and Carla, a customer.");
    let place = play.root().display();
    play.teller.does("", &format!("Each is a process of its own, with a home in {place}."));
    // What stops the story is told by its check.
    let _told: Result<(), Stop> = acts(play).await;
}

async fn acts(play: &mut Play) -> Result<(), Stop> {
    office::open(play).await?;
    let spent = enrol::three_devices(play).await?;
    enrol::three_refusals(play, spent).await;
    contact::first_message(play).await?;
    contact::the_bot(play).await?;
    contact::the_chain(play).await?;
    succession::without_the_administrator(play).await?;
    succession::ben_comes_in(play).await?;
    succession::ana_goes(play).await?;
    grants::four_refusals(play).await?;
    burst::two_hundred(play).await?;
    ending::who_can_read(play).await
}
