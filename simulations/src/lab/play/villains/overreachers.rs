//! An agent whose grant gives it nothing of the past, and who makes more of its place in a thread than that: it asks for what was
//! said before, for a colleague who may read all of it, and hands on what isn't its to hand on.

use super::{Aim, Hands, Villain};
use crate::{
    Adversary, NodeId, SimError,
    lab::{people::Role, play::Play},
};
use frontdesk_capability::History;
use frontdesk_identity::{DeviceId, ThreadId, UnixTime};
use frontdesk_wire::{
    Body, Bundle, ForwardRequest, Frame, HistoryPiece, Reason, Refill, RefillRequest, RequestId, Seq,
    SignedContent,
};
use rand_core::Rng as _;
use serde_bytes::ByteBuf;

/// Threads of one attack: a member may wish for somebody a few times a minute.
const THREADS: usize = 4;

impl Play<'_> {
    /// An agent turns, and listens to what its customers write from then on.
    pub(super) fn overreacher(&mut self) -> Result<Option<Villain>, SimError> {
        let villain = self.insider()?;
        self.world.record();
        Ok(villain)
    }

    /// In each of its threads, everything that is more than its grant gives.
    pub(super) fn overreach(&mut self, index: usize, hands: &mut Hands) -> Result<bool, SimError> {
        self.borrow(hands)?;
        let targets = self.those_in(hands);
        if !self.reach_all(hands, &targets)? {
            return Ok(false);
        }
        let mut threads = hands.threads.clone();
        threads.rotate_left(hands.turn.checked_rem(hands.threads.len()).unwrap_or_default());
        hands.turn += THREADS;
        for thread in threads.into_iter().take(THREADS) {
            let Some([customer, steward]) = self.founders(thread) else { continue };
            if [customer, steward].iter().any(|node| self.truth.rogues.contains(node)) {
                continue;
            }
            self.ask_for_more(index, hands, thread, [customer, steward])?;
            self.hand_on(index, hands, thread, [customer, steward])?;
        }
        Ok(true)
    }

    /// What was said before it came, and for somebody who may read all that.
    fn ask_for_more(
        &mut self,
        index: usize,
        hands: &mut Hands,
        thread: ThreadId,
        [customer, steward]: [NodeId; 2],
    ) -> Result<(), SimError> {
        let author = self.world.node(customer)?.device();
        let before = RefillRequest { thread, era: 0, author, from: Seq(1), to: Seq(1) };
        let aim = Aim::at("refill request", "of before its grant", Reason::GrantLacksAbility);
        self.shoot_at(index, hands, (0, customer), (&Body::RefillRequest(before), aim))?;
        let mut request = [0; 16];
        self.rng.fill_bytes(&mut request);
        let colleagues = self.cast.colleagues(steward, Role::Agent);
        let to =
            colleagues.first().map(|node| self.world.node(*node).map(crate::Node::device)).transpose()?;
        let wish = ForwardRequest {
            request: RequestId::from_bytes(request),
            thread,
            to,
            history: History::All,
            lasts: 3600,
            hand_over: false,
            note: String::new(),
        };
        let aim = Aim::at("forward request", "with more history than its own", Reason::GrantWidened);
        self.shoot_at(index, hands, (0, steward), (&Body::ForwardRequest(wish), aim))
    }

    /// Another's words as its own, or brought as if it were the steward, and history that nobody gave it to hand on.
    fn hand_on(
        &mut self,
        index: usize,
        hands: &mut Hands,
        thread: ThreadId,
        founders: [NodeId; 2],
    ) -> Result<(), SimError> {
        let now = self.world.now().wall;
        let borrowed = hands.borrowed.iter().find(|(of, _)| *of == thread).map(|(_, signed)| signed.clone());
        for to in founders {
            let piece = HistoryPiece { thread, era: 0, index: 0, sealed: ByteBuf::from(vec![1; 200]) };
            let aim = Aim::at("history", "from a member that isn't the steward", Reason::NotSteward);
            self.shoot_at(index, hands, (0, to), (&Body::HistoryPiece(piece), aim))?;
            let reader = self.world.node(to)?.device();
            let Some((signed, agent)) = borrowed.as_ref().zip(hands.nodes.first_mut()) else { continue };
            let Some((message, refill)) = disguises(agent, now, (thread, &reader), signed) else { continue };
            let aim = Aim::at("message", "another's words as one's own", Reason::BadContent);
            self.shoot_at(index, hands, (0, to), (&message, aim))?;
            let aim = Aim::at("refill", "of another, not by the steward", Reason::NotSteward);
            self.shoot_at(index, hands, (0, to), (&refill, aim))?;
        }
        Ok(())
    }

    /// Opens what others write to it, as it may, and keeps the newest of each thread.
    fn borrow(&mut self, hands: &mut Hands) -> Result<(), SimError> {
        let tape: Vec<_> = self.world.tape().to_vec();
        self.world.record();
        let now = self.world.now().wall;
        let Some(agent) = hands.nodes.first_mut() else { return Ok(()) };
        let own = agent.node;
        for sent in tape.iter().filter(|sent| sent.to == own) {
            let Ok(Frame::Data(data)) = Frame::decode(&sent.frame) else { continue };
            let Ok(body) = Body::decode(&data.body) else { continue };
            if let Body::CommitNotice(notice) = &body {
                drop(agent.in_thread(now, notice.thread, |ctx, keys| keys.follow(ctx, &notice.commit)));
            }
            let Body::ThreadMessage(message) = body else { continue };
            let opened = agent.in_thread(now, message.thread, |ctx, keys| keys.open(ctx, &message.sealed));
            let Ok(Ok(opened)) = opened else { continue };
            let bundle = Bundle::decode(&opened.plaintext).ok();
            if let Some(signed) = bundle.and_then(|bundle| bundle.contents().last().cloned()) {
                hands.borrowed.retain(|(of, _)| *of != message.thread);
                hands.borrowed.push((message.thread, signed));
            }
        }
        Ok(())
    }
}

/// Another's signed content in a message of one's own, and in an answer to who misses something; if there are keys for it.
fn disguises(
    agent: &mut Adversary,
    now: UnixTime,
    (thread, reader): (ThreadId, &DeviceId),
    signed: &SignedContent,
) -> Option<(Body, Body)> {
    let bundle = Bundle::of(signed.clone()).encode().ok()?;
    let message = Body::ThreadMessage(agent.seal(now, thread, &bundle).ok()?);
    let sealed = agent.in_thread(now, thread, |ctx, keys| {
        Some((keys.epoch(), keys.seal_refill(ctx, reader, &bundle).ok()?))
    });
    let (epoch, sealed) = sealed.ok()??;
    Some((message, Body::Refill(Refill { thread, era: 0, epoch, sealed: ByteBuf::from(sealed) })))
}
