//! Each adversary meets the check that it is for, and harms nobody.

use crate::{SEEDS, keeps};
use frontdesk_sim::lab::{
    figures::{Attack, Figures},
    scenario::AdversaryKind,
};

fn refused(attack: &Attack, word: &str) -> u64 {
    attack.refused.iter().filter(|(reason, _)| reason.contains(word)).map(|(_, count)| count).sum()
}

fn attack(name: &str, kind: AdversaryKind) -> (Figures, Attack) {
    let figures = keeps(name, 7);
    let attack = figures.attacks.get(&kind).unwrap_or_else(|| panic!("{name}: nobody attacked")).clone();
    (figures, attack)
}

#[test]
fn what_is_sent_once_more_is_refused() {
    let (_, replay) = attack("replay", AdversaryKind::Replay);
    assert!(replay.tried > 500 && refused(&replay, "(replayed)") > 100, "{replay:?}");
    assert_eq!(replay.taken, 0);
}

#[test]
fn forged_and_widened_grants_are_refused_each_for_its_reason() {
    let (figures, forgery) = attack("forgery", AdversaryKind::ForgedGrants);
    for reason in ["grant-forged", "grant-widened", "grant-expired", "wrong-audience", "lacks-ability"] {
        assert!(refused(&forgery, reason) > 0, "{reason}: {forgery:?}");
    }
    // Each came to the check that it was for: what is refused for something else before proves nothing.
    let everywhere = ["forged", "foreign", "another's", "widened", "expired"];
    let led = ["era offer", "era notice", "forward"]
        .into_iter()
        .flat_map(|body| everywhere.map(|flaw| (body, flaw)));
    let own = ["forged", "widened", "expired", "another's", "less than needed"];
    for (body, flaw) in led.chain(own.map(|flaw| ("contact request", flaw))) {
        let reached = forgery.reached.get(&format!("{body}, {flaw}")).copied().unwrap_or_default();
        assert!(reached > 0, "{body}, {flaw}: {forgery:?}");
    }
    assert!(forgery.astray.is_empty(), "{forgery:?}");
    assert!(forgery.taken == 0 && figures.shut_out > 0);
}

#[test]
fn nobody_but_the_steward_commits() {
    let (_, usurper) = attack("usurper", AdversaryKind::FalseCommits);
    assert!(refused(&usurper, "(not-steward)") > 200 && usurper.taken == 0, "{usurper:?}");
    assert!(usurper.lawless >= 40, "{usurper:?}");
}

#[test]
fn who_is_told_two_stories_can_not_read_each_other_and_all_others_go_on() {
    let (figures, stories) = attack("equivocation", AdversaryKind::Equivocation);
    assert!(stories.taken >= 2, "{stories:?}");
    assert!(figures.delivered < figures.texts && figures.delivered * 10 > figures.texts * 8);
}

#[test]
fn a_removed_agent_writes_nothing_that_is_taken_and_reads_nothing_that_follows() {
    let (_, removed) = attack("removed", AdversaryKind::RemovedGoesOn);
    assert!(
        refused(&removed, "(not-member)") > 50 && refused(&removed, "(grant-missing)") > 10,
        "{removed:?}"
    );
    assert!(removed.taken == 0 && removed.kept == 0, "{removed:?}");
    assert!(removed.before >= 1, "its keys were good: {removed:?}");
    assert!(removed.spied >= 10 && removed.read == 0, "{removed:?}");
}

#[test]
fn an_agent_gets_no_more_than_its_grant_gives_and_hands_on_nothing_that_is_not_its_own() {
    let (_, overreach) = attack("overreach", AdversaryKind::Overreaches);
    assert_eq!(overreach.taken, 0);
    assert!(overreach.astray.is_empty(), "{overreach:?}");
    assert!(
        overreach.reached.len() == 5 && overreach.reached.values().all(|hits| *hits > 20),
        "{overreach:?}"
    );
}

#[test]
fn what_is_withheld_comes_when_it_is_no_longer_withheld() {
    for name in ["withheld", "withholding_steward"] {
        let (figures, _) = attack(name, AdversaryKind::Withholds);
        assert!(figures.withheld > 50, "{name}: {}", figures.withheld);
        assert_eq!(figures.delivered + figures.failed, figures.texts, "{name}");
    }
}

#[test]
fn floods_are_refused_and_customers_are_served() {
    let (figures, contacts) = attack("contact_flood", AdversaryKind::ContactFlood);
    assert!(refused(&contacts, "(busy)") > 4_000, "{contacts:?}");
    assert!(figures.delivered * 50 > figures.texts * 49);
    let (figures, frames) = attack("frame_flood", AdversaryKind::FrameFlood);
    assert!(refused(&frames, "(busy)") > 10_000 && frames.taken == 0, "{frames:?}");
    assert!(figures.delivered * 50 > figures.texts * 49);
}

#[test]
fn hostile_bytes_are_counted_and_their_senders_shut_out() {
    let (figures, bytes) = attack("hostile_bytes", AdversaryKind::HostileBytes);
    assert!(bytes.tried > 2_000 && bytes.taken == 0, "{bytes:?}");
    assert!(bytes.refused.values().sum::<u64>() > 500, "{bytes:?}");
    assert!(figures.shut_out > 100, "{}", figures.shut_out);
}

#[test]
fn a_grant_ends_for_others_whatever_the_clock_of_its_holder_says() {
    let (_, liar) = attack("lying_clock", AdversaryKind::LyingClock);
    assert!(liar.tried > 20 && liar.taken == 0, "{liar:?}");
    assert!(liar.refused.values().sum::<u64>() * 2 > liar.tried, "{liar:?}");
    // By who hears the steward no more than the liar does, and has nothing but the grant to go by.
    let by_the_clock = liar.refused.iter().filter(|(reason, _)| reason.contains("(grant-expired)"));
    assert!(by_the_clock.map(|(_, times)| times).sum::<u64>() > 10, "{liar:?}");
}

#[test]
fn clocks_that_lie_harm_nobody_but_where_they_lead() {
    let figures = SEEDS.map(|seed| keeps("lying_clocks", seed));
    for figures in figures {
        assert_eq!(figures.turned.len(), 5);
        assert!(figures.security.values().sum::<u64>() > 0, "nobody noticed");
        assert!(figures.delivered * 10 > figures.texts * 8, "{} of {}", figures.delivered, figures.texts);
    }
}
