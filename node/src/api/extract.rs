//! Parts of a request, with refusals in the API's own form.

use super::error::ApiError;
use axum::{
    extract::{FromRequest, FromRequestParts, Json, Path, Query, Request},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;
use std::{fmt::Display, str::FromStr};

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Json(value) = Json::from_request(request, state).await.map_err(|refused| {
            let too_large = refused.status() == StatusCode::PAYLOAD_TOO_LARGE;
            let code = if too_large { "too-large" } else { "bad-body" };
            ApiError::new(refused.status(), code, refused.body_text())
        })?;
        Ok(Self(value))
    }
}

/// The one name in a path: an id, a number.
pub(super) struct Name<T>(pub(super) T);

impl<T: FromStr<Err: Display>, S: Send + Sync> FromRequestParts<S> for Name<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text): Path<String> = Path::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::bad_request("bad-path", error))?;
        text.parse().map(Self).map_err(|error| ApiError::bad_request("bad-id", error))
    }
}

/// What stands behind the `?`.
pub(super) struct Options<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Options<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let options = Query::from_request_parts(parts, state).await;
        let Query(value) = options.map_err(|error| ApiError::bad_request("bad-query", error.body_text()))?;
        Ok(Self(value))
    }
}
