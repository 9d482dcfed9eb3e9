//! Interleavings: every order in which what is under way in a small world can happen, searched breadth first.
//!
//! Between two nodes frames keep their order, as a stream gives them; everything else can come in any order: whose frame
//! arrives next, who gives the next command, and, so often as a search allows it, who is killed, which connection breaks
//! with all that is on it, and whose timer is up. States that were seen before are not gone on from. Nodes can't be copied
//! while they run, so each state is reached by playing its way there from the beginning.

use crate::{NodeId, SimError, World, office, queue::What};
use frontdesk_engine::Command;
use frontdesk_store::{Reader as _, Scan};
use frontdesk_wire::Frame;
use sha2::{Digest as _, Sha256};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Until all nodes of a copy are connected again, in milliseconds.
const CONNECTED: u64 = 5_000;
/// A killed node is back, at the latest, after so many milliseconds.
const PAUSE: u64 = 500;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    /// A node's owner gives its next command.
    Command(NodeId),
    /// The first frame that is on its way from one node to another arrives.
    Frame(NodeId, NodeId),
    /// One node gets through to another that it dials.
    Connect(NodeId, NodeId),
    /// A node's timer is up.
    Deadline(NodeId),
    /// A node is killed.
    Crash(NodeId),
    /// It starts again.
    Start(NodeId),
    /// A connection breaks, and what is on it is lost.
    Break(NodeId, NodeId),
}

/// What is searched.
#[derive(Debug, Clone, Default)]
pub struct Interleavings {
    /// What owners want: each node's commands in their order.
    pub commands: Vec<(NodeId, Command)>,
    /// No way has more choices than this; what is under way then goes on in the order in which it began.
    pub depth: usize,
    /// Kills on one way.
    pub crashes: usize,
    /// Broken connections on one way.
    pub breaks: usize,
    /// Timers that are up on one way, as long as frames are under way.
    pub deadlines: usize,
}

/// What a search went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// States that differ in what nodes show, what they keep for each other, and what is on its way.
    pub states: usize,
    /// Choices that were made from them.
    pub choices: usize,
    /// Of the states, those where a way ended, and all had to be well in the end.
    pub ends: usize,
    /// The most choices on a way.
    pub longest: usize,
    /// No way was cut off: the search saw all there is.
    pub whole: bool,
}

type Way = Vec<Choice>;
/// What a state is told apart by.
type Mark = [u8; 16];
/// By sender and receiver: places in the world's queue, and bytes.
type Streams<'a> = BTreeMap<(NodeId, NodeId), Vec<(u64, &'a [u8])>>;

/// What a look at one state gave: the states that follow from it, or none, if a way ends in it.
struct Look {
    follow: Vec<(Way, Mark)>,
    cut: bool,
}

