//! Adversaries: who they are, when they turn, how they attack, and what became of what they sent.

mod forgers;
mod insiders;
mod liars;
mod overreachers;
mod stewards;
mod strangers;
mod thieves;

use super::{Deed, HOUR, MINUTE, Play, SECOND};
use crate::{
    Adversary, Business, Fate, NodeId, SimError, Usurper,
    lab::{
        chance::Chance as _,
        figures::Attack,
        people::Role,
        scenario::{AdversaryKind, Who},
    },
    office,
};
use frontdesk_identity::ThreadId;
use frontdesk_wire::{Body, LinkSeq, Reason, SignedContent};
use std::collections::BTreeSet;

/// Until an adversary that has called a node attacks it, in milliseconds: the node greets it first.
const GREETING: f64 = 2.0 * SECOND;

/// An adversary at work.
#[derive(Debug)]
pub(super) enum Villain {
    /// Nodes that are played by hand.
    Hands(Box<Hands>),
    /// A node with an honest engine, and dishonest surroundings.
    Engine(Traitor),
}

/// Nodes that are played by hand, and what they sent.
#[derive(Debug)]
pub(super) struct Hands {
    nodes: Vec<Adversary>,
    /// Businesses of its own, one for each of the first nodes, where it needs a root key.
    businesses: Vec<Business>,
    /// Threads that its device was in when it turned.
    threads: Vec<ThreadId>,
    /// The newest that others wrote to it in each.
    borrowed: Vec<(ThreadId, SignedContent)>,
    /// What it holds of them in MLS itself.
    usurper: Usurper,
    /// Attacks so far, of those that aren't all alike.
    turn: usize,
    /// Frames whose fate isn't known yet.
    sent: Vec<Shot>,
}

/// A frame whose fate isn't known yet.
#[derive(Debug)]
struct Shot {
    by: usize,
    to: NodeId,
    seq: LinkSeq,
    aim: Option<Aim>,
}

/// Which check an attack is for, and the reason that this check gives.
#[derive(Debug)]
struct Aim {
    at: String,
    reason: Reason,
}

impl Aim {
    fn at(body: &str, flaw: &str, reason: Reason) -> Self {
        Self { at: format!("{body}, {flaw}"), reason }
    }
}

/// A node whose engine is honest.
#[derive(Debug)]
pub(super) struct Traitor {
    node: NodeId,
    threads: Vec<ThreadId>,
}

