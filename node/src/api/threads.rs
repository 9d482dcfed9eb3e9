//! Threads and messages.

use super::{
    Shared,
    error::{ApiError, ApiResult},
    extract::{Body, Name, Options},
    words::shown,
};
use crate::config::History;
use axum::{Json, extract::State, http::StatusCode};
use data_encoding::HEXLOWER;
use frontdesk_engine::{Answer, Command, Query, Reply, ThreadStatus};
use frontdesk_identity::{ContactLink, DeviceId, ThreadId};
use frontdesk_wire::Position;
use serde::Deserialize;
use serde_json::{Value, json};

/// Messages in one answer, unless the caller wants fewer or more.
const MESSAGES: usize = 50;
/// The most messages in one answer.
const MAX_MESSAGES: usize = 1000;
/// How long a forwarded thread's grant lasts unless the caller says: a day.
const GRANT_LASTS: u64 = 86_400;

pub(super) async fn list(State(api): State<Shared>) -> ApiResult<Json<Value>> {
    Ok(shown(&api.handle.query(Query::Threads).await?))
}

pub(super) async fn one(State(api): State<Shared>, Name(thread): Name<ThreadId>) -> ApiResult<Json<Value>> {
    found(api.handle.query(Query::Thread(thread)).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    before: Option<u64>,
    limit: Option<usize>,
}

pub(super) async fn messages(
    State(api): State<Shared>,
    Name(thread): Name<ThreadId>,
    Options(page): Options<Page>,
) -> ApiResult<Json<Value>> {
    let _exists = found(api.handle.query(Query::Thread(thread)).await?)?;
    let limit = page.limit.unwrap_or(MESSAGES).min(MAX_MESSAGES);
    let query = Query::Messages { thread, before: page.before.map(Position), limit };
    Ok(shown(&api.handle.query(query).await?))
}

pub(super) async fn who(State(api): State<Shared>, Name(thread): Name<ThreadId>) -> ApiResult<Json<Value>> {
    let who = api.handle.query(Query::Who(thread)).await?;
    if who == Answer::Who(None) {
        return Err(unreadable(&api.handle.query(Query::Thread(thread)).await?));
    }
    Ok(shown(&who))
}

/// Why nobody can be named who reads a thread.
fn unreadable(standing: &Answer) -> ApiError {
    let Answer::Thread(Some(view)) = standing else { return unknown_thread() };
    let (code, text) = match view.status {
        ThreadStatus::Left => ("left", "this device is not in the thread any more, so it can't tell who is"),
        ThreadStatus::Rejoining => (
            "not-open",
            "this device waits to be let into the thread again, by its steward or by the customer's node",
        ),
        ThreadStatus::Failed => ("not-open", "the thread could not be opened; `frontdesk threads` says why"),
        ThreadStatus::Contacting | ThreadStatus::Open | ThreadStatus::Closed => {
            ("not-open", "the thread is not open yet: the business's node has not answered")
        }
    };
    ApiError::new(StatusCode::CONFLICT, code, text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    text: String,
}

pub(super) async fn send(
    State(api): State<Shared>,
    Name(thread): Name<ThreadId>,
    Body(Text { text }): Body<Text>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    answer(api.handle.command(Command::Send { thread, text }).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Through {
    through: u64,
}

pub(super) async fn read(
    State(api): State<Shared>,
    Name(thread): Name<ThreadId>,
    Body(Through { through }): Body<Through>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let command = Command::MarkRead { thread, through: Position(through) };
    answer(api.handle.command(command).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forward {
    to: Option<String>,
    history: Option<String>,
    /// Seconds.
    expires_in: Option<u64>,
    #[serde(default)]
    hand_over: bool,
    #[serde(default)]
    note: String,
}

pub(super) async fn forward(
    State(api): State<Shared>,
    Name(thread): Name<ThreadId>,
    Body(wish): Body<Forward>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let to = wish.to.map(|id| device(&id)).transpose()?;
    let history = wish.history.as_deref().unwrap_or("all").parse();
    let History(history) = history.map_err(|error| ApiError::bad_request("bad-history", error))?;
    let (hand_over, note, lasts) = (wish.hand_over, wish.note, wish.expires_in.unwrap_or(GRANT_LASTS));
    answer(api.handle.command(Command::Forward { thread, to, history, lasts, hand_over, note }).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    device: String,
}

pub(super) async fn revoke(
    State(api): State<Shared>,
    Name(thread): Name<ThreadId>,
    Body(From { device: id }): Body<From>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    answer(api.handle.command(Command::Revoke { thread, from: device(&id)? }).await?)
}

pub(super) async fn close(
    State(api): State<Shared>,
    Name(thread): Name<ThreadId>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    answer(api.handle.command(Command::Close { thread }).await?)
}

pub(super) async fn take_over(
    State(api): State<Shared>,
    Name(thread): Name<ThreadId>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let (_, value) = answer(api.handle.command(Command::TakeOver { thread }).await?)?;
    Ok((StatusCode::ACCEPTED, value))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contact {
    link: String,
    text: String,
}

pub(super) async fn contact(
    State(api): State<Shared>,
    Body(Contact { link, text }): Body<Contact>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let link: ContactLink = link.parse().map_err(|error| ApiError::bad_request("bad-link", error))?;
    answer(api.handle.command(Command::Contact { link, text }).await?)
}

fn device(text: &str) -> ApiResult<DeviceId> {
    text.parse().map_err(|error| ApiError::bad_request("bad-id", error))
}

fn found(answer: Answer) -> ApiResult<Json<Value>> {
    if answer == Answer::Thread(None) {
        return Err(unknown_thread());
    }
    Ok(shown(&answer))
}

fn unknown_thread() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "unknown-thread", "no such thread; `frontdesk threads` lists them")
}

/// A command's good answer as JSON.
pub(super) fn answer(reply: Reply) -> ApiResult<(StatusCode, Json<Value>)> {
    let (status, value) = match reply {
        Reply::Done => (StatusCode::OK, json!({})),
        Reply::Invited { invitation } => {
            // The one place where the code leaves the node: to the person who is to hand it on.
            let text = invitation
                .reveal()
                .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error))?;
            let (role, expires) = (invitation.role.as_str(), invitation.expires);
            (StatusCode::CREATED, json!({ "invitation": *text, "role": role, "expires": expires }))
        }
        Reply::Approved { device, name } => {
            (StatusCode::OK, json!({ "device": device.to_string(), "name": name }))
        }
        Reply::Opened { thread } => (StatusCode::CREATED, json!({ "thread": thread.to_string() })),
        Reply::Queued { thread, message, position } => {
            let thread = thread.to_string();
            (StatusCode::CREATED, json!({ "thread": thread, "message": message, "position": position }))
        }
        Reply::Forwarded { thread, to, expires, history } => {
            let (thread, to) = (thread.to_string(), to.to_string());
            let done =
                json!({ "thread": thread, "to": to, "expires": expires, "history": history, "asked": false });
            (StatusCode::OK, done)
        }
        Reply::Asked { request } => {
            (StatusCode::ACCEPTED, json!({ "asked": true, "request": HEXLOWER.encode(request.as_bytes()) }))
        }
    };
    Ok((status, Json(value)))
}
