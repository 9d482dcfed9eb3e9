//! Checks of what the node needs to run.

use super::Check;
use crate::{
    api::Bound,
    config::Config,
    driver::wall_clock,
    home::{Home, PassphraseSource, Vault},
    render, service,
};
use frontdesk_engine::{Answer, Engine, Millis, Now, Query, Settings};
use frontdesk_identity::UnixTime;
use frontdesk_net::{Net, NetConfig, TransportSecret};
use zeroize::Zeroizing;

/// A right that ends within this is worth a word: seconds, 30 days.
const SOON: u64 = 30 * 86_400;

/// Does this device's own right still hold?
pub(crate) fn expiry(expires: Option<UnixTime>) -> Check {
    let Some(expires) = expires else {
        return Check::ok(
            "enrolment",
            "this device belongs to nobody yet, so it has no right that could end",
        );
    };
    let (now, told) = (wall_clock(), render::date_and_time(expires));
    if expires <= now {
        let text = format!(
            "this device's right ended on {told}; enrol it anew, or found the home again from its recovery phrase"
        );
        Check::fail("enrolment", text)
    } else if expires <= now.plus(SOON) {
        Check::warn("enrolment", format!("this device's right ends on {told}; renew it before"))
    } else {
        Check::ok("enrolment", format!("this device's right holds until {told}"))
    }
}

/// Can others dial it?
pub(crate) fn reachable(addresses: &[String]) -> Check {
    let local = |address: &String| address.starts_with("/ip4/127.") || address.starts_with("/ip6/::1/");
    if addresses.iter().all(local) {
        let text = "this node can only be reached from this machine; set net.listen, or net.external if a router is in between";
        Check::warn("reach", text)
    } else {
        Check::ok("reach", format!("this node says that it can be reached at {}", addresses.join(", ")))
    }
}

/// Is this home the newest of this device? Peers that have more from it than it knows of say that it isn't.
pub(crate) fn newest(ahead: usize, connected: usize) -> Check {
    if ahead == 0 {
        return Check::ok("copy", "no connected peer knows of more than this home");
    }
    let text = format!(
        "{ahead} of {connected} connected peers know of messages to or from this device that this home doesn't, so nothing goes to or comes from them: it seems to be an old copy; put the newest home back, or `frontdesk backup` this one and `frontdesk restore` that into a new home"
    );
    Check::fail("copy", text)
}

/// Does the store open, and is all in it that a node needs?
pub(crate) fn store(home: &Home, config: &Config, passphrase: &PassphraseSource) -> Vec<Check> {
    let vault = match Vault::load(&home.keys(), passphrase) {
        Ok(vault) => vault,
        Err(error) => return vec![Check::fail("store", error)],
    };
    let store = match service::open_store(&home.store(), config.store.cache_mib, &vault.store_key()) {
        Ok(store) => store,
        Err(error) => return vec![Check::fail("store", error)],
    };
    let engine = match Engine::open(&store, vault.device, Settings::default(), *crate::random::seed()) {
        Ok(engine) => engine,
        Err(error) => return vec![Check::fail("store", error)],
    };
    match engine.query(Now { mono: Millis(0), wall: wall_clock() }, &store, &Query::Status) {
        Ok(Answer::Status(status)) => {
            vec![
                Check::ok("store", format!("the store opens; it holds {} threads", status.threads)),
                expiry(status.expires),
            ]
        }
        Ok(_) => vec![Check::fail("store", "the store opens, and answers something else than was asked")],
        Err(error) => vec![Check::fail("store", error)],
    }
}

/// Can everything be bound that the configuration names?
pub(crate) async fn ports(home: &Home, config: &Config) -> Vec<Check> {
    // A key of nobody: this only looks whether the ports are free.
    let secret = TransportSecret::new(Zeroizing::new(*crate::random::seed()));
    let listen = config.net.listen.clone();
    let network = match Net::start(NetConfig { listen, ..NetConfig::new(secret) }) {
        Ok((net, _news)) => {
            net.shutdown().await;
            Check::ok(
                "ports",
                format!("every address of net.listen is free ({})", config.net.listen.join(", ")),
            )
        }
        Err(error) => Check::fail("ports", error),
    };
    let api = match Bound::bind(&config.api.bind, home).await {
        Ok(bound) => Check::ok("api", format!("the API can listen at {}", bound.endpoint())),
        Err(error) => Check::fail("api", error),
    };
    vec![network, api]
}
