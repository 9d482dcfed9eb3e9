//! The reference: what was said, by whom, to whom, and who was let in when. It knows nothing of keys, epochs or frames,
//! and is compared with what the nodes show.

use crate::{Node, NodeId, World, office};
use frontdesk_engine::{HistoryChoice, MessageState};
use frontdesk_identity::ThreadId;
use std::collections::{BTreeMap, BTreeSet};

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Violation {
    /// When, in milliseconds of virtual time.
    pub at: u64,
    /// Which promise.
    pub promise: String,
    /// What was seen.
    pub seen: String,
}

/// Something that a node's owner wrote, and that the node answered for.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) thread: ThreadId,
    pub(super) author: NodeId,
    pub(super) at: u64,
    /// Who was in the thread, as the author's node knew it.
    audience: BTreeSet<NodeId>,
    pub(super) delivered: Option<u64>,
    pub(super) failed: bool,
}

/// A stay in a thread.
#[derive(Debug, Clone)]
struct Stay {
    from: u64,
    until: Option<u64>,
    /// What the steward had when it let the newcomer in, and did not grant. What was on its way then comes after.
    withheld: BTreeSet<u64>,
}

/// The reference model.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) said: BTreeMap<u64, Said>,
    /// From a message's own name to its number here.
    names: BTreeMap<(ThreadId, String), u64>,
    shown: BTreeSet<(NodeId, u64)>,
    ghosts: BTreeSet<u64>,
    stays: BTreeMap<(ThreadId, NodeId), Vec<Stay>>,
    /// The founding members of each thread.
    pub(super) founders: BTreeMap<ThreadId, [NodeId; 2]>,
    pub(super) violations: Vec<Violation>,
}

/// The text number `number`, as people write it in simulations.
pub(super) fn text(number: u64, words: &str) -> String {
    format!("#{number} {words}")
}

/// The number of a text.
pub(super) fn number_of(text: &str) -> Option<u64> {
    text.strip_prefix('#')?.split(' ').next()?.parse().ok()
}

impl Truth {
    pub(super) fn broken(&mut self, at: u64, promise: &str, seen: String) {
        // The first few say it all.
        if self.violations.len() < 100 {
            self.violations.push(Violation { at, promise: promise.to_owned(), seen });
        }
    }

    pub(super) fn says(
        &mut self,
        (number, name): (u64, String),
        (thread, author, at): (ThreadId, NodeId, u64),
        audience: BTreeSet<NodeId>,
    ) {
        self.names.insert((thread, name), number);
        self.said.insert(number, Said { thread, author, at, audience, delivered: None, failed: false });
    }

    /// A text of which it is not known whether the node has it.
    pub(super) fn perhaps(
        &mut self,
        number: u64,
        (thread, author, at): (ThreadId, NodeId, u64),
        audience: BTreeSet<NodeId>,
    ) {
        self.said.insert(number, Said { thread, author, at, audience, delivered: None, failed: true });
    }

    /// A first message of which it is not known whether the node has it, nor in which thread.
    pub(super) fn ghost(&mut self, number: u64) {
        self.ghosts.insert(number);
    }

