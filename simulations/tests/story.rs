//! The story of an office, in fair weather and in storms.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::{HistoryChoice, Settings};
use frontdesk_sim::{
    Weather,
    office::{Office, PATIENCE, is_in, texts, told, who},
};

#[test]
fn a_thread_goes_from_the_administrator_to_ana_and_on_to_ben() {
    let mut office = Office::open(1, Weather::FAIR, 2, Settings::default()).unwrap();
    let (acme, carla, ana, ben) = (office.acme, office.customer, office.agents[0], office.agents[1]);
    let thread = office.contact("hello").unwrap();
    office.forward(thread, ana, HistoryChoice::All, false).unwrap();
    office
        .world
        .until("Carla knows Ana", PATIENCE, |world| who(world, carla, thread).unwrap().members.len() == 3)
        .unwrap();
    office.say(ana, thread, "hello Carla, Ana here").unwrap();
    office.say(carla, thread, "hello Ana").unwrap();
    for node in [acme, carla, ana] {
        office.world.until("three texts", PATIENCE, |world| texts(world, node, thread).len() == 3).unwrap();
    }
    office.forward(thread, ben, HistoryChoice::Last(1), true).unwrap();
    office.world.until("Ana is out", PATIENCE, |world| !is_in(world, ana, thread)).unwrap();
    office.say(ben, thread, "Ben takes over").unwrap();
    office.world.until("Carla hears Ben", PATIENCE, |world| texts(world, carla, thread).len() == 4).unwrap();
    assert_eq!(texts(&office.world, ben, thread), ["hello Ana", "Ben takes over"]);
    assert_eq!(texts(&office.world, ana, thread).len(), 3);
    assert!(!told(&office.world, carla, |event| matches!(event, frontdesk_engine::Event::Security { .. })));
}

#[test]
fn a_thread_is_handed_over_to_one_who_is_in_it_already() {
    let mut office = Office::open(2, Weather::FAIR, 2, Settings::default()).unwrap();
    let (carla, ana, ben) = (office.customer, office.agents[0], office.agents[1]);
    let thread = office.contact("hello").unwrap();
    office.forward(thread, ana, HistoryChoice::All, false).unwrap();
    office.forward(thread, ben, HistoryChoice::Last(1), false).unwrap();
    let members = |world: &_, node| who(world, node, thread).map_or(0, |who| who.members.len());
    office.world.until("Carla knows both", PATIENCE, |world| members(world, carla) == 4).unwrap();
    let again = office.forward(thread, ben, HistoryChoice::All, false);
    assert!(again.is_err(), "who is in it can't be brought in again");
    office.forward(thread, ben, HistoryChoice::All, true).unwrap();
    office.world.until("Ana is out", PATIENCE, |world| !is_in(world, ana, thread)).unwrap();
    office.world.until("Carla knows it", PATIENCE, |world| members(world, carla) == 3).unwrap();
    office.say(ben, thread, "Ben goes on").unwrap();
    office.world.until("Carla hears Ben", PATIENCE, |world| texts(world, carla, thread).len() == 2).unwrap();
    assert_eq!(texts(&office.world, ben, thread), ["hello", "Ben goes on"]);
}
