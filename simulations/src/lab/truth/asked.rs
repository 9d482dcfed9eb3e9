//! What owners asked for and is answered later: each wish has one answer, each contact is opened or fails.

use super::{Truth, losses::COMES_ANEW};
use crate::NodeId;
use frontdesk_identity::ThreadId;
use frontdesk_wire::RequestId;
use std::collections::{BTreeMap, BTreeSet};

/// What every command promises.
pub(super) const ONE_ANSWER: &str = "every command ends in one event";

/// What was asked and is not certain to be answered yet.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    wishes: BTreeMap<(NodeId, RequestId), Wish>,
    contacts: BTreeMap<(ThreadId, NodeId), Contact>,
    /// Whose wishes it is not known of whether their nodes have them, nor by which name.
    unsure: BTreeSet<(ThreadId, NodeId)>,
    /// Of whose disks a step was lost, or its events: when.
    failures: BTreeMap<NodeId, Vec<u64>>,
}

/// A wish to bring somebody in or to hand over.
#[derive(Debug)]
struct Wish {
    thread: ThreadId,
    at: u64,
    answered: bool,
}

/// A contact that a customer asked for.
#[derive(Debug)]
struct Contact {
    at: u64,
    opened: bool,
    failed: bool,
}

impl Truth {
    /// A node answered a command by saying that it has asked the steward.
    pub(crate) fn asks(&mut self, (thread, node, at): (ThreadId, NodeId, u64), request: RequestId) {
        self.asked.wishes.insert((node, request), Wish { thread, at, answered: false });
    }

    /// A node's disk failed when it was told to ask: it may have done so.
    pub(crate) fn may_ask(&mut self, thread: ThreadId, node: NodeId) {
        self.asked.unsure.insert((thread, node));
    }

    /// A node tells its owner how its wish ended.
    pub(crate) fn is_answered(&mut self, at: u64, (thread, node): (ThreadId, NodeId), request: RequestId) {
        let wish = self.asked.wishes.get_mut(&(node, request)).filter(|wish| wish.thread == thread);
        let before = wish.map(|wish| std::mem::replace(&mut wish.answered, true));
        let seen = match before {
            Some(false) => return,
            Some(true) => "is answered twice",
            // What it asked since its copy was made it no longer knows of, and others do.
            None if self.asked.unsure.contains(&(thread, node)) || self.rolled.contains_key(&node) => return,
            None => "was never asked",
        };
        let seen = format!("thread {thread}: a wish of node {} {seen}", node.0);
        self.broken(at, ONE_ANSWER, seen);
    }

    /// A customer's node has answered that it opens a thread.
    pub(crate) fn contacts(&mut self, thread: ThreadId, node: NodeId, at: u64) {
        self.asked.contacts.entry((thread, node)).or_insert(Contact { at, opened: false, failed: false });
    }

    /// A customer's node tells its owner that a thread is open, or that it is not to be; `event`: by an event, and not by what
    /// it has when it begins anew.
    pub(crate) fn contact_ended(
        &mut self,
        at: u64,
        (thread, node): (ThreadId, NodeId),
        opened: bool,
        event: bool,
    ) {
        let new = || Contact { at, opened: false, failed: false };
        let contact = self.asked.contacts.entry((thread, node)).or_insert_with(new);
        let end = if opened { &mut contact.opened } else { &mut contact.failed };
        if std::mem::replace(end, true) && event {
            let seen = format!("thread {thread}: node {} hears again how its contact ended", node.0);
            self.broken(at, ONE_ANSWER, seen);
        }
    }

    /// A step of a node was lost with its disk, or was done and its events were lost.
    pub(crate) fn disk_failed(&mut self, node: NodeId, at: u64) {
        self.asked.failures.entry(node).or_default().push(at);
    }

    /// Whether a node's disk has failed a step since a moment.
    pub(crate) fn has_failed(&self, node: NodeId, since: u64) -> bool {
        self.asked.failures.get(&node).is_some_and(|failures| failures.iter().any(|at| *at >= since))
    }

    /// A node is put back to a copy: what was asked since it was made, it doesn't know of; what ended since, may end again.
    pub(super) fn forgets_what_it_asked(&mut self, node: NodeId) {
        self.asked.wishes.retain(|(asker, _), _| *asker != node);
        self.asked.contacts.retain(|(_, customer), _| *customer != node);
    }

    /// Every wish was answered, and every contact opened or refused.
    pub(super) fn check_answers(
        &mut self,
        at: u64,
        can_meet: &dyn Fn(NodeId, NodeId) -> bool,
        administrator: impl Fn(NodeId) -> NodeId,
    ) {
        let lost = |node: NodeId, asked: u64| {
            let rolled = self.rolled.get(&node).into_iter().flatten();
            self.rogues.contains(&node)
                || rolled
                    .into_iter()
                    .any(|[since, back]| (*since..=back.saturating_add(COMES_ANEW)).contains(&asked))
        };
        let mut open = Vec::new();
        for ((node, _), wish) in self.asked.wishes.iter().filter(|(_, wish)| !wish.answered) {
            let steward = administrator(*node);
            let excused = [*node, steward].into_iter().any(|it| lost(it, wish.at))
                || self.split.contains(&wish.thread)
                // The answer was taken in, and the step's events were lost.
                || self.has_failed(*node, wish.at)
                || !can_meet(*node, steward);
            if !excused {
                open.push(format!("thread {}: a wish of node {} has no answer", wish.thread, node.0));
            }
        }
        for ((thread, node), contact) in &self.asked.contacts {
            let business = administrator(*node);
            let excused =
                [*node, business].into_iter().any(|it| lost(it, contact.at)) || !can_meet(*node, business);
            if !contact.opened && !contact.failed && !excused {
                open.push(format!("thread {thread}: node {} hears nothing of its contact", node.0));
            }
        }
        open.into_iter().for_each(|seen| self.broken(at, ONE_ANSWER, seen));
    }
}