    pub(super) fn lets_in(
        &mut self,
        (thread, node, at): (ThreadId, NodeId, u64),
        history: HistoryChoice,
        so_far: &[u64],
    ) {
        let granted = match history {
            HistoryChoice::All => so_far.len(),
            HistoryChoice::None => 0,
            HistoryChoice::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let withheld = so_far.iter().rev().skip(granted).copied().collect();
        self.stays.entry((thread, node)).or_default().push(Stay { from: at, until: None, withheld });
    }

    pub(super) fn takes_out(&mut self, thread: ThreadId, node: NodeId, at: u64) {
        for stay in self.stays.entry((thread, node)).or_default() {
            stay.until.get_or_insert(at);
        }
    }

    /// A node showed its owner a message. Answers its number.
    pub(super) fn shows(&mut self, at: u64, node: NodeId, text: &str, history: bool) -> Option<u64> {
        let number = number_of(text)?;
        if !self.shown.insert((node, number)) && !history {
            self.broken(at, "nothing is shown twice", format!("node {} shows #{number} again", node.0));
        }
        self.may_read(at, node, number);
        Some(number)
    }

    fn may_read(&mut self, at: u64, node: NodeId, number: u64) {
        if self.ghosts.contains(&number) {
            return;
        }
        let Some(said) = self.said.get(&number) else {
            return self.broken(at, "nothing is invented", format!("node {} shows #{number}", node.0));
        };
        let stays = self.stays.get(&(said.thread, node)).map(Vec::as_slice).unwrap_or_default();
        let granted =
            |stay: &Stay| !stay.withheld.contains(&number) && stay.until.is_none_or(|until| said.at <= until);
        if !said.audience.contains(&node) && !stays.iter().any(granted) {
            let seen = format!(
                "node {} shows #{number} of node {} ({} ms, thread {}); it was let in {:?}",
                node.0,
                said.author.0,
                said.at,
                said.thread.fmt_short(),
                stays.iter().map(|stay| (stay.from, stay.until)).collect::<Vec<_>>(),
            );
            self.broken(at, "nobody reads what no grant gave", seen);
        }
    }

    /// A message got further. Answers its number and whether this is when it was delivered.
    pub(super) fn state(
        &mut self,
        at: u64,
        thread: ThreadId,
        name: &str,
        state: MessageState,
    ) -> Option<(u64, bool)> {
        let number = *self.names.get(&(thread, name.to_owned()))?;
        let said = self.said.get_mut(&number)?;
        let first = said.delivered.is_none();
        match state {
            MessageState::Delivered | MessageState::Read => {
                said.delivered.get_or_insert(at);
                Some((number, first))
            }
            MessageState::Failed { .. } => {
                said.failed = true;
                Some((number, false))
            }
            MessageState::Queued | MessageState::Stored | MessageState::Received => Some((number, false)),
        }
    }

    /// After all faults have stopped and everything has settled: nothing is lost, all agree, nothing waits.
    pub(super) fn close(&mut self, world: &World, at: u64) {
        let threads: Vec<ThreadId> = self.founders.keys().copied().collect();
        for thread in threads {
            self.close_thread(world, at, thread);
        }
    }

    fn close_thread(&mut self, world: &World, at: u64, thread: ThreadId) {
        let Some([_, steward]) = self.founders.get(&thread).copied() else { return };
        let Some(who) = office::who(world, steward, thread) else { return };
        let node_of = |device| {
            (0..world.nodes.len())
                .map(NodeId)
                .find(|node| world.nodes.get(node.0).is_some_and(|n| n.device() == device))
        };
        let members: Vec<NodeId> = who.members.iter().filter_map(|member| node_of(member.device)).collect();
        let listed: BTreeMap<NodeId, Vec<u64>> = members
            .iter()
            .map(|node| {
                let texts = office::texts(world, *node, thread);
                (*node, texts.iter().filter_map(|text| number_of(text)).collect())
            })
            .collect();
        for node in &members {
            let seen = office::who(world, *node, thread).map(|who| (who.epoch, who.members.len()));
            if seen != Some((who.epoch, who.members.len())) {
                let seen = format!(
                    "thread {thread}: node {} sees {seen:?}, the steward {:?}",
                    node.0,
                    (who.epoch, who.members.len())
                );
                self.broken(at, "all members agree on epoch and members", seen);
            }
        }
        self.check_order(at, thread, &listed);
        let said: Vec<(u64, Said)> = self
            .said
            .iter()
            .filter(|(_, said)| said.thread == thread && !said.failed)
            .map(|(number, said)| (*number, said.clone()))
            .collect();
        for (number, said) in said {
            for node in members.iter().filter(|node| said.audience.contains(node)) {
                let has = listed.get(node).is_some_and(|numbers| numbers.contains(&number));
                if !has && !is_told(world, (number, &said), *node) {
                    let seen = format!(
                        "thread {thread}: node {} has no #{number} of node {}",
                        node.0, said.author.0
                    );
                    self.broken(at, "nothing that was answered for is lost", seen);
                }
            }
        }
    }

    /// Any two members have what both have in the same order.
    fn check_order(&mut self, at: u64, thread: ThreadId, listed: &BTreeMap<NodeId, Vec<u64>>) {
        let Some((_, first)) = listed.first_key_value() else { return };
        for (node, numbers) in listed {
            let common = |of: &[u64], other: &[u64]| -> Vec<u64> {
                let other: BTreeSet<u64> = other.iter().copied().collect();
                of.iter().copied().filter(|number| other.contains(number)).collect()
            };
            if common(first, numbers) != common(numbers, first) {
                let seen = format!("thread {thread}: node {} has another order", node.0);
                self.broken(at, "all members show the same order", seen);
            }
            let mut last: BTreeMap<NodeId, u64> = BTreeMap::new();
            for number in numbers {
                let Some(author) = self.said.get(number).map(|said| said.author) else { continue };
                if last.insert(author, *number).is_some_and(|before| before > *number) {
                    let seen = format!(
                        "thread {thread}: node {} shows #{number} of node {} too late",
                        node.0, author.0
                    );
                    self.broken(at, "each author's order is kept", seen);
                }
            }
        }
    }
}

/// Whether the author's node says that this reader refused the text: then its owner knows.
fn is_told(world: &World, (number, said): (u64, &Said), reader: NodeId) -> bool {
    let Ok(reader) = world.node(reader).map(Node::device) else { return false };
    let messages = office::messages(world, said.author, said.thread).into_iter();
    let mut receivers = messages
        .filter(|message| number_of(&message.text) == Some(number))
        .flat_map(|message| message.receivers);
    receivers.any(|view| view.device == reader && matches!(view.state, MessageState::Failed { .. }))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const THREAD: ThreadId = ThreadId::from_bytes([1; 32]);
    const CARLA: NodeId = NodeId(0);
    const ANA: NodeId = NodeId(1);
    const BEN: NodeId = NodeId(2);

    /// Carla wrote #1 to #3 to Ana.
    fn three() -> Truth {
        let mut truth = Truth::default();
        for number in 1..=3 {
            let audience = BTreeSet::from([CARLA, ANA]);
            truth.says((number, format!("carla.{number}")), (THREAD, CARLA, 10 * number), audience);
        }
        truth
    }

    fn promise(truth: &Truth) -> &str {
        &truth.violations.first().unwrap().promise
    }

    #[test]
    fn what_is_shown_once_to_those_who_were_there_is_fine_and_the_second_time_is_not() {
        let mut truth = three();
        assert_eq!(truth.shows(11, ANA, "#1 hello", false), Some(1));
        assert!(truth.violations.is_empty());
        truth.shows(12, ANA, "#1 hello", false);
        assert_eq!(promise(&truth), "nothing is shown twice");
    }

    #[test]
    fn who_was_not_there_may_read_what_a_grant_gave_and_nothing_more() {
        let mut truth = three();
        truth.lets_in((THREAD, BEN, 25), HistoryChoice::Last(1), &[1, 2]);
        truth.shows(31, BEN, "#2 hello", true);
        truth.shows(32, BEN, "#3 hello", false);
        assert!(truth.violations.is_empty());
        truth.shows(33, BEN, "#1 hello", true);
        assert_eq!(promise(&truth), "nobody reads what no grant gave");
    }

    #[test]
    fn what_was_on_its_way_when_somebody_came_in_may_be_read_and_what_was_withheld_may_not() {
        let mut truth = three();
        truth.lets_in((THREAD, BEN, 35), HistoryChoice::None, &[1]);
        truth.shows(36, BEN, "#3 hello", false);
        assert!(truth.violations.is_empty());
        truth.shows(37, BEN, "#1 hello", true);
        assert_eq!(promise(&truth), "nobody reads what no grant gave");
    }

    #[test]
    fn who_was_taken_out_may_read_nothing_that_was_said_later() {
        let mut truth = three();
        truth.lets_in((THREAD, BEN, 5), HistoryChoice::None, &[]);
        truth.takes_out(THREAD, BEN, 25);
        truth.shows(31, BEN, "#2 hello", false);
        assert!(truth.violations.is_empty());
        truth.shows(32, BEN, "#3 hello", false);
        assert_eq!(promise(&truth), "nobody reads what no grant gave");
    }

    #[test]
    fn a_text_that_nobody_wrote_and_an_order_that_differs_are_noticed() {
        let mut truth = three();
        truth.shows(31, ANA, "#4 hello", false);
        assert_eq!(promise(&truth), "nothing is invented");
        let mut truth = three();
        truth.check_order(40, THREAD, &BTreeMap::from([(CARLA, vec![1, 2, 3]), (ANA, vec![1, 3])]));
        assert!(truth.violations.is_empty());
        truth.check_order(40, THREAD, &BTreeMap::from([(CARLA, vec![1, 2, 3]), (ANA, vec![3, 1])]));
        assert_eq!(promise(&truth), "all members show the same order");
    }

    #[test]
    fn a_delivery_counts_once() {
        let mut truth = three();
        let state = |truth: &mut Truth, at| truth.state(at, THREAD, "carla.2", MessageState::Delivered);
        assert_eq!(state(&mut truth, 30), Some((2, true)));
        assert_eq!(state(&mut truth, 31), Some((2, false)));
        assert_eq!(truth.said.get(&2).unwrap().delivered, Some(30));
        assert_eq!(truth.state(32, THREAD, "carla.9", MessageState::Delivered), None);
    }
}
