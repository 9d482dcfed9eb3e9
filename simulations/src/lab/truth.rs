//! The reference: what was said, by whom, to whom, and who was let in when. It knows nothing of keys, epochs or frames,
//! and is compared with what the nodes show.

mod asked;
mod blame;
mod closing;
mod ends;
mod losses;
pub(crate) mod refusals;
mod rights;
mod shown;
mod stewards;

pub(crate) use closing::places;

use crate::NodeId;
use asked::{Asked, ONE_ANSWER};
use frontdesk_engine::{CommandId, MessageState};
use frontdesk_identity::{DeviceId, ThreadId};
use frontdesk_wire::Position;
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

/// A text's number, and its place in its thread.
pub(crate) type Placed = (u64, Position);

/// Something that a node's owner wrote, and that the node answered for.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) thread: ThreadId,
    pub(crate) author: NodeId,
    pub(crate) at: u64,
    /// Who was in the thread by a grant that held, as the author's node knew it.
    audience: BTreeSet<NodeId>,
    pub(crate) delivered: Option<u64>,
    /// The steward brought it to the other side, when its author had left the thread: nobody tells the author.
    pub(crate) brought: bool,
    pub(crate) failed: bool,
    /// When its author's node told of that.
    failed_at: Option<u64>,
    /// It isn't known whether its author's node has it.
    pub(crate) perhaps: bool,
    /// Its author's node has lost it: who was not shown it until then gets it from nobody.
    gone: bool,
}

impl Said {
    fn of((thread, author, at): (ThreadId, NodeId, u64), audience: BTreeSet<NodeId>) -> Self {
        let (delivered, failed_at) = (None, None);
        let (brought, failed, perhaps, gone) = (false, false, false, false);
        Self { thread, author, at, audience, delivered, brought, failed, failed_at, perhaps, gone }
    }

    /// Whether a node was in the thread when it was written, as the author's node knew it.
    pub(crate) fn is_for(&self, node: NodeId) -> bool {
        self.audience.contains(&node)
    }
}

/// A stay in a thread.
#[derive(Debug, Clone)]
struct Stay {
    from: u64,
    /// When the steward took it out.
    until: Option<u64>,
    /// When its grant ends by itself.
    ends: u64,
    /// What the steward had and did not hand on.
    hidden: BTreeSet<u64>,
    /// What the steward had and handed on.
    granted: BTreeSet<u64>,
    /// From which place on the past is given, whether the steward had it yet or not. None: nobody knows.
    from_place: Option<Position>,
}

impl Stay {
    /// By a right to all threads, from a moment on.
    const fn standing(from: u64) -> Self {
        let ends = u64::MAX;
        Self { from, until: None, ends, hidden: BTreeSet::new(), granted: BTreeSet::new(), from_place: None }
    }

    /// Whether it is over at a moment, or may be for those whose clocks are ahead.
    fn is_over(&self, at: u64) -> bool {
        self.until.is_some_and(|until| until <= at) || self.ends.saturating_sub(SKEW) <= at
    }
}

/// The reference model.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) said: BTreeMap<u64, Said>,
    /// From a message's own name to its number here.
    names: BTreeMap<(ThreadId, String), u64>,
    /// The numbers of a thread's texts.
    of_thread: BTreeMap<ThreadId, Vec<u64>>,
    /// When each text was first shown to each reader.
    shown: BTreeMap<(NodeId, u64), u64>,
    ghosts: BTreeSet<u64>,
    stays: BTreeMap<(ThreadId, NodeId), Vec<Stay>>,
    /// The founding members of each thread.
    pub(crate) founders: BTreeMap<ThreadId, [NodeId; 2]>,
    /// What each commit changed, as the first member that has it tells.
    commits: BTreeMap<(ThreadId, u32, u64), Commit>,
    /// Who is out of a thread, and whose node has told its owner.
    known_out: BTreeSet<(ThreadId, NodeId, NodeId)>,
    /// Who came into a thread while another was in it, whose node has told its owner: thread, teller, newcomer.
    known_in: BTreeSet<(ThreadId, NodeId, NodeId)>,
    /// When a node heard last that another is in a thread: thread, hearer, the other.
    heard: BTreeMap<(ThreadId, NodeId, NodeId), u64>,
    /// Whom an owner wants out of a thread.
    may_go: BTreeSet<(ThreadId, NodeId)>,
    /// The newest text of each author that each reader was shown as it came.
    newest: BTreeMap<(NodeId, ThreadId, NodeId), u64>,
    /// Texts that were shown as they came, and not in their author's order.
    pub(crate) out_of_turn: u64,
    /// Texts that were on their way when somebody came in with a part of the past: within its bound, and before it.
    pub(crate) crossed: [u64; 2],
    commands: BTreeSet<CommandId>,
    asked: Asked,
    /// Nodes that are no longer honest.
    pub(crate) rogues: BTreeSet<NodeId>,
    /// Administrators whose clocks lie.
    pub(crate) liars: BTreeSet<NodeId>,
    /// Threads whose steward told different members different stories, which nothing protects from.
    pub(crate) split: BTreeSet<ThreadId>,
    /// Nodes that were put back to an old copy: of which moment, and when.
    rolled: BTreeMap<NodeId, Vec<[u64; 2]>>,
    /// Who was put back may be taken out of each of its threads once, to come in anew.
    may_come_anew: BTreeSet<(ThreadId, NodeId)>,
    pub(crate) stewards: stewards::Stewards,
    /// Which administrator a customer asked for, by a contact whose thread may never have been opened there.
    receptions: BTreeMap<ThreadId, NodeId>,
    /// What those no longer know of.
    forgot: BTreeSet<(ThreadId, NodeId)>,
    pub(crate) violations: Vec<Violation>,
}

