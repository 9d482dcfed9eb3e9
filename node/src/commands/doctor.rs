//! `frontdesk doctor`: checks, one line each, and what to do about what is wrong.

use super::Context;
use crate::{
    cli::Doctor,
    client::{Client, Status},
    config::Config,
    doctor::{self, Check, Grade},
    failure::{Exit, Failure, Outcome},
    render,
};
use serde_json::json;

/// The column where findings begin.
const FINDING_AT: usize = 17;

pub(super) async fn doctor(context: &Context, args: &Doctor) -> Outcome {
    let settings = args.settings.settings().map_err(Failure::usage)?;
    let mut checks = vec![doctor::home(&context.home)];
    if checks.iter().all(|check| check.grade != Grade::Fail) {
        checks.extend([
            doctor::keys(&context.home),
            doctor::token(&context.home),
            doctor::clock(&context.home),
        ]);
        checks.push(doctor::disk(&context.home));
        match Config::load(&context.home.config(), settings) {
            Ok(config) => {
                checks.push(Check::ok("config", "the configuration is sound"));
                checks.extend(inside(context, &config).await);
            }
            Err(error) => checks.push(Check::fail("config", &error)),
        }
    }
    tell(context, &checks)
}

/// What the node knows: asked if it runs, else looked up in its files.
async fn inside(context: &Context, config: &Config) -> Vec<Check> {
    match Client::running(&context.home) {
        Ok(Some(client)) => match client.get::<Status>("/v1/status").await {
            Ok(status) => vec![
                Check::ok("node", "a node runs on this home, and answers"),
                doctor::expiry(status.expires),
                doctor::reachable(&status.addresses),
                doctor::newest(status.ahead, status.connected.len()),
            ],
            Err(failure) => vec![Check::fail("node", failure.message)],
        },
        Ok(None) => {
            let idle = Check::ok("node", "no node runs on this home; `frontdesk run` starts it");
            let mut checks = vec![idle];
            checks.extend(doctor::store(&context.home, config, &context.passphrase));
            checks.extend(doctor::ports(&context.home, config).await);
            checks
        }
        Err(failure) => vec![Check::fail("node", failure.message)],
    }
}

fn tell(context: &Context, checks: &[Check]) -> Outcome {
    let failed = checks.iter().filter(|check| check.grade == Grade::Fail).count();
    context.say(&json!({ "ok": failed == 0, "checks": checks }), || {
        let lines = checks.iter().map(|check| {
            let next = check.next.as_ref().map(|next| format!("\n       next: {next}")).unwrap_or_default();
            let finding = render::indented(&check.finding, FINDING_AT);
            format!("{:<4}  {:<10} {finding}{next}", check.grade.as_str(), check.what)
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    if failed == 0 {
        return Ok(());
    }
    let text = format!("{failed} of {} checks failed", checks.len());
    Err(Failure { exit: Exit::Failed, code: "unwell".into(), message: text, next: None })
}
