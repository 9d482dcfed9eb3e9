//! The node itself: status, backup, shutdown.

use super::{
    Shared,
    error::{ApiError, ApiResult},
    extract::Body,
    words::shown,
};
use crate::{
    backup::{BackupError, Recipe, Summary},
    driver::wall_clock,
};
use axum::{
    Json,
    body::Body as HttpBody,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use frontdesk_engine::Query;
use frontdesk_identity::Passphrase;
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{convert::Infallible, path::PathBuf};
use tokio::sync::mpsc;

pub(super) async fn status(State(api): State<Shared>) -> ApiResult<Json<Value>> {
    Ok(shown(&api.handle.query(Query::Status).await?))
}

pub(super) async fn shutdown(State(api): State<Shared>) -> (StatusCode, Json<Value>) {
    tracing::info!("asked to shut down");
    api.stop.cancel();
    (StatusCode::ACCEPTED, Json(json!({})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupWish {
    file: PathBuf,
    passphrase: String,
}

/// Writes a backup and tells the progress, one JSON object a line; the last has `done` or `error`. The node does
/// nothing else while the records are read, so that they fit together.
pub(super) async fn backup(
    State(api): State<Shared>,
    Body(BackupWish { file, passphrase }): Body<BackupWish>,
) -> ApiResult<impl IntoResponse> {
    let passphrase = Passphrase::new(passphrase);
    if !file.is_absolute() {
        return Err(ApiError::bad_request("bad-path", "the file's path has to be absolute"));
    }
    let keys = api.keys.clone();
    let recipe = tokio::task::spawn_blocking(move || Recipe::prepare(file, &keys, &passphrase));
    let recipe = recipe.await.map_err(|error| refusal(&error.to_string()))?;
    let recipe = recipe.map_err(|error| refusal(&error.to_string()))?;
    let (lines, told) = mpsc::channel(16);
    // A place for the last line: the node must not wait for a caller that is slow to read.
    let end = lines.clone().reserve_owned().await.map_err(|error| refusal(&error.to_string()))?;
    let write = move |reader: Result<&dyn frontdesk_store::Reader, _>| {
        let progress = |records| drop(lines.try_send(json!({ "records": records })));
        let outcome = reader
            .map_err(BackupError::from)
            .and_then(|reader| recipe.write(reader, wall_clock(), &progress));
        end.send(ending(outcome));
    };
    api.handle.inspect(Box::new(write)).await?;
    let lines = stream::unfold(told, |mut told| async {
        let line = told.recv().await?;
        Some((Ok::<_, Infallible>(format!("{line}\n")), told))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], HttpBody::from_stream(lines)))
}

fn ending(outcome: Result<Summary, BackupError>) -> Value {
    match outcome {
        Ok(Summary { records, bytes }) => json!({ "done": true, "records": records, "bytes": bytes }),
        Err(error) => {
            let (message, next) = crate::failure::split_advice(&error.to_string());
            json!({ "error": { "code": "backup", "message": message, "next": next } })
        }
    }
}

fn refusal(text: &str) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "backup", text)
}
