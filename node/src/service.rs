//! A running node: everything wired together, and shut down in order.

use crate::{
    api::{Api, BindError, Bound},
    config::{Config, ForwardTarget, SuiteName},
    driver::{Core, Driver, StoreFailure},
    failure::{Failure, Outcome},
    home::{Announcement, Home, Token, Vault},
};
use frontdesk_engine::{Engine, ForwardRule, ForwardTo, OpenError, Role, Settings};
use frontdesk_identity::{PrivateFileError, read_private};
use frontdesk_net::{EventReceiver, Net, NetConfig, NetError, NetEvent, TransportSecret};
use frontdesk_store::{MasterKey, Sealed, SledOptions, SledStore, StoreError, migrate};
use frontdesk_thread::Suite;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// How long a start waits to learn where the node can be dialled. Sockets are bound by then; this is for the log and
/// for the first contact link.
const LISTEN_WITHIN: Duration = Duration::from_millis(300);
/// What a shutdown may take beyond its grace time, for the last flush.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// The store of a node: sled, sealed.
pub(crate) type NodeStore = Sealed<SledStore>;

/// A node that is ready to run.
pub(crate) struct Service {
    driver: Driver<NodeStore>,
    api: JoinHandle<()>,
    stop: CancellationToken,
    grace: Duration,
    /// Where it can be dialled.
    pub(crate) addresses: Vec<String>,
    /// Where its API is.
    pub(crate) endpoint: String,
    announcement: Announcement,
}

/// Why a node can't start, each with what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is in it.
    #[error(transparent)]
    Engine(#[from] OpenError),
    /// The network.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The API.
    #[error(transparent)]
    Api(#[from] BindError),
    /// A file of the home.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The token.
    #[error(transparent)]
    Token(#[from] crate::home::TokenError),
}

impl Service {
    /// Opens the store, binds every socket, and says where the API is. Within a tokio runtime.
    pub(crate) async fn start(
        home: &Home,
        config: &Config,
        vault: Vault,
        stop: CancellationToken,
    ) -> Result<Self, StartError> {
        let core = open_core(home, config, &vault)?;
        let bound = Bound::bind(&config.api.bind, home).await?;
        let (net, mut news) = Net::start(net_config(config, &vault))?;
        let early = first_news(&net, &mut news, config.net.listen.len()).await;
        let external = config.net.external.clone();
        let buffer = usize::from(config.api.event_buffer);
        let (driver, handle) = Driver::new(core, (net, news), external, buffer, stop.clone());
        let driver = driver.with_early_news(early);
        let endpoint = bound.endpoint();
        let api = Api {
            handle,
            token: token(home)?,
            keys: Arc::new(vault.device),
            address: bound.address(),
            places: Arc::new(Semaphore::new(usize::from(config.api.max_requests))),
            stop: stop.clone(),
        };
        let announcement = endpoint.announce(&home.endpoint())?;
        Ok(Self {
            addresses: driver.addresses_now(),
            driver,
            api: tokio::spawn(bound.serve(api, stop.clone())),
            stop,
            grace: config.node.shutdown_grace.duration(),
            endpoint: endpoint.to_string(),
            announcement,
        })
    }

    /// Runs on this thread until the stop token is cancelled; then drains, flushes and closes, within the grace time.
    pub(crate) async fn run(self) -> Outcome {
        tokio::spawn(watch(self.stop.clone(), self.grace));
        let outcome: Result<(), StoreFailure> = self.driver.run().await;
        self.stop.cancel();
        // Requests that are under way were answered by the driver; a caller that doesn't read has had its time.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.api).await;
        drop(self.announcement);
        tracing::info!("stopped");
        outcome.map_err(Failure::new)
    }
}

/// Ends a shutdown that hangs.
async fn watch(stop: CancellationToken, grace: Duration) {
    stop.cancelled().await;
    tracing::info!("shutting down");
    tokio::time::sleep(grace.saturating_add(FLUSH_WITHIN)).await;
    tracing::error!("the shutdown took too long; what is stored is safe");
    std::process::exit(1);
}

fn open_core(home: &Home, config: &Config, vault: &Vault) -> Result<Core<NodeStore>, StartError> {
    let (path, cache) = (home.store(), config.store.cache_mib);
    let store = open_store(&path, cache, &vault.store_key())?;
    let engine = Engine::open(&store, vault.device.clone(), settings(config), *crate::random::seed())?;
    let key = vault.store_key();
    Ok(Core::new(engine, store, Box::new(move || open_store(&path, cache, &key))))
}

/// Opens the store of a home, and brings it to the format of this program.
pub(crate) fn open_store(path: &Path, cache_mib: u16, key: &MasterKey) -> Result<NodeStore, StoreError> {
    let options = SledOptions { cache_bytes: u64::from(cache_mib) * 1024 * 1024 };
    let store = Sealed::open(SledStore::open(path, &options)?, key, crate::random::generator())?;
    migrate(&store)?;
    Ok(store)
}

fn settings(config: &Config) -> Settings {
    let forward = &config.forward;
    let to = match forward.to {
        ForwardTarget::Nobody => None,
        ForwardTarget::Agent => Some(ForwardTo::Role(Role::Agent)),
        ForwardTarget::Bot => Some(ForwardTo::Role(Role::Bot)),
        ForwardTarget::Device(device) => Some(ForwardTo::Device(device)),
    };
    let rule = |to| ForwardRule { to, lasts: forward.lasts.secs(), history: forward.history.0 };
    let suite = match config.node.suite {
        SuiteName::Hybrid => Suite::Hybrid,
        SuiteName::Classic => Suite::Classic,
    };
    Settings {
        introduce: config.node.introduce,
        suite,
        forward_new: to.map(rule),
        key_packages: usize::from(config.node.key_packages),
    }
}

fn net_config(config: &Config, vault: &Vault) -> NetConfig {
    NetConfig {
        listen: config.net.listen.clone(),
        external: config.net.external.clone(),
        mdns: config.net.mdns,
        max_inbound: config.net.max_inbound,
        max_outbound: config.net.max_outbound,
        max_per_ip: config.net.max_per_ip,
        max_frame: frontdesk_wire::limits::MAX_FRAME,
        shutdown_grace: config.node.shutdown_grace.duration(),
        ..NetConfig::new(TransportSecret::new(vault.device.transport().to_seed()))
    }
}

/// What the network tells until it has said of each listener where it is.
async fn first_news(net: &Net, news: &mut EventReceiver, listeners: usize) -> Vec<NetEvent> {
    let mut early = Vec::new();
    let complete = async {
        while net.listening().len() < listeners {
            let Some(event) = news.recv().await else { return };
            early.push(event);
        }
    };
    // Later news is news like any other.
    let _ = tokio::time::timeout(LISTEN_WITHIN, complete).await;
    early
}

/// The token of the home; one that is missing is made anew.
fn token(home: &Home) -> Result<Token, StartError> {
    match read_private(&home.token()) {
        Err(PrivateFileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            let token = Token::generate();
            token.save(&home.token())?;
            Ok(token)
        }
        Ok(_) | Err(_) => Ok(Token::load(&home.token())?),
    }
}
