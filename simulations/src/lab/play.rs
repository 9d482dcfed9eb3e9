//! One run of a scenario: people who write, forward and go home, faults that befall their nodes, and what came of it.

use super::{
    Roads,
    chance::Chance as _,
    figures::{Figures, Sample},
    people::{Cast, Role},
    roads::whole,
    scenario::{FaultKind, Scenario, SuiteName, Who},
    truth::{Truth, Violation, number_of, text},
};
use crate::{Failure, NodeId, SimError, Weather, World, office};
use frontdesk_engine::{Command, CommandError, Event, HistoryChoice, MessageState, Reply, Settings};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::{MemoryStore, Reader as _, Scan};
use frontdesk_thread::Suite;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

const SECOND: f64 = 1000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
/// How long a grant of a forward lasts, in seconds.
const LASTS: u64 = 7 * 24 * 3600;
/// Between two looks at outboxes and disks, in milliseconds.
const SAMPLE: f64 = 5.0 * MINUTE;

/// Who watches a run from outside: nothing in the run depends on it.
pub trait Watch {
    /// Real time in seconds, from any beginning.
    fn seconds(&self) -> f64;

    /// So much of the run is over, of 1.
    fn progress(&mut self, part: f64);
}

/// What a run came to.
#[derive(Debug, serde::Serialize)]
pub struct Outcome {
    /// The promises that were broken; none in a good run.
    pub violations: Vec<Violation>,
    /// The hash of all that happened, in hexadecimal: the same for the same scenario and seed on every machine.
    pub trace: String,
    /// What was measured.
    pub figures: Figures,
}

/// What people and faults do at some moment.
#[derive(Debug, Clone)]
enum Deed {
    Arrive { customer: NodeId },
    Write { customer: NodeId },
    GiveUp { customer: NodeId, texts: u32 },
    Forward { steward: NodeId, thread: ThreadId },
    Answer { by: NodeId, thread: ThreadId },
    Strike { fault: usize },
    Mend { a: NodeId, b: NodeId },
    Wake { node: NodeId },
    Sample,
}

/// Where a customer's conversation stands.
#[derive(Debug, Clone, Default)]
struct Talk {
    thread: Option<ThreadId>,
    /// Texts that the customer still wants to write, and has written.
    left: u32,
    written: u32,
    /// When the first text went out, until the first answer came.
    asked: Option<u64>,
    gone: bool,
}

/// A run in progress.
#[derive(Debug)]
pub(super) struct Play<'a> {
    scenario: &'a Scenario,
    world: World,
    cast: Cast,
    rng: ChaCha20Rng,
    deeds: BTreeMap<u64, Deed>,
    next_deed: u64,
    next_text: u64,
    /// The latest command failed with the disk, so it is not known whether it was done.
    unsure: bool,
    talks: BTreeMap<NodeId, Talk>,
    /// Forwards under way: when they were asked for.
    forwards: BTreeMap<(ThreadId, NodeId), (u64, HistoryChoice)>,
    /// Devices that were taken out: when the steward committed it.
    removals: BTreeMap<(ThreadId, NodeId), u64>,
    /// Agents by turns.
    turns: BTreeMap<NodeId, usize>,
    /// Old copies of disks, for owners who put one back.
    copies: BTreeMap<NodeId, MemoryStore>,
    /// How far each thread has been handed over.
    handed: BTreeSet<ThreadId>,
    truth: Truth,
    figures: Figures,
    /// When the people stop, in milliseconds.
    end: u64,
    began: u64,
}

/// Plays a scenario to its end.
///
/// # Errors
/// [`SimError`] if the run could not go on.
pub fn play(scenario: &Scenario, seed: u64, watch: &mut dyn Watch) -> Result<Outcome, SimError> {
    let started = watch.seconds();
    let mut play = Play::set_up(scenario, seed)?;
    let set_up = watch.seconds();
    play.figures.set_up_took = set_up - started;
    let steps = play.world.steps;
    play.run(watch)?;
    play.settle()?;
    play.figures.took = watch.seconds() - set_up;
    play.figures.events = play.world.steps.saturating_sub(steps);
    Ok(play.finish())
}

