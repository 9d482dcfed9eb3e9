//! Small worlds, searched: every way in which the frames of one moment can fare, and every instant of a crash.
//!
//! `FRONTDESK_DEPTH` sets how many frames fare in every way (default 5).
#![expect(clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{Answer, Command, Event, HistoryChoice, Query, Role};
use frontdesk_identity::{DeviceId, ThreadId};
use frontdesk_sim::{
    Explored, Fare, NodeId, Search, Siege, SimError, World,
    office::{PATIENCE, is_in, texts, told, who},
};

use std::io::{Write as _, stderr};

const DAY: u64 = 24 * 3600;
/// Acme's second administrator, where there is one.
const SECOND: NodeId = NodeId(4);
/// On time, overtaken by all others, or lost.
const FARES: [Fare; 3] = [Fare::After(1), Fare::After(60), Fare::Lost];

fn depth() -> u32 {
    std::env::var("FRONTDESK_DEPTH").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

fn base() -> Result<Siege, SimError> {
    Siege::lay(HistoryChoice::All, DAY)
}

fn frames() -> Search {
    frames_after(&[0])
}

/// The same for frames further on, after so many that are on time.
fn frames_after(after: &[u32]) -> Search {
    Search { depth: depth(), after: after.to_vec(), fares: FARES.to_vec(), crashes: (Vec::new(), 0) }
}

/// Each node killed at each of the first thirty happenings, while frames are on time or late.
fn crashes() -> Search {
    crashes_of(vec![NodeId(0), NodeId(1), NodeId(2), NodeId(3)])
}

fn crashes_of(nodes: Vec<NodeId>) -> Search {
    Search { depth: 3, after: vec![0], fares: vec![Fare::After(1), Fare::After(60)], crashes: (nodes, 30) }
}

fn explored(what: &str, outcome: Result<Explored, SimError>) {
    let Explored { runs, states } = outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
    // Past the capture of the test's output: a search says how far it went.
    drop(writeln!(stderr(), "{what}: {runs} runs, {states} states"));
    assert!(states > 100, "{what}: only {states} states");
}

fn check(holds: bool, what: &str) -> Result<(), SimError> {
    if holds { Ok(()) } else { Err(SimError::Broken(what.to_owned())) }
}

/// All of these show so many texts, the same in the same order, know as many members, and accuse nobody.
fn agree(siege: &mut Siege, nodes: &[NodeId], count: usize, members: usize) -> Result<(), SimError> {
    let thread = siege.thread;
    let whole = |world: &World| {
        nodes.iter().all(|node| {
            texts(world, *node, thread).len() >= count
                && who(world, *node, thread).is_some_and(|who| who.members.len() == members)
        })
    };
    siege.office.world.until_about("all texts and members everywhere", PATIENCE, whole)?;
    siege.settle()?;
    let world = &siege.office.world;
    let mut shown = nodes.iter().map(|node| texts(world, *node, thread));
    let first = shown.next().unwrap_or_default();
    check(first.len() == count, "a text is shown twice")?;
    check(shown.all(|other| other == first), "two members show another order")?;
    let accused = |node: &&NodeId| told(world, **node, |event| matches!(event, Event::Security { .. }));
    check(!nodes.iter().any(|node| accused(&node)), "an honest node was accused")
}

fn forward(siege: &mut Siege) -> Result<(), SimError> {
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.ask_forward(acme, thread, ben, (HistoryChoice::All, DAY, false))?;
    siege.office.say(carla, thread, "meanwhile Carla")?;
    siege.office.say(ana, thread, "meanwhile Ana")
}

fn forwarded(siege: &mut Siege) -> Result<(), SimError> {
    let all = [siege.acme, siege.carla, siege.ana, siege.ben];
    agree(siege, &all, 5, 4)
}

/// Carla writes three texts at once, which travel together, and the steward two around its forward.
fn at_once(siege: &mut Siege) -> Result<(), SimError> {
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    let send = |text: &str| Command::Send { thread, text: text.to_owned() };
    let (to, note) = (Some(siege.device(siege.ben)?), String::new());
    let history = HistoryChoice::All;
    let forward = Command::Forward { thread, to, history, lasts: DAY, hand_over: false, note };
    let by_acme = siege.office.world.commands(acme, vec![send("before it"), forward, send("after it")])?;
    let by_carla = siege.office.world.commands(carla, ["one", "two", "three"].map(send).to_vec())?;
    check(by_acme.iter().chain(&by_carla).all(Result::is_ok), "all commands are taken")
}

fn at_once_everywhere(siege: &mut Siege) -> Result<(), SimError> {
    let all = [siege.acme, siege.carla, siege.ana, siege.ben];
    agree(siege, &all, 8, 4)
}

/// Ana asks for it, and what she wrote before counts.
fn hand_over(siege: &mut Siege) -> Result<(), SimError> {
    let (carla, ana, ben, thread) = (siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.say(ana, thread, "my last word")?;
    siege.office.ask_forward(ana, thread, ben, (HistoryChoice::All, DAY, true))?;
    siege.office.say(carla, thread, "meanwhile Carla")
}

fn handed_over(siege: &mut Siege) -> Result<(), SimError> {
    let (stay, ana, thread) = ([siege.acme, siege.carla, siege.ben], siege.ana, siege.thread);
    agree(siege, &stay, 5, 3)?;
    siege.office.world.until_about("Ana to leave", PATIENCE, |world| !is_in(world, ana, thread))
}

/// The steward takes Ana out; she doesn't know, and writes.
fn revoke(siege: &mut Siege) -> Result<(), SimError> {
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let from = siege.device(ana)?;
    siege.office.world.command(acme, Command::Revoke { thread, from })?;
    siege.office.say(ana, thread, "she does not know yet")?;
    siege.office.say(acme, thread, "among us")?;
    siege.office.say(carla, thread, "meanwhile Carla")
}

fn revoked(siege: &mut Siege) -> Result<(), SimError> {
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let shows = |world: &World, node, text: &str| texts(world, node, thread).contains(&text.to_owned());
    let whole = |world: &World| {
        [acme, carla]
            .iter()
            .all(|node| shows(world, *node, "meanwhile Carla") && shows(world, *node, "among us"))
            && !is_in(world, ana, thread)
    };
    siege.office.world.until_about("the texts of those who stay", PATIENCE, whole)?;
    siege.settle()?;
    let world = &siege.office.world;
    check(!shows(world, acme, "she does not know yet"), "who revoked hears nothing more")?;
    check(!shows(world, ana, "among us"), "who was taken out reads what follows")?;
    siege.goes_on()
}

/// The steward is gone, and there is another administrator in the thread.
fn deserted() -> Result<Siege, SimError> {
    let mut siege = base()?;
    let second = siege.office.enrol("Second", Role::Admin)?;
    check(second == SECOND, "the second administrator has its number")?;
    siege.settle()?;
    siege.office.forward_for(siege.thread, second, HistoryChoice::All, false, DAY)?;
    siege.settle()?;
    siege.office.world.stop(siege.acme)?;
    siege.settle()?;
    Ok(siege)
}

fn take_over(siege: &mut Siege) -> Result<(), SimError> {
    let (carla, ana, thread) = (siege.carla, siege.ana, siege.thread);
    siege.office.say(ana, thread, "still under the old steward")?;
    siege.office.world.command(SECOND, Command::TakeOver { thread })?;
    siege.office.say(carla, thread, "meanwhile Carla")
}

fn taken_over(siege: &mut Siege) -> Result<(), SimError> {
    let (second, thread) = (siege.device(SECOND)?, siege.thread);
    let all = [SECOND, siege.carla, siege.ana];
    siege.office.world.until_about("the takeover", PATIENCE, |world| leads(world, SECOND, second, thread))?;
    agree(siege, &all, 5, all.len())
}

/// The steward comes back from the copy that it has of itself, without its keys of threads.
fn restore(siege: &mut Siege) -> Result<(), SimError> {
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let backup = siege.office.world.copy_of(acme)?;
    siege.office.world.restore(acme, backup)?;
    siege.office.say(ana, thread, "meanwhile Ana")?;
    siege.office.say(carla, thread, "meanwhile Carla")
}

fn restored(siege: &mut Siege) -> Result<(), SimError> {
    let (acme, device, thread) = (siege.acme, siege.device(siege.acme)?, siege.thread);
    let all = [acme, siege.carla, siege.ana];
    siege.office.world.until_about("the new era", PATIENCE, |world| leads(world, acme, device, thread))?;
    agree(siege, &all, 5, all.len())
}

/// The node is the steward of the thread's second era.
fn leads(world: &World, node: NodeId, device: DeviceId, thread: ThreadId) -> bool {
    let view = match world.query(node, &Query::Thread(thread)) {
        Ok(Answer::Thread(view)) => view,
        Ok(_) | Err(_) => None,
    };
    view.is_some_and(|view| view.era == 1 && view.steward == Some(device))
}

#[test]
fn a_forward_among_texts_however_frames_fare() {
    explored("forward", frames().explore(base, forward, forwarded));
}

#[test]
fn texts_at_once_however_frames_fare() {
    explored("texts at once", frames().explore(base, at_once, at_once_everywhere));
}

#[test]
fn texts_at_once_whoever_is_killed_whenever() {
    explored("texts at once and a crash", crashes().explore(base, at_once, at_once_everywhere));
}

#[test]
fn a_hand_over_among_texts_however_frames_fare() {
    explored("hand-over", frames().explore(base, hand_over, handed_over));
}

#[test]
fn a_removal_among_texts_however_frames_fare() {
    explored("removal", frames().explore(base, revoke, revoked));
}

#[test]
fn a_forward_among_texts_whoever_is_killed_whenever() {
    explored("forward and a crash", crashes().explore(base, forward, forwarded));
}

#[test]
fn a_hand_over_among_texts_whoever_is_killed_whenever() {
    explored("hand-over and a crash", crashes().explore(base, hand_over, handed_over));
}

#[test]
fn a_takeover_among_texts_however_frames_fare() {
    explored("takeover", frames().explore(deserted, take_over, taken_over));
}

/// What follows the offer: the era, the notices to those who are waited for, and their coming in.
#[test]
fn a_takeover_among_texts_however_later_frames_fare() {
    explored("takeover, further on", frames_after(&[5, 10]).explore(deserted, take_over, taken_over));
}

#[test]
fn a_hand_over_among_texts_however_later_frames_fare() {
    explored("hand-over, further on", frames_after(&[5, 10, 15]).explore(base, hand_over, handed_over));
}

#[test]
fn a_takeover_among_texts_whoever_is_killed_whenever() {
    let nodes = vec![NodeId(1), NodeId(2), NodeId(3), SECOND];
    explored("takeover and a crash", crashes_of(nodes).explore(deserted, take_over, taken_over));
}

#[test]
fn a_restored_steward_among_texts_whoever_is_killed_whenever() {
    explored("restored steward and a crash", crashes().explore(base, restore, restored));
}
