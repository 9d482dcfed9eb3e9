//! A run: the stage is set, people write while faults befall them, and in the end all must agree.

use super::{
    check::Scene,
    cuts::{self, Fates},
    errors::Errors,
    people::Talk,
    plan::Plan,
    report::Report,
    stage::Stage,
};
use crate::{
    NodeId, SimError,
    lab::{Violation, Watch},
};
use frontdesk_identity::ThreadId;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::{sync::Arc, time::Duration};
use tokio::task::{JoinError, JoinSet};

/// How long nodes may take, after people stopped and faults were healed, until all agree. A peer that was away for minutes is
/// dialled again once a minute.
pub const SETTLE: Duration = Duration::from_secs(90);

/// Customers who contact the business at the same time.
const AT_ONCE: usize = 8;
/// Between two looks at how far it is.
const TICK: Duration = Duration::from_millis(200);

/// Plays a plan in real time.
///
/// # Errors
/// [`SimError`] if the stage could not be set.
pub fn play(plan: &Plan, watch: &mut dyn Watch) -> Result<Report, SimError> {
    plan.check().map_err(|error| SimError::Broken(error.to_string()))?;
    let errors = Errors::default();
    errors
        .heard_in(run(plan, watch, &errors))
        .map_err(|error| SimError::Broken(format!("no runtime: {error}")))?
}

async fn run(plan: &Plan, watch: &mut dyn Watch, errors: &Errors) -> Result<Report, SimError> {
    let stage = Arc::new(Stage::build(plan).await?);
    let talks = open(plan, &stage).await?;
    let threads: Vec<ThreadId> = talks.iter().map(|(thread, ..)| *thread).collect();
    let began = stage.clock.millis();
    stage.ledger.book().figures.delays.clear();
    let mut work = begin(plan, &stage, talks, began);
    let length = plan.seconds.saturating_mul(1000);
    loop {
        let over = stage.clock.millis().saturating_sub(began);
        watch.progress(part(over, length));
        tokio::select! {
            done = work.join_next() => match done {
                Some(done) => note(&stage, done),
                None => break,
            },
            () = tokio::time::sleep(TICK) => {}
        }
    }
    let settled = settle(&stage, &threads).await;
    stage.clear().await;
    errors.judge(&mut stage.ledger.book().truth, stage.clock.millis());
    Ok(report(plan, &stage, (threads.len(), began), settled))
}

/// All agents are enrolled, all customers have contacted the business, each thread is with an agent.
async fn open(plan: &Plan, stage: &Arc<Stage>) -> Result<Vec<(ThreadId, NodeId, NodeId)>, SimError> {
    for agent in stage.agents().chain(stage.bots()) {
        stage.enrol(agent).await?;
    }
    let bots: Vec<NodeId> = stage.bots().collect();
    let first = if bots.is_empty() { stage.agents().collect() } else { bots };
    let pairs: Vec<(NodeId, NodeId)> = stage.customers().zip(first.into_iter().cycle()).collect();
    let mut talks = Vec::with_capacity(plan.customers);
    for group in pairs.chunks(AT_ONCE) {
        let mut opening = JoinSet::new();
        for (customer, agent) in group.iter().copied() {
            let stage = Arc::clone(stage);
            opening.spawn(
                async move { Ok::<_, SimError>((stage.open(customer, agent).await?, customer, agent)) },
            );
        }
        while let Some(opened) = opening.join_next().await {
            talks.push(opened.map_err(|error| SimError::Broken(error.to_string()))??);
        }
    }
    talks.sort_unstable_by_key(|(_, customer, _)| *customer);
    Ok(talks)
}

/// Conversations and faults, each a task.
fn begin(
    plan: &Plan,
    stage: &Arc<Stage>,
    talks: Vec<(ThreadId, NodeId, NodeId)>,
    began: u64,
) -> JoinSet<Result<(), SimError>> {
    let mut rng = ChaCha20Rng::seed_from_u64(plan.seed ^ 0x50c_4e75);
    let mut work = JoinSet::new();
    for who in talks {
        let talk = Talk::plan(plan, who, stage, &mut rng);
        work.spawn(talk.hold(Arc::clone(stage), began));
    }
    let fates = Arc::new(Fates::new(Arc::clone(stage)));
    let end = began.saturating_add(plan.seconds.saturating_mul(1000));
    for strike in cuts::plan(plan, stage, &mut rng) {
        let fates = Arc::clone(&fates);
        work.spawn(async move { fates.befall(strike, began, end).await });
    }
    work
}

/// People and faults don't fail, whatever befalls nodes.
fn note(stage: &Stage, done: Result<Result<(), SimError>, JoinError>) {
    let seen = match done {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    stage.ledger.book().truth.broken(stage.clock.millis(), "every step can be taken", seen);
}

/// Looks until all is well, and answers how long that took; what is not well when the time is over is a broken promise.
async fn settle(stage: &Stage, threads: &[ThreadId]) -> Option<u64> {
    let began = stage.clock.millis();
    let patience = u64::try_from(SETTLE.as_millis()).unwrap_or(u64::MAX);
    loop {
        let scene = Scene::look(stage, threads).await;
        let now = stage.clock.millis();
        let wrong = match scene {
            Ok(scene) => scene.judge(&mut stage.ledger.book().truth, now),
            Err(error) => {
                vec![Violation {
                    at: now,
                    promise: "every node runs in the end".into(),
                    seen: error.to_string(),
                }]
            }
        };
        if wrong.is_empty() {
            return Some(now.saturating_sub(began));
        }
        if now.saturating_sub(began) >= patience {
            stage.ledger.book().truth.violations.extend(wrong);
            return None;
        }
        tokio::time::sleep(TICK).await;
    }
}

fn report(plan: &Plan, stage: &Stage, (threads, began): (usize, u64), settled: Option<u64>) -> Report {
    let mut book = stage.ledger.book();
    let figures = std::mem::take(&mut book.figures);
    let said = &book.truth.said;
    let count = |such: &dyn Fn(&crate::lab::truth::Said) -> bool| {
        u64::try_from(said.values().filter(|said| such(said)).count()).unwrap_or(u64::MAX)
    };
    Report {
        seed: plan.seed,
        nodes: plan.nodes(),
        seconds: plan.seconds,
        threads,
        texts: count(&|_| true),
        delivered: count(&|said| said.delivered.is_some()),
        delivered_without_administrator: figures.without_administrator,
        refused: count(&|said| said.failed && said.delivered.is_none()),
        not_taken: figures.not_taken,
        handed_over: figures.handed_over,
        revoked: figures.revoked,
        links: figures.links,
        delay_p50: figures.delay(50),
        delay_p99: figures.delay(99),
        delay_max: figures.delay(100),
        frames: figures.frames,
        bytes: figures.bytes,
        set_up: began,
        settled,
        faults: figures.faults,
        complaints: figures.complaints,
        violations: std::mem::take(&mut book.truth.violations),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a part of a bar")]
fn part(done: u64, of: u64) -> f64 {
    done as f64 / of.max(1) as f64
}
