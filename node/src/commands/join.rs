//! `frontdesk join`.

use super::{Context, init, input, run};
use crate::{
    cli::Join,
    client::{Client, Events, Status},
    config::Setting,
    driver::wall_clock,
    failure::{Failure, Outcome},
    home::Home,
    render,
};
use frontdesk_engine::CommandError;
use frontdesk_identity::Invitation;
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(super) fn join(context: &Context, args: Join) -> Outcome {
    let text = input::or_standard_input(args.invitation, "Paste the invitation")?;
    // A mistyped one, and one that is over, is told before anything is made.
    let invitation: Invitation =
        text.parse().map_err(|error| Failure::usage(error).code("bad-invitation"))?;
    if invitation.expires < wall_clock() {
        return Err(Failure::new(CommandError::InvitationExpired).code("invitation-expired"));
    }
    let settings = args.settings.settings().map_err(Failure::usage)?;
    let fresh = !context.home.exists();
    if fresh {
        make_home(context, args.name.trim(), args.protect, &settings)?;
    }
    let place = context.home.root().display().to_string();
    let wish = Wish { text, json: context.json, wait: !args.no_wait, place };
    context.home.check()?;
    match Client::running(&context.home)? {
        Some(client) => super::block_on(wish.pursue(client)),
        None => run_for(context, wish, quietly(settings, fresh)),
    }
}

fn make_home(context: &Context, name: &str, protect: bool, settings: &[Setting]) -> Outcome {
    context.home.check_vacant()?;
    let passphrase = init::new_passphrase(context, protect)?;
    init::found(&context.home, init::Founding::Fresh { name }, passphrase.as_ref(), settings)?;
    Ok(())
}

/// The node's log would hide what there is to see, unless it was asked for. What was asked for a new home is in its
/// configuration already.
fn quietly(settings: Vec<Setting>, fresh: bool) -> Vec<Setting> {
    let warnings = Setting { key: "log.level", value: "warn".into() };
    std::iter::once(warnings).chain(settings.into_iter().filter(|_| !fresh)).collect()
}

/// Runs a node for as long as the enrolment takes.
fn run_for(context: &Context, wish: Wish, settings: Vec<Setting>) -> Outcome {
    let home: Home = context.home.clone();
    let ended = run::with_node(context, settings, |_| async move {
        let client = Client::running(&home)?.ok_or_else(Failure::not_running)?;
        wish.pursue(client).await
    })?;
    ended.ok_or_else(stopped)
}

fn stopped() -> Failure {
    Failure::new("stopped before the answer came; the request stands, and `frontdesk run` goes on with it")
}

struct Wish {
    text: Zeroizing<String>,
    json: bool,
    wait: bool,
    /// The home, for what is told.
    place: String,
}

impl Wish {
    async fn pursue(self, client: Client) -> Outcome {
        let mut events = client.events(None).await?;
        let _: Value = client.post("/v1/join", &json!({ "invitation": *self.text })).await?;
        if !self.wait {
            self.tell(&json!({ "joined": false }), "Asked to be enrolled. `frontdesk run` goes on with it.");
            return Ok(());
        }
        if !self.json {
            render::note("Reaching the administrator's node ..");
        }
        let entity = self.progress(&client, &mut events).await?;
        let text =
            format!("Enrolled as a device of {}. `frontdesk run` starts the node.", render::clean(&entity));
        self.tell(&json!({ "joined": true, "entity": entity }), &text);
        Ok(())
    }

    /// Follows the enrolment to its end: the entity's name.
    async fn progress(&self, client: &Client, events: &mut Events) -> Outcome<String> {
        while let Some(heard) = events.next().await? {
            let text =
                |name: &str| heard.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            match heard.kind.as_str() {
                "join_challenged" => self.show_number(&text("number")),
                "joined" => return Ok(text("entity")),
                "join_failed" => {
                    return Err(self.refused(&text("message"), &text("reason")));
                }
                "lagged" => {
                    let status: Status = client.get("/v1/status").await?;
                    if let Some(entity) = status.entity {
                        return Ok(entity);
                    }
                }
                _ => {}
            }
        }
        Err(stopped())
    }

    /// The home is no device of anybody's, and stays: it can ask again.
    fn refused(&self, message: &str, reason: &str) -> Failure {
        let next = format!(
            "ask the administrator for a new invitation, and `frontdesk join -` again with this home; or remove {}",
            self.place
        );
        Failure { next: Some(next), ..Failure::new(format!("not enrolled: {message}")).code(reason) }
    }

    fn show_number(&self, number: &str) {
        if self.json {
            render::json(&json!({ "number": number }));
        } else {
            render::line(format!("\n    {number}\n"));
            render::note(
                "Compare this number with the administrator's (`frontdesk requests`). Waiting for approval ..",
            );
        }
    }

    fn tell(&self, value: &Value, text: &str) {
        if self.json { render::json(value) } else { render::line(text) }
    }
}
