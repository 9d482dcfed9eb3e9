//! What must be so in the end: nothing is missing or doubled, all agree on the order, every text has ended.

use super::{ledger::STEWARD, stage::Stage};
use crate::{
    NodeId, SimError,
    lab::{
        Violation,
        truth::{Said, Truth, number_of, refusals::Refusals},
    },
};
use frontdesk_engine::{Answer, MessageState, Query};
use frontdesk_identity::{DeviceId, ThreadId};
use frontdesk_wire::Reason;
use std::collections::{BTreeMap, BTreeSet};

/// What is told to one who is out, and may not know it yet.
const OUT: [Reason; 2] = [Reason::GrantRevoked, Reason::NotMember];

/// What a node shows of a thread that it is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shown {
    epoch: u64,
    /// Members with their grants, the steward marked.
    members: BTreeSet<(DeviceId, Vec<String>, bool)>,
    /// The numbers of the texts, in the node's order.
    texts: Vec<u64>,
    /// Where the node's own texts are.
    states: BTreeMap<u64, MessageState>,
    /// Who has refused them as those of one who is out, as the node knows.
    refused: BTreeSet<(u64, NodeId)>,
}

/// What all members show of all threads, and who still has something to send.
#[derive(Debug, Default)]
pub(super) struct Scene {
    threads: BTreeMap<ThreadId, BTreeMap<NodeId, Shown>>,
    /// What nodes show of threads that they are no longer in, with their own texts.
    left: BTreeMap<ThreadId, BTreeMap<NodeId, Shown>>,
    waiting: Vec<NodeId>,
}

impl Scene {
    /// Asks all nodes.
    pub(super) async fn look(stage: &Stage, threads: &[ThreadId]) -> Result<Self, SimError> {
        let mut scene = Self::default();
        for node in stage.nodes() {
            if node.status().await?.outbox > 0 {
                scene.waiting.push(node.id);
            }
            let Answer::Threads(known) = node.query(Query::Threads).await? else { continue };
            for thread in known.iter().map(|view| view.id).filter(|thread| threads.contains(thread)) {
                let shown = show(stage, node.id, thread).await?;
                let is_in = stage.is_in(node.id, thread).await;
                let side = if is_in { &mut scene.threads } else { &mut scene.left };
                side.entry(thread).or_default().insert(node.id, shown);
            }
        }
        Ok(scene)
    }

    /// What is not so.
    pub(super) fn judge(&self, truth: &mut Truth, at: u64) -> Vec<Violation> {
        let known = truth.violations.len();
        for node in &self.waiting {
            truth.broken(
                at,
                "all is delivered once faults have stopped",
                format!("node {} has frames to send", node.0),
            );
        }
        for (thread, [customer, _]) in truth.founders.clone() {
            self.judge_thread(truth, at, thread, customer);
        }
        truth.violations.split_off(known.min(truth.violations.len()))
    }

    fn judge_thread(&self, truth: &mut Truth, at: u64, thread: ThreadId, customer: NodeId) {
        let empty = BTreeMap::new();
        let members = self.threads.get(&thread).unwrap_or(&empty);
        for founder in [STEWARD, customer].into_iter().filter(|node| !members.contains_key(node)) {
            truth.broken(at, "who founded a thread is in it", format!("thread {thread}: node {}", founder.0));
        }
        let views: BTreeSet<_> = members.values().map(|shown| (shown.epoch, &shown.members)).collect();
        let counts = views.first().is_some_and(|(_, known)| known.len() == members.len());
        if views.len() != 1 || !counts {
            let seen: Vec<_> =
                members.iter().map(|(node, shown)| (node.0, shown.epoch, shown.members.len())).collect();
            let seen = format!("thread {thread}: node, epoch and members: {seen:?}");
            truth.broken(at, "all members agree on epoch, members and state", seen);
        }
        let lists = members.iter().map(|(node, shown)| (*node, shown.texts.clone())).collect();
        truth.check_order(at, thread, &lists);
        for (node, texts) in &lists {
            let mut once = BTreeSet::new();
            for number in texts.iter().filter(|number| !once.insert(**number)) {
                let seen = format!("thread {thread}: node {} has #{number} twice", node.0);
                truth.broken(at, "nothing is shown twice", seen);
            }
        }
        let whole = members.get(&STEWARD).map(|shown| shown.texts.clone()).unwrap_or_default();
        for (node, shown) in members {
            let past = |number: &&u64| truth.said.get(number).is_some_and(|said| !said.is_for(*node));
            let missing = whole.iter().filter(past).find(|number| !shown.texts.contains(number));
            if let Some(number) = missing {
                let seen = format!("thread {thread}: node {} has no #{number}", node.0);
                truth.broken(at, "who is let in has what its grant gave of the past", seen);
            }
        }
        for (number, said) in truth.said_in(thread) {
            self.judge_text(truth, at, members, (number, &said));
        }
        truth.check_refusals(at, thread, &Refusals::new());
    }

