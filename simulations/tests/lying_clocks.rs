//! Clocks of administrators and customers that are days ahead or behind: what they sign is refused with a reason, or harms
//! nobody but where they lead.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, CommandError, Event, HistoryChoice, Reply, Role, Settings};
use frontdesk_identity::ThreadId;
use frontdesk_sim::{
    Clock, Founding, NodeId, Siege, SimError, World,
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
            let said = siege.office.say(node, thread, text);
            // Before its own right has begun, its node has it write nothing.
            assert!(said.is_ok() || (node == second && ahead < 0.0), "{said:?}");
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
    }
}

#[test]
fn what_a_wrong_clock_grants_is_refused_by_its_time_and_its_owner_hears_why() {
    let refused = |event: &Event| {
        matches!(event, Event::ForwardAnswered { refused: Some(Reason::GrantNotYetValid), .. })
    };
    for ahead in WRONG {
        let (mut siege, second) = siege(ahead);
        let (carla, ben) = (siege.carla, siege.ben);
        let link = office::link(&siege.office.world, second, second).unwrap();
        let contact = Command::Contact { link, text: "to the second".into() };
        let Reply::Opened { thread } = siege.office.world.command(carla, contact).unwrap() else { panic!() };
        siege.office.world.pass(PATIENCE).unwrap();
        if ahead < 0.0 {
            // For its own node its right has not begun.
            let failed = Event::ContactFailed { thread, reason: Reason::NotReception };
            assert!(told(&siege.office.world, carla, |event| *event == failed));
            continue;
        }
        siege.office.ask_forward(second, thread, ben, (HistoryChoice::All, DAY, false)).unwrap();
        siege.office.world.pass(PATIENCE).unwrap();
        let world = &siege.office.world;
        assert!(told(world, second, refused), "Ben's node takes no grant of a time to come");
        assert!(
            !is_in(world, ben, thread)
                && !told(world, second, |event| matches!(event, Event::Security { .. }))
        );
        assert!(is_told(world, ben, Reason::GrantNotYetValid));
        // Carla has followed both commits, the one that brought him in and the one that took him out, and goes on.
        all_agree(&siege, thread, &[carla, second]);
        assert_eq!(who(world, carla, thread).unwrap().epoch, 3);
        siege.office.say(carla, thread, "still here").unwrap();
        let hears = |world: &World| texts(world, second, thread).contains(&"still here".to_owned());
        siege.office.world.until("her text", PATIENCE, hears).unwrap();
    }
}

fn is_told(world: &World, node: NodeId, wanted: Reason) -> bool {
    told(world, node, |event| matches!(event, Event::Security { reason, .. } if *reason == wanted))
}

#[test]
fn an_enrolment_by_a_wrong_clock_is_refused_with_its_reason() {
    for ahead in WRONG {
        let (mut siege, second) = siege(ahead);
        let world = &mut siege.office.world;
        let fresh = world.add(Founding::Fresh, "Dan", Settings::default()).unwrap();
        let invite = Command::Invite { role: Role::Agent, name: "Dan".into(), lasts: 3600 };
        let invited = world.command(second, invite);
        if ahead < 0.0 {
            let Err(SimError::Command(CommandError::Refused(Reason::GrantNotYetValid))) = invited else {
                panic!("{invited:?}")
            };
            continue;
        }
        let Ok(Reply::Invited { invitation }) = invited else { panic!("{invited:?}") };
        world.command(fresh, Command::Join { invitation: *invitation }).unwrap();
        world.pass(60_000).unwrap();
        for number in office::requests(world, second) {
            world.command(second, Command::Approve { number }).unwrap();
        }
        world.pass(60_000).unwrap();
        assert!(is_told(world, fresh, Reason::GrantNotYetValid));
        assert!(!told(world, fresh, |event| matches!(event, Event::Joined { .. })));
        siege.goes_on().unwrap();
    }
}

#[test]
fn a_customer_whose_clock_is_wrong_is_served_or_hears_why_not_and_a_right_clock_helps() {
    for ahead in WRONG {
        let (mut siege, _) = siege(0.0);
        let acme = siege.acme;
        let late = siege.office.world.add(Founding::Customer, "Late", Settings::default()).unwrap();
        siege.office.world.set_clock(late, Clock::hours(ahead)).unwrap();
        let link = siege.office.link_to(acme).unwrap();
        let contact = |siege: &mut Siege| {
            let contact = Command::Contact { link: link.clone(), text: "hello".into() };
            let Reply::Opened { thread } = siege.office.world.command(late, contact).unwrap() else {
                panic!()
            };
            siege.office.world.pass(PATIENCE).unwrap();
            thread
        };
        let thread = contact(&mut siege);
        let world = &siege.office.world;
        if ahead > 0.0 {
            assert_eq!(texts(world, acme, thread), ["hello"]);
        } else {
            let failed = Event::ContactFailed { thread, reason: Reason::GrantNotYetValid };
            assert!(told(world, late, |event| *event == failed));
            assert!(texts(world, acme, thread).is_empty());
        }
        siege.office.world.set_clock(late, Clock::default()).unwrap();
        let thread = contact(&mut siege);
        assert_eq!(texts(&siege.office.world, acme, thread), ["hello"], "{ahead}");
        siege.goes_on().unwrap();
    }
}
