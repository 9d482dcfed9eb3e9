//! Messages that were missed: who brings them, to whom, and how often.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, HistoryChoice, limits::MAX_REFILL};
use frontdesk_identity::{DeviceId, ThreadId};
use frontdesk_sim::{
    Adversary, Fate, Siege, World,
    office::{PATIENCE, texts},
};
use frontdesk_thread::ChangeRequest;
use frontdesk_wire::{
    Body, Bundle, CommitNotice, Content, ContentKind, Reason, Refill, RefillRequest, Seq, SignedContent,
};
use serde_bytes::ByteBuf;

const DAY: u64 = 24 * 3600;

fn refill(thread: ThreadId, author: DeviceId, from: u64, to: u64) -> Body {
    Body::RefillRequest(RefillRequest { thread, era: 0, author, from: Seq(from), to: Seq(to) })
}

#[test]
fn a_member_that_takes_nothing_gets_one_answer_of_missed_messages_and_no_more() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (carla, thread) = (siege.carla, siege.thread);
    for number in 0..MAX_REFILL {
        siege.office.say(carla, thread, &format!("number {number}")).unwrap();
    }
    siege.settle().unwrap();
    let own = siege.device(carla).unwrap();
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let waiting = |siege: &Siege| siege.office.world.count(carla, b"o/").unwrap();
    let before = waiting(&siege);
    for _ in 0..100 {
        ana.push(&mut siege.office.world, carla, &refill(thread, own, 1, MAX_REFILL)).unwrap();
    }
    let most = usize::try_from(MAX_REFILL).unwrap();
    assert!(waiting(&siege) > before, "one answer waits");
    assert!(waiting(&siege) <= before + most, "{} frames wait", waiting(&siege) - before);
    // Once it has taken them, it may ask again.
    ana.listen(&mut siege.office.world).unwrap();
    ana.listen(&mut siege.office.world).unwrap();
    let fate = ana.send(&mut siege.office.world, carla, &refill(thread, own, 1, 4)).unwrap();
    assert_eq!(fate, Fate::Delivered);
    siege.refuses(&mut ana, carla, &refill(thread, own, u64::MAX, u64::MAX), Reason::Malformed).unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn a_member_that_asks_for_missed_messages_without_end_silences_nobody() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    let own = siege.device(carla).unwrap();
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let mut answered = 0;
    for _ in 0..3000 {
        let fate = ana.send(&mut siege.office.world, carla, &refill(thread, own, 2, 2)).unwrap();
        answered += usize::from(fate == Fate::Delivered);
    }
    assert!(answered >= 1500, "only {answered} were answered");
    siege.office.say(carla, thread, "do you hear me?").unwrap();
    let hears = |world: &World| texts(world, acme, thread).contains(&"do you hear me?".to_owned());
    siege.office.world.until("her text at the others", PATIENCE, hears).unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn a_missed_message_is_its_authors_and_sealed_for_its_reader() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, carla, ben, thread, now) = (siege.acme, siege.carla, siege.ben, siege.thread, siege.now());
    let (reader, by_acme) = (siege.device(carla).unwrap(), siege.device(acme).unwrap());
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let device = ana.keys.id();
    let signed = |siege: &Siege, seq, position| {
        let content = siege.text(device, seq, position);
        Bundle::of(content.sign(ana.keys.signing()).unwrap()).encode().unwrap()
    };
    let (true_one, too_far) = (signed(&siege, 7, 90), signed(&siege, 91, 90));
    let mut seal = |to, bytes: &[u8]| {
        let sealed =
            ana.in_thread(now, thread, |ctx, keys| (keys.epoch(), keys.seal_refill(ctx, to, bytes).unwrap()));
        let (epoch, sealed) = sealed.unwrap();
        Refill { thread, era: 0, epoch, sealed: ByteBuf::from(sealed) }
    };
    let good = seal(&reader, &true_one);
    let elsewhere = seal(&by_acme, &true_one);
    let odd = seal(&reader, &too_far);
    let mut version = good.clone();
    *version.sealed.first_mut().unwrap() = 2;
    let mut spoilt = good.clone();
    *spoilt.sealed.last_mut().unwrap() ^= 1;
    let cases = [
        (elsewhere, Reason::Undecryptable),
        (spoilt, Reason::Undecryptable),
        (version, Reason::UnknownVersion),
        (odd, Reason::BadContent),
    ];
    for (body, reason) in cases {
        siege.refuses(&mut ana, carla, &Body::Refill(body), reason).unwrap();
    }
    let mut colleague = siege.take_over(ben, &[carla]).unwrap();
    siege.refuses(&mut colleague, carla, &Body::Refill(good.clone()), Reason::NotMember).unwrap();
    // One of another epoch is no offence: it is asked for again, when both have the same keys.
    let before = siege.shown(carla).unwrap();
    let other = Refill { epoch: good.epoch + 1, ..good.clone() };
    assert_eq!(ana.send(&mut siege.office.world, carla, &Body::Refill(other)).unwrap(), Fate::Delivered);
    assert_eq!(siege.shown(carla).unwrap(), before);
    assert_eq!(ana.send(&mut siege.office.world, carla, &Body::Refill(good)).unwrap(), Fate::Delivered);
    assert!(texts(&siege.office.world, carla, thread).contains(&"number 7".to_owned()));
    siege.goes_on().unwrap();
}

