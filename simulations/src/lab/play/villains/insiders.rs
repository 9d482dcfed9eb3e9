//! Agents that turn: they send what isn't theirs to send.

use super::{Hands, Villain};
use crate::{
    Adversary, Coup, Node, NodeId, SimError,
    lab::{chance::Chance as _, people::Role, play::Play},
    office,
};
use frontdesk_identity::ThreadId;
use frontdesk_wire::{Body, CommitNotice, Frame, ThreadMessage};
use rand_core::Rng as _;
use serde_bytes::ByteBuf;

/// Frames that an eavesdropper remembers.
const REMEMBERS: usize = 400;

impl Play<'_> {
    /// An agent with its threads, played by hand from now on.
    pub(super) fn insider(&mut self) -> Result<Option<Villain>, SimError> {
        let Some((agent, threads)) = self.recruit()? else { return Ok(None) };
        let Villain::Hands(mut hands) = Hands::of(vec![Adversary::take_over(&mut self.world, agent)?]) else {
            return Ok(None);
        };
        hands.threads = threads;
        Ok(Some(Villain::Hands(hands)))
    }

    /// An agent, and a stranger that has listened wherever frames were sent.
    pub(super) fn eavesdroppers(&mut self) -> Result<Option<Villain>, SimError> {
        let Some(Villain::Hands(mut hands)) = self.insider()? else { return Ok(None) };
        let Some(administrator) = self.cast.of(Role::Administrator).first().copied() else { return Ok(None) };
        let entity = office::principal(&self.world, administrator)?;
        hands.nodes.push(Adversary::stranger(&mut self.world, entity)?);
        self.world.record();
        Ok(Some(Villain::Hands(hands)))
    }

    /// Sends what others have sent to those whom they sent it to, over links of their own.
    pub(super) fn replay(&mut self, index: usize, hands: &mut Hands, count: u32) -> Result<bool, SimError> {
        let tape = self.world.tape();
        // What any member may send is no attack of the agent, and one of the stranger all the same.
        let mut heard: Vec<(NodeId, Vec<u8>, bool)> = Vec::new();
        for sent in tape.iter().rev().take(REMEMBERS) {
            if let Ok(Frame::Data(data)) = Frame::decode(&sent.frame)
                && let Ok(body) = Body::decode(&data.body)
                && self.cast.role(sent.to).is_some()
                && !self.truth.rogues.contains(&sent.to)
                && !self.truth.rogues.contains(&sent.from)
            {
                heard.push((sent.to, data.body.into_vec(), is_any_members(&body, &hands.threads)));
            }
        }
        let mut shots = Vec::new();
        for _ in 0..count {
            let Some((to, bytes, lawful)) = self.rng.pick(&heard).cloned() else { break };
            let by = usize::from(lawful || self.rng.hits(0.5));
            shots.push(((by, to), bytes));
        }
        let targets: Vec<(usize, NodeId)> = shots.iter().map(|(target, _)| *target).collect();
        if !self.reach_all(hands, &targets)? {
            return Ok(false);
        }
        for (target, bytes) in shots {
            self.shoot_bytes(index, hands, target, bytes)?;
        }
        self.world.record();
        Ok(true)
    }

    /// Tells members of commits: of its steward's, of its own words in a commit's place, of rubbish, and of some that it made
    /// with keys that are good.
    pub(super) fn tell_commits(&mut self, index: usize, hands: &mut Hands) -> Result<bool, SimError> {
        let targets = self.those_in(hands);
        if !self.reach_all(hands, &targets)? {
            return Ok(false);
        }
        let now = self.world.now().wall;
        for thread in hands.threads.clone() {
            let Some(founders) = self.founders(thread) else { continue };
            let made = self.usurp(hands, thread, founders)?;
            self.attacks(index).lawless += u64::try_from(made.len()).unwrap_or_default();
            let Some(agent) = hands.nodes.first_mut() else { continue };
            let mut rubbish = vec![0; 600];
            self.rng.fill_bytes(&mut rubbish);
            let mut commits = vec![rubbish];
            commits.extend(made);
            // Such bytes are no better as messages.
            let disguised = commits.clone();
            // Without keys there is nothing to disguise.
            if let Ok(message) = agent.seal(now, thread, b"a commit") {
                commits.push(message.sealed.into_vec());
            }
            commits.extend(founders.iter().flat_map(|from| agent.heard(*from)).filter_map(|body| {
                let Body::CommitNotice(notice) = body else { return None };
                (notice.thread == thread).then(|| notice.commit.into_vec())
            }));
            for to in founders {
                if self.truth.rogues.contains(&to) {
                    continue;
                }
                for commit in &commits {
                    let notice = CommitNotice {
                        thread,
                        era: 0,
                        commit: ByteBuf::from(commit.clone()),
                        revocations: Vec::new(),
                        addresses: Vec::new(),
                        departed: Vec::new(),
                    };
                    self.shoot(index, hands, (0, to), &Body::CommitNotice(notice))?;
                }
                for sealed in disguised.iter().cloned().map(ByteBuf::from) {
                    let message = ThreadMessage { thread, era: 0, sealed };
                    self.shoot(index, hands, (0, to), &Body::ThreadMessage(message))?;
                }
            }
        }
        Ok(true)
    }

    /// Commits to a thread that MLS would take, one of each kind. Who has no keys of its own making yet asks the steward for them first.
    fn usurp(
        &mut self,
        hands: &mut Hands,
        thread: ThreadId,
        [customer, steward]: [NodeId; 2],
    ) -> Result<Vec<Vec<u8>>, SimError> {
        let (usurper, Some(agent)) = (&mut hands.usurper, hands.nodes.first_mut()) else {
            return Ok(Vec::new());
        };
        usurper.follow(agent, steward);
        if !usurper.is_in(&thread) {
            if agent.has_greeted(&self.world, steward) {
                let suite = self.scenario.suite.suite();
                let body = usurper.asks_in(agent, thread, suite)?;
                // Any member may ask that.
                agent.push(&mut self.world, steward, &body)?;
            }
            return Ok(Vec::new());
        }
        let [customer, steward] = [customer, steward].map(|node| self.world.node(node).map(Node::device));
        let coups = [Coup::NewKeys, Coup::Remove(customer?), Coup::Remove(steward?), Coup::Crown];
        coups.into_iter().map(|coup| usurper.commit(agent, thread, coup)).collect()
    }

    /// The customers and stewards of the threads that a traitor was in.
    pub(super) fn those_in(&self, hands: &Hands) -> Vec<(usize, NodeId)> {
        let founders = hands.threads.iter().filter_map(|thread| self.founders(*thread)).flatten();
        let mut all: Vec<NodeId> = founders.filter(|node| !self.truth.rogues.contains(node)).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().map(|to| (0, to)).collect()
    }
}

/// Whether any member of these threads may send it: a wish to forward, or for what is missed.
fn is_any_members(body: &Body, threads: &[ThreadId]) -> bool {
    if let Body::ForwardRequest(wish) = body {
        return threads.contains(&wish.thread);
    }
    if let Body::RefillRequest(wish) = body {
        return threads.contains(&wish.thread);
    }
    false
}
