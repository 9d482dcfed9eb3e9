//! Small worlds, searched whole: every order in which commands, frames, kills and breaking connections can come, as deep as
//! each test says. See [`Interleavings`].
//!
//! `FRONTDESK_CHOICES` lets ways be longer, or shorter, in all of them.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, Event, HistoryChoice, MessageState, Settings};
use frontdesk_identity::ThreadId;
use frontdesk_sim::{
    Interleavings, NodeId, Reached, SimError, Weather, World,
    office::{Office, PATIENCE, is_in, messages, texts, threads, told, who},
};
use frontdesk_thread::Suite;
use frontdesk_wire::Reason;
use std::{
    collections::BTreeSet,
    io::{Write as _, stderr},
};

const DAY: u64 = 24 * 3600;
const SETTINGS: Settings =
    Settings { introduce: false, suite: Suite::Classic, key_packages: 1, forward_new: None };

/// Acme, a customer and so many agents.
fn office(agents: usize) -> Office {
    Office::open(3, Weather::FAIR, agents, SETTINGS).unwrap()
}

/// The same, with a thread in which the first `inside` of the agents are.
fn at_work(agents: usize, inside: usize) -> (Office, ThreadId) {
    let mut office = office(agents);
    let thread = office.contact("hello").unwrap();
    for agent in office.agents.iter().take(inside).copied().collect::<Vec<_>>() {
        office.forward(thread, agent, HistoryChoice::All, false).unwrap();
    }
    office.world.pass(60_000).unwrap();
    (office, thread)
}

fn search(depth: usize, commands: Vec<(NodeId, Command)>) -> Interleavings {
    let depth = std::env::var("FRONTDESK_CHOICES").ok().and_then(|text| text.parse().ok()).unwrap_or(depth);
    Interleavings { commands, depth, ..Interleavings::default() }
}

fn say(node: NodeId, thread: ThreadId, text: &str) -> (NodeId, Command) {
    (node, Command::Send { thread, text: text.to_owned() })
}

fn forward(office: &Office, by: NodeId, thread: ThreadId, to: NodeId, hand_over: bool) -> (NodeId, Command) {
    let (to, note) = (Some(office.device(to).unwrap()), String::new());
    let history = HistoryChoice::All;
    (by, Command::Forward { thread, to, history, lasts: DAY, hand_over, note })
}

/// Tells how far the search went, past the capture of the test's output.
fn tell(what: &str, outcome: Result<Reached, SimError>) -> Reached {
    let reached = outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
    let Reached { states, choices, ends, longest, whole } = reached;
    let whole = if whole { "all there is" } else { "cut off there" };
    drop(writeln!(
        stderr(),
        "{what}: {states} states by {choices} choices, {ends} ends, ways of up to {longest}, {whole}"
    ));
    reached
}

fn check(holds: bool, what: impl FnOnce() -> String) -> Result<(), SimError> {
    if holds { Ok(()) } else { Err(SimError::Broken(what())) }
}

/// What holds at every moment: nobody shows a text twice, any two show what both have in the same order, and nobody honest
/// is accused.
fn sound(world: &World, nodes: &[NodeId]) -> Result<(), SimError> {
    let up = |node: &&NodeId| world.node(**node).is_ok_and(frontdesk_sim::Node::is_up);
    let mut lists: Vec<Vec<String>> = Vec::new();
    for node in nodes.iter().filter(up) {
        for thread in threads(world, *node) {
            let shown = texts(world, *node, thread);
            let once: BTreeSet<_> = shown.iter().collect();
            check(once.len() == shown.len(), || format!("{node:?} shows a text twice: {shown:?}"))?;
            lists.push(shown);
        }
        // Who was taken out and doesn't know may write: that is told, and not held against anybody here.
        let accuses = |event: &Event| matches!(event, Event::Security { reason, .. } if *reason != Reason::GrantRevoked);
        check(!told(world, *node, accuses), || format!("{node:?} accuses somebody"))?;
    }
    for one in &lists {
        for other in &lists {
            let common = |of: &[String], with: &[String]| -> Vec<String> {
                of.iter().filter(|text| with.contains(text)).cloned().collect()
            };
            check(common(one, other) == common(other, one), || format!("another order: {one:?} {other:?}"))?;
        }
    }
    Ok(())
}

/// What holds in the end: these nodes show these texts, and know as many members; who wrote them knows that they came.
fn agree(
    world: &mut World,
    thread: ThreadId,
    nodes: &[NodeId],
    said: &[&str],
    members: usize,
) -> Result<(), SimError> {
    let has_all = |world: &World| {
        nodes.iter().all(|node| {
            let shown = texts(world, *node, thread);
            said.iter().all(|text| shown.iter().any(|shown| shown == text))
                && who(world, *node, thread).is_some_and(|who| who.members.len() == members)
        })
    };
    world.until_about("all texts and members everywhere", PATIENCE, has_all)?;
    let known = |world: &World| {
        nodes.iter().all(|node| {
            let mine = messages(world, *node, thread).into_iter().filter(|message| message.mine);
            mine.into_iter().all(|message| message.state == MessageState::Delivered)
        })
    };
    world.until_about("all authors to know that it came", PATIENCE, known)?;
    sound(world, nodes)?;
    let all = texts(world, nodes.first().copied().unwrap_or(NodeId(0)), thread);
    check(all.len() == said.len() + 1, || format!("more texts than were written: {all:?}"))
}