impl<'a> Play<'a> {
    fn set_up(scenario: &'a Scenario, seed: u64) -> Result<Self, SimError> {
        let mut world = World::new(seed, Weather::FAIR);
        let suite = match scenario.suite {
            SuiteName::Classic => Suite::Classic,
            SuiteName::Hybrid => Suite::Hybrid,
        };
        let settings = Settings { suite, key_packages: 8, introduce: false, ..Settings::default() };
        let cast = Cast::gather(&mut world, scenario, settings)?;
        for node in &mut world.nodes {
            node.events.clear();
        }
        world.roads = Some(Roads::new(scenario.network.clone()));
        world.heard = Some(BTreeSet::new());
        world.trace = Some(Sha256::new());
        world.traffic = (0, 0);
        let began = world.time;
        let end = began + whole(scenario.hours * HOUR);
        let mut play = Self {
            scenario,
            world,
            cast,
            rng: ChaCha20Rng::seed_from_u64(seed ^ 0x5ce7_a210),
            deeds: BTreeMap::new(),
            next_deed: 0,
            next_text: 1,
            unsure: false,
            talks: BTreeMap::new(),
            forwards: BTreeMap::new(),
            removals: BTreeMap::new(),
            turns: BTreeMap::new(),
            copies: BTreeMap::new(),
            handed: BTreeSet::new(),
            truth: Truth::default(),
            figures: Figures::default(),
            end,
            began,
        };
        play.figures.nodes = play.world.nodes.len();
        play.plan();
        Ok(play)
    }

    /// Puts everything that is known from the start on the agenda.
    fn plan(&mut self) {
        let customers = &self.scenario.customers;
        let [from, until] = customers.arrive.map(|hour| hour * HOUR);
        let days = (self.scenario.hours / 24.0).max(1.0);
        let window = (until - from).max(MINUTE);
        let all: Vec<NodeId> = self.cast.of(Role::Customer).collect();
        let mean = window * days / f64::from(u32::try_from(all.len().max(1)).unwrap_or(u32::MAX));
        let mut clock = 0.0;
        for customer in all {
            clock += self.rng.exponential(mean);
            let day = libm::floor(clock / window);
            self.later(day * 24.0 * HOUR + from + (clock - day * window), Deed::Arrive { customer });
        }
        for (index, fault) in self.scenario.faults.clone().iter().enumerate() {
            let mut at = fault.from * HOUR;
            while at < fault.until * HOUR {
                self.later(at, Deed::Strike { fault: index });
                at += self.rng.exponential(fault.every * MINUTE).max(SECOND);
            }
        }
        self.later(0.0, Deed::Sample);
    }

    /// Does it after so many milliseconds, unless the play is over by then.
    fn later(&mut self, wait: f64, deed: Deed) {
        let wait = whole(wait);
        if self.world.time.saturating_add(wait) <= self.end {
            self.next_deed += 1;
            self.deeds.insert(self.next_deed, deed);
            self.world.call(wait, self.next_deed);
        }
    }

    fn run(&mut self, watch: &mut dyn Watch) -> Result<(), SimError> {
        let (end, length) = (self.end, self.end.saturating_sub(self.began).max(1));
        let mut shown = 0;
        while self.world.happen(end)? {
            self.attend()?;
            let percent = self.world.time.saturating_sub(self.began).saturating_mul(100) / length;
            if percent > shown {
                shown = percent;
                watch.progress(f64::from(u32::try_from(percent).unwrap_or(100)) / 100.0);
            }
        }
        self.world.time = self.world.time.max(end);
        Ok(())
    }

