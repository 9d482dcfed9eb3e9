//! What the demo claims, and what became of each claim.

use super::tell::Teller;
use crate::failure::{Failure, Outcome};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Every claim in the order in which it is checked: its name for programs, and what it says.
const CLAIMS: [(&str, &str); 24] = [
    ("contact-link", "the contact link names Acme, and a mistyped one is noticed"),
    ("enrol-ana", "Ana enrolled: invitation, same number on both sides, approval"),
    ("enrol-ben", "Ben enrolled in the same way"),
    ("enrol-bot", "the bot enrolled in the same way"),
    ("invitation-used", "an invitation that was used is refused"),
    ("invitation-expired", "an expired invitation is refused, whatever it says of itself"),
    ("invitation-wrong", "an invitation with a wrong code is refused"),
    ("first-message", "Carla opens a thread by the link; her first message arrives"),
    ("forward-to-bot", "forwarded to the bot, which answers a question"),
    ("bot-hands-over", "asked for a person, the bot hands over to Ana and is out"),
    ("chain-verified", "Carla's node verified the chain Acme -> administrator -> Ana"),
    ("without-administrator", "with Acme's administrator stopped, Ana and Carla talk on directly"),
    ("last-five", "Ben, brought in by Ana, has the last 5 messages and nothing older"),
    ("hand-over", "handed over to Ben: Ana is out, on Carla's node too"),
    ("ana-reads-nothing", "the ciphertext of what follows opens with no key that Ana ever had"),
    ("carla-reads-it", "the same ciphertext is read by Carla"),
    ("grant-forged", "a forged grant is refused by Carla's node: grant-forged"),
    ("grant-widened", "a widened grant is refused by Carla's node: grant-widened"),
    ("grant-expired", "an expired grant is refused by Carla's node: grant-expired"),
    ("grant-good", "control: the same rogue with a good grant is let in"),
    ("grant-revoked", "that good grant, revoked, is refused by Carla's node: grant-revoked"),
    ("killed", "Carla's node is killed (SIGKILL) in the middle of a burst of 200 messages"),
    ("all-200", "restarted, it has all 200 messages once and in order"),
    ("who-can-read", "in the end Carla, Acme's administrator and Ben can read, nobody else"),
];

/// The story can't go on from here.
#[derive(Debug)]
pub(super) struct Stop;

pub(super) struct Checks {
    teller: Teller,
    began: Instant,
    done: Vec<Done>,
}

struct Done {
    name: &'static str,
    outcome: Outcome<String>,
    took: Duration,
}

impl Checks {
    pub(super) fn new(teller: Teller) -> Self {
        Self { teller, began: Instant::now(), done: Vec::new() }
    }

    /// Does the work that shows a claim to hold, and notes how it went: the work's value, or that the story stops.
    /// The text that the work gives says what was seen.
    pub(super) async fn check<T>(
        &mut self,
        name: &'static str,
        work: impl Future<Output = Outcome<(T, String)>>,
    ) -> Result<T, Stop> {
        self.teller.waiting(&format!("checking: {}", claim(name)));
        let began = Instant::now();
        let outcome = work.await;
        let took = began.elapsed();
        self.teller.rest();
        let (value, outcome) = match outcome {
            Ok((value, seen)) => (Ok(value), Ok(seen)),
            Err(failure) => (Err(Stop), Err(failure)),
        };
        match &outcome {
            Ok(seen) => self.teller.holds(seen, took),
            Err(failure) => self.teller.fails(claim(name), failure, took),
        }
        self.done.push(Done { name, outcome, took });
        value
    }

    /// How many claims were not shown to hold.
    pub(super) fn wanting(&self) -> usize {
        CLAIMS.iter().filter(|(name, _)| self.find(name).is_none_or(|done| done.outcome.is_err())).count()
    }

    fn find(&self, name: &str) -> Option<&Done> {
        self.done.iter().find(|done| done.name == name)
    }

    /// The table that ends the demo.
    pub(super) fn table(&self) {
        for (name, claim) in CLAIMS {
            let done = self.find(name);
            self.teller.row(done.map(|done| done.outcome.is_ok()), claim, done.map(|done| done.took));
        }
        let held = CLAIMS.len().saturating_sub(self.wanting());
        self.teller.sum(held, CLAIMS.len(), self.began.elapsed());
    }

    /// The same for programs.
    pub(super) fn to_json(&self, who: &Value) -> Value {
        let checks: Vec<Value> = CLAIMS.iter().map(|(name, claim)| self.row(name, claim)).collect();
        let count = |result: &str| checks.iter().filter(|check| check["result"] == result).count();
        let totals = json!({
            "checks": checks.len(),
            "ok": count("ok"),
            "failed": count("failed"),
            "skipped": count("skipped"),
            "ms": millis(self.began.elapsed()),
        });
        json!({ "ok": self.wanting() == 0, "checks": checks, "totals": totals, "who": who })
    }

    fn row(&self, name: &str, claim: &str) -> Value {
        let (result, detail, took) = match self.find(name) {
            Some(Done { outcome: Ok(seen), took, .. }) => ("ok", seen.clone(), Some(*took)),
            Some(Done { outcome: Err(failure), took, .. }) => ("failed", in_words(failure), Some(*took)),
            None => ("skipped", "an earlier check failed".to_owned(), None),
        };
        json!({ "check": name, "claim": claim, "result": result, "detail": detail, "ms": took.map(millis) })
    }
}

fn claim(name: &str) -> &'static str {
    CLAIMS.iter().find(|(known, _)| *known == name).map_or("", |(_, claim)| claim)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A failure on one line.
pub(super) fn in_words(failure: &Failure) -> String {
    format!("{} ({})", failure.message, failure.code)
}

/// Holds, or fails with what is wrong.
pub(super) fn ensure(holds: bool, otherwise: impl ToString) -> Outcome {
    if holds { Ok(()) } else { Err(Failure::new(otherwise)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_not_reached_is_wanting_and_told() {
        let mut checks = Checks::new(Teller::new(true));
        let good = checks.check("contact-link", async { Ok(((), "seen".to_owned())) }).await;
        let bad = checks.check("enrol-ana", async { Err::<((), String), _>(Failure::new("no")) }).await;
        assert!(good.is_ok() && bad.is_err());
        assert_eq!(checks.wanting(), CLAIMS.len() - 1);
        let told = checks.to_json(&Value::Null);
        let result = |index: usize| told.pointer(&format!("/checks/{index}/result")).cloned();
        assert_eq!(result(0), Some("ok".into()));
        assert_eq!(result(1), Some("failed".into()));
        assert_eq!(result(2), Some("skipped".into()));
        assert_eq!(told.pointer("/totals/checks"), Some(&CLAIMS.len().into()));
    }

    #[test]
    fn every_claim_has_a_name_of_its_own_and_fits_its_line() {
        for (index, (name, claim)) in CLAIMS.iter().enumerate() {
            assert!(CLAIMS.iter().skip(index + 1).all(|(other, _)| other != name), "{name}");
            assert!(claim.chars().count() <= 80, "{claim}");
        }
    }
}