impl Interleavings {
    /// Searches from `base`. In each state `always` must hold; where a way ends, `finally` waits for what must come and
    /// checks it.
    ///
    /// # Errors
    /// [`SimError`] of a way on which something didn't hold, which it names: a shortest one.
    pub fn explore(
        &self,
        base: &World,
        always: impl Fn(&World) -> Result<(), SimError> + Sync,
        finally: impl Fn(&mut World) -> Result<(), SimError> + Sync,
    ) -> Result<Reached, SimError> {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let mut bases = (0..workers).map(|_| base.fork(1)).collect::<Result<Vec<_>, _>>()?;
        let mut level: Vec<Way> = vec![Vec::new()];
        let mut seen: BTreeSet<Mark> = BTreeSet::new();
        let mut reached = Reached { states: 1, choices: 0, ends: 0, longest: 0, whole: true };
        while let Some(first) = level.first() {
            reached.longest = first.len();
            let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
            let look = |base: &World| {
                while let Some(way) = level.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let look = self.look(base, way, &always, &finally);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.push(look);
                }
            };
            std::thread::scope(|scope| {
                for base in &mut bases {
                    let look = &look;
                    scope.spawn(move || look(base));
                }
            });
            let mut follow = Vec::new();
            let mut broken = Vec::new();
            for look in found.into_inner().unwrap_or_else(PoisonError::into_inner) {
                match look {
                    Ok(look) => {
                        reached.ends += usize::from(look.follow.is_empty());
                        reached.whole &= !look.cut;
                        follow.extend(look.follow);
                    }
                    Err(bad) => broken.push(bad),
                }
            }
            // Whoever was first: the outcome is the same in each run.
            broken.sort_by(|(one, _), (other, _)| one.cmp(other));
            if let Some((way, error)) = broken.into_iter().next() {
                return Err(SimError::Broken(format!("after {way:?}: {error}")));
            }
            follow.sort();
            reached.choices += follow.len();
            level = follow.into_iter().filter(|(_, mark)| seen.insert(*mark)).map(|(way, _)| way).collect();
            reached.states += level.len();
        }
        Ok(reached)
    }

    /// Goes one choice on from the state at the end of a way, by each that there is.
    fn look(
        &self,
        base: &World,
        way: &Way,
        always: &impl Fn(&World) -> Result<(), SimError>,
        finally: &impl Fn(&mut World) -> Result<(), SimError>,
    ) -> Result<Look, (Way, SimError)> {
        let here = |error| (way.clone(), error);
        let mut world = self.play(base, way).map_err(here)?;
        let choices = self.choices(&world, way);
        let cut = way.len() >= self.depth && !choices.is_empty();
        if cut || choices.is_empty() {
            self.finish(&mut world, way).and_then(|()| finally(&mut world)).map_err(here)?;
            return Ok(Look { follow: Vec::new(), cut });
        }
        let mut ready = Some(world);
        let mut follow = Vec::new();
        for choice in choices {
            let there: Way = way.iter().copied().chain([choice]).collect();
            let outcome = ready.take().map_or_else(|| self.play(base, way), Ok).and_then(|mut world| {
                self.take(&mut world, way, choice)?;
                always(&world)?;
                self.mark(&world, &there)
            });
            match outcome {
                Ok(mark) => follow.push((there, mark)),
                Err(error) => return Err((there, error)),
            }
        }
        Ok(Look { follow, cut })
    }

    /// Gives the commands that are left, once their nodes are up.
    fn finish(&self, world: &mut World, way: &[Choice]) -> Result<(), SimError> {
        let mut way = way.to_vec();
        for node in (0..world.nodes.len()).map(NodeId) {
            while self.next_command(&way, node).is_some() {
                let is_up = |world: &World| world.node(node).is_ok_and(crate::Node::is_up);
                world.until("a killed node to be back", 2 * PAUSE, is_up)?;
                self.take(world, &way, Choice::Command(node))?;
                way.push(Choice::Command(node));
            }
        }
        Ok(())
    }

    fn play(&self, base: &World, way: &[Choice]) -> Result<World, SimError> {
        let mut world = base.fork(1)?;
        world.pass(CONNECTED)?;
        for (index, choice) in way.iter().enumerate() {
            self.take(&mut world, way.get(..index).unwrap_or_default(), *choice)?;
        }
        Ok(world)
    }

    /// All that can happen next.
    fn choices(&self, world: &World, way: &[Choice]) -> BTreeSet<Choice> {
        let nodes = || (0..world.nodes.len()).map(NodeId);
        let is_up = |node: &NodeId| world.node(*node).is_ok_and(crate::Node::is_up);
        let mut choices = BTreeSet::new();
        let wish = |node: &NodeId| self.next_command(way, *node).is_some();
        choices.extend(nodes().filter(is_up).filter(wish).map(Choice::Command));
        let frames: BTreeSet<Choice> =
            on_the_way(world).into_keys().map(|(a, b)| Choice::Frame(a, b)).collect();
        let busy = !frames.is_empty() || !choices.is_empty();
        choices.extend(frames);
        for (_, what) in world.under_way() {
            match what {
                What::Connect { a, b } if is_up(a) && is_up(b) && world.would_connect(*a, *b) => {
                    choices.insert(Choice::Connect(*a, *b));
                }
                What::Start { node } if !is_up(node) => {
                    choices.insert(Choice::Start(*node));
                }
                What::Deadline { node, .. }
                    if busy
                        && count(way, |choice| matches!(choice, Choice::Deadline(_))) < self.deadlines =>
                {
                    choices.insert(Choice::Deadline(*node));
                }
                What::Frame { .. }
                | What::Connect { .. }
                | What::Deadline { .. }
                | What::Start { .. }
                | What::Call { .. }
                | What::Ping { .. } => {}
            }
        }
        // In a world where nothing is under way, a fault only begins another story.
        if busy && count(way, |choice| matches!(choice, Choice::Crash(_))) < self.crashes {
            choices.extend(nodes().filter(is_up).map(Choice::Crash));
        }
        if busy && count(way, |choice| matches!(choice, Choice::Break(..))) < self.breaks {
            let pairs = nodes().flat_map(|a| nodes().map(move |b| (a, b)));
            let joined = pairs.filter(|(a, b)| a < b && world.are_connected(*a, *b));
            choices.extend(joined.map(|(a, b)| Choice::Break(a, b)));
        }
        choices
    }

    fn next_command(&self, way: &[Choice], node: NodeId) -> Option<&Command> {
        let given = count(way, |choice| *choice == Choice::Command(node));
        self.commands.iter().filter(|(by, _)| *by == node).nth(given).map(|(_, command)| command)
    }

    fn take(&self, world: &mut World, way: &[Choice], choice: Choice) -> Result<(), SimError> {
        let gone = || SimError::Broken(format!("{choice:?} can't be taken again"));
        let such = |what: &What| match (choice, what) {
            (Choice::Connect(a, b), What::Connect { a: by, b: to }) => (a, b) == (*by, *to),
            (Choice::Deadline(node), What::Deadline { node: of, .. })
            | (Choice::Start(node), What::Start { node: of }) => node == *of,
            _ => false,
        };
        match choice {
            Choice::Command(node) => {
                let command = self.next_command(way, node).cloned().ok_or_else(gone)?;
                match world.command(node, command) {
                    // What is refused is part of the story: who was taken out, say, can't write any more.
                    Err(SimError::Command(_)) => Ok(()),
                    other => other.map(drop),
                }
            }
            Choice::Crash(node) => world.crash(node, PAUSE),
            Choice::Break(a, b) => world.disconnect(a, b),
            Choice::Frame(from, to) => {
                let order =
                    on_the_way(world).get(&(from, to)).and_then(|all| all.first()).map(|(order, _)| *order);
                world.hasten(order.ok_or_else(gone)?)
            }
            Choice::Connect(..) | Choice::Deadline(_) | Choice::Start(_) => {
                let order =
                    world.under_way().into_iter().find(|(_, what)| such(what)).map(|(order, _)| order);
                world.hasten(order.ok_or_else(gone)?)
            }
        }
    }

    /// What tells a state apart. Sealed bytes differ from run to run, and order of randomness with the way; so it is taken from
    /// what nodes show, how much they keep of what, the counts of their links, and what is on its way in which order.
    fn mark(&self, world: &World, way: &[Choice]) -> Result<Mark, SimError> {
        let mut hash = Sha256::new();
        let mut add = |text: String| hash.update(format!("{text}\n"));
        add(format!(
            "{} {} {}",
            count(way, |choice| matches!(choice, Choice::Crash(_))),
            count(way, |choice| matches!(choice, Choice::Break(..))),
            count(way, |choice| matches!(choice, Choice::Deadline(_))),
        ));
        for node in (0..world.nodes.len()).map(NodeId) {
            let given = count(way, |choice| *choice == Choice::Command(node));
            add(format!("{node:?} {given} {:?}", world.wires.peers(node)));
            let mut tables: BTreeMap<u8, usize> = BTreeMap::new();
            for (key, value) in world.node(node)?.store.scan(&Scan::prefix(b""))? {
                *tables.entry(key.first().copied().unwrap_or_default()).or_default() += 1;
                if key.starts_with(b"l/") {
                    add(format!("{key:?} {value:?}"));
                }
            }
            add(format!("{tables:?}"));
            if world.node(node)?.is_up() {
                for thread in office::threads(world, node) {
                    let who = office::who(world, node, thread);
                    add(format!("{:?}", who.map(|who| (who.epoch, members(&who)))));
                    for message in office::messages(world, node, thread) {
                        add(format!("{} {} {:?}", message.author, message.text, message.state));
                    }
                }
            }
        }
        for (link, frames) in on_the_way(world) {
            let frames: Vec<String> = frames.into_iter().map(|(_, bytes)| frame_in_short(bytes)).collect();
            add(format!("{link:?} {frames:?}"));
        }
        let mut mark = Mark::default();
        mark.copy_from_slice(hash.finalize().get(..16).unwrap_or(&[0; 16]));
        Ok(mark)
    }
}

