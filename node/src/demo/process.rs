//! This program again, as another process.

use crate::{
    failure::{Failure, Outcome},
    home::Home,
};
use serde_json::Value;
use std::{process::Stdio, time::Duration};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};

/// No wait of the demo is longer: on a busy machine things are slow, and past this they are broken.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A command line on a home, told nothing by this process's environment. It is killed when it is dropped.
pub(super) fn frontdesk(home: &Home, args: &[&str]) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FRONTDESK_") {
            command.env_remove(name);
        }
    }
    command.arg("--json").arg("--home").arg(home.root()).args(args);
    // Ctrl-C is for the demo, which then ends the others in order.
    command.process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// Runs a command to its end: its answer, or the refusal that it printed.
pub(super) async fn call(home: &Home, args: &[&str]) -> Outcome<Value> {
    let child = frontdesk(home, args)?.spawn()?;
    let name = args.first().copied().unwrap_or_default();
    let what = format!("`frontdesk {name}` to end");
    let output = within(&what, async { Ok(child.wait_with_output().await?) }).await?;
    if output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        return Ok(serde_json::from_str(text.lines().next_back().unwrap_or("null"))?);
    }
    Err(refusal(&String::from_utf8_lossy(&output.stderr)))
}

/// Gives a child its standard input, whole.
pub(super) async fn feed(child: &mut Child, input: &str) {
    if let Some(mut stdin) = child.stdin.take() {
        // A program that doesn't read it has its reasons, and tells them otherwise.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
}

/// The refusal among what a failed command printed.
pub(super) fn refusal(printed: &str) -> Failure {
    let told = printed.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let error = told.filter_map(|value| value.get("error").cloned()).find(Value::is_object);
    let text = |name| error.as_ref()?.get(name)?.as_str();
    let message = text("message").or(printed.lines().next_back()).unwrap_or("it failed, and said nothing");
    Failure::new(message).code(text("code").unwrap_or("failed"))
}

/// Waits, at most so long as the demo is patient.
pub(super) async fn within<T>(what: &str, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let late = |_| Failure::new(format!("waited {} s for {what}", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, work).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_is_found_behind_the_log() {
        let printed = "2026 WARN something\n{\"error\":{\"code\":\"wrong-code\",\"message\":\"no\"}}\n";
        assert_eq!(refusal(printed).code, "wrong-code");
        assert_eq!(refusal("panicked\n").message, "panicked");
    }
}
