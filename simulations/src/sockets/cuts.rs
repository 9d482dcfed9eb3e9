//! What goes wrong while people write: connections are cut, nodes are stopped, killed, and started elsewhere.
//!
//! A cut closes all connections of a node, with whatever they hold, and its network refuses everybody until the cut is
//! over ([`Net::disconnect`](frontdesk_net::Net::disconnect) with a ban): both ends see at once that the connection is gone.
//! A network that swallows packets in silence, so that only pings tell, is not played.

use super::{
    driver::peer_key,
    ledger::STEWARD,
    node::Node,
    people::within,
    plan::{Fault, Plan},
    stage::Stage,
};
use crate::{
    NodeId, SimError,
    lab::{
        chance::Chance as _,
        scenario::{FaultKind, Who},
    },
};
use rand_chacha::ChaCha20Rng;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Mutex, MutexGuard};

/// Times that each fault of a plan strikes.
const STRIKES: u64 = 5;
/// Nodes that look for each other at the same time: a third member of their thread has to know both.
const MOVERS: usize = 2;
/// How long a fault lasts, in milliseconds, or a fifth of the play if that is less.
const LASTS: std::ops::Range<u64> = 500..3000;
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Strike {
    /// When, in milliseconds from the beginning of the play.
    at: u64,
    victim: NodeId,
    lasts: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Cut,
    /// The one long cut of the administrator's node.
    Alone,
    Move,
    Sleep,
    Crash,
    Flush,
}

/// What befalls nodes, and what keeps faults apart.
#[derive(Debug)]
pub(super) struct Fates {
    stage: Arc<Stage>,
    /// Nothing befalls a node while something else does.
    busy: BTreeMap<NodeId, Mutex<()>>,
    /// Who was started elsewhere last, and is looked for.
    moved: Mutex<VecDeque<NodeId>>,
}

/// Draws all faults of a run, in the order of their times.
pub(super) fn plan(plan: &Plan, stage: &Stage, rng: &mut ChaCha20Rng) -> Vec<Strike> {
    let length = plan.seconds.saturating_mul(1000);
    let alone = Strike { at: length * 2 / 5, victim: STEWARD, lasts: length / 4, kind: Kind::Alone };
    let mut strikes = vec![alone];
    for fault in &plan.faults {
        let Some(kind) = kind(*fault) else { continue };
        for _ in 0..STRIKES {
            let Some(victim) = rng.pick(&victims(fault.who, stage)).copied() else { continue };
            let at = length / 20 + within(rng, length * 3 / 4);
            let lasts = LASTS.start.saturating_add(within(rng, LASTS.end - LASTS.start)).min(length / 5);
            strikes.push(Strike { at, victim, lasts, kind });
        }
    }
    strikes.sort_unstable();
    strikes
}

const fn kind(fault: Fault) -> Option<Kind> {
    match fault.what {
        FaultKind::Partition => Some(Kind::Cut),
        FaultKind::Move => Some(Kind::Move),
        FaultKind::Sleep => Some(Kind::Sleep),
        FaultKind::Crash => Some(Kind::Crash),
        FaultKind::FlushFails => Some(Kind::Flush),
        FaultKind::DiskFull
        | FaultKind::PowerCut
        | FaultKind::RollBack
        | FaultKind::OldCopy
        | FaultKind::Silence => None,
    }
}

fn victims(who: Who, stage: &Stage) -> Vec<NodeId> {
    match who {
        Who::Anyone => stage.nodes().iter().map(|node| node.id).collect(),
        Who::Customer => stage.customers().collect(),
        Who::Agent => stage.agents().collect(),
        Who::Administrator => vec![STEWARD],
        Who::Bot => stage.bots().collect(),
    }
}

impl Fates {
    pub(super) fn new(stage: Arc<Stage>) -> Self {
        let busy = stage.nodes().iter().map(|node| (node.id, Mutex::default())).collect();
        Self { stage, busy, moved: Mutex::default() }
    }

    /// A fault befalls its victim, and is over when this returns.
    pub(super) async fn befall(&self, strike: Strike, began: u64, end: u64) -> Result<(), SimError> {
        let clock = self.stage.clock;
        let wait = began.saturating_add(strike.at).saturating_sub(clock.millis());
        tokio::time::sleep(Duration::from_millis(wait)).await;
        match strike.kind {
            Kind::Cut | Kind::Alone => self.cut_off(strike, end).await,
            Kind::Move => self.restart(strike, "moves", end).await,
            Kind::Sleep => self.restart(strike, "sleeps", end).await,
            Kind::Crash => self.restart(strike, "crashes", end).await,
            Kind::Flush => self.fail_flush(strike, end).await,
        }
    }

