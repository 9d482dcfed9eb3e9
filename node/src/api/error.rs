//! What a caller is told when something can't be done: `{"error": {"code", "message", "next"}}`.

use crate::{driver::HandleError, failure::split_advice};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use frontdesk_engine::CommandError;
use serde_json::json;

/// A refusal. `code` is a stable word for programs; the message is for people.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    next: Option<String>,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// `text` is the message, and after a semicolon the advice.
    pub(crate) fn new(status: StatusCode, code: &'static str, text: impl ToString) -> Self {
        let (message, next) = split_advice(&text.to_string());
        Self { status, code, message, next }
    }

    pub(crate) fn bad_request(code: &'static str, text: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, text)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message, "next": self.next } });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<HandleError> for ApiError {
    fn from(error: HandleError) -> Self {
        match &error {
            HandleError::Command(refused) => {
                let (status, code) = sort(refused);
                Self::new(status, code, refused)
            }
            HandleError::Store(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage", error),
            HandleError::Stopping => Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", error),
        }
    }
}

/// Status and word of each refusal of the engine.
const fn sort(refused: &CommandError) -> (StatusCode, &'static str) {
    match refused {
        CommandError::TextLength { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "text-length"),
        CommandError::NameLength { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "name-length"),
        CommandError::NameUnfit => (StatusCode::UNPROCESSABLE_ENTITY, "name-unfit"),
        CommandError::NameLikeId => (StatusCode::UNPROCESSABLE_ENTITY, "name-like-id"),
        CommandError::Lasts(_) => (StatusCode::UNPROCESSABLE_ENTITY, "lasts"),
        CommandError::OwnLink => (StatusCode::UNPROCESSABLE_ENTITY, "own-link"),
        CommandError::InvitationExpired => (StatusCode::UNPROCESSABLE_ENTITY, "invitation-expired"),
        CommandError::UnknownThread => (StatusCode::NOT_FOUND, "unknown-thread"),
        CommandError::UnknownDevice => (StatusCode::NOT_FOUND, "unknown-device"),
        CommandError::UnknownRequest => (StatusCode::NOT_FOUND, "unknown-request"),
        CommandError::NotAdministrator => (StatusCode::FORBIDDEN, "not-administrator"),
        CommandError::AlreadySteward => (StatusCode::CONFLICT, "already-steward"),
        CommandError::OwnThread => (StatusCode::FORBIDDEN, "own-thread"),
        CommandError::NotSteward => (StatusCode::FORBIDDEN, "not-steward"),
        CommandError::Refused(reason) => (StatusCode::FORBIDDEN, reason.as_str()),
        CommandError::EnrolledByAnother { .. } => (StatusCode::FORBIDDEN, "enrolled-by-another"),
        CommandError::RemoveSelf => (StatusCode::CONFLICT, "remove-self"),
        CommandError::RevokeSteward => (StatusCode::CONFLICT, "revoke-steward"),
        CommandError::RevokeGuest => (StatusCode::CONFLICT, "revoke-guest"),
        CommandError::GuestForward => (StatusCode::FORBIDDEN, "guest-forward"),
        CommandError::NobodyLeft => (StatusCode::CONFLICT, "nobody-left"),
        CommandError::AlreadySettled => (StatusCode::CONFLICT, "already-settled"),
        CommandError::NotSettled => (StatusCode::CONFLICT, "not-settled"),
        CommandError::AlreadyMember => (StatusCode::CONFLICT, "already-member"),
        CommandError::NotMember => (StatusCode::CONFLICT, "not-member"),
        CommandError::ThreadFull { .. } => (StatusCode::CONFLICT, "thread-full"),
        CommandError::Left => (StatusCode::CONFLICT, "left"),
        CommandError::NotOpen => (StatusCode::CONFLICT, "not-open"),
        CommandError::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too-many"),
        CommandError::Storage(_) => (StatusCode::SERVICE_UNAVAILABLE, "storage"),
        CommandError::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}