    /// Faults stop, everybody is awake, and all must agree in time.
    fn settle(&mut self) -> Result<(), SimError> {
        self.world.cut.clear();
        if let Some(roads) = &mut self.world.roads {
            *roads = Roads::new(super::scenario::Network::default());
        }
        for node in (0..self.world.nodes.len()).map(NodeId) {
            self.world.node_mut(node)?.fuse = None;
            if !self.world.node(node)?.is_up() {
                self.world.revive(node)?;
            }
        }
        let (start, last) = (self.world.time, self.world.time + whole(self.scenario.settle * MINUTE));
        loop {
            let until = (self.world.time + 1000).min(last);
            while self.world.happen(until)? {
                self.attend()?;
            }
            self.world.time = until;
            if self.outbox() == 0 {
                self.figures.settled_in = Some(self.world.time.saturating_sub(start));
                break;
            }
            if until >= last {
                let waiting = self.outbox();
                let who = self.who_waits();
                self.truth.broken(
                    last,
                    "all is delivered once faults have stopped",
                    format!("{waiting} frames wait: {who}"),
                );
                break;
            }
        }
        let now = self.world.time;
        self.truth.close(&self.world, now);
        Ok(())
    }

    fn outbox(&self) -> usize {
        (0..self.world.nodes.len()).map(|node| office::outbox(&self.world, NodeId(node))).sum()
    }

    /// Which nodes have frames for which others.
    fn who_waits(&self) -> String {
        let mut waits = BTreeSet::new();
        for (from, node) in self.world.nodes.iter().enumerate() {
            for (key, _) in node.store.scan(&Scan::prefix(b"o/")).unwrap_or_default() {
                let to = key.get(2..34).and_then(|key| <[u8; 32]>::try_from(key).ok());
                let to = to.and_then(|key| self.world.by_key.get(&TransportKey::from_bytes(key)).copied());
                let connected = to.is_some_and(|to| self.world.are_connected(NodeId(from), to));
                waits.insert(format!(
                    "{from} for {:?}{}",
                    to.map(|to| to.0),
                    if connected { "" } else { ", not connected" }
                ));
            }
        }
        waits.into_iter().take(20).collect::<Vec<_>>().join("; ")
    }

    fn finish(mut self) -> Outcome {
        self.sample();
        self.figures.virtual_hours = self.scenario.hours;
        (self.figures.frames, self.figures.bytes) = self.world.traffic;
        self.figures.texts = u64::try_from(self.truth.said.len()).unwrap_or(u64::MAX);
        self.figures.delivered =
            u64::try_from(self.truth.said.values().filter(|said| said.delivered.is_some()).count())
                .unwrap_or(u64::MAX);
        self.figures.failed =
            u64::try_from(self.truth.said.values().filter(|said| said.failed).count()).unwrap_or(u64::MAX);
        let trace = self.world.trace.take().map(|trace| hex(&trace.finalize())).unwrap_or_default();
        Outcome { violations: self.truth.violations, trace, figures: self.figures }
    }

    /// Whoever heard something reacts, and what is due is done.
    fn attend(&mut self) -> Result<(), SimError> {
        loop {
            let heard = self.world.heard.as_mut().and_then(BTreeSet::pop_first);
            if let Some(node) = heard {
                for event in std::mem::take(&mut self.world.node_mut(node)?.events) {
                    self.hear(node, event);
                }
                continue;
            }
            let Some(number) = self.world.calls.pop() else { return Ok(()) };
            if let Some(deed) = self.deeds.remove(&number) {
                self.act(deed)?;
            }
        }
    }

