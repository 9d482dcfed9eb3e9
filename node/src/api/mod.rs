//! The local API: HTTP and JSON for programs on this machine, the command line among them.
//!
//! ```text
//! GET    /v1/status                                      who this node is and how it fares
//! GET    /v1/threads                                     all threads, latest activity first
//! GET    /v1/threads/{id}                                one
//! GET    /v1/threads/{id}/messages?before&limit          its messages, in order
//! GET    /v1/threads/{id}/who                            who can read it, by what right
//! POST   /v1/threads/{id}/messages {text}                write to it
//! POST   /v1/threads/{id}/read     {through}             the user has seen it up to there
//! POST   /v1/threads/{id}/forward  {to?, history?, expires_in?, hand_over?, note?}
//! POST   /v1/threads/{id}/revoke   {device}
//! POST   /v1/threads/{id}/close
//! POST   /v1/threads/{id}/take-over
//! POST   /v1/contact               {link, text}          open a thread
//! GET    /v1/link                                        this business's contact link
//! POST   /v1/invitations           {role, name, lasts?}  invite a device
//! POST   /v1/join                  {invitation}          ask to be enrolled
//! GET    /v1/requests                                    devices that ask to be enrolled
//! POST   /v1/requests/{number}/approve, /decline
//! GET    /v1/devices                                     the business's devices
//! DELETE /v1/devices/{id}                                end a device's enrolment
//! GET    /v1/events?thread                               what happens, as server-sent events
//! POST   /v1/backup                {file, passphrase}    write a backup
//! POST   /v1/shutdown                                    stop the node
//! ```
//!
//! Ids are whole, in lowercase hexadecimal. Times are seconds since 1970, spans are seconds. Every request shows the
//! token of the file `api.token` (`Authorization: Bearer ..`). Refusals are `{"error": {"code", "message", "next"}}`.

mod bind;
mod connections;
mod entity;
mod error;
mod events;
mod extract;
mod guard;
mod node;
mod story;
mod threads;
mod words;

pub(crate) use bind::{BindError, Bound};

use crate::{driver::Handle, home::Token};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    routing::{delete, get, post},
};
use error::ApiError;
use frontdesk_identity::DeviceKeys;
use std::{net::SocketAddr, sync::Arc};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The largest body: the longest text with every character escaped, and what stands around it.
const MAX_BODY: usize = 6 * frontdesk_wire::limits::MAX_TEXT + 4096;

/// What every request has at hand.
type Shared = Arc<Api>;

/// What the API needs of the node.
pub(crate) struct Api {
    pub(crate) handle: Handle,
    pub(crate) token: Token,
    /// For backups.
    pub(crate) keys: Arc<DeviceKeys>,
    /// The loopback address that it listens on; none for a socket.
    pub(crate) address: Option<SocketAddr>,
    /// One for each request that may be worked on at a time.
    pub(crate) places: Arc<Semaphore>,
    /// Cancelled to stop the node.
    pub(crate) stop: CancellationToken,
}

/// All routes, behind the guard.
pub(crate) fn router(api: Api) -> Router {
    let api = Arc::new(api);
    let guard = middleware::from_fn_with_state(api.clone(), guard::check);
    let not_found =
        || async { ApiError::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path") };
    let not_allowed = || async {
        ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "this path does not take this method",
        )
    };
    Router::new()
        .merge(thread_routes())
        .merge(entity_routes())
        .route("/v1/status", get(node::status))
        .route("/v1/events", get(events::events))
        .route("/v1/backup", post(node::backup))
        .route("/v1/shutdown", post(node::shutdown))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(guard)
        .with_state(api)
}

fn thread_routes() -> Router<Shared> {
    Router::new()
        .route("/v1/threads", get(threads::list))
        .route("/v1/threads/{id}", get(threads::one))
        .route("/v1/threads/{id}/messages", get(threads::messages).post(threads::send))
        .route("/v1/threads/{id}/who", get(threads::who))
        .route("/v1/threads/{id}/read", post(threads::read))
        .route("/v1/threads/{id}/forward", post(threads::forward))
        .route("/v1/threads/{id}/revoke", post(threads::revoke))
        .route("/v1/threads/{id}/close", post(threads::close))
        .route("/v1/threads/{id}/take-over", post(threads::take_over))
        .route("/v1/contact", post(threads::contact))
}

fn entity_routes() -> Router<Shared> {
    Router::new()
        .route("/v1/link", get(entity::link))
        .route("/v1/invitations", post(entity::invite))
        .route("/v1/join", post(entity::join))
        .route("/v1/requests", get(entity::requests))
        .route("/v1/requests/{number}/approve", post(entity::approve))
        .route("/v1/requests/{number}/decline", post(entity::decline))
        .route("/v1/devices", get(entity::devices))
        .route("/v1/devices/{id}", delete(entity::remove))
}

#[cfg(test)]
mod tests;
