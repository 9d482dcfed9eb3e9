//! An administrator that turns, and tells the members of its threads different stories.

use super::{Hands, Villain};
use crate::{
    Adversary, NodeId, SimError,
    lab::{people::Role, play::Play},
    office,
};
use frontdesk_identity::ThreadId;
use frontdesk_thread::{ChangeRequest, Speaker};
use frontdesk_wire::{Body, CommitNotice};
use serde_bytes::ByteBuf;

impl Play<'_> {
    /// The administrator with the most threads that have somebody to lie to.
    pub(super) fn steward(&mut self) -> Result<Option<Villain>, SimError> {
        let mut best: Option<(NodeId, Vec<ThreadId>)> = None;
        for administrator in self.cast.of(Role::Administrator).to_vec() {
            let all = office::threads(&self.world, administrator);
            let threads: Vec<ThreadId> =
                all.into_iter().filter(|thread| self.is_served(administrator, *thread)).collect();
            if best.as_ref().is_none_or(|(_, known)| threads.len() > known.len()) && !threads.is_empty() {
                best = Some((administrator, threads));
            }
        }
        let Some((administrator, threads)) = best else { return Ok(None) };
        // Who is in each thread is known from the honest engine, before it is replaced.
        for thread in &threads {
            let who = office::who(&self.world, administrator, *thread);
            let members = who.map(|who| who.members).unwrap_or_default();
            let agent = members.iter().find(|member| member.side == "host" && !member.steward);
            if let Some(agent) = agent.and_then(|agent| self.cast.node_of(&agent.device)) {
                self.served.insert(*thread, agent);
            }
        }
        self.cast.quit(administrator);
        self.truth.rogues.insert(administrator);
        let rogue = Adversary::take_over(&mut self.world, administrator)?;
        let Villain::Hands(mut hands) = Hands::of(vec![rogue]) else { return Ok(None) };
        hands.threads = threads;
        Ok(Some(Villain::Hands(hands)))
    }

    /// Of one epoch, the customer is told that the agent has left, and the agent that it alone has the word. Once a thread.
    pub(super) fn tell_two_stories(&mut self, index: usize, hands: &mut Hands) -> Result<bool, SimError> {
        let cast = hands.threads.iter().filter_map(|thread| {
            let [customer, _] = self.founders(*thread)?;
            Some((*thread, customer, self.served.get(thread).copied()?))
        });
        let cast: Vec<(ThreadId, NodeId, NodeId)> = cast.collect();
        let targets: Vec<(usize, NodeId)> =
            cast.iter().flat_map(|(_, customer, agent)| [(0, *customer), (0, *agent)]).collect();
        if !self.reach_all(hands, &targets)? {
            return Ok(false);
        }
        let now = self.world.now().wall;
        for (thread, customer, agent) in cast {
            let Some(rogue) = hands.nodes.first_mut() else { continue };
            let connected = |node| self.world.are_connected(rogue.node, node);
            if !connected(customer) || !connected(agent) {
                continue;
            }
            let device = self.world.node(agent)?.device();
            let stories = [
                ChangeRequest { remove: vec![device], ..ChangeRequest::default() },
                ChangeRequest { speaker: Speaker::Only(device), ..ChangeRequest::default() },
            ];
            let commits = rogue.two_commits(now, thread, stories)?;
            let Some(commits) = commits else { continue };
            self.truth.split.insert(thread);
            hands.threads.retain(|other| *other != thread);
            for (commit, to) in commits.into_iter().zip([customer, agent]) {
                let (revocations, addresses) = (Vec::new(), Vec::new());
                let commit = ByteBuf::from(commit);
                let notice =
                    CommitNotice { thread, era: 0, commit, revocations, addresses, departed: Vec::new() };
                self.shoot(index, hands, (0, to), &Body::CommitNotice(notice))?;
            }
        }
        Ok(true)
    }
}
