//! Search: every way in which the first frames of a moment can fare, and every instant at which a node can be killed.

use crate::{Fare, NodeId, Siege, SimError};
use frontdesk_engine::Query;
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// How long the moment lasts in which states are told apart, in milliseconds: late frames have arrived then.
const MOMENT: u64 = 400;

/// What is searched.
#[derive(Debug, Clone)]
pub struct Search {
    /// So many frames that are sent one after another fare each in every way.
    pub depth: u32,
    /// After so many others that are on time, in runs of their own.
    pub after: Vec<u32>,
    /// The ways.
    pub fares: Vec<Fare>,
    /// Each of these nodes is killed, in runs of their own, before each of so many happenings.
    pub crashes: (Vec<NodeId>, u64),
}

/// What a search went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explored {
    /// Runs from the beginning to the end, all different.
    pub runs: u64,
    /// States of the whole world, as its nodes show them, that were seen in the moment.
    pub states: usize,
}

/// Where a run differs from the others.
#[derive(Debug, Clone, Copy)]
struct Case {
    after: u32,
    fares: u64,
    crash: Option<(NodeId, u64)>,
}

impl Search {
    /// Plays every case, on all processors. `base` makes the world that all begin with, `act` gives the commands of the
    /// moment, and `holds` waits for the end and checks it.
    ///
    /// # Errors
    /// [`SimError`] of the first case that fails, which it names.
    pub fn explore(
        &self,
        base: impl Fn() -> Result<Siege, SimError> + Sync,
        act: impl Fn(&mut Siege) -> Result<(), SimError> + Sync,
        holds: impl Fn(&mut Siege) -> Result<(), SimError> + Sync,
    ) -> Result<Explored, SimError> {
        let (next, states, failed) = (AtomicU64::new(0), Mutex::new(BTreeSet::new()), Mutex::new(None));
        let runs = self.runs();
        let work = || -> Result<(), SimError> {
            let base = base()?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= runs {
                    return Ok(());
                }
                let case = self.case(number);
                let mut seen = BTreeSet::new();
                let outcome = self.play(&base, case, &act, &mut seen).and_then(|mut siege| holds(&mut siege));
                outcome.map_err(|error| SimError::Broken(format!("case {number}, {case:?}: {error}")))?;
                states.lock().unwrap_or_else(PoisonError::into_inner).append(&mut seen);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    if let Err(error) = work() {
                        next.store(runs, Ordering::Relaxed);
                        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    }
                });
            }
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(Explored {
                runs,
                states: states.into_inner().unwrap_or_else(PoisonError::into_inner).len(),
            }),
        }
    }

    fn ways(&self) -> u64 {
        u64::try_from(self.fares.len()).unwrap_or(1).saturating_pow(self.depth)
    }

    fn runs(&self) -> u64 {
        let victims = u64::try_from(self.crashes.0.len()).unwrap_or(0);
        let windows = u64::try_from(self.after.len()).unwrap_or(1);
        self.ways().saturating_mul(windows).saturating_mul(victims.saturating_mul(self.crashes.1).max(1))
    }

    fn case(&self, number: u64) -> Case {
        let (number, fares) = (number / self.ways(), number % self.ways());
        let windows = u64::try_from(self.after.len()).unwrap_or(1).max(1);
        let (crash, window) = (number / windows, number % windows);
        let after = usize::try_from(window).ok().and_then(|window| self.after.get(window));
        let (victims, instants) = &self.crashes;
        let victim = usize::try_from(crash / (*instants).max(1)).ok().and_then(|victim| victims.get(victim));
        Case {
            after: after.copied().unwrap_or(0),
            fares,
            crash: victim.map(|victim| (*victim, crash % (*instants).max(1))),
        }
    }

    fn fares(&self, case: u64) -> impl Iterator<Item = Fare> {
        let ways = u64::try_from(self.fares.len()).unwrap_or(1);
        (0..self.depth).filter_map(move |frame| {
            let way = case / ways.saturating_pow(frame) % ways;
            usize::try_from(way).ok().and_then(|way| self.fares.get(way)).copied()
        })
    }

    fn play(
        &self,
        base: &Siege,
        case: Case,
        act: &impl Fn(&mut Siege) -> Result<(), SimError>,
        seen: &mut BTreeSet<[u8; 16]>,
    ) -> Result<Siege, SimError> {
        let mut siege = base.fork(1)?;
        let on_time = (0..case.after).map(|_| Fare::After(1));
        siege.office.world.set_fares(on_time.chain(self.fares(case.fares)));
        act(&mut siege)?;
        let end = siege.office.world.time() + MOMENT;
        let mut happened = 0;
        loop {
            if let Some((victim, instant)) = case.crash
                && instant == happened
            {
                siege.office.world.crash(victim, 100)?;
            }
            seen.insert(state(&siege)?);
            happened += 1;
            if !siege.office.world.happen(end)? {
                break;
            }
        }
        if siege.office.world.has_fares_left() {
            return Err(SimError::Broken("the moment has fewer frames than the search is deep".into()));
        }
        Ok(siege)
    }
}

/// What all nodes show, in few bytes.
fn state(siege: &Siege) -> Result<[u8; 16], SimError> {
    let world = &siege.office.world;
    let mut hash = Sha256::new();
    for node in (0..world.nodes.len()).map(NodeId) {
        if !world.node(node)?.is_up() {
            hash.update([0]);
            continue;
        }
        let messages = Query::Messages { thread: siege.thread, before: None, limit: 100 };
        for query in [Query::Thread(siege.thread), messages, Query::Status] {
            let answer = world.query(node, &query)?;
            let shown = serde_json::to_vec(&answer).map_err(|error| SimError::Broken(error.to_string()))?;
            hash.update(shown);
        }
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(hash.finalize().get(..16).unwrap_or(&[0; 16]));
    Ok(digest)
}