impl World {
    /// What is going to happen, in the order in which that was settled, each with its number.
    fn under_way(&self) -> Vec<(u64, &What)> {
        let mut all: Vec<_> = self.queue.iter().map(|Reverse(next)| (next.order, &next.what)).collect();
        all.sort_by_key(|(order, _)| *order);
        all
    }

    /// Lets what has this number in [`under_way`](Self::under_way) happen before all else. Only timers need their time to come.
    fn hasten(&mut self, order: u64) -> Result<(), SimError> {
        let (mut found, rest) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition::<Vec<_>, _>(|Reverse(next)| next.order == order);
        self.queue = rest.into();
        let Some(Reverse(next)) = found.pop() else {
            return Err(SimError::Broken("nothing to hasten".into()));
        };
        if matches!(next.what, What::Deadline { .. }) {
            self.time = self.time.max(next.at);
        }
        self.steps += 1;
        self.occur(next.what)
    }
}

fn count(way: &[Choice], such: impl Fn(&Choice) -> bool) -> usize {
    way.iter().filter(|choice| such(choice)).count()
}

fn members(who: &frontdesk_engine::WhoView) -> Vec<(frontdesk_identity::DeviceId, bool)> {
    let mut members: Vec<_> = who.members.iter().map(|member| (member.device, member.steward)).collect();
    members.sort();
    members
}

/// Frames that will arrive, in the order of each stream: from whom to whom, with their places in the world's queue.
fn on_the_way(world: &World) -> Streams<'_> {
    let mut streams = Streams::new();
    for (order, what) in world.under_way() {
        if let What::Frame { to, from, connection, bytes } = what
            && let Some(sender) = world.by_key.get(from)
            && world.wires.number(*to, *sender) == Some(*connection)
        {
            streams.entry((*sender, *to)).or_default().push((order, bytes.as_slice()));
        }
    }
    streams
}

fn frame_in_short(bytes: &[u8]) -> String {
    match Frame::decode(bytes) {
        Ok(Frame::Data(data)) => {
            format!("data {:?} {:?} {}", data.seq, data.body.get(..2), data.body.len())
        }
        Ok(Frame::Hello(hello)) => format!("hello {:?} {} {:?}", hello.about, hello.heard, hello.ack),
        Ok(Frame::Ack(ack)) => format!("{ack:?}"),
        Ok(Frame::Unusable(unusable)) => format!("{unusable:?}"),
        Err(error) => format!("{error}"),
    }
}
