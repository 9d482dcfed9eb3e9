//! One run of a scenario: people who write, forward and go home, faults that befall their nodes, and what came of it.

mod agenda;
mod copies;
mod customers;
mod ears;
mod ending;
mod staff;
mod strikes;
mod succession;
mod surroundings;
mod villains;

use super::{
    Happening, Roads,
    figures::Figures,
    log::Log,
    people::Cast,
    roads::whole,
    scenario::{FaultKind, Scenario},
    truth::{Placed, Truth, Violation},
};
use crate::{NodeId, SimError, Weather, World};
use agenda::Deed;
use copies::Copies;
use customers::Talk;
use frontdesk_engine::{CommandError, HistoryChoice, Settings};
use frontdesk_identity::ThreadId;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use succession::Succession;
use villains::Villain;

const SECOND: f64 = 1000.0;
const MINUTE: f64 = 60.0 * SECOND;
const HOUR: f64 = 60.0 * MINUTE;
/// Between two looks at outboxes and disks, in milliseconds.
const SAMPLE: f64 = 5.0 * MINUTE;

/// Of a run, what founding everybody counts for, and what people do: the rest is for what must still arrive when they stop.
const FOUNDED: f64 = 0.1;
const PLAYED: f64 = 0.95;

/// Who watches a run from outside: nothing in the run depends on it.
pub trait Watch {
    /// Real time in seconds, from any beginning.
    fn seconds(&self) -> f64;

    /// So much of the run is over, of 1.
    fn progress(&mut self, part: f64);

    /// Up to when happenings are to be kept in words, in milliseconds of virtual time; none, unless somebody reads them.
    fn wants_log(&self) -> Option<u64> {
        None
    }
}

/// Nobody watches: there is no time to tell, and nothing to show.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn seconds(&self) -> f64 {
        0.0
    }

    fn progress(&mut self, _part: f64) {}
}

/// What a run came to.
#[derive(Debug, serde::Serialize)]
pub struct Outcome {
    /// The promises that were broken; none in a good run.
    pub violations: Vec<Violation>,
    /// The hash of all that happened, in hexadecimal: the same for the same scenario and seed on every machine.
    pub trace: String,
    /// When the play began, in milliseconds of virtual time: before, everybody is enrolled.
    pub began: u64,
    /// What was measured.
    pub figures: Figures,
    /// What happened, as far as [`Watch::wants_log`] asked for it.
    #[serde(skip)]
    pub log: Vec<Happening>,
    /// What each node is, if there is a log.
    #[serde(skip)]
    pub roles: Vec<&'static str>,
}

/// A forward that is under way.
#[derive(Debug, Clone)]
struct Wish {
    /// When it was asked for.
    asked: u64,
    history: HistoryChoice,
    /// What an agent that asked the steward had of the thread at that moment: from there it counts how much of the past it
    /// hands on, however long the steward takes.
    seen: Option<Vec<Placed>>,
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
    /// Why the latest command was refused.
    refused: Option<CommandError>,
    talks: BTreeMap<NodeId, Talk>,
    /// Who opened each thread.
    customers: BTreeMap<ThreadId, NodeId>,
    /// Devices that their owners have switched off.
    asleep: BTreeSet<NodeId>,
    villains: BTreeMap<usize, Villain>,
    /// When a node knew that another is out of a thread, where somebody goes on after that.
    learned: BTreeMap<(ThreadId, NodeId, NodeId), u64>,
    /// Agents of threads whose steward turns.
    served: BTreeMap<ThreadId, NodeId>,
    /// Texts that were written after their author's grant had ended, and by which adversary.
    late: BTreeMap<u64, usize>,
    /// Forwards under way.
    forwards: BTreeMap<(ThreadId, NodeId), Wish>,
    /// Devices that were taken out: when the steward committed it.
    removals: BTreeMap<(ThreadId, NodeId), u64>,
    /// How often nobody could take a thread that was forwarded.
    unfit: BTreeMap<ThreadId, u32>,
    /// Agents by turns.
    turns: BTreeMap<NodeId, usize>,
    /// Old copies of disks.
    copies: Copies,
    succession: Succession,
    /// When each thread came to its steward.
    arrived: BTreeMap<ThreadId, u64>,
    /// For how long who is about to be killed will be down, in milliseconds.
    lasting: BTreeMap<NodeId, f64>,
    /// Which of the scenario's faults have struck.
    strikes: BTreeSet<usize>,
    /// By which of them a node waits to fail.
    fuses: BTreeMap<NodeId, usize>,
    /// Until when what lasts has befallen which node.
    struck: BTreeMap<(FaultKind, NodeId), u64>,
    /// How far each thread has been handed over.
    handed: BTreeSet<ThreadId>,
    truth: Truth,
    figures: Figures,
    /// When the people stop, in milliseconds.
    end: u64,
    began: u64,
    /// Steps of the set-up.
    steps_before: u64,
}

