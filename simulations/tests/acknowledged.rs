//! Acknowledgements that come at the wrong moment: before a greeting, and in the second before a kill.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, HistoryChoice, MessageState, limits::UNSURE_LASTS};
use frontdesk_sim::{
    Siege, World,
    office::{PATIENCE, is_in, messages, outbox, texts},
};
use frontdesk_wire::{LinkSeq, Reason};

const TEXT: &str = "one more thing";

/// Where Ana's text is, as her node says.
fn state(siege: &Siege) -> MessageState {
    let all = messages(&siege.office.world, siege.ana, siege.thread);
    all.into_iter().find(|message| message.text == TEXT).unwrap().state
}

/// Ana writes to Carla while Acme can't hear it, is told that it was delivered, and her node is killed before that is on
/// its disk. Carla switches off, and Acme takes Ana out.
fn killed_and_taken_out() -> Siege {
    let mut siege = Siege::lay(HistoryChoice::All, 30 * 24 * 3600).unwrap();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.world.part(acme, ana).unwrap();
    siege.office.say(ana, thread, TEXT).unwrap();
    siege.office.world.pass(500).unwrap();
    assert_eq!(state(&siege), MessageState::Delivered);
    siege.office.world.crash(ana, 1000).unwrap();
    let from = siege.device(ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.office.world.pass(500).unwrap();
    siege.office.world.stop(carla).unwrap();
    siege.office.world.mend(acme, ana);
    siege.settle().unwrap();
    assert!(!is_in(&siege.office.world, ana, thread), "she has heard that she is out");
    siege
}

#[test]
fn what_was_delivered_before_a_kill_never_fails_though_its_author_is_out_before_it_hears_that_again() {
    let mut siege = killed_and_taken_out();
    assert_eq!(state(&siege), MessageState::Queued, "nobody knows, until Carla's node says what it has");
    siege.office.world.revive(siege.carla).unwrap();
    siege.settle().unwrap();
    assert_eq!(state(&siege), MessageState::Delivered);
    assert!(texts(&siege.office.world, siege.carla, siege.thread).contains(&TEXT.to_owned()));
    assert_eq!(outbox(&siege.office.world, siege.ana), 0);
}

/// Carla's node had stored it, which was long flushed, and opened it when the commit came that it waited for.
#[test]
fn what_waited_for_a_commit_and_was_delivered_just_before_a_kill_is_asked_for_though_nothing_has_to_be_sent()
{
    let mut siege = Siege::lay(HistoryChoice::All, 30 * 24 * 3600).unwrap();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.world.part(acme, carla).unwrap();
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    siege.settle().unwrap();
    siege.office.world.part(acme, ana).unwrap();
    siege.office.say(ana, thread, TEXT).unwrap();
    siege.settle().unwrap();
    assert_eq!(state(&siege), MessageState::Stored);
    siege.office.world.mend(acme, carla);
    let delivered = |world: &World| {
        let all = messages(world, ana, thread);
        all.iter().any(|message| message.text == TEXT && message.state == MessageState::Delivered)
    };
    siege.office.world.until("the commit", PATIENCE, delivered).unwrap();
    siege.office.world.crash(ana, 1000).unwrap();
    let from = siege.device(ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.office.world.pass(500).unwrap();
    siege.office.world.mend(acme, ana);
    siege.settle().unwrap();
    assert!(!is_in(&siege.office.world, ana, thread), "she has heard that she is out");
    siege.settle().unwrap();
    assert_eq!(state(&siege), MessageState::Delivered);
    assert_eq!(outbox(&siege.office.world, ana), 0);
}

#[test]
fn who_is_not_met_for_a_week_is_given_up_however_often_its_author_begins_anew_meanwhile() {
    let mut siege = killed_and_taken_out();
    let (days, ana) = (UNSURE_LASTS * 1000 / 7, siege.ana);
    siege.office.world.pass(4 * days).unwrap();
    siege.office.world.crash(ana, 1000).unwrap();
    siege.office.world.pass(3 * days - 120_000).unwrap();
    assert_eq!(state(&siege), MessageState::Queued);
    siege.office.world.pass(days + 240_000).unwrap();
    assert_eq!(state(&siege), MessageState::Failed { reason: Reason::NotMember });
    assert_eq!(outbox(&siege.office.world, siege.ana), 0);
}

/// What an acknowledgement speaks of is known only after the greeting: one of the time before the node was restored may
/// still be on its way, and is no lie.
#[test]
fn an_acknowledgement_before_the_greeting_is_passed_over_and_one_after_it_of_what_was_never_sent_is_told() {
    let mut siege = Siege::lay(HistoryChoice::All, 24 * 3600).unwrap();
    let (acme, carla, ana) = (siege.acme, siege.carla, siege.ana);
    for (agent, victim) in [(siege.ben, acme), (ana, carla)] {
        let mut peer = siege.take_over(agent, &[]).unwrap();
        peer.acknowledge_first(&mut siege.office.world, victim, LinkSeq(1_000)).unwrap();
        assert!(!siege.accused(victim, Reason::Malformed), "{victim:?}");
        peer.meet(&mut siege.office.world, victim).unwrap();
        peer.acknowledge(&mut siege.office.world, victim, LinkSeq(1_000)).unwrap();
        assert!(siege.accused(victim, Reason::Malformed), "{victim:?}");
    }
}
