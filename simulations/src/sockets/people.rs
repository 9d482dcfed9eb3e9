//! People: a customer and the agent who serves it write to each other; some agents hand over.

use super::{plan::Plan, stage::Stage};
use crate::{
    NodeId, SimError,
    lab::{chance::Chance as _, whole},
};
use frontdesk_engine::{Command, CommandError};
use frontdesk_identity::ThreadId;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use std::{sync::Arc, time::Duration};

/// Texts of one customer at most.
const MOST_TEXTS: u64 = 500;

/// A conversation.
#[derive(Debug)]
pub(super) struct Talk {
    thread: ThreadId,
    customer: NodeId,
    agent: NodeId,
    /// Whom the agent asked to take over, until that one is in the thread.
    heir: Option<NodeId>,
    /// When the customer writes, in milliseconds from the beginning of the play.
    times: Vec<u64>,
    /// How long after that the agent does.
    answers_after: u64,
    /// The text in the middle, with which the agent hands over, and to whom.
    hands_over: Option<(usize, NodeId)>,
    /// The text with which the administrator takes the agent out.
    ends_with: Option<usize>,
    /// It has been taken out.
    is_left: bool,
}

impl Talk {
    pub(super) fn plan(
        plan: &Plan,
        (thread, customer, agent): (ThreadId, NodeId, NodeId),
        stage: &Stage,
        rng: &mut ChaCha20Rng,
    ) -> Self {
        let length = plan.seconds.saturating_mul(1000);
        // Half a text less or more, so that the mean is what was asked for; at least one.
        let texts = whole(plan.texts * 0.5 + rng.unit() * plan.texts).clamp(1, MOST_TEXTS);
        let mut times: Vec<u64> = (0..texts).map(|_| within(rng, length)).collect();
        times.sort_unstable();
        let others: Vec<NodeId> = stage.agents().filter(|other| *other != agent).collect();
        let is_bot = stage.bots().any(|bot| bot == agent);
        let heir = rng.pick(&others).copied().filter(|_| is_bot || rng.hits(plan.hand_over));
        let hands_over = heir.map(|heir| (if is_bot { 0 } else { times.len() / 2 }, heir));
        let ends_with = rng.hits(plan.revoke).then_some(times.len() * 3 / 4);
        let answers_after = within(rng, 300);
        Self {
            thread,
            customer,
            agent,
            heir: None,
            times,
            answers_after,
            hands_over,
            ends_with,
            is_left: false,
        }
    }

    /// Writes until all is written. What a node doesn't take, for it is down, is not written.
    pub(super) async fn hold(mut self, stage: Arc<Stage>, began: u64) -> Result<(), SimError> {
        for (number, at) in std::mem::take(&mut self.times).into_iter().enumerate() {
            let wait = began.saturating_add(at).saturating_sub(stage.clock.millis());
            tokio::time::sleep(Duration::from_millis(wait)).await;
            self.write(&stage, self.customer, "a question").await?;
            tokio::time::sleep(Duration::from_millis(self.answers_after)).await;
            self.succeed(&stage).await;
            if self.heir.is_some() || self.is_left {
                continue;
            }
            self.write(&stage, self.agent, "an answer").await?;
            if let Some((_, heir)) = self.hands_over.filter(|(middle, _)| *middle == number) {
                self.ask(&stage, heir).await?;
            } else if self.ends_with.is_some_and(|last| number >= last) {
                self.end(&stage).await?;
            }
        }
        Ok(())
    }

    /// The administrator takes the agent out, and the customer writes on to the administrator.
    async fn end(&mut self, stage: &Stage) -> Result<(), SimError> {
        stage.ledger.book().truth.may_go(self.thread, self.agent);
        match stage.revoke(self.thread, self.agent).await {
            Ok(()) => {
                self.is_left = true;
                stage.ledger.book().figures.revoked += 1;
                self.goes_on(stage).await
            }
            // It is tried again with the next text; a node that was killed before it answered may have done it.
            Err(SimError::Down | SimError::Command(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The agent that was taken out may not have heard it yet, and writes once more: nobody who knows takes that.
    async fn goes_on(&self, stage: &Stage) -> Result<(), SimError> {
        match self.write(stage, self.agent, "one more word").await {
            Err(SimError::Command(_)) => Ok(()),
            written => written,
        }
    }

    /// The agent asks the steward to let another take its place, and writes no more.
    async fn ask(&mut self, stage: &Stage, heir: NodeId) -> Result<(), SimError> {
        stage.ledger.book().truth.may_go(self.thread, self.agent);
        match stage.forward(self.agent, self.thread, heir, true).await {
            // A node that was killed before it answered may have asked or not.
            Ok(()) | Err(SimError::Down) => self.heir = Some(heir),
            // Nothing was done, and the agent stays.
            Err(SimError::Command(CommandError::Storage(_))) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Who takes over does so once it is in the thread.
    async fn succeed(&mut self, stage: &Stage) {
        if let Some(heir) = self.heir
            && stage.is_in(heir, self.thread).await
        {
            self.agent = heir;
            self.heir = None;
            stage.ledger.book().figures.handed_over += 1;
        }
    }

    async fn write(&self, stage: &Stage, by: NodeId, words: &str) -> Result<(), SimError> {
        let send = Command::Send { thread: self.thread, text: stage.text(words) };
        match stage.node(by)?.command(send).await {
            Ok(_) => Ok(()),
            Err(SimError::Down | SimError::Command(CommandError::Storage(_))) => {
                stage.ledger.book().figures.not_taken += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Any number below this.
pub(super) fn within(rng: &mut ChaCha20Rng, bound: u64) -> u64 {
    rng.next_u64() % bound.max(1)
}
