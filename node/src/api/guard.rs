//! Who is let in: a caller on this machine that names this API as host and shows the token.

use super::{Api, Shared, error::ApiError};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::Response,
};
use std::net::SocketAddr;

/// The first thing that every request passes.
pub(super) async fn check(
    State(api): State<Shared>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    check_host(request.headers(), api.address)?;
    check_token(request.headers(), &api)?;
    let Ok(_place) = api.places.acquire().await else {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the node is shutting down"));
    };
    Ok(next.run(request).await)
}

/// A web page can make a browser call this port under the page's own name (DNS rebinding): no name but ours is good.
fn check_host(headers: &HeaderMap, address: Option<SocketAddr>) -> Result<(), ApiError> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let named = match address {
        Some(address) => host == format!("localhost:{}", address.port()) || host == address.to_string(),
        None => host == "localhost",
    };
    let refusal =
        || ApiError::new(StatusCode::FORBIDDEN, "wrong-host", "the Host header does not name this API");
    if named { Ok(()) } else { Err(refusal()) }
}

fn check_token(headers: &HeaderMap, api: &Api) -> Result<(), ApiError> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
    if shown.is_some_and(|shown| api.token.is(shown.trim())) {
        return Ok(());
    }
    let text = "the API's token is missing or wrong; send `Authorization: Bearer TOKEN` with the content of the file `api.token` in the node's home";
    Err(ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", text))
}