    fn hear(&mut self, node: NodeId, event: Event) {
        let now = self.world.time;
        match event {
            Event::Message { message, history } if !message.mine => {
                let Some(number) = self.truth.shows(now, node, &message.text, history) else { return };
                if !history {
                    self.react(node, message.thread, number);
                }
            }
            Event::MessageState { thread, message, state } => {
                if let MessageState::Failed { reason } = state {
                    *self.figures.refusals.entry(reason.to_string()).or_default() += 1;
                }
                if let Some((number, true)) = self.truth.state(now, thread, &message, state)
                    && let Some(said) = self.truth.said.get(&number)
                {
                    let path = self.cast.path(said.author);
                    self.figures.delivery(path, now.saturating_sub(said.at));
                }
            }
            Event::ThreadOpened { thread, forwarded } => self.opened(node, thread, forwarded),
            Event::MembersChanged { thread, added, removed, .. } => {
                let added: Vec<NodeId> =
                    added.iter().filter_map(|device| self.cast.node_of(device)).collect();
                added.into_iter().for_each(|newcomer| self.came(node, thread, newcomer));
                let out: Vec<NodeId> =
                    removed.iter().filter_map(|device| self.cast.node_of(device)).collect();
                out.into_iter().for_each(|out| self.left(node, thread, out));
            }
            Event::CommandDone { .. }
            | Event::ContactFailed { .. }
            | Event::Message { .. }
            | Event::Removed { .. }
            | Event::Closed { .. }
            | Event::ForwardAnswered { .. }
            | Event::JoinRequested { .. }
            | Event::JoinChallenged { .. }
            | Event::Joined { .. }
            | Event::JoinFailed { .. }
            | Event::Enrolled { .. }
            | Event::DeviceRemoved { .. }
            | Event::Security { .. }
            | Event::PeerUp { .. }
            | Event::PeerDown { .. } => {}
        }
    }

    /// A node learns that somebody is in a thread now. The steward's view at that moment says what a newcomer may read.
    fn came(&mut self, node: NodeId, thread: ThreadId, newcomer: NodeId) {
        if self.cast.administrator(newcomer) == Some(node)
            && let Some((asked, history)) = self.forwards.get(&(thread, newcomer)).copied()
        {
            let so_far: Vec<u64> =
                office::texts(&self.world, node, thread).iter().filter_map(|text| number_of(text)).collect();
            self.truth.lets_in((thread, newcomer, asked), history, &so_far);
        }
    }

    /// A node learns that somebody is no longer in a thread.
    fn left(&mut self, node: NodeId, thread: ThreadId, out: NodeId) {
        let now = self.world.time;
        match self.cast.role(node) {
            Some(Role::Administrator) => {
                self.truth.takes_out(thread, out, now);
                self.removals.insert((thread, out), now);
            }
            Some(Role::Customer) => {
                if let Some(at) = self.removals.get(&(thread, out)) {
                    self.figures.revocation.push(now.saturating_sub(*at));
                }
            }
            Some(Role::Agent | Role::Bot) | None => {}
        }
    }

    fn opened(&mut self, node: NodeId, thread: ThreadId, forwarded: bool) {
        let now = self.world.time;
        match self.cast.role(node) {
            Some(Role::Administrator) => {
                if let Some(customer) = self.talks.iter().find(|(_, talk)| talk.thread == Some(thread)) {
                    self.truth.founders.insert(thread, [*customer.0, node]);
                }
                let takes = self.rng.exponential(self.scenario.business.forward_takes * SECOND);
                self.later(self.at_work(takes), Deed::Forward { steward: node, thread });
            }
            Some(Role::Agent | Role::Bot) if forwarded => {
                if let Some((asked, _)) = self.forwards.remove(&(thread, node)) {
                    self.figures.forward.push(now.saturating_sub(asked));
                }
                self.answer_later(node, thread);
            }
            Some(Role::Agent | Role::Bot | Role::Customer) | None => {}
        }
    }