/// Ana is taken out, and Carla is told that the steward had one of her texts by then that Carla hasn't.
#[test]
fn only_the_steward_brings_what_another_wrote_and_only_of_one_that_left_in_time() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, carla, ben, thread, now) = (siege.acme, siege.carla, siege.ben, siege.thread, siege.now());
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    siege.settle().unwrap();
    let reader = siege.device(carla).unwrap();
    let ana = siege.take_over(siege.ana, &[]).unwrap();
    let mut ben = siege.take_over(ben, &[carla]).unwrap();
    let mut steward = siege.take_over(acme, &[carla]).unwrap();
    let (anas, bens) = (ana.keys.id(), ben.keys.id());
    let text = |author, seq| siege.text(author, seq, 20 + seq);
    let [in_time, late] = [7, 8].map(|seq| text(anas, seq).sign(ana.keys.signing()).unwrap());
    let forged = text(anas, 7).sign(steward.keys.signing()).unwrap();
    let present = text(bens, 7).sign(ben.keys.signing()).unwrap();
    let request = ChangeRequest { remove: vec![anas], ..ChangeRequest::default() };
    let commit =
        steward.in_thread(now, thread, |ctx, keys| keys.change(ctx, request).unwrap().commit).unwrap();
    ben.in_thread(now, thread, |ctx, keys| keys.follow(ctx, &commit).map(|_| ()).unwrap()).unwrap();
    let seal = |by: &mut Adversary, contents: &[&SignedContent]| {
        let mut bundle = Bundle::of(contents.first().copied().unwrap().clone());
        contents.iter().skip(1).for_each(|content| bundle.add((*content).clone()).unwrap());
        let bytes = bundle.encode().unwrap();
        let sealed = by.in_thread(now, thread, |ctx, keys| {
            (keys.epoch(), keys.seal_refill(ctx, &reader, &bytes).unwrap())
        });
        let (epoch, sealed) = sealed.unwrap();
        Body::Refill(Refill { thread, era: 0, epoch, sealed: ByteBuf::from(sealed) })
    };
    let notice = CommitNotice {
        thread,
        era: 0,
        commit: ByteBuf::from(commit),
        revocations: Vec::new(),
        addresses: Vec::new(),
        departed: vec![(anas, Seq(7))],
    };
    let fate = steward.send(&mut siege.office.world, carla, &Body::CommitNotice(notice)).unwrap();
    assert_eq!(fate, Fate::Delivered);
    let cases = [
        (seal(&mut steward, &[&late]), Reason::BadContent),
        (seal(&mut steward, &[&in_time, &late]), Reason::BadContent),
        (seal(&mut steward, &[&present]), Reason::BadContent),
        (seal(&mut steward, &[&forged]), Reason::BadContent),
    ];
    for (body, reason) in cases {
        siege.refuses(&mut steward, carla, &body, reason).unwrap();
    }
    let by_ben = seal(&mut ben, &[&in_time]);
    siege.refuses(&mut ben, carla, &by_ben, Reason::NotSteward).unwrap();
    let good = seal(&mut steward, &[&in_time]);
    for _ in 0..2 {
        assert_eq!(steward.send(&mut siege.office.world, carla, &good).unwrap(), Fate::Delivered);
        let read = texts(&siege.office.world, carla, thread);
        assert_eq!(read.iter().filter(|text| *text == "number 7").count(), 1, "{read:?}");
    }
}