    /// How long a fault can last now. Where faults had to wait for each other, the last ones don't come.
    fn lasts(&self, strike: Strike, end: u64) -> Option<Duration> {
        let left = end.saturating_sub(self.stage.clock.millis());
        (left > 0).then(|| Duration::from_millis(strike.lasts.min(left)))
    }

    async fn busy(&self, victim: NodeId) -> Result<MutexGuard<'_, ()>, SimError> {
        Ok(self.busy.get(&victim).ok_or(SimError::Down)?.lock().await)
    }

    async fn cut_off(&self, strike: Strike, end: u64) -> Result<(), SimError> {
        let _busy = self.busy(strike.victim).await?;
        let Some(lasts) = self.lasts(strike, end) else { return Ok(()) };
        let node = self.stage.node(strike.victim)?;
        if strike.kind == Kind::Alone {
            self.leave_alone(node, lasts).await;
        } else {
            self.cut(node, lasts).await;
        }
        Ok(())
    }

    /// The next step that a node makes durable fails.
    async fn fail_flush(&self, strike: Strike, end: u64) -> Result<(), SimError> {
        let _busy = self.busy(strike.victim).await?;
        if self.lasts(strike, end).is_some() {
            self.count("failing flushes");
            self.stage.node(strike.victim)?.fail_next_flush();
        }
        Ok(())
    }

    async fn cut(&self, node: &Node, lasts: Duration) {
        self.count("cuts");
        self.sever(node, lasts).await;
        tokio::time::sleep(lasts).await;
    }

    /// Agents and customers go on without the administrator's node.
    async fn leave_alone(&self, node: &Node, lasts: Duration) {
        self.count("cuts of the administrator");
        let healed = self.stage.clock.now().mono.plus(millis(lasts));
        self.sever(node, lasts).await;
        while node.net().is_some_and(|net| !net.connected().is_empty()) {
            tokio::time::sleep(LOOK).await;
        }
        let since = self.stage.clock.millis();
        self.stage.ledger.book().alone_since = Some(since);
        tokio::time::sleep(self.stage.clock.until(healed)).await;
        self.stage.ledger.book().alone_since = None;
    }

    /// Closes a node's connections, and keeps them from coming back for so long.
    async fn sever(&self, node: &Node, lasts: Duration) {
        let Some(net) = node.net() else { return };
        for other in self.stage.nodes().iter().filter(|other| other.id != node.id) {
            net.disconnect(peer_key(other.keys.transport_public()), Some(lasts)).await;
        }
    }

    /// Stops a node, in good order or not, and starts it again, at another port.
    async fn restart(&self, strike: Strike, what: &'static str, end: u64) -> Result<(), SimError> {
        let mut moved = self.moved.lock().await;
        while moved.len() >= MOVERS {
            let Some(first) = moved.pop_front() else { break };
            if !self.is_found(first, end).await? {
                return Ok(());
            }
        }
        let another = moved.iter().copied().find(|other| *other != strike.victim);
        moved.push_back(strike.victim);
        drop(moved);
        let _busy = self.busy(strike.victim).await?;
        let Some(lasts) = self.lasts(strike, end) else { return Ok(()) };
        let node = self.stage.node(strike.victim)?;
        self.count(what);
        if let Some(another) = another
            && self.is_looked_for(another).await
        {
            self.count("restarts while another node was looked for");
        }
        if strike.kind == Kind::Crash {
            node.crash().await;
        } else {
            node.stop().await;
        }
        if strike.kind == Kind::Sleep {
            tokio::time::sleep(lasts).await;
        }
        self.stage.start(node).await
    }

    /// Whether a node is not up again, or has not yet told everybody where it is.
    async fn is_looked_for(&self, node: NodeId) -> bool {
        let Ok(node) = self.stage.node(node) else { return false };
        node.status().await.map_or(true, |status| status.outbox > 0)
    }

    /// Waits until everybody has taken note of where a node is now; answers false if the play is over before.
    async fn is_found(&self, node: NodeId, end: u64) -> Result<bool, SimError> {
        let _busy = self.busy(node).await?;
        let node = self.stage.node(node)?;
        // What it has to say about that is in its outbox by now.
        tokio::time::sleep(LOOK * 4).await;
        while node.status().await?.outbox > 0 {
            if self.stage.clock.millis() >= end {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(true)
    }

    fn count(&self, what: &'static str) {
        *self.stage.ledger.book().figures.faults.entry(what).or_default() += 1;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
