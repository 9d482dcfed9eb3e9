//! What nodes tell their owners, and what the owners make of it.

use super::{Deed, MINUTE, Play, SECOND, Wish};
use crate::{
    NodeId,
    lab::{chance::Chance as _, people::Role, truth::number_of},
    office,
};
use frontdesk_engine::{Event, MessageState, ThreadStatus};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_wire::Reason;
use std::collections::BTreeSet;

/// The epoch in which a new era begins for those who open it.
const ERA_OPENS: u64 = 1;

impl Play<'_> {
    pub(super) fn hear(&mut self, node: NodeId, event: Event) {
        let now = self.world.time;
        match event {
            Event::Started => self.reads_anew(node),
            Event::Message { message, history } if !message.mine => {
                let Some(number) = self.truth.shows(now, node, &message.text, history) else { return };
                if !history {
                    self.react(node, message.thread, number);
                }
            }
            Event::MessageState { thread, message, state } => {
                let told = self.truth.state(now, thread, &message, state);
                if let MessageState::Failed { reason } = state {
                    *self.figures.refusals.entry(reason.to_string()).or_default() += 1;
                }
                if let Some((number, _)) = told {
                    self.judge_late(number, state);
                }
                if let Some((number, true)) = told
                    && let Some(said) = self.truth.said.get(&number)
                {
                    let path = self.cast.path(said.author);
                    self.figures.delivery(path, now.saturating_sub(said.at));
                }
            }
            Event::ThreadOpened { thread, forwarded } => self.opened(node, thread, forwarded),
            Event::MembersChanged { thread, era, epoch, added, removed } => {
                self.truth.commit(now, (thread, era, epoch), node, (&added, &removed));
                let added: Vec<NodeId> =
                    added.iter().filter_map(|device| self.cast.node_of(device)).collect();
                let out: Vec<NodeId> =
                    removed.iter().filter_map(|device| self.cast.node_of(device)).collect();
                self.truth.knows(now, (thread, node), &added, &out);
                // Who led before may not have heard that another leads now. Whom it lets in reads what it hands on, and is in no
                // era that counts; whom it takes out loses the grant that it had from there.
                if self.truth.is_past(thread, era) {
                    let ended: Vec<NodeId> =
                        out.into_iter().filter(|out| self.truth.is_of_first_era(thread, *out)).collect();
                    ended.into_iter().for_each(|out| self.left(node, thread, out));
                    for newcomer in added {
                        self.came(node, thread, newcomer);
                        self.truth.drifts(thread, newcomer, node);
                    }
                    return;
                }
                added.into_iter().for_each(|newcomer| self.came(node, thread, newcomer));
                // Who is not there when an era is opened comes in again by itself.
                if era == 0 || epoch > ERA_OPENS {
                    out.into_iter().for_each(|out| self.left(node, thread, out));
                }
            }
            Event::CommandDone { id, .. } => self.truth.done(now, id),
            Event::ForwardAnswered { thread, request, refused } => {
                if let Some(request) = request {
                    self.truth.is_answered(now, (thread, node), request);
                }
                if request.is_none() && refused.is_some() {
                    let unfit = self.unfit.entry(thread).or_default();
                    *unfit = unfit.saturating_add(1);
                }
                // Agents ask for hand-overs alone.
                if refused.is_none() {
                    self.figures.handed_over += 1;
                    self.truth.is_out(thread, node, now);
                }
            }
            Event::Security { peer, thread, reason, detail } => {
                self.accuse((node, peer), thread, reason, &detail);
            }
            Event::Removed { thread } => self.truth.leaves(thread, node),
            Event::ContactFailed { thread, .. } => {
                self.truth.contact_ended(now, (thread, node), false, true);
            }
            Event::TakenOver { thread, era } => self.leads_now(node, thread, era),
            Event::TakeoverRefused { thread, reason } => self.is_too_late(node, thread, reason),
            Event::Message { .. }
            | Event::Closed { .. }
            | Event::JoinRequested { .. }
            | Event::JoinChallenged { .. }
            | Event::Joined { .. }
            | Event::JoinFailed { .. }
            | Event::Enrolled { .. }
            | Event::DeviceRemoved { .. }
            | Event::PeerUp { .. }
            | Event::PeerDown { .. } => {}
        }
    }

    /// A node has begun, and may have done what it never told: its owner looks at what it has.
    fn reads_anew(&mut self, node: NodeId) {
        let now = self.world.time;
        for thread in office::threads(&self.world, node) {
            self.truth.leaves(thread, node);
            self.sees_who_is_there(node, thread);
            self.sees_who_leads(node, thread);
            self.looks_who_is_there(node, thread);
            self.looks_how_it_began(node, thread);
            for message in office::messages(&self.world, node, thread) {
                let Some(number) = number_of(&message.text) else { continue };
                if message.mine {
                    self.truth.state(now, thread, &message.id, message.state);
                } else if !self.truth.has_shown(node, number) {
                    self.truth.shows(now, node, &message.text, true);
                    self.react(node, thread, number);
                }
            }
        }
    }

    /// A customer sees whether a thread that it asked for has begun.
    fn looks_how_it_began(&mut self, node: NodeId, thread: ThreadId) {
        if self.cast.role(node) != Some(Role::Customer) {
            return;
        }
        match office::status(&self.world, node, thread) {
            // Who was put back to where it waited for an offer asks first whether there is a thread by now.
            None | Some(ThreadStatus::Contacting | ThreadStatus::Rejoining) => {}
            Some(status) => {
                let opened = status != ThreadStatus::Failed;
                self.truth.contact_ended(self.world.time, (thread, node), opened, false);
            }
        }
    }

    /// Whoever looks at a thread anew knows who is in it.
    fn sees_who_is_there(&mut self, node: NodeId, thread: ThreadId) {
        let members = office::who(&self.world, node, thread).map(|who| who.members).unwrap_or_default();
        let there: Vec<NodeId> =
            members.iter().filter_map(|member| self.cast.node_of(&member.device)).collect();
        self.truth.knows(self.world.time, (thread, node), &there, &[]);
    }

    /// It may lead a thread in an era of which it told nobody.
    fn sees_who_leads(&mut self, node: NodeId, thread: ThreadId) {
        let era = office::era(&self.world, node, thread).filter(|era| *era > 0);
        if let Some(era) =
            era.filter(|_| office::is_in(&self.world, node, thread) && self.leads(node, thread))
        {
            self.leads_now(node, thread, era);
        }
    }

    /// A steward's owner sees whom it wanted out, and who is; and who has come by a wish. When a later era begins, those come in by themselves.
    fn looks_who_is_there(&mut self, node: NodeId, thread: ThreadId) {
        let first_era = office::era(&self.world, node, thread) == Some(0);
        let who = office::who(&self.world, node, thread).filter(|_| first_era);
        let leads = self.leads(node, thread) && self.leader(thread, node) == Some(node);
        let Some(who) = who.filter(|_| leads) else { return };
        let members: BTreeSet<NodeId> =
            who.members.iter().filter_map(|member| self.cast.node_of(&member.device)).collect();
        for out in self.truth.may_be_gone(thread).into_iter().filter(|gone| !members.contains(gone)) {
            self.left(node, thread, out);
        }
        for member in members {
            let in_already = self.truth.is_let_in(thread, member, self.world.time);
            if self.cast.administrator(member) == Some(node) && !in_already {
                self.came(node, thread, member);
            }
        }
    }

    /// A node learns that somebody is in a thread now. The steward's view at that moment says what a newcomer may read.
    pub(super) fn came(&mut self, node: NodeId, thread: ThreadId, newcomer: NodeId) {
        let business = &self.scenario.business;
        if !self.leads(node, thread) {
            return;
        }
        let rule = |asked| Wish { asked, history: business.choice(), seen: None };
        // Who comes in again is there by the right that it had.
        let anew = !self.truth.is_let_in(thread, newcomer, self.world.time);
        let by_policy = (business.by_policy() && anew).then(|| rule(self.world.time));
        let wish = self.forwards.get(&(thread, newcomer)).cloned();
        if wish.is_none() && by_policy.is_some() {
            self.figures.forwarded_by_policy += 1;
            let since = self.arrived.get(&thread).copied().unwrap_or(self.world.time);
            self.forwards.insert((thread, newcomer), rule(since));
        }
        if let Some(Wish { asked, history, seen }) = wish.or(by_policy) {
            let ends = self.world.time.saturating_add(business.lasts().saturating_mul(1000));
            let here = self.list(node, thread);
            let so_far = seen.unwrap_or_else(|| here.clone());
            self.truth.lets_in((thread, newcomer, asked), history, ends, (&so_far, &here));
        }
    }

    /// A node learns that somebody is no longer in a thread.
    pub(super) fn left(&mut self, node: NodeId, thread: ThreadId, out: NodeId) {
        let now = self.world.time;
        self.note_leaving(thread, out, node);
        match self.cast.role(node) {
            Some(Role::Administrator) if !self.leads(node, thread) => {}
            Some(Role::Administrator) => {
                self.truth.is_out(thread, out, now);
                self.removals.insert((thread, out), now);
                self.look_after(node, thread);
            }
            Some(Role::Customer | Role::Agent | Role::Bot) => {
                if let Some(at) = self.removals.get(&(thread, out)) {
                    self.figures.revocation.push(now.saturating_sub(*at));
                }
            }
            None => {}
        }
    }

    pub(super) fn opened(&mut self, node: NodeId, thread: ThreadId, forwarded: bool) {
        let now = self.world.time;
        if forwarded {
            // Of who else is there it knows only what it is told from now on.
            self.truth.leaves(thread, node);
            self.sees_who_is_there(node, thread);
            let era = office::era(&self.world, node, thread).unwrap_or_default();
            if !self.truth.is_past(thread, era) {
                self.truth.arrives(thread, node);
            }
        }
        match self.cast.role(node) {
            Some(Role::Administrator) if forwarded => drop(self.forwards.remove(&(thread, node))),
            Some(Role::Administrator) => {
                if let Some(customer) = self.customer_of(thread) {
                    self.truth.founders.insert(thread, [customer, node]);
                }
                self.arrived.insert(thread, now);
                // Who enrolled the others has their key packages; nobody else can let them in.
                for to in self.cast.administrators(node).to_vec().into_iter().filter(|to| *to != node) {
                    self.later(0.0, Deed::Admit { steward: node, thread, to });
                }
                if self.scenario.business.by_policy() {
                    // Where the rule finds nobody, a person looks after it.
                    self.later(5.0 * MINUTE, Deed::Forward { steward: node, thread });
                } else {
                    let takes = self.rng.exponential(self.scenario.business.forward_takes * SECOND);
                    self.later(self.at_work(takes), Deed::Forward { steward: node, thread });
                }
            }
            Some(Role::Agent | Role::Bot) if forwarded => {
                if let Some(Wish { asked, .. }) = self.forwards.remove(&(thread, node)) {
                    self.figures.forward.push(now.saturating_sub(asked));
                }
                self.answer_later(node, thread);
            }
            // If its disk failed at that moment, its owner was told that nothing was done: it was, after all.
            Some(Role::Customer) if !forwarded => {
                self.truth.contact_ended(now, (thread, node), true, true);
                self.customers.entry(thread).or_insert(node);
            }
            Some(Role::Agent | Role::Bot | Role::Customer) | None => {}
        }
    }

    /// Someone reads a text, and may answer.
    pub(super) fn react(&mut self, node: NodeId, thread: ThreadId, number: u64) {
        let now = self.world.time;
        let by_customer = self
            .truth
            .said
            .get(&number)
            .is_some_and(|said| self.cast.role(said.author) == Some(Role::Customer));
        match self.cast.role(node) {
            Some(Role::Customer) if !by_customer => {
                let mean = self.scenario.customers.thinks * SECOND;
                let think = self.rng.exponential(mean);
                let Some(talk) = self.talks.get_mut(&node).filter(|talk| !talk.gone) else { return };
                if let Some(asked) = talk.asked.take() {
                    self.figures.first_answer.push(now.saturating_sub(asked));
                }
                if talk.left > 0 {
                    self.later(think, Deed::Write { customer: node });
                }
            }
            Some(Role::Agent | Role::Bot) if by_customer => self.answer_later(node, thread),
            Some(Role::Administrator) if by_customer && self.leads(node, thread) => {
                self.look_after(node, thread)
            }
            _ => {}
        }
    }

    /// A customer still waits, and everybody who answered is out of the thread: the administrator forwards it again.
    pub(super) fn look_after(&mut self, steward: NodeId, thread: ThreadId) {
        let waits = self.customer_of(thread).and_then(|customer| self.talks.get(&customer));
        let waits = waits.is_some_and(|talk| !talk.gone && (talk.left > 0 || talk.asked.is_some()));
        let served_before = self.removals.range((thread, NodeId(0))..=(thread, NodeId(usize::MAX))).next();
        if waits && served_before.is_some() && !self.is_served(steward, thread) {
            // Who hears again and again that nobody can take it tries ever more rarely.
            let unfit = self.unfit.get(&thread).copied().unwrap_or_default().min(10);
            let patience = self.scenario.business.forward_takes.max(1.0) * SECOND * f64::from(1_u32 << unfit);
            let takes = self.rng.exponential(patience);
            self.later(self.at_work(takes), Deed::Forward { steward, thread });
        }
    }

    /// A node says that another broke a rule. Honest nodes don't, but for what they sent before they knew that their right
    /// had ended, and where their steward lies.
    fn accuse(
        &mut self,
        (node, peer): (NodeId, TransportKey),
        thread: Option<ThreadId>,
        reason: Reason,
        detail: &str,
    ) {
        let Some(peer) = self.world.by_key.get(&peer).copied() else { return };
        *self.figures.security.entry(reason.to_string()).or_default() += 1;
        let now = self.world.time;
        let ended = [Reason::GrantRevoked, Reason::GrantExpired, Reason::NotMember].contains(&reason)
            && self.truth.has_left(thread, (node, peer), now);
        let warned = thread.is_none() && self.is_warned(node);
        let split = thread.is_some_and(|thread| self.truth.is_split(thread));
        if !ended && !split && !warned && self.is_honest(peer) && self.is_honest(node) {
            let seen = format!("node {} accuses node {}: {reason}: {detail}", node.0, peer.0);
            self.truth.broken(now, "honest nodes keep the rules", seen);
        }
    }

    fn is_honest(&self, node: NodeId) -> bool {
        self.cast.role(node).is_some() && !self.truth.rogues.contains(&node)
    }

    pub(super) fn customer_of(&self, thread: ThreadId) -> Option<NodeId> {
        self.customers.get(&thread).copied()
    }
}
