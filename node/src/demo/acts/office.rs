//! Acme is founded, and shows its contact link.

use super::super::{
    checks::{Stop, ensure},
    node::Node,
    play::Play,
};
use crate::failure::{Failure, Outcome};
use frontdesk_identity::{ContactLink, LinkError};
use serde_json::Value;

pub(super) async fn open(play: &mut Play) -> Result<(), Stop> {
    let Play { teller, checks, acme, carla, .. } = play;
    teller.act("Acme opens");
    let (entity, phrase, link) = checks
        .check("contact-link", async {
            let founded = acme.init("entity").await?;
            let entity = text(&founded, "/principal")?;
            teller.does("Acme", "is founded; the 24 words of its root key are shown once");
            carla.init("customer").await?;
            acme.start().await?;
            let link = text(&acme.call(&["link"]).await?, "/link")?;
            teller.does("Acme", &format!("link: {link}"));
            let typos = check_link(&link, &entity, carla).await?;
            let seen = format!("it names Acme's root key; each of {typos} typos is noticed");
            Ok(((entity, phrase(&founded)?, link), seen))
        })
        .await?;
    (play.entity, play.phrase, play.link) = (entity, phrase, link);
    Ok(())
}

/// The link names the entity; with any one character of its word changed it is refused, by the program too.
async fn check_link(link: &str, entity: &str, carla: &Node) -> Outcome<usize> {
    let parsed: ContactLink = link.parse()?;
    ensure(parsed.entity().to_string() == entity, "the link names another entity")?;
    let typos = typos(link);
    let noticed = |typo: &String| {
        matches!(typo.parse::<ContactLink>(), Err(LinkError::Mistyped | LinkError::Malformed))
    };
    let missed = typos.iter().filter(|typo| !noticed(typo)).count();
    ensure(missed == 0 && !typos.is_empty(), format!("{missed} of {} typos were missed", typos.len()))?;
    let mistyped = typos.first().map(String::as_str).unwrap_or_default();
    match carla.call(&["contact", mistyped, "Hello?"]).await {
        Err(refusal) if refusal.code == "bad-link" => Ok(typos.len()),
        Err(other) => Err(other),
        Ok(_) => Err(Failure::new("a mistyped link was taken")),
    }
}

/// The link with one character of its word replaced, for each of them.
fn typos(link: &str) -> Vec<String> {
    let begin = link.find('/').map_or(0, |slash| slash.saturating_add(1));
    let end = link.find('?').unwrap_or(link.len());
    let replaced = |at: usize| {
        let wrong = if link.get(at..=at)? == "a" { "b" } else { "a" };
        Some([link.get(..at)?, wrong, link.get(at.saturating_add(1)..)?].concat())
    };
    (begin..end).filter_map(replaced).collect()
}

fn phrase(founded: &Value) -> Outcome<String> {
    let words = founded.get("recovery_phrase").and_then(Value::as_array);
    let words = words.ok_or_else(|| Failure::new("no recovery phrase was shown"))?;
    Ok(words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
}

/// A text of an answer.
pub(super) fn text(value: &Value, pointer: &str) -> Outcome<String> {
    let found = value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| Failure::new(format!("the answer has no {pointer}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_the_word_is_mistyped_once() {
        assert_eq!(typos("x:y/ab?at=c"), ["x:y/bb?at=c", "x:y/aa?at=c"]);
    }
}
