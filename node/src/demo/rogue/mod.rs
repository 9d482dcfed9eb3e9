//! Someone who poses as an entity's reception: real keys, real links, real frames, and grants that are not what they
//! should be. A process of its own, driven by one line of JSON on standard input, and gone when that ends.

mod grants;
mod reception;

use super::{
    node::next_json,
    process::{frontdesk, within},
};
use crate::{
    driver::wall_clock,
    failure::{Failure, Outcome},
    home::{Home, PassphraseSource, Vault},
    render,
    service::open_store,
};
use frontdesk_capability::ChainBytes;
use frontdesk_engine::{Engine, Settings};
use frontdesk_identity::{DeviceKeys, DialAddress, PrincipalId, RecoveryPhrase, TransportKey};
use reception::Reception;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{path::PathBuf, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin},
    sync::oneshot,
};

/// What is wrong with the grant.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ruse {
    /// It names the entity's root key, and another key signed it.
    Forged,
    /// It has an ability that its issuer has not.
    Widened,
    /// It is over.
    Expired,
    /// Nothing, as far as the chain shows: it is the one of an enrolled device.
    Own,
}

/// What the rogue is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) ruse: Ruse,
    /// Whom to pose as.
    pub(super) entity: String,
    /// The entity's recovery phrase, for grants that only its root could sign.
    pub(super) phrase: String,
    /// For [`Ruse::Own`]: the home of the enrolled device.
    pub(super) home: Option<PathBuf>,
}

/// The rogue's process, as the play sees it.
pub(super) struct Rogue {
    child: Child,
    /// As long as it is open, the rogue plays.
    stdin: ChildStdin,
    pub(super) reception: TransportKey,
    pub(super) address: DialAddress,
}

impl Rogue {
    pub(super) async fn start(home: &Home, orders: &Orders) -> Outcome<Self> {
        let mut command = frontdesk(home, &["demo-rogue"])?;
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let missing = || Failure::new("the rogue could not be started");
        let mut stdin = child.stdin.take().ok_or_else(missing)?;
        stdin.write_all(format!("{}\n", serde_json::to_string(orders)?).as_bytes()).await?;
        let mut lines = BufReader::new(child.stdout.take().ok_or_else(missing)?).lines();
        let ready = within("the rogue to start", async { next_json(&mut lines).await }).await?;
        let text = |name: &str| ready.as_ref()?.get(name)?.as_str();
        let reception = text("reception").ok_or_else(missing)?.parse()?;
        let address = text("address").ok_or_else(missing)?.parse()?;
        Ok(Self { child, stdin, reception, address })
    }

    pub(super) async fn end(mut self) -> Outcome {
        drop(self.stdin);
        within("the rogue to end", async { Ok(self.child.wait().await?) }).await.map(drop)
    }
}

/// The rogue's own side.
pub(super) async fn play() -> Outcome {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let orders: Orders = serde_json::from_str(&line)?;
    let (keys, chain) = costume(&orders)?;
    let mut reception = Reception::open(keys, chain, orders.entity.parse()?)?;
    let address = reception.listens().await?;
    render::json(&json!({ "reception": reception.transport().to_string(), "address": address }));
    tokio::select! {
        played = reception.serve() => played,
        () = end_of_input() => Ok(()),
    }
}

/// Standard input can only be waited for by a thread of its own.
async fn end_of_input() {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        // An input that breaks is one that ends.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        ended.send(())
    });
    let _ = end.await;
}

/// The keys and the grant that the rogue shows.
fn costume(orders: &Orders) -> Outcome<(DeviceKeys, ChainBytes)> {
    let entity: PrincipalId = orders.entity.parse()?;
    let phrase: RecoveryPhrase = orders.phrase.parse()?;
    let (keys, now) = (DeviceKeys::generate(&mut crate::random::generator()), wall_clock());
    let chain = match orders.ruse {
        Ruse::Forged => grants::forged(entity, keys.id(), now)?,
        Ruse::Widened => grants::widened(&phrase.to_root(), keys.id(), now)?,
        Ruse::Expired => grants::expired(&phrase.to_root(), keys.id(), now)?,
        Ruse::Own => return stolen(orders),
    };
    Ok((keys, chain))
}

/// The keys and the grant of an enrolled device, out of its home.
fn stolen(orders: &Orders) -> Outcome<(DeviceKeys, ChainBytes)> {
    let home = Home::locate(orders.home.clone())?;
    let vault = Vault::load(&home.keys(), &PassphraseSource::None)?;
    let store = open_store(&home.store(), 4, &vault.store_key())?;
    let engine = Engine::open(&store, vault.device.clone(), Settings::default(), *crate::random::seed())?;
    let chain = engine.own_grant().ok_or_else(|| Failure::new("the device holds no grant"))?;
    Ok((vault.device, chain.clone()))
}