#[test]
fn a_first_contact_with_two_kills_a_broken_connection_and_a_timer_anywhere() {
    let office = office(0);
    let (acme, carla) = (office.acme, office.customer);
    let link = office.link_to(acme).unwrap();
    let contact = (carla, Command::Contact { link, text: "hello".to_owned() });
    let search = Interleavings { crashes: 2, breaks: 1, deadlines: 1, ..search(60, vec![contact]) };
    let opened = |world: &mut World| {
        let open = |world: &World| {
            [acme, carla].iter().all(|node| {
                let mine = threads(world, *node);
                mine.len() == 1 && mine.iter().all(|thread| texts(world, *node, *thread) == ["hello"])
            })
        };
        world.until_about("the thread on both sides", PATIENCE, open)?;
        let thread = threads(world, carla).first().copied().unwrap();
        agree(world, thread, &[acme, carla], &[], 2)
    };
    let reached =
        tell("contact", search.explore(&office.world, |world| sound(world, &[acme, carla]), opened));
    assert!(reached.whole && reached.states > 100);
}

#[test]
fn two_who_write_to_each_other_in_every_order() {
    let (office, thread) = at_work(0, 0);
    let (acme, carla, both) = (office.acme, office.customer, [office.acme, office.customer]);
    let said = ["a", "b", "c", "d"];
    let wishes = vec![
        say(carla, thread, "a"),
        say(carla, thread, "b"),
        say(acme, thread, "c"),
        say(acme, thread, "d"),
    ];
    let search = search(40, wishes);
    let ends = |world: &mut World| agree(world, thread, &both, &said, 2);
    let reached = tell("two who write", search.explore(&office.world, |world| sound(world, &both), ends));
    assert!(reached.whole && reached.states > 100);
}

#[test]
fn two_who_write_to_each_other_with_two_kills_a_broken_connection_and_a_timer_anywhere() {
    let (office, thread) = at_work(0, 0);
    let (acme, carla, both) = (office.acme, office.customer, [office.acme, office.customer]);
    let wishes = vec![say(carla, thread, "a"), say(acme, thread, "b")];
    let search = Interleavings { crashes: 2, breaks: 1, deadlines: 1, ..search(60, wishes) };
    let ends = |world: &mut World| agree(world, thread, &both, &["a", "b"], 2);
    let reached =
        tell("two and four faults", search.explore(&office.world, |world| sound(world, &both), ends));
    assert!(reached.whole && reached.states > 100);
}

#[test]
fn a_forward_among_texts_in_every_order() {
    let (office, thread) = at_work(1, 0);
    let (acme, carla, ana) = (office.acme, office.customer, office.agents[0]);
    let all = [acme, carla, ana];
    let wishes = vec![forward(&office, acme, thread, ana, false), say(carla, thread, "a")];
    let search = search(10, wishes);
    let ends = |world: &mut World| agree(world, thread, &all, &["a"], 3);
    let reached = tell("forward", search.explore(&office.world, |world| sound(world, &all), ends));
    assert!(reached.states > 100);
}

/// What the steward had when it took Ana out, everybody gets. Of the rest, Carla shows what came to her before she heard of
/// it, and nobody anything else; and Ana knows whether she does.
#[test]
fn a_removal_among_texts_in_every_order() {
    let (office, thread) = at_work(1, 1);
    let (acme, carla, ana) = (office.acme, office.customer, office.agents[0]);
    let from = office.device(ana).unwrap();
    let wishes =
        vec![(acme, Command::Revoke { thread, from }), say(ana, thread, "a"), say(carla, thread, "b")];
    let search = search(60, wishes);
    let ends = |world: &mut World| {
        let done = |world: &World| !is_in(world, ana, thread);
        world.until_about("Ana to be out", PATIENCE, done)?;
        world.pass(60_000)?;
        let shows = |node, text: &str| texts(world, node, thread).contains(&text.to_owned());
        check(shows(acme, "b") && shows(carla, "b"), || "Carla's text is lost".into())?;
        check(shows(carla, "a") || !shows(acme, "a"), || "Carla lacks what the steward has".into())?;
        let anas = messages(world, ana, thread).into_iter().find(|message| message.mine);
        let told = anas.map(|message| message.state);
        let honest = match told {
            Some(MessageState::Delivered) => shows(carla, "a"),
            Some(MessageState::Stored) => shows(carla, "a") && shows(acme, "a"),
            Some(MessageState::Failed { .. }) | None => !shows(carla, "a"),
            Some(MessageState::Queued | MessageState::Read | MessageState::Received) => false,
        };
        check(honest, || format!("Ana is told {told:?}"))?;
        sound(world, &[acme, carla])
    };
    let reached = tell("removal", search.explore(&office.world, |world| sound(world, &[acme, carla]), ends));
    assert!(reached.whole && reached.states > 100);
}

/// Whoever is killed whenever: what was taken for delivered is there, and the others hear of what follows.
#[test]
fn a_removal_with_a_kill_anywhere() {
    let (office, thread) = at_work(1, 1);
    let (acme, carla, ana) = (office.acme, office.customer, office.agents[0]);
    let from = office.device(ana).unwrap();
    let wishes = vec![(acme, Command::Revoke { thread, from }), say(carla, thread, "b")];
    let search = Interleavings { crashes: 1, ..search(7, wishes) };
    let ends = |world: &mut World| {
        world.until_about("Ana to be out", PATIENCE, |world| !is_in(world, ana, thread))?;
        agree(world, thread, &[acme, carla], &["b"], 2)
    };
    let reached =
        tell("removal and a kill", search.explore(&office.world, |world| sound(world, &[acme, carla]), ends));
    assert!(reached.states > 100);
}
