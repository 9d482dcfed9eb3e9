//! `frontdesk link`.

use super::Context;
use crate::{
    cli::Link,
    failure::{Failure, Outcome},
    render,
};
use frontdesk_identity::{qr_svg, qr_terminal};
use serde_json::Value;

pub(super) async fn link(context: &Context, args: Link) -> Outcome {
    let client = context.client().await?;
    let value: Value = client.get("/v1/link").await?;
    let link = value.get("link").and_then(Value::as_str).unwrap_or_default();
    if let Some(file) = &args.svg {
        std::fs::write(file, qr_svg(link)?)
            .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        render::note(format!("QR code written to {}", file.display()));
    }
    let code = qr_terminal(link)?;
    context.say(&value, || format!("{code}\n{link}"));
    Ok(())
}