    /// Someone reads a text, and may answer.
    fn react(&mut self, node: NodeId, thread: ThreadId, number: u64) {
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
            _ => {}
        }
    }

    fn answer_later(&mut self, by: NodeId, thread: ThreadId) {
        let business = &self.scenario.business;
        let wait = if self.cast.role(by) == Some(Role::Bot) {
            business.bot_takes * SECOND
        } else {
            let takes = self.rng.exponential(business.answer_takes * SECOND);
            self.at_work(takes)
        };
        self.later(wait, Deed::Answer { by, thread });
    }

    /// How long something takes that is only done at work, from now.
    fn at_work(&self, takes: f64) -> f64 {
        let [open, close] = self.scenario.business.open.map(|hour| hour * HOUR);
        let now = f64::from(u32::try_from(self.world.time.saturating_sub(self.began)).unwrap_or(u32::MAX));
        let of_day = now - libm::floor(now / (24.0 * HOUR)) * 24.0 * HOUR;
        if of_day < open {
            open - of_day + takes
        } else if of_day + takes > close {
            24.0 * HOUR - of_day + open + takes
        } else {
            takes
        }
    }

    fn act(&mut self, deed: Deed) -> Result<(), SimError> {
        match deed {
            Deed::Arrive { customer } => self.arrive(customer)?,
            Deed::Write { customer } => self.write(customer)?,
            Deed::GiveUp { customer, texts } => self.give_up(customer, texts),
            Deed::Forward { steward, thread } => self.forward(steward, thread)?,
            Deed::Answer { by, thread } => self.answer(by, thread)?,
            Deed::Strike { fault } => self.strike(fault)?,
            Deed::Mend { a, b } => self.world.mend(a, b),
            Deed::Wake { node } => {
                if !self.world.node(node)?.is_up() {
                    self.world.revive(node)?;
                }
            }
            Deed::Sample => {
                self.sample();
                self.later(SAMPLE, Deed::Sample);
            }
        }
        Ok(())
    }

    /// A command whose refusal is part of life: the node is down, or the thread is gone.
    fn tries(&mut self, node: NodeId, command: Command) -> Result<Option<Reply>, SimError> {
        if self.world.node(node)?.engine().is_none() {
            return Ok(None);
        }
        match self.world.command(node, command) {
            Ok(reply) => Ok(Some(reply)),
            Err(SimError::Command(error)) => {
                self.unsure = matches!(error, CommandError::Storage(_));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn arrive(&mut self, customer: NodeId) -> Result<(), SimError> {
        let Some(link) = self.cast.link(customer) else { return Ok(()) };
        let number = self.next_text;
        self.next_text += 1;
        let command = Command::Contact { link: link.clone(), text: text(number, "hello") };
        let Some(Reply::Opened { thread }) = self.tries(customer, command)? else {
            if std::mem::take(&mut self.unsure) {
                self.truth.ghost(number);
            }
            self.later(MINUTE, Deed::Arrive { customer });
            return Ok(());
        };
        let wants = whole(self.rng.exponential(self.scenario.customers.texts));
        let now = self.world.time;
        let talk = Talk {
            thread: Some(thread),
            left: u32::try_from(wants.min(50)).unwrap_or(50),
            written: 1,
            asked: Some(now),
            gone: false,
        };
        self.talks.insert(customer, talk);
        let audience = [Some(customer), self.cast.administrator(customer)].into_iter().flatten().collect();
        let name = office::first_name(&self.world, customer);
        self.truth.says((number, name), (thread, customer, now), audience);
        let patience = self.rng.exponential(self.scenario.customers.patience * MINUTE);
        self.later(patience, Deed::GiveUp { customer, texts: 1 });
        Ok(())
    }

    fn write(&mut self, customer: NodeId) -> Result<(), SimError> {
        let Some(talk) = self.talks.get(&customer).filter(|talk| !talk.gone).cloned() else { return Ok(()) };
        let Some(thread) = talk.thread else { return Ok(()) };
        if self.says(customer, thread, "a question")?.is_none() {
            self.later(MINUTE, Deed::Write { customer });
            return Ok(());
        }
        let now = self.world.time;
        let patience = self.rng.exponential(self.scenario.customers.patience * MINUTE);
        if let Some(talk) = self.talks.get_mut(&customer) {
            talk.left = talk.left.saturating_sub(1);
            talk.written += 1;
            talk.asked.get_or_insert(now);
            let texts = talk.written;
            self.later(patience, Deed::GiveUp { customer, texts });
        }
        Ok(())
    }

    /// A customer who still has no answer goes, and some come back hours later.
    fn give_up(&mut self, customer: NodeId, texts: u32) {
        let back = self.rng.hits(self.scenario.customers.come_back);
        let wait = self.rng.exponential(3.0 * HOUR);
        let Some(talk) = self.talks.get_mut(&customer) else { return };
        if talk.asked.is_none() || talk.written != texts {
            return;
        }
        self.figures.gave_up += 1;
        talk.gone = !back;
        if back {
            talk.left = talk.left.max(1);
            self.later(wait, Deed::Write { customer });
        }
    }

    fn says(&mut self, node: NodeId, thread: ThreadId, words: &str) -> Result<Option<u64>, SimError> {
        let audience: BTreeSet<NodeId> = office::who(&self.world, node, thread)
            .map(|who| who.members.iter().filter_map(|member| self.cast.node_of(&member.device)).collect())
            .unwrap_or_default();
        let number = self.next_text;
        self.next_text += 1;
        let send = Command::Send { thread, text: text(number, words) };
        let Some(Reply::Queued { message, .. }) = self.tries(node, send)? else {
            self.perhaps(number, thread, node, audience);
            return Ok(None);
        };
        self.truth.says((number, message), (thread, node, self.world.time), audience);
        Ok(Some(number))
    }

    /// After a failure of the disk a text may have been stored or not: it may be shown, and need not be.
    fn perhaps(&mut self, number: u64, thread: ThreadId, node: NodeId, audience: BTreeSet<NodeId>) {
        if std::mem::take(&mut self.unsure) {
            self.truth.perhaps(number, (thread, node, self.world.time), audience);
        }
    }

    fn answer(&mut self, by: NodeId, thread: ThreadId) -> Result<(), SimError> {
        if !self.world.node(by)?.is_up() {
            self.later(MINUTE, Deed::Answer { by, thread });
            return Ok(());
        }
        if self.says(by, thread, "an answer")?.is_none() {
            return Ok(());
        }
        let business = &self.scenario.business;
        let hands_over = self.cast.role(by) == Some(Role::Bot) || self.rng.hits(business.hand_over);
        if hands_over && self.handed.insert(thread) {
            let Some(to) = self.next_agent(by) else { return Ok(()) };
            self.hand_over(by, thread, to)?;
        }
        Ok(())
    }

    fn next_agent(&mut self, near: NodeId) -> Option<NodeId> {
        let administrator = self.cast.administrator(near)?;
        let agents = self.cast.colleagues(administrator, Role::Agent);
        let turn = self.turns.entry(administrator).or_default();
        *turn += 1;
        let others: Vec<NodeId> = agents.iter().copied().filter(|agent| *agent != near).collect();
        others.get(*turn % others.len().max(1)).copied()
    }

    fn forward(&mut self, steward: NodeId, thread: ThreadId) -> Result<(), SimError> {
        let bots = self.cast.colleagues(steward, Role::Bot);
        let to = match self.rng.pick(&bots).copied() {
            Some(bot) => Some(bot),
            None => self.next_agent(steward),
        };
        let Some(to) = to else { return Ok(()) };
        self.let_in(steward, thread, to, false).map(|_| ())
    }

    fn hand_over(&mut self, by: NodeId, thread: ThreadId, to: NodeId) -> Result<(), SimError> {
        self.let_in(by, thread, to, true).map(|_| ())
    }

    fn let_in(
        &mut self,
        by: NodeId,
        thread: ThreadId,
        to: NodeId,
        hand_over: bool,
    ) -> Result<bool, SimError> {
        let history = history_of(&self.scenario.business.history);
        let Some(steward) = self.cast.administrator(by) else { return Ok(false) };
        let device = self.world.node(to)?.device();
        let command = Command::Forward {
            thread,
            to: Some(device),
            history,
            lasts: LASTS,
            hand_over,
            note: String::new(),
        };
        let before = self.forwards.insert((thread, to), (self.world.time, history));
        if self.tries(by, command)?.is_some() {
            return Ok(true);
        }
        match before {
            Some(before) => drop(self.forwards.insert((thread, to), before)),
            None => drop(self.forwards.remove(&(thread, to))),
        }
        self.later(5.0 * MINUTE, Deed::Forward { steward, thread });
        Ok(false)
    }

    fn strike(&mut self, fault: usize) -> Result<(), SimError> {
        let Some(fault) = self.scenario.faults.get(fault).cloned() else { return Ok(()) };
        let Some(node) = self.victim(fault.who) else { return Ok(()) };
        if self.world.node(node)?.engine().is_none() {
            return Ok(());
        }
        self.figures.fault(self.world.time.saturating_sub(self.began), fault.what);
        let lasts = fault.lasts * SECOND;
        match fault.what {
            FaultKind::Crash => self.world.crash(node, whole(lasts))?,
            FaultKind::Partition => self.part(node, lasts)?,
            FaultKind::DiskFull => self.world.fail_step(node, 0, Failure::Commit)?,
            FaultKind::FlushFails => self.world.fail_step(node, 0, Failure::Flush)?,
            FaultKind::PowerCut => self.world.fail_step(node, 0, Failure::CutBeforeFlush)?,
            FaultKind::Move => {
                let place = self.world.nodes.len() + usize::try_from(self.world.time).unwrap_or_default();
                self.world.relocate(node, place)?;
            }
            FaultKind::Sleep => {
                self.world.stop(node)?;
                self.later(lasts, Deed::Wake { node });
            }
            FaultKind::RollBack => self.roll_back(node)?,
        }
        Ok(())
    }

    fn part(&mut self, node: NodeId, lasts: f64) -> Result<(), SimError> {
        for other in (0..self.world.nodes.len()).map(NodeId).filter(|other| *other != node) {
            if self.world.are_connected(node, other) || self.cast.administrator(node) == Some(other) {
                self.world.part(node, other)?;
                self.later(lasts, Deed::Mend { a: node, b: other });
            }
        }
        Ok(())
    }

    /// The first time, the owner makes a backup; the second time, puts it back.
    fn roll_back(&mut self, node: NodeId) -> Result<(), SimError> {
        match self.copies.remove(&node) {
            Some(copy) => self.world.restore(node, copy),
            None => {
                self.copies.insert(node, self.world.copy_of(node)?);
                Ok(())
            }
        }
    }

    fn victim(&mut self, who: Who) -> Option<NodeId> {
        let all: Vec<NodeId> = match who {
            Who::Anyone => (0..self.world.nodes.len()).map(NodeId).collect(),
            Who::Customer => self.cast.of(Role::Customer).collect(),
            Who::Agent => self.cast.of(Role::Agent).collect(),
            Who::Administrator => self.cast.of(Role::Administrator).collect(),
        };
        self.rng.pick(&all).copied()
    }

    fn sample(&mut self) {
        let at = self.world.time.saturating_sub(self.began);
        let waiting = self.outbox();
        let (records, bytes) =
            self.world.nodes.iter().map(|node| node.store.size()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        self.figures.sample(Sample { at, waiting, records, bytes });
    }
}

fn history_of(text: &str) -> HistoryChoice {
    match text.strip_prefix("last:").and_then(|count| count.parse().ok()) {
        Some(count) => HistoryChoice::Last(count),
        None if text == "none" => HistoryChoice::None,
        None => HistoryChoice::All,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
