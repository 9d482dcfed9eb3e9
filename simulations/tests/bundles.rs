//! Texts that are written at once: sealed together, and yet each for itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, CommandError, HistoryChoice, MessageState, Reply};
use frontdesk_identity::ThreadId;
use frontdesk_sim::{
    Fate, NodeId, Siege,
    office::{PATIENCE, is_in, messages, texts},
};
use frontdesk_wire::{Body, Bundle, Content, Reason, Seq, SignedContent, limits};

const DAY: u64 = 24 * 3600;

fn siege() -> Siege {
    Siege::lay(HistoryChoice::All, DAY).unwrap()
}

fn send(thread: ThreadId, text: impl Into<String>) -> Command {
    Command::Send { thread, text: text.into() }
}

fn many(thread: ThreadId, count: usize, len: usize) -> Vec<Command> {
    (0..count).map(|number| send(thread, format!("{number:06} {}", "x".repeat(len)))).collect()
}

/// The sealed messages that one node has sent to another since that place of the record.
fn sealed(siege: &Siege, from: NodeId, to: NodeId, since: usize) -> usize {
    let bodies =
        siege.office.world.tape().iter().skip(since).filter(|sent| sent.from == from && sent.to == to);
    let kinds = bodies.filter_map(|sent| match frontdesk_wire::Frame::decode(&sent.frame) {
        Ok(frontdesk_wire::Frame::Data(data)) => Body::decode(&data.body).ok(),
        _ => None,
    });
    kinds.filter(|body| matches!(body, Body::ThreadMessage(_))).count()
}

/// How those end that Carla has written: the last so many.
fn ends(siege: &Siege, count: usize) -> Vec<MessageState> {
    let mine = messages(&siege.office.world, siege.carla, siege.thread).into_iter().filter(|it| it.mine);
    let mut states: Vec<_> = mine.map(|it| it.state).collect();
    states.split_off(states.len().saturating_sub(count))
}

#[test]
fn what_is_written_at_once_travels_in_one_frame_and_is_delivered_each_for_itself() {
    let mut siege = siege();
    let (carla, acme, ana, thread) = (siege.carla, siege.acme, siege.ana, siege.thread);
    let (since, shown) = (siege.office.world.tape().len(), texts(&siege.office.world, ana, thread).len());
    let answers = siege.office.world.commands(carla, many(thread, 30, 100)).unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Reply::Queued { .. }))), "{answers:?}");
    siege.settle().unwrap();
    for reader in [acme, ana] {
        assert_eq!(sealed(&siege, carla, reader, since), 1);
        let read = texts(&siege.office.world, reader, thread).split_off(shown);
        let numbers: Vec<usize> = read.iter().map(|text| text[..6].parse().unwrap()).collect();
        assert_eq!(numbers, (0..30).collect::<Vec<_>>());
    }
    assert_eq!(ends(&siege, 30), vec![MessageState::Delivered; 30]);
    siege.goes_on().unwrap();
}

#[test]
fn what_is_too_much_for_one_message_goes_in_several() {
    let mut siege = siege();
    let (carla, acme, thread) = (siege.carla, siege.acme, siege.thread);
    let count = texts(&siege.office.world, acme, thread).len();
    let since = siege.office.world.tape().len();
    siege.office.world.commands(carla, many(thread, 3, limits::MAX_TEXT - 7)).unwrap();
    siege.office.world.commands(carla, many(thread, 2 * limits::MAX_BUNDLE + 1, 1)).unwrap();
    siege.settle().unwrap();
    assert_eq!(sealed(&siege, carla, acme, since), 3 + 3);
    let all = 3 + 2 * limits::MAX_BUNDLE + 1;
    assert_eq!(texts(&siege.office.world, acme, thread).len(), count + all);
    assert_eq!(ends(&siege, all), vec![MessageState::Delivered; all]);
}

