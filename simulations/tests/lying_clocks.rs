//! Clocks of administrators and customers that are days ahead or behind: what they sign is refused with a reason, or harms
//! nobody but where they lead.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, Event, HistoryChoice, Reply, Role, Settings};
use frontdesk_identity::ThreadId;
use frontdesk_sim::{
    Clock, Founding, NodeId, Siege, World,
    office::{self, PATIENCE, is_in, texts, told, who},
};
use frontdesk_wire::Reason;

const DAY: u64 = 24 * 3600;
/// In hours.
const WRONG: [f64; 2] = [72.0, -72.0];

/// Carla's thread with Acme and Ana, in which Acme's second administrator is, whose clock is wrong from now on.
fn siege(ahead: f64) -> (Siege, NodeId) {
    let mut siege = Siege::lay(HistoryChoice::All, 30 * DAY).unwrap();
    let second = siege.office.enrol("Second", Role::Admin).unwrap();
    siege.settle().unwrap();
    siege.office.forward_for(siege.thread, second, HistoryChoice::All, false, 30 * DAY).unwrap();
    siege.settle().unwrap();
    siege.office.world.set_clock(second, Clock::hours(ahead)).unwrap();
    (siege, second)
}

/// None of these accuses another of them.
fn accuse_nobody(siege: &Siege, honest: &[NodeId]) {
    let world = &siege.office.world;
    for node in honest {
        let accuses = |event: &Event| {
            let Event::Security { peer, .. } = event else { return false };
            honest.iter().any(|other| world.node(*other).unwrap().transport() == *peer)
        };
        assert!(!told(world, *node, accuses), "{node:?}");
    }
}

fn all_agree(siege: &Siege, thread: ThreadId, nodes: &[NodeId]) {
    let world = &siege.office.world;
    let view = |node: NodeId| {
        let mut who = who(world, node, thread).unwrap();
        who.members.sort_by_key(|member| member.device);
        (
            who.epoch,
            who.members.iter().map(|member| member.device).collect::<Vec<_>>(),
            texts(world, node, thread),
        )
    };
    let [first, others @ ..] = nodes else { panic!() };
    for other in others {
        assert_eq!(view(*first), view(*other), "{other:?}");
    }
}

#[test]
fn an_administrator_whose_clock_is_wrong_harms_nobody_in_a_thread_that_another_leads() {
    for ahead in WRONG {
        let (mut siege, second) = siege(ahead);
        let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
        let honest = [acme, carla, ana];
        for (node, text) in [(carla, "by Carla"), (ana, "by Ana"), (second, "by the liar"), (acme, "by Acme")]
        {
            siege.office.say(node, thread, text).unwrap();
            siege.settle().unwrap();
        }
        // It asks for somebody, and enrols whom it can.
        drop(siege.office.ask_forward(second, thread, ben, (HistoryChoice::All, DAY, false)));
        siege.office.world.pass(PATIENCE).unwrap();
        for text in ["by Carla", "by Ana", "by Acme"] {
            for node in honest {
                assert!(
                    texts(&siege.office.world, node, thread).contains(&text.to_owned()),
                    "{ahead}: {text}"
                );
            }
        }
        all_agree(&siege, thread, &honest);
        accuse_nobody(&siege, &honest);
        eprintln!(
            "EXPLORE {ahead}: ben in {} texts {:?}",
            is_in(&siege.office.world, ben, thread),
            texts(&siege.office.world, carla, thread)
        );
        siege.goes_on().unwrap();
    }
}

#[test]
fn what_a_wrong_clock_grants_is_refused_by_its_time_and_its_owner_hears_why() {
    for ahead in WRONG {
        let (mut siege, second) = siege(ahead);
        let (carla, ben) = (siege.carla, siege.ben);
        let link = office::link(&siege.office.world, second, second).unwrap();
        let contact = Command::Contact { link, text: "to the second".into() };
        let Reply::Opened { thread } = siege.office.world.command(carla, contact).unwrap() else { panic!() };
        siege.office.world.pass(PATIENCE).unwrap();
        eprintln!("EXPLORE {ahead}: second has {:?}", texts(&siege.office.world, second, thread));
        let forward = siege.office.ask_forward(second, thread, ben, (HistoryChoice::All, DAY, false));
        eprintln!("EXPLORE {ahead}: forward {forward:?}");
        siege.office.world.pass(PATIENCE).unwrap();
        for node in [carla, second, ben, siege.acme, siege.ana] {
            let events = &siege.office.world.node(node).unwrap().events;
            for event in events.iter().rev().take(6) {
                eprintln!("EXPLORE {ahead}: {node:?} {event:?}");
            }
            eprintln!(
                "EXPLORE {ahead}: {node:?} in {} {:?}",
                is_in(&siege.office.world, node, thread),
                who(&siege.office.world, node, thread).map(|who| (who.epoch, who.members.len()))
            );
        }
        siege.goes_on().unwrap();
    }
}

#[test]
fn an_enrolment_by_a_wrong_clock_is_refused_or_good_and_never_half() {
    for ahead in WRONG {
        let (mut siege, second) = siege(ahead);
        let world = &mut siege.office.world;
        let fresh = world.add(Founding::Fresh, "Dan", Settings::default()).unwrap();
        let invite = Command::Invite { role: Role::Agent, name: "Dan".into(), lasts: 3600 };
        let invited = world.command(second, invite);
        eprintln!("EXPLORE {ahead}: invited {}", invited.is_ok());
        if let Ok(Reply::Invited { invitation }) = invited {
            let join = world.command(fresh, Command::Join { invitation: *invitation });
            eprintln!("EXPLORE {ahead}: join {join:?}");
            world.pass(60_000).unwrap();
            for number in office::requests(world, second) {
                let approved = world.command(second, Command::Approve { number });
                eprintln!("EXPLORE {ahead}: approve {approved:?}");
            }
            world.pass(60_000).unwrap();
        }
        for node in [fresh, second, siege.acme, siege.ana] {
            for event in siege.office.world.node(node).unwrap().events.iter().rev().take(5) {
                eprintln!("EXPLORE {ahead}: {node:?} {event:?}");
            }
        }
        siege.goes_on().unwrap();
    }
}

#[test]
fn a_customer_whose_clock_is_wrong_hears_why_its_contact_is_refused_and_a_right_clock_helps() {
    for ahead in WRONG {
        let (mut siege, _) = siege(0.0);
        let acme = siege.acme;
        let world = &mut siege.office.world;
        let dan = world.add(Founding::Customer, "Dan", Settings::default()).unwrap();
        world.set_clock(dan, Clock::hours(ahead)).unwrap();
        let link = office::link(world, acme, acme).unwrap();
        let opened = world.command(dan, Command::Contact { link: link.clone(), text: "hello".into() });
        eprintln!("EXPLORE {ahead}: {opened:?}");
        world.pass(PATIENCE).unwrap();
        for node in [dan, acme] {
            for event in world.node(node).unwrap().events.iter().rev().take(5) {
                eprintln!("EXPLORE {ahead}: {node:?} {event:?}");
            }
        }
        world.set_clock(dan, Clock::default()).unwrap();
        let Ok(Reply::Opened { thread }) =
            world.command(dan, Command::Contact { link, text: "again".into() })
        else {
            panic!()
        };
        let arrived = |world: &World| texts(world, acme, thread).contains(&"again".to_owned());
        world.until("the contact", PATIENCE, arrived).unwrap();
        siege.goes_on().unwrap();
    }
    let _ = Reason::GrantExpired;
}