/// Who came and who left by a commit, and who told of it first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Commit {
    added: BTreeSet<DeviceId>,
    removed: BTreeSet<DeviceId>,
    told_by: NodeId,
}

/// Clocks may differ by so much until a grant's end is certain, in milliseconds: the tolerance, twice, for the one who
/// sends and the one who reads.
const SKEW: u64 = 2 * 60_000;

/// The text number `number`, as people write it in simulations.
pub(crate) fn text(number: u64, words: &str) -> String {
    format!("#{number} {words}")
}

/// The number of a text.
pub(crate) fn number_of(text: &str) -> Option<u64> {
    text.strip_prefix('#')?.split(' ').next()?.parse().ok()
}

impl Truth {
    pub(crate) fn broken(&mut self, at: u64, promise: &str, seen: String) {
        // The first few say it all.
        if self.violations.len() < 100 {
            self.violations.push(Violation { at, promise: promise.to_owned(), seen });
        }
    }

    pub(crate) fn says(
        &mut self,
        (number, name): (u64, String),
        (thread, author, at): (ThreadId, NodeId, u64),
        audience: BTreeSet<NodeId>,
    ) {
        self.names.insert((thread, name), number);
        self.of_thread.entry(thread).or_default().push(number);
        self.said.insert(number, Said::of((thread, author, at), audience));
    }

    /// A customer asks for a business by this administrator of it.
    pub(in crate::lab) fn is_contacted(&mut self, thread: ThreadId, reception: NodeId) {
        self.receptions.insert(thread, reception);
    }

    /// A text of which it is not known whether the node has it.
    pub(crate) fn perhaps(
        &mut self,
        number: u64,
        (thread, author, at): (ThreadId, NodeId, u64),
        audience: BTreeSet<NodeId>,
    ) {
        let said = Said { failed: true, perhaps: true, ..Said::of((thread, author, at), audience) };
        self.said.insert(number, said);
    }

    /// A first message of which it is not known whether the node has it, nor in which thread.
    pub(crate) fn ghost(&mut self, number: u64) {
        self.ghosts.insert(number);
    }

    /// A node has told its owner who came and who left.
    pub(crate) fn knows(
        &mut self,
        at: u64,
        (thread, node): (ThreadId, NodeId),
        came: &[NodeId],
        out: &[NodeId],
    ) {
        self.hears_of(at, (thread, node), came);
        for came in came {
            self.known_out.remove(&(thread, node, *came));
            self.known_in.insert((thread, node, *came));
        }
        for out in out {
            self.known_in.remove(&(thread, node, *out));
            self.known_out.insert((thread, node, *out));
        }
    }

    /// A node has told its owner that it is out itself: what it knew of the others, it learns anew if it comes back.
    pub(crate) fn leaves(&mut self, thread: ThreadId, node: NodeId) {
        self.known_in.retain(|(of, teller, _)| (*of, *teller) != (thread, node));
        self.known_out.retain(|(of, teller, _)| (*of, *teller) != (thread, node));
    }

    /// A node showed its owner a message. Answers its number.
    pub(crate) fn shows(&mut self, at: u64, node: NodeId, text: &str, history: bool) -> Option<u64> {
        let number = number_of(text)?;
        let again = self.shown.contains_key(&(node, number));
        self.shown.entry((node, number)).or_insert(at);
        if again && !history {
            self.broken(at, "nothing is shown twice", format!("node {} shows #{number} again", node.0));
        }
        self.may_read(at, node, number);
        self.may_write(at, node, number);
        self.is_believed(at, node, number);
        if !history && !again {
            self.in_turn(node, number);
        }
        Some(number)
    }

    pub(crate) fn has_shown(&self, node: NodeId, number: u64) -> bool {
        self.shown.contains_key(&(node, number))
    }