#[test]
fn a_refused_command_takes_none_of_the_others_with_it() {
    let mut siege = siege();
    let (carla, acme, thread) = (siege.carla, siege.acme, siege.thread);
    let unknown = ThreadId::from_bytes([9; 32]);
    let commands = vec![
        send(thread, "one"),
        send(unknown, "nowhere"),
        send(thread, ""),
        send(thread, "two"),
        Command::Revoke { thread, from: siege.device(acme).unwrap() },
        send(thread, "three"),
    ];
    let answers = siege.office.world.commands(carla, commands).unwrap();
    let refused: Vec<_> = answers.iter().map(|answer| answer.as_ref().err()).collect();
    assert!(matches!(
        refused.as_slice(),
        [
            None,
            Some(CommandError::UnknownThread),
            Some(CommandError::TextLength { .. }),
            None,
            Some(CommandError::NotSteward),
            None
        ]
    ));
    siege.settle().unwrap();
    assert!(texts(&siege.office.world, acme, thread).ends_with(&[
        "one".into(),
        "two".into(),
        "three".into()
    ]));
    assert_eq!(ends(&siege, 3), vec![MessageState::Delivered; 3]);
}

/// What was written before a change of the members is for those of before, though all of it came at once.
#[test]
fn what_is_written_before_a_forward_is_sealed_before_it() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let forward = Command::Forward {
        thread,
        to: Some(siege.device(ben).unwrap()),
        history: HistoryChoice::None,
        lasts: DAY,
        hand_over: false,
        note: String::new(),
    };
    let out = Command::Revoke { thread, from: siege.device(ana).unwrap() };
    let commands = vec![
        send(thread, "not for Ben"),
        send(thread, "nor this"),
        forward,
        send(thread, "for both"),
        out,
        send(thread, "not for Ana"),
    ];
    let answers = siege.office.world.commands(acme, commands).unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    siege.office.world.until("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
    siege.settle().unwrap();
    let read = |node| texts(&siege.office.world, node, thread);
    assert_eq!(read(ben), ["for both", "not for Ana"]);
    assert!(read(ana).ends_with(&["not for Ben".into(), "nor this".into(), "for both".into()]));
    assert!(read(carla).ends_with(&[
        "not for Ben".into(),
        "nor this".into(),
        "for both".into(),
        "not for Ana".into()
    ]));
}

#[test]
fn a_crash_after_the_answers_loses_none_of_them() {
    let mut siege = siege();
    let (carla, acme, thread) = (siege.carla, siege.acme, siege.thread);
    for round in 0..4 {
        let commands = (0..5).map(|number| send(thread, format!("{round}.{number}"))).collect();
        let answers = siege.office.world.commands(carla, commands).unwrap();
        assert!(answers.iter().all(Result::is_ok));
        siege.office.world.crash(if round % 2 == 0 { carla } else { acme }, 500).unwrap();
        siege.settle().unwrap();
    }
    let said: Vec<String> = (0..20).map(|number| format!("{}.{}", number / 5, number % 5)).collect();
    assert!(texts(&siege.office.world, acme, thread).ends_with(&said));
    assert_eq!(ends(&siege, 20), vec![MessageState::Delivered; 20]);
}

#[test]
fn a_bundle_is_taken_whole_or_refused_whole() {
    let mut siege = siege();
    let (carla, thread, now) = (siege.carla, siege.thread, siege.now());
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let (device, ben) = (ana.keys.id(), siege.device(siege.ben).unwrap());
    let signed = |content: Content| content.sign(ana.keys.signing()).unwrap();
    let honest = |seq| signed(siege.text(device, seq, 20 + seq));
    let bundle = |contents: &[SignedContent]| {
        let [first, rest @ ..] = contents else { return vec![0x80] };
        let mut bundle = Bundle::of(first.clone());
        rest.iter().for_each(|content| bundle.add(content.clone()).unwrap());
        bundle.encode().unwrap()
    };
    let other = signed(Content { author: ben, ..siege.text(device, 3, 23) });
    let elsewhere = signed(Content { thread: ThreadId::from_bytes([7; 32]), ..siege.text(device, 3, 23) });
    let impossible = signed(Content { seq: Seq::MAX, ..siege.text(device, 3, 23) });
    let taken = signed(siege.text(device, 4, 22));
    let turned = [honest(3), honest(2)];
    let tiny: Vec<SignedContent> = (2..=limits::MAX_BUNDLE as u64 + 2).map(honest).collect();
    let mut too_many = vec![0x98, u8::try_from(tiny.len()).unwrap()];
    tiny.iter().for_each(|content| too_many.extend(content.encode().unwrap()));
    let good = bundle(&[honest(2), honest(3)]);
    let cases: Vec<(Vec<u8>, Reason)> = vec![
        (bundle(&[honest(2), other]), Reason::BadContent),
        (bundle(&[honest(2), elsewhere]), Reason::BadContent),
        (bundle(&[honest(2), impossible]), Reason::BadContent),
        (bundle(&[honest(2), taken]), Reason::BadContent),
        (bundle(&[honest(2), honest(2)]), Reason::BadContent),
        (bundle(&turned), Reason::BadContent),
        (bundle(&[]), Reason::Malformed),
        (too_many, Reason::Malformed),
        (honest(2).encode().unwrap(), Reason::Malformed),
    ];
    for (plaintext, reason) in cases {
        let body = Body::ThreadMessage(ana.seal(now, thread, &plaintext).unwrap());
        siege.refuses(&mut ana, carla, &body, reason).unwrap();
    }
    let body = Body::ThreadMessage(ana.seal(now, thread, &good).unwrap());
    assert_eq!(ana.send(&mut siege.office.world, carla, &body).unwrap(), Fate::Delivered);
    let read = texts(&siege.office.world, carla, thread);
    assert!(read.ends_with(&["number 2".into(), "number 3".into()]), "{read:?}");
    siege.goes_on().unwrap();
}

