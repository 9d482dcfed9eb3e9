//! The business and its devices: contact link, invitations, enrolment.

use super::{
    Shared,
    error::{ApiError, ApiResult},
    extract::{Body, Name},
    threads::answer,
    words::shown,
};
use axum::{Json, extract::State, http::StatusCode};
use frontdesk_engine::{Answer, Command, Query, Role, Standing};
use frontdesk_identity::{ContactLink, DeviceId, DialAddress, Invitation, MAX_ADDRESSES};
use serde::Deserialize;
use serde_json::{Value, json};

/// How long an invitation is good unless the caller says, in seconds: an hour.
const INVITATION_LASTS: u64 = 3600;

pub(super) async fn link(State(api): State<Shared>) -> ApiResult<Json<Value>> {
    let Answer::Status(status) = api.handle.query(Query::Status).await? else {
        return Err(internal("no status"));
    };
    let (Standing::Administrator, Some(entity)) = (status.standing, status.principal) else {
        let text = "only an administrator's device has a contact link; run `frontdesk link` there";
        return Err(ApiError::new(StatusCode::CONFLICT, "not-administrator", text));
    };
    let addresses: Vec<DialAddress> =
        status.addresses.iter().filter_map(|address| address.parse().ok()).take(MAX_ADDRESSES).collect();
    let link = ContactLink::new(entity, status.transport, addresses).map_err(internal)?;
    Ok(Json(json!({ "link": link.as_str(), "name": status.entity, "addresses": status.addresses })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Invite {
    role: String,
    name: String,
    /// Seconds.
    lasts: Option<u64>,
}

pub(super) async fn invite(
    State(api): State<Shared>,
    Body(wish): Body<Invite>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let role: Role = wish.role.parse().map_err(|error| ApiError::bad_request("bad-role", error))?;
    let lasts = wish.lasts.unwrap_or(INVITATION_LASTS);
    answer(api.handle.command(Command::Invite { role, name: wish.name, lasts }).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    invitation: String,
}

pub(super) async fn join(
    State(api): State<Shared>,
    Body(Join { invitation }): Body<Join>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let invitation: Invitation =
        invitation.parse().map_err(|error| ApiError::bad_request("bad-invitation", error))?;
    answer(api.handle.command(Command::Join { invitation }).await?)
}

pub(super) async fn requests(State(api): State<Shared>) -> ApiResult<Json<Value>> {
    Ok(shown(&api.handle.query(Query::Requests).await?))
}

pub(super) async fn approve(
    State(api): State<Shared>,
    Name(number): Name<String>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    answer(api.handle.command(Command::Approve { number }).await?)
}

pub(super) async fn decline(
    State(api): State<Shared>,
    Name(number): Name<String>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    answer(api.handle.command(Command::Decline { number }).await?)
}

pub(super) async fn devices(State(api): State<Shared>) -> ApiResult<Json<Value>> {
    Ok(shown(&api.handle.query(Query::Devices).await?))
}

pub(super) async fn remove(
    State(api): State<Shared>,
    Name(device): Name<DeviceId>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    answer(api.handle.command(Command::RemoveDevice { device }).await?)
}

fn internal(problem: impl ToString) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", problem)
}
