//! What happens, as server-sent events (WHATWG HTML, section 9.2).

use super::{
    Shared,
    error::{ApiError, ApiResult},
    extract::Options,
    story,
};
use crate::driver::{Subscription, Told};
use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Sse, sse},
};
use frontdesk_engine::Event;
use frontdesk_identity::ThreadId;
use futures::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use serde_json::json;
use std::{convert::Infallible, time::Duration};

/// A sign of life on a quiet stream, so that both sides notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    thread: Option<String>,
}

/// Events from now on; with `thread`, of that thread alone. An event `lagged` says that some were lost, or that the
/// store failed and was opened again: read the state anew. A caller that comes back with `Last-Event-ID` is told so if it missed any.
pub(super) async fn events(
    State(api): State<Shared>,
    Options(wish): Options<Wish>,
    headers: HeaderMap,
) -> ApiResult<impl IntoResponse> {
    let thread: Option<ThreadId> = wish
        .thread
        .map(|id| id.parse())
        .transpose()
        .map_err(|error| ApiError::bad_request("bad-id", error))?;
    let subscription = api.handle.subscribe();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let missed = last.filter(|last| !subscription.continues(last)).map(|_| Ok(lagged(None)));
    let stop = api.stop.clone();
    let stream = stream::iter(missed).chain(follow(subscription, thread));
    let stream = stream.take_until(async move { stop.cancelled().await });
    Ok(Sse::new(stream).keep_alive(sse::KeepAlive::new().interval(KEEP_ALIVE)))
}

fn follow(
    subscription: Subscription,
    thread: Option<ThreadId>,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    stream::unfold(subscription, move |mut subscription| async move {
        loop {
            let event = match subscription.next().await? {
                Told::Lagged(missed) => Some(lagged(Some(missed))),
                // The node read its store anew after it had failed.
                Told::Event(published) if matches!(*published.event, Event::Started) => Some(lagged(None)),
                Told::Event(published) => {
                    let told = story::tell(&published.event);
                    let told = told.filter(|told| thread.is_none() || told.thread == thread);
                    told.map(|told| {
                        let event =
                            sse::Event::default().id(subscription.name(published.number)).event(told.kind);
                        event.data(told.body.to_string())
                    })
                }
            };
            if let Some(event) = event {
                return Some((Ok(event), subscription));
            }
        }
    })
}

fn lagged(missed: Option<u64>) -> sse::Event {
    sse::Event::default().event("lagged").data(json!({ "missed": missed }).to_string())
}