/// The steward had her second text when it took her out, and not her third: that one counts for nobody, whatever it travels with.
#[test]
fn who_was_taken_out_brings_nothing_new_along_with_its_last_words() {
    let mut siege = siege();
    let (acme, carla, thread, now) = (siege.acme, siege.carla, siege.thread, siege.now());
    let mut ana = siege.take_over(siege.ana, &[acme, carla]).unwrap();
    let device = ana.keys.id();
    let second = ana.say(now, thread, &siege.text(device, 2, 22)).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, acme, &second).unwrap(), Fate::Delivered);
    siege.office.world.command(acme, Command::Revoke { thread, from: device }).unwrap();
    siege.settle().unwrap();
    let mut both = Bundle::of(siege.text(device, 2, 22).sign(ana.keys.signing()).unwrap());
    both.add(siege.text(device, 3, 23).sign(ana.keys.signing()).unwrap()).unwrap();
    let both = Body::ThreadMessage(ana.seal(now, thread, &both.encode().unwrap()).unwrap());
    siege.refuses(&mut ana, carla, &both, Reason::GrantRevoked).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, carla, &second).unwrap(), Fate::Delivered);
    assert!(texts(&siege.office.world, carla, thread).ends_with(&["number 2".into()]));
    siege.goes_on().unwrap();
}

/// Ben is brought in; before Carla hears of it, a member writes to her under the new keys.
#[test]
fn a_bundle_that_waited_for_a_commit_is_taken_whole_or_refused_whole_too() {
    let mut siege = siege();
    let (acme, carla, ben, thread, now) = (siege.acme, siege.carla, siege.ben, siege.thread, siege.now());
    siege.office.world.part(acme, carla).unwrap();
    siege.office.forward(thread, ben, HistoryChoice::None, false).unwrap();
    siege.settle().unwrap();
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let device = ana.keys.id();
    let signed =
        |siege: &Siege, seq, position| siege.text(device, seq, position).sign(ana.keys.signing()).unwrap();
    let mut bad = Bundle::of(signed(&siege, 4, 24));
    bad.add(signed(&siege, 91, 90)).unwrap();
    let mut good = Bundle::of(signed(&siege, 2, 22));
    good.add(signed(&siege, 3, 23)).unwrap();
    let before = texts(&siege.office.world, carla, thread);
    for (bundle, fate) in [(bad, Fate::Refused(Reason::BadContent)), (good, Fate::Delivered)] {
        let body = Body::ThreadMessage(ana.seal(now, thread, &bundle.encode().unwrap()).unwrap());
        assert_eq!(ana.send(&mut siege.office.world, carla, &body).unwrap(), Fate::Stored, "{fate:?}");
    }
    siege.office.world.mend(acme, carla);
    siege.settle().unwrap();
    let read = texts(&siege.office.world, carla, thread).split_off(before.len());
    assert_eq!(read, ["number 2", "number 3"], "the first bundle left nothing behind");
    assert!(siege.accused(carla, Reason::BadContent));
}