    /// A text is delivered, and at every member that it was for; or its author was taken out before the steward had it.
    fn judge_text(
        &self,
        truth: &mut Truth,
        at: u64,
        members: &BTreeMap<NodeId, Shown>,
        (number, said): (u64, &Said),
    ) {
        let author = said.author.0;
        let state = self.state(said.thread, said.author, number);
        let is_out = !members.contains_key(&said.author);
        let ended = match state {
            Some(MessageState::Delivered | MessageState::Read) => true,
            // What the steward has of one that it took out, it brings: no acknowledgement tells the author.
            Some(MessageState::Stored) => is_out,
            Some(MessageState::Failed { reason }) => is_out && OUT.contains(&reason),
            Some(MessageState::Queued | MessageState::Received) | None => false,
        };
        if !ended {
            let seen = format!("thread {}: #{number} of node {author} is {state:?}", said.thread);
            truth.broken(at, "every text ends delivered or refused", seen);
        }
        let must = |node: NodeId| self.must_have(truth, (number, said), state, is_out, node);
        let lacks = |(node, shown): &(&NodeId, &Shown)| must(**node) && !shown.texts.contains(&number);
        let lacking: Vec<NodeId> = members.iter().filter(lacks).map(|(node, _)| *node).collect();
        for node in lacking {
            let seen = format!("thread {}: node {} has no #{number} of node {author}", said.thread, node.0);
            truth.broken(at, "nothing that was answered for is lost", seen);
        }
        // The one that left counts as stored what the steward had, so of the others it had none, and took none later.
        let failed = matches!(state, Some(MessageState::Failed { .. }));
        if failed && members.get(&STEWARD).is_some_and(|shown| shown.texts.contains(&number)) {
            let seen = format!("thread {}: #{number} of node {author}, which failed", said.thread);
            truth.broken(at, "the steward has nothing that it did not take", seen);
        }
    }

    /// Whether a member must have a text. Of one who is out it may lack what came to it when it knew that already, and nothing
    /// else: not what it acknowledged before, nor what the steward had then and brings.
    fn must_have(
        &self,
        truth: &Truth,
        (number, said): (u64, &Said),
        state: Option<MessageState>,
        is_out: bool,
        node: NodeId,
    ) -> bool {
        if !said.is_for(node) || matches!(state, Some(MessageState::Failed { .. })) {
            return false;
        }
        let [customer, _] = truth.founders.get(&said.thread).copied().unwrap_or([STEWARD; 2]);
        let across = said.author != customer && node == customer;
        let brought = state == Some(MessageState::Stored);
        let refused =
            || self.shown(said.thread, said.author).is_some_and(|own| own.refused.contains(&(number, node)));
        // Across there is but the customer: what was delivered there, it has.
        !is_out || brought || across || !refused()
    }

    fn state(&self, thread: ThreadId, author: NodeId, number: u64) -> Option<MessageState> {
        self.shown(thread, author)?.states.get(&number).copied()
    }

    fn shown(&self, thread: ThreadId, node: NodeId) -> Option<&Shown> {
        let sides = [&self.threads, &self.left];
        sides.into_iter().find_map(|side| side.get(&thread)?.get(&node))
    }
}

async fn show(stage: &Stage, node: NodeId, thread: ThreadId) -> Result<Shown, SimError> {
    let node = stage.node(node)?;
    let mut shown = Shown::default();
    if let Answer::Who(Some(who)) = node.query(Query::Who(thread)).await? {
        shown.epoch = who.epoch;
        shown.members =
            who.members.into_iter().map(|member| (member.device, member.grants, member.steward)).collect();
    }
    let messages = Query::Messages { thread, before: None, limit: frontdesk_engine::limits::MAX_PAGE };
    let Answer::Messages(messages) = node.query(messages).await? else { return Ok(shown) };
    for message in messages.into_iter().filter(|message| message.side != "note") {
        let Some(number) = number_of(&message.text) else { continue };
        shown.texts.push(number);
        if message.mine {
            shown.states.insert(number, message.state);
            let refusers = message.receivers.iter();
            let refusers = refusers
                .filter(|one| matches!(one.state, MessageState::Failed { reason } if OUT.contains(&reason)));
            let refusers = refusers.filter_map(|one| stage.ledger.book().node_of(&one.device));
            shown.refused.extend(refusers.map(|node| (number, node)));
        }
    }
    Ok(shown)
}

#[cfg(test)]
mod tests;
