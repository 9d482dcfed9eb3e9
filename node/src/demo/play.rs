//! The stage, the cast, and what the acts hand on to each other.

use super::{checks::Checks, node::Node, tell::Teller};
use crate::{failure::Outcome, render};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;
use tokio::process::Child;

/// All of it.
pub(super) struct Play {
    pub(super) teller: Teller,
    pub(super) checks: Checks,
    pub(super) acme: Node,
    pub(super) ana: Node,
    pub(super) ben: Node,
    pub(super) bot: Node,
    pub(super) carla: Node,
    /// The program beside the bot's node.
    pub(super) bot_program: Option<Child>,
    /// Acme's id.
    pub(super) entity: String,
    /// Acme's contact link.
    pub(super) link: String,
    /// Acme's 24 words: the demo makes grants with them that no administrator would.
    pub(super) phrase: String,
    /// The thread between Carla and Acme.
    pub(super) thread: String,
    /// Who can read it in the end.
    pub(super) who: Value,
    json: bool,
    keep: bool,
    stage: TempDir,
}

impl Play {
    pub(super) fn begin(json: bool, keep: bool) -> Outcome<Self> {
        let teller = Teller::new(json);
        let stage = tempfile::Builder::new().prefix("frontdesk-demo-").disable_cleanup(keep).tempdir()?;
        let node = |name| Node::new(stage.path(), name);
        let (acme, ana, ben) = (node("Acme")?, node("Ana")?, node("Ben")?);
        let (bot, carla) = (node("Bot")?, node("Carla")?);
        Ok(Self {
            checks: Checks::new(teller.clone()),
            teller,
            acme,
            ana,
            ben,
            bot,
            carla,
            bot_program: None,
            entity: String::new(),
            link: String::new(),
            phrase: String::new(),
            thread: String::new(),
            who: Value::Null,
            json,
            keep,
            stage,
        })
    }

    /// Where the homes are.
    pub(super) fn root(&self) -> &Path {
        self.stage.path()
    }

    /// Ends every process. The homes go with the stage.
    pub(super) async fn end(&mut self) {
        if let Some(mut program) = self.bot_program.take() {
            let _ = program.kill().await;
        }
        let nodes = [&mut self.acme, &mut self.ana, &mut self.ben, &mut self.bot, &mut self.carla];
        for node in nodes.into_iter().filter(|node| node.is_running()) {
            // One that doesn't end in time is killed when it is dropped.
            let _ = node.stop().await;
        }
    }

    /// Tells how it went.
    pub(super) fn report(&self) {
        if self.json {
            return render::json(&self.checks.to_json(&self.who));
        }
        self.teller.act("What was shown");
        self.checks.table();
        if self.keep {
            self.teller.title(&format!("The homes are kept in {}.", self.root().display()));
        }
    }
}