/// Plays a scenario to its end.
///
/// # Errors
/// [`SimError`] if the run could not go on.
pub fn play(scenario: &Scenario, seed: u64, watch: &mut dyn Watch) -> Result<Outcome, SimError> {
    let started = watch.seconds();
    let mut play = Play::set_up_watched(scenario, seed, &mut |part| watch.progress(part * FOUNDED))?;
    let set_up = watch.seconds();
    play.figures.set_up_took = set_up - started;
    play.world.log = watch.wants_log().map(Log::until);
    if let Err(error) = play.run(watch).and_then(|()| play.settle_watched(watch)) {
        let at = play.world.time;
        play.truth.broken(at, "every step can be taken", error.to_string());
    }
    play.figures.took = watch.seconds() - set_up;
    play.figures.events = play.world.steps.saturating_sub(play.steps_before);
    Ok(play.finish())
}

impl<'a> Play<'a> {
    fn set_up_watched(
        scenario: &'a Scenario,
        seed: u64,
        founded: &mut dyn FnMut(f64),
    ) -> Result<Self, SimError> {
        let mut world = World::new(seed, Weather::FAIR);
        let settings = Settings {
            suite: scenario.suite.suite(),
            key_packages: 8,
            introduce: false,
            ..Settings::default()
        };
        let cast = Cast::gather(&mut world, scenario, settings, founded)?;
        for node in &mut world.nodes {
            node.events.clear();
        }
        surroundings::lay(&mut world, scenario, &cast, seed)?;
        world.roads = Some(Roads::new(scenario, &cast, seed));
        world.heard = Some(BTreeSet::new());
        world.quarrels = Some(Vec::new());
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
            refused: None,
            talks: BTreeMap::new(),
            customers: BTreeMap::new(),
            asleep: BTreeSet::new(),
            villains: BTreeMap::new(),
            learned: BTreeMap::new(),
            served: BTreeMap::new(),
            late: BTreeMap::new(),
            forwards: BTreeMap::new(),
            removals: BTreeMap::new(),
            unfit: BTreeMap::new(),
            turns: BTreeMap::new(),
            copies: Copies::default(),
            succession: Succession::default(),
            arrived: BTreeMap::new(),
            lasting: BTreeMap::new(),
            strikes: BTreeSet::new(),
            fuses: BTreeMap::new(),
            struck: BTreeMap::new(),
            handed: BTreeSet::new(),
            truth: Truth::default(),
            figures: Figures::default(),
            end,
            began,
            steps_before: 0,
        };
        play.steps_before = play.world.steps;
        play.figures.nodes = play.world.nodes.len();
        play.plan();
        Ok(play)
    }

    fn run(&mut self, watch: &mut dyn Watch) -> Result<(), SimError> {
        let (end, length) = (self.end, self.end.saturating_sub(self.began).max(1));
        let mut shown = 0;
        while self.world.happen(end)? {
            self.attend()?;
            let percent = self.world.time.saturating_sub(self.began).saturating_mul(100) / length;
            if percent > shown {
                shown = percent;
                let part = f64::from(u32::try_from(percent).unwrap_or(100)) / 100.0;
                watch.progress(FOUNDED + part * (PLAYED - FOUNDED));
            }
        }
        self.world.time = self.world.time.max(end);
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::lab::truth::text;
    use frontdesk_store::{Batch, Reader as _, Scan, Store as _};

    #[test]
    fn a_record_that_disappears_from_one_disk_after_a_good_run_breaks_exactly_one_promise() {
        let scenario =
            Scenario::from_toml("about = \"x\"\nhours = 10.0\n[customers]\ncount = 3\narrive = [8.0, 9.0]")
                .unwrap();
        let mut play = Play::set_up_watched(&scenario, 7, &mut |_| ()).unwrap();
        play.run(&mut Unwatched).unwrap();
        play.settle_watched(&mut Unwatched).unwrap();
        assert!(play.truth.violations.is_empty(), "{:?}", play.truth.violations);
        let (number, author) =
            play.truth.said.iter().map(|(number, said)| (*number, said.author)).next().unwrap();
        let store = &play.world.node(author).unwrap().store;
        let first = text(number, "hello").into_bytes();
        let records = store.scan(&Scan::prefix(b"h/")).unwrap().into_iter();
        let mut records = records.filter(|(_, value)| value.windows(first.len()).any(|part| part == first));
        let mut batch = Batch::new();
        batch.delete(records.next().unwrap().0).unwrap();
        store.commit(&batch).unwrap();
        let now = play.world.time;
        play.truth.close(&play.world, &play.cast, now);
        let broken: BTreeSet<&str> =
            play.truth.violations.iter().map(|violation| violation.promise.as_str()).collect();
        assert_eq!(broken, BTreeSet::from(["nothing that was answered for is lost"]));
    }
}