impl Play<'_> {
    /// Someone turns.
    pub(super) fn turn(&mut self, index: usize) -> Result<(), SimError> {
        let Some(adversary) = self.scenario.adversaries.get(index) else { return Ok(()) };
        let villain = match adversary.what {
            AdversaryKind::ForgedGrants => self.forgers()?,
            AdversaryKind::ContactFlood => self.customers_by_hand()?,
            AdversaryKind::FrameFlood | AdversaryKind::HostileBytes => self.stranger()?,
            AdversaryKind::Replay => self.eavesdroppers()?,
            AdversaryKind::FalseCommits => self.insider()?,
            AdversaryKind::RemovedGoesOn => self.removed()?,
            AdversaryKind::Equivocation => self.steward()?,
            AdversaryKind::Withholds => self.withholder(adversary.who.unwrap_or(Who::Agent))?,
            AdversaryKind::LyingClock => match adversary.ahead {
                Some(hours) => self.misled(adversary.who.unwrap_or(Who::Agent), hours)?,
                None => self.liar()?,
            },
            AdversaryKind::Overreaches => self.overreacher()?,
        };
        // Nobody fits who could turn: one is looked for again.
        let Some(villain) = villain else {
            self.later(MINUTE, Deed::Turn { villain: index });
            return Ok(());
        };
        self.figures.turned.push((self.world.time.saturating_sub(self.began), adversary.what));
        let nodes = match &villain {
            Villain::Hands(hands) => hands.nodes.len() + hands.businesses.len(),
            Villain::Engine(_) => 1,
        };
        self.attacks(index).nodes += u64::try_from(nodes).unwrap_or_default();
        self.villains.insert(index, villain);
        self.later(GREETING, Deed::Attack { villain: index });
        Ok(())
    }

    pub(super) fn attacks(&mut self, index: usize) -> &mut Attack {
        let kind = self.scenario.adversaries.get(index).map_or(AdversaryKind::Replay, |one| one.what);
        self.figures.attacks.entry(kind).or_default()
    }

    /// One attack; after its time is over an adversary only listens.
    pub(super) fn attack(&mut self, index: usize) -> Result<(), SimError> {
        let scenario = self.scenario;
        let Some(adversary) = scenario.adversaries.get(index) else { return Ok(()) };
        let Some(mut villain) = self.villains.remove(&index) else { return Ok(()) };
        let over =
            self.world.time.saturating_sub(self.began) >= crate::lab::roads::whole(adversary.until * HOUR);
        let mut again =
            if over { MINUTE } else { self.rng.exponential(adversary.every * MINUTE).max(SECOND) };
        match &mut villain {
            Villain::Hands(hands) => {
                self.listen(index, hands)?;
                if !over && !self.assault(index, adversary.what, adversary.count, hands)? {
                    again = GREETING;
                }
            }
            Villain::Engine(traitor) if adversary.what == AdversaryKind::LyingClock && !over => {
                self.speak_out_of_time(index, traitor)?;
            }
            Villain::Engine(traitor) if over => {
                self.world.node_mut(traitor.node)?.withholds.clear();
            }
            Villain::Engine(_) => {}
        }
        self.villains.insert(index, villain);
        self.later(again, Deed::Attack { villain: index });
        Ok(())
    }

    fn assault(
        &mut self,
        index: usize,
        what: AdversaryKind,
        count: u32,
        hands: &mut Hands,
    ) -> Result<bool, SimError> {
        match what {
            AdversaryKind::ForgedGrants => self.show_forged_grants(index, hands),
            AdversaryKind::ContactFlood => self.flood_contacts(index, hands, count),
            AdversaryKind::FrameFlood => self.flood_frames(index, hands, count),
            AdversaryKind::HostileBytes => self.throw_bytes(index, hands, count),
            AdversaryKind::Replay => self.replay(index, hands, count),
            AdversaryKind::FalseCommits => self.tell_commits(index, hands),
            AdversaryKind::RemovedGoesOn => self.go_on(index, hands),
            AdversaryKind::Equivocation => self.tell_two_stories(index, hands),
            AdversaryKind::Overreaches => self.overreach(index, hands),
            AdversaryKind::Withholds | AdversaryKind::LyingClock => Ok(true),
        }
    }

    /// Takes in what came, and counts what became of what was sent.
    fn listen(&mut self, index: usize, hands: &mut Hands) -> Result<(), SimError> {
        for node in hands.all() {
            node.take_in(&mut self.world)?;
        }
        let now = self.world.time;
        for Shot { by, to, seq, aim } in std::mem::take(&mut hands.sent) {
            let Some(fate) = hands.all().nth(by).map(|node| node.fate(to, seq)) else { continue };
            let kind = self.scenario.adversaries.get(index).map(|one| one.what);
            let attacks = self.attacks(index);
            match fate {
                Fate::Refused(reason) => {
                    *attacks.refused.entry(reason.to_string()).or_default() += 1;
                    attacks.reached(aim.map(|aim| (aim.at, aim.reason)), reason);
                }
                Fate::Ignored => attacks.ignored += 1,
                Fate::Stored => attacks.kept += 1,
                Fate::Delivered => {
                    attacks.taken += 1;
                    let lawful = [Some(AdversaryKind::ContactFlood), Some(AdversaryKind::Equivocation)];
                    if !lawful.contains(&kind) {
                        let seen = format!("{kind:?}: node {} took frame {seq:?}", to.0);
                        self.truth.broken(now, "what breaks a rule is refused", seen);
                    }
                }
            }
        }
        Ok(())
    }

    /// One of the nodes sends a body to a node that it is connected with.
    fn shoot(
        &mut self,
        index: usize,
        hands: &mut Hands,
        (by, to): (usize, NodeId),
        body: &Body,
    ) -> Result<(), SimError> {
        let bytes = body.encode().map_err(|error| SimError::Broken(error.to_string()))?;
        self.shoot_bytes(index, hands, (by, to), bytes)
    }

    /// The same, for a check of its own.
    fn shoot_at(
        &mut self,
        index: usize,
        hands: &mut Hands,
        (by, to): (usize, NodeId),
        (body, aim): (&Body, Aim),
    ) -> Result<(), SimError> {
        let before = hands.sent.len();
        self.shoot(index, hands, (by, to), body)?;
        if let Some(shot) = hands.sent.get_mut(before) {
            shot.aim = Some(aim);
        }
        Ok(())
    }

    fn shoot_bytes(
        &mut self,
        index: usize,
        hands: &mut Hands,
        (by, to): (usize, NodeId),
        bytes: Vec<u8>,
    ) -> Result<(), SimError> {
        let Some(node) = hands.all().nth(by) else { return Ok(()) };
        if !node.has_greeted(&self.world, to) {
            return Ok(());
        }
        let seq = node.push_bytes(&mut self.world, to, bytes)?;
        hands.sent.push(Shot { by, to, seq, aim: None });
        self.attacks(index).tried += 1;
        Ok(())
    }

    /// Calls everybody who is to be attacked. False if somebody was called just now: they greet each other first.
    fn reach_all(&mut self, hands: &mut Hands, targets: &[(usize, NodeId)]) -> Result<bool, SimError> {
        let mut ready = true;
        for (by, to) in targets {
            let Some(node) = hands.all().nth(*by) else { continue };
            if !node.has_greeted(&self.world, *to) {
                ready &= !node.call(&mut self.world, *to)?;
            }
        }
        Ok(ready)
    }

    /// An agent that is in a thread or more, and turns. It can't be counted on from now on.
    fn recruit(&mut self) -> Result<Option<(NodeId, Vec<ThreadId>)>, SimError> {
        let mut best: Option<(NodeId, Vec<ThreadId>)> = None;
        let mut most = (0, 0);
        for agent in self.cast.of(Role::Agent).to_vec() {
            let all: BTreeSet<ThreadId> = office::threads(&self.world, agent);
            let threads: Vec<ThreadId> =
                all.into_iter().filter(|thread| office::is_in(&self.world, agent, *thread)).collect();
            let lively = threads.iter().filter(|thread| self.is_about_to_write(**thread)).count();
            if (lively, threads.len()) > most && self.world.node(agent)?.is_up() {
                most = (lively, threads.len());
                best = Some((agent, threads));
            }
        }
        if let Some((agent, _)) = &best {
            self.cast.quit(*agent);
            self.truth.rogues.insert(*agent);
        }
        Ok(best)
    }

    /// The customer of a thread has been answered, and has more to say.
    fn is_about_to_write(&self, thread: ThreadId) -> bool {
        let talk = self.customer_of(thread).and_then(|customer| self.talks.get(&customer));
        talk.is_some_and(|talk| !talk.gone && talk.left > 0 && talk.asked.is_none())
    }

    /// The customer and the steward of a thread.
    fn founders(&self, thread: ThreadId) -> Option<[NodeId; 2]> {
        self.truth.founders.get(&thread).copied()
    }
}

impl Hands {
    fn of(nodes: Vec<Adversary>) -> Villain {
        Villain::Hands(Box::new(Self {
            nodes,
            businesses: Vec::new(),
            threads: Vec::new(),
            borrowed: Vec::new(),
            usurper: Usurper::default(),
            turn: 0,
            sent: Vec::new(),
        }))
    }

    /// The place of the device that was taken over, among all.
    const fn agent(&self) -> Option<usize> {
        if self.nodes.is_empty() { None } else { Some(self.businesses.len()) }
    }

    /// All nodes, those with root keys first.
    fn all(&mut self) -> impl Iterator<Item = &mut Adversary> {
        self.businesses.iter_mut().map(|business| &mut business.device).chain(&mut self.nodes)
    }
}