#[test]
fn a_steward_answers_for_those_who_left_and_for_nobody_else() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let (carlas, anas) = (siege.device(carla).unwrap(), siege.device(ana).unwrap());
    for number in 0..5 {
        siege.office.say(ana, thread, &format!("of Ana, {number}")).unwrap();
    }
    siege.settle().unwrap();
    let acmes = siege.device(acme).unwrap();
    siege.office.forward(thread, ben, HistoryChoice::Last(2), false).unwrap();
    siege.settle().unwrap();
    let mut scoped = siege.take_over(ben, &[acme, carla]).unwrap();
    siege.refuses(&mut scoped, acme, &refill(thread, carlas, 1, 1), Reason::Busy).unwrap();
    siege.refuses(&mut scoped, acme, &refill(thread, anas, 1, 1), Reason::Busy).unwrap();
    siege.refuses(&mut scoped, carla, &refill(thread, anas, 1, 1), Reason::GrantLacksAbility).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from: anas }).unwrap();
    siege.settle().unwrap();
    for (whom, wish) in [
        (carla, refill(thread, anas, 1, 1)),
        (acme, refill(thread, anas, 1, 3)),
        (acme, refill(thread, anas, 1, 1)),
    ] {
        siege.refuses(&mut scoped, whom, &wish, Reason::GrantLacksAbility).unwrap();
    }
    let unknown = DeviceId::from_bytes([7; 32]);
    siege.refuses(&mut scoped, acme, &refill(thread, unknown, 1, 1), Reason::BadContent).unwrap();
    siege.refuses(&mut scoped, acme, &refill(thread, acmes, 9, 9), Reason::BadContent).unwrap();
    let before = scoped.heard(acme).len();
    assert_eq!(
        scoped.send(&mut siege.office.world, acme, &refill(thread, anas, 1, MAX_REFILL)).unwrap(),
        Fate::Delivered
    );
    scoped.listen(&mut siege.office.world).unwrap();
    assert!(scoped.heard(acme).len() > before, "what it may read");
    siege.goes_on().unwrap();
}

#[test]
fn a_steward_that_names_devices_which_did_not_leave_makes_nobody_remember_them() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, carla, thread, now) = (siege.acme, siege.carla, siege.thread, siege.now());
    let staying = siege.device(siege.ana).unwrap();
    let mut steward = siege.take_over(acme, &[carla]).unwrap();
    for _ in 0..3 {
        let commit = steward
            .in_thread(now, thread, |ctx, keys| keys.change(ctx, ChangeRequest::default()).unwrap().commit);
        let mut departed: Vec<(DeviceId, Seq)> =
            (1..16).map(|byte| (DeviceId::from_bytes([byte; 32]), Seq(Seq::MAX.0))).collect();
        departed.push((staying, Seq(Seq::MAX.0)));
        departed.sort_by_key(|(device, _)| *device);
        let notice = CommitNotice {
            thread,
            era: 0,
            commit: ByteBuf::from(commit.unwrap()),
            revocations: Vec::new(),
            addresses: Vec::new(),
            departed,
        };
        let fate = steward.send(&mut siege.office.world, carla, &Body::CommitNotice(notice)).unwrap();
        assert_eq!(fate, Fate::Delivered);
    }
    assert_eq!(siege.office.world.count(carla, b"u/").unwrap(), 0);
}

/// The steward has texts of hers that Carla hasn't, when she is taken out. Carla gets these, and no others under their
/// numbers.
#[test]
fn one_that_was_taken_out_writes_nothing_anew_under_a_number_that_is_free() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, carla, thread, now) = (siege.acme, siege.carla, siege.thread, siege.now());
    let mut ana = siege.take_over(siege.ana, &[acme, carla]).unwrap();
    let device = ana.keys.id();
    let true_one = siege.text(device, 2, 50);
    let said = ana.say(now, thread, &true_one).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, acme, &said).unwrap(), Fate::Delivered);
    // What she says later, and seals with the keys of now.
    let later =
        [("another in its place", 2, 51), ("more than there was", 3, 52)].map(|(text, seq, position)| {
            let kind = ContentKind::Text(text.into());
            let content = Content { kind, ..siege.text(device, seq, position) };
            ana.say(now, thread, &content).unwrap()
        });
    siege.office.world.command(acme, Command::Revoke { thread, from: device }).unwrap();
    // Carla has the commit, and has not asked the steward yet.
    siege.office.world.pass(500).unwrap();
    for body in &later {
        ana.push(&mut siege.office.world, carla, body).unwrap();
    }
    siege.settle().unwrap();
    let read = texts(&siege.office.world, carla, thread);
    assert!(read.contains(&"number 2".to_owned()), "{read:?}");
    assert!(
        !read.iter().any(|text| text == "another in its place" || text == "more than there was"),
        "{read:?}"
    );
    assert_eq!(read, texts(&siege.office.world, acme, thread));
    siege.goes_on().unwrap();
}

#[test]
fn who_tells_of_messages_that_there_are_none_of_is_found_out_by_the_first_question() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, carla, thread, now) = (siege.acme, siege.carla, siege.thread, siege.now());
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    let author = siege.device(carla).unwrap();
    let lie = Content { seen: vec![(author, Seq(5_000))], ..siege.text(ana.keys.id(), 3, 6_000) };
    let said = ana.say(now, thread, &lie).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, acme, &said).unwrap(), Fate::Delivered);
    siege.office.world.pass(600_000).unwrap();
    let about_carla = |body: &Body| matches!(body, Body::RefillRequest(asked) if asked.author == author);
    let asked = siege.bodies_of(acme).filter(about_carla).count();
    assert!((1..=3).contains(&asked), "{asked} questions");
    siege.goes_on().unwrap();
}
