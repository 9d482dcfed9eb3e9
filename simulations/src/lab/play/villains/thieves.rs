//! A removed agent that goes on with the keys that it had: it writes, asks, and tries to read what follows.

use super::{Hands, Villain};
use crate::{
    Adversary, NodeId, SimError,
    lab::{play::Play, truth::text},
};
use frontdesk_engine::Command;
use frontdesk_identity::{DeviceId, ThreadId, UnixTime};
use frontdesk_thread::Suite;
use frontdesk_wire::{
    Body, Content, ContentKind, ForwardRequest, Frame, KeyPackages, Position, RefillRequest, Rejoin,
    RequestId, Seq,
};
use serde_bytes::ByteBuf;

/// Frames of others that it opens before it is removed.
const LISTENS: u64 = 1;

impl Play<'_> {
    /// An agent turns; the administrator removes it once it has listened for a while.
    pub(super) fn removed(&mut self) -> Result<Option<Villain>, SimError> {
        let villain = self.insider()?;
        self.world.record();
        Ok(villain)
    }

    /// As a member still, it opens what others send in its threads, which shows that its keys are good. Then it is removed.
    fn listen_in(&mut self, index: usize, hands: &mut Hands) -> Result<(), SimError> {
        let tape: Vec<_> = self.world.tape().to_vec();
        self.world.record();
        let now = self.world.now().wall;
        let Some(agent) = hands.nodes.first_mut() else { return Ok(()) };
        let (own, mut opened) = (agent.node, 0);
        for sent in tape.iter().filter(|sent| sent.from != own) {
            if let Some((thread, body)) = sealed_in(&sent.frame, &hands.threads) {
                let author = self.world.node(sent.from)?.device();
                opened += u64::from(opens(agent, now, (thread, &author), &body));
            }
        }
        let attacks = self.attacks(index);
        attacks.before += opened;
        if attacks.before >= LISTENS
            && let Some(administrator) = self.cast.administrator(own)
        {
            let device = self.world.node(own)?.device();
            if self.tries(administrator, Command::RemoveDevice { device })?.is_some() {
                self.truth.may_go_everywhere(own);
                hands.turn += 1;
            }
        }
        Ok(())
    }

    /// Everything that a member may do, by one who is none any more.
    pub(super) fn go_on(&mut self, index: usize, hands: &mut Hands) -> Result<bool, SimError> {
        if hands.turn == 0 {
            self.listen_in(index, hands)?;
            return Ok(true);
        }
        let targets = self.those_in(hands);
        let ready = self.reach_all(hands, &targets)?;
        self.spy(index, hands)?;
        if !ready {
            return Ok(false);
        }
        let now = self.world.now().wall;
        for thread in hands.threads.clone() {
            let Some([customer, steward]) = self.founders(thread) else { continue };
            let Some(agent) = hands.nodes.first_mut() else { continue };
            let out = |node| self.learned.contains_key(&(thread, agent.node, node));
            let (at_customer, at_steward) = (out(customer), out(steward));
            // A number that nobody wrote: whoever shows it shows what was invented.
            let number = self.next_text;
            self.next_text += 1;
            let content = Content {
                thread,
                era: 0,
                author: agent.keys.id(),
                seq: Seq(1_000),
                position: Position(2_000),
                seen: Vec::new(),
                sent_at: now,
                kind: ContentKind::Text(text(number, "still here")),
            };
            let said = agent.say(now, thread, &content).ok();
            let request = RequestId::from_bytes([7; 16]);
            let wish = ForwardRequest {
                request,
                thread,
                to: Some(agent.keys.id()),
                history: frontdesk_capability::History::All,
                lasts: 3600,
                hand_over: false,
                note: String::new(),
            };
            let package = agent.key_package(now, Suite::Classic)?.as_slice().to_vec();
            let package = ByteBuf::from(package);
            let rejoin = Rejoin { thread, key_package: package.clone() };
            let packages = KeyPackages { packages: vec![package], last_resort: ByteBuf::new(), reset: false };
            let author = self.world.node(customer)?.device();
            let refill = RefillRequest { thread, era: 0, author, from: Seq(1), to: Seq(5) };
            if at_customer {
                for body in said.iter().cloned().chain([Body::RefillRequest(refill.clone())]) {
                    self.shoot(index, hands, (0, customer), &body)?;
                }
            }
            if at_steward {
                let wishes = [
                    Body::RefillRequest(refill),
                    Body::ForwardRequest(wish),
                    Body::Rejoin(rejoin),
                    Body::KeyPackages(packages),
                ];
                for body in said.into_iter().chain(wishes) {
                    self.shoot(index, hands, (0, steward), &body)?;
                }
            }
        }
        Ok(true)
    }

    /// Tries to read everything that was sent in its threads by nodes that knew that it is out, with the keys that it had
    /// and all that it can make of the commits that followed.
    fn spy(&mut self, index: usize, hands: &mut Hands) -> Result<(), SimError> {
        let tape: Vec<_> = self.world.tape().to_vec();
        self.world.record();
        let now = self.world.now();
        let Some(agent) = hands.nodes.first_mut() else { return Ok(()) };
        let (mut spied, mut read) = (0, 0);
        for sent in tape {
            let Some((thread, body)) = sealed_in(&sent.frame, &hands.threads) else { continue };
            let knew = self.learned.get(&(thread, agent.node, sent.from));
            if sent.from == agent.node || knew.is_none_or(|knew| sent.at < *knew) {
                continue;
            }
            spied += 1;
            let author = self.world.node(sent.from)?.device();
            read += u64::from(opens(agent, now.wall, (thread, &author), &body));
        }
        let attacks = self.attacks(index);
        attacks.spied += spied;
        attacks.read += read;
        if read > 0 {
            let seen = format!("{read} frames of {spied}");
            self.truth.broken(now.mono.0, "a removed device reads nothing that follows", seen);
        }
        Ok(())
    }

    /// Notes when a node knew that another is out of a thread, while somebody goes on after that.
    pub(in crate::lab::play) fn note_leaving(&mut self, thread: ThreadId, out: NodeId, known_by: NodeId) {
        if self.truth.rogues.contains(&out) {
            self.learned.entry((thread, out, known_by)).or_insert(self.world.time);
        }
    }
}

