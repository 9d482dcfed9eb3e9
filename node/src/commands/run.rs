//! `frontdesk run`: the node itself.

use super::Context;
use crate::{
    cli::Run,
    client::Client,
    config::{Config, Setting},
    failure::{Failure, Outcome},
    home::Vault,
    logging, render,
    service::Service,
};
use serde_json::json;
use std::future::Future;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Threads for network and API. The driver has the main thread, and does most of the work; with one message at a time a second one here
/// is woken to find nothing, which makes each hand-over dearer.
const WORKERS: usize = 1;

pub(super) fn run(context: &Context, args: &Run) -> Outcome {
    let settings = args.settings.settings().map_err(Failure::usage)?;
    let beside = |ready: Ready| async move {
        if ready.json {
            let (addresses, api) = (&ready.addresses, &ready.api);
            render::json(
                &json!({ "ready": true, "addresses": addresses, "api": api, "pid": std::process::id() }),
            );
        } else {
            let place =
                if ready.addresses.is_empty() { "nowhere".into() } else { ready.addresses.join(", ") };
            render::line(format!("Ready. Reachable at {place}; API at {}. Ctrl-C stops.", ready.api));
        }
        std::future::pending().await
    };
    with_node(context, settings, beside).map(drop)
}

/// What is told to whoever runs beside the node.
pub(super) struct Ready {
    pub(super) json: bool,
    pub(super) addresses: Vec<String>,
    pub(super) api: String,
}

/// Runs the node of a home until a signal, or until `beside` ends. None: a signal came first.
pub(super) fn with_node<F>(
    context: &Context,
    settings: Vec<Setting>,
    beside: impl FnOnce(Ready) -> F,
) -> Outcome<Option<()>>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    context.home.check()?;
    if Client::running(&context.home)?.is_some() {
        let text = "a node runs on this home already; `frontdesk stop` ends it, `frontdesk status` asks it";
        return Err(Failure::new(text).code("running"));
    }
    // First, so that commands which follow at once know that there is something to wait for.
    let _starting = context.home.set_sign();
    let config = Config::load(&context.home.config(), settings).map_err(Failure::usage)?;
    logging::begin(&config.log)?;
    let vault = Vault::load(&context.home.keys(), &context.passphrase)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let outcome = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(heed_signals(
            stop.clone(),
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ));
        let service = Service::start(&context.home, &config, vault, stop.clone()).await?;
        let ready =
            Ready { json: context.json, addresses: service.addresses.clone(), api: service.endpoint.clone() };
        let beside = tokio::spawn(accompany(beside(ready), stop));
        service.run().await?;
        beside.await?.transpose()
    });
    // A thread that waits for a disk or a name server must not hold up the exit.
    runtime.shutdown_background();
    outcome
}

/// Stops the node when the company is done.
async fn accompany(beside: impl Future<Output = Outcome>, stop: CancellationToken) -> Option<Outcome> {
    let outcome = stop.run_until_cancelled(beside).await;
    stop.cancel();
    outcome
}

/// The first signal stops in order, the second at once.
async fn heed_signals(stop: CancellationToken, mut interrupt: Signal, mut terminate: Signal) {
    for last in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if last {
            std::process::exit(1);
        }
        stop.cancel();
    }
}
