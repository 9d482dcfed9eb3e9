//! `frontdesk stop`.

use super::Context;
use crate::{client::Client, failure::Outcome};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) async fn stop(context: &Context) -> Outcome {
    let client = context.client().await?;
    let mut events = client.events(None).await?;
    let _: Value = client.post("/v1/shutdown", &json!({})).await?;
    // The stream ends when the node takes nothing new; what is under way it still finishes.
    while events.next().await.unwrap_or_default().is_some() {}
    while Client::running(&context.home)?.is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    context.say(&json!({ "stopped": true }), || "Stopped.".to_owned());
    Ok(())
}