/// What a frame carries of one of these threads, if it is something sealed.
fn sealed_in(frame: &[u8], threads: &[ThreadId]) -> Option<(ThreadId, Body)> {
    let Ok(Frame::Data(data)) = Frame::decode(frame) else { return None };
    let body = Body::decode(&data.body).ok()?;
    let thread = thread_of(&body).filter(|thread| threads.contains(thread))?;
    Some((thread, body))
}

fn thread_of(body: &Body) -> Option<ThreadId> {
    if let Body::ThreadMessage(message) = body {
        return Some(message.thread);
    }
    if let Body::HistoryPiece(piece) = body {
        return Some(piece.thread);
    }
    if let Body::Refill(missed) = body {
        return Some(missed.thread);
    }
    let Body::CommitNotice(notice) = body else { return None };
    Some(notice.thread)
}

/// Whether it reads something. What follows from a commit that it can open is tried with what comes after it.
fn opens(agent: &mut Adversary, now: UnixTime, (thread, author): (ThreadId, &DeviceId), body: &Body) -> bool {
    if let Body::ThreadMessage(message) = body {
        let opened = agent.in_thread(now, thread, |ctx, keys| keys.open(ctx, &message.sealed));
        return matches!(opened, Ok(Ok(_)));
    }
    if let Body::HistoryPiece(piece) = body {
        let (index, sealed) = (piece.index, &piece.sealed);
        let opened = agent.in_thread(now, thread, |ctx, keys| keys.open_history(ctx, index, sealed));
        return matches!(opened, Ok(Ok(_)));
    }
    if let Body::Refill(missed) = body {
        let (epoch, sealed) = (missed.epoch, &missed.sealed);
        let opened = agent.in_thread(now, thread, |ctx, keys| keys.open_refill(ctx, author, epoch, sealed));
        return matches!(opened, Ok(Ok(_)));
    }
    if let Body::CommitNotice(notice) = body {
        drop(agent.in_thread(now, thread, |ctx, keys| keys.follow(ctx, &notice.commit)));
    }
    false
}