    fn may_read(&mut self, at: u64, node: NodeId, number: u64) {
        if self.ghosts.contains(&number) {
            return;
        }
        let Some(said) = self.said.get(&number) else {
            return self.broken(at, "nothing is invented", format!("node {} shows #{number}", node.0));
        };
        let stays = self.stays.get(&(said.thread, node)).map(Vec::as_slice).unwrap_or_default();
        let granted = |stay: &Stay| {
            let until = stay.until.unwrap_or(u64::MAX).min(stay.ends.saturating_add(SKEW));
            !stay.hidden.contains(&number) && said.at <= until
        };
        let may = said.audience.contains(&node) || self.stands(said.thread, node);
        if !may && !self.is_split(said.thread) && !stays.iter().any(granted) {
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

    /// Nobody believes what was written after its author's grant had ended.
    fn may_write(&mut self, at: u64, node: NodeId, number: u64) {
        let Some(said) = self.said.get(&number) else { return };
        let founds = self.founders.get(&said.thread).is_none_or(|founders| founders.contains(&said.author));
        let stays = self.stays.get(&(said.thread, said.author));
        let stays = match stays {
            None if founds => return,
            stays => stays.map(Vec::as_slice).unwrap_or_default(),
        };
        let stands = self.stands(said.thread, said.author) || self.is_split(said.thread);
        if !stands && stays.iter().all(|stay| stay.ends.saturating_add(SKEW) < said.at) {
            let seen = format!("node {} shows #{number} of node {}", node.0, said.author.0);
            self.broken(at, "who has no grant in force is not believed", seen);
        }
    }

    /// Nobody believes what was written after its author was taken out, once it knows.
    fn is_believed(&mut self, at: u64, node: NodeId, number: u64) {
        let Some(said) = self.said.get(&number) else { return };
        let (thread, author) = (said.thread, said.author);
        if !self.known_out.contains(&(thread, node, author)) || self.is_split(thread) {
            return;
        }
        // Who is only missing in a new era is out by nobody's word.
        let last = self.stays.get(&(thread, author)).and_then(|stays| stays.last());
        if last.and_then(|stay| stay.until).is_some_and(|until| until < said.at) {
            let seen = format!("node {} shows #{number} of node {}", node.0, author.0);
            self.broken(at, "who is known to be out is not believed", seen);
        }
    }

    /// Counts what is shown as it comes and not in its author's order: a gap that was filled later. In what a node lists, it is
    /// in its place.
    fn in_turn(&mut self, node: NodeId, number: u64) {
        let Some(said) = self.said.get(&number) else { return };
        let newest = self.newest.entry((node, said.thread, said.author)).or_default();
        self.out_of_turn += u64::from(number < *newest);
        *newest = number.max(*newest);
    }

    /// A node tells of a commit. No two members may tell different things of one epoch.
    pub(crate) fn commit(
        &mut self,
        at: u64,
        (thread, era, epoch): (ThreadId, u32, u64),
        told_by: NodeId,
        (added, removed): (&[DeviceId], &[DeviceId]),
    ) {
        let set = |devices: &[DeviceId]| devices.iter().copied().collect();
        let commit = Commit { added: set(added), removed: set(removed), told_by };
        let split = self.is_split(thread);
        let first = self.commits.entry((thread, era, epoch)).or_insert_with(|| commit.clone());
        let same = (&first.added, &first.removed) == (&commit.added, &commit.removed);
        if !same && !split {
            let seen = format!(
                "thread {}, epoch {era}.{epoch}: nodes {} and {} tell of different commits",
                thread.fmt_short(),
                first.told_by.0,
                told_by.0
            );
            self.broken(at, "there is one commit for each epoch", seen);
        }
    }

    /// A command was answered.
    pub(crate) fn done(&mut self, at: u64, command: CommandId) {
        if !self.commands.insert(command) {
            let seen = format!("command {} was answered twice", command.0);
            self.broken(at, ONE_ANSWER, seen);
        }
    }

    /// A message got further. Answers its number and whether this is when it was delivered.
    pub(crate) fn state(
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
                // What was refused may have been brought after all.
                said.failed &= said.perhaps;
                Some((number, first))
            }
            MessageState::Failed { .. } => {
                said.failed = true;
                said.failed_at.get_or_insert(at);
                // What its author's node has lost with a backup, it can't know.
                if said.delivered.is_some() && !said.gone {
                    let seen = format!("node {} says that #{number} failed", said.author.0);
                    self.broken(at, "what was told as delivered stays so", seen);
                }
                Some((number, false))
            }
            MessageState::Queued | MessageState::Stored | MessageState::Received => Some((number, false)),
        }
    }
}

#[cfg(test)]
mod tests;
