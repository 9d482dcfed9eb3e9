//! The golden vectors: written from `cases` when `FRONTDESK_BLESS` is set, and replayed from the files alone.

use crate::{
    cases,
    forge::{NOW, Who, hash, lawful, signed_links},
};
use data_encoding::HEXLOWER;
use frontdesk_capability::{Ability, Chain, ChainBytes, Refusal, RevocationBytes, Revocations, Scope};
use frontdesk_identity::{PrincipalId, ThreadId, UnixTime};
use std::{fmt::Write as _, fs, path::PathBuf};

#[test]
fn the_files_hold_what_the_cases_say() {
    for (file, text) in [
        ("grants.txt", grants()),
        ("chains.txt", chains()),
        ("uses.txt", uses()),
        ("revocations.txt", revocations()),
    ] {
        if std::env::var_os("FRONTDESK_BLESS").is_some() {
            fs::write(path(file), &text).unwrap();
        }
        assert!(fs::read_to_string(path(file)).unwrap() == text, "{file} differs; see vectors/README.md");
    }
}

#[test]
fn every_vector_gets_the_answer_that_it_names() {
    for (name, expected, answer) in replay() {
        assert_eq!(spell(answer), expected, "{name}");
    }
}

#[test]
fn a_chain_that_verifies_says_what_its_vector_says() {
    let accepted: Vec<_> = read("chains.txt").into_iter().filter(|v| v.one("expect") == "ok").collect();
    assert!(accepted.len() >= 19);
    for vector in accepted {
        let chain = verify(&vector).unwrap();
        assert_eq!(described(&chain), vector.one("grants"), "{}", vector.one("name"));
    }
}

/// Name, expected answer and answer of every vector that asks for one.
pub(crate) fn replay() -> Vec<(String, String, Result<(), Refusal>)> {
    let chains = read("chains.txt").into_iter().map(|v| (verify(&v).map(drop), v));
    let uses = read("uses.txt").into_iter().map(|v| (apply(&v), v));
    let revocations = read("revocations.txt").into_iter().map(|v| (revoke(&v), v));
    let all = chains.chain(uses).chain(revocations);
    all.map(|(answer, v)| (v.one("name").to_owned(), v.one("expect").to_owned(), answer)).collect()
}

fn verify(vector: &Vector) -> Result<Chain, Refusal> {
    let mut revocations = Revocations::new();
    for bytes in vector.all("revocation") {
        // A revocation for another principal is kept by a node that knows that principal, too.
        let bytes = RevocationBytes::new(unhex(bytes));
        let own = bytes.clone().verify(&principal(vector));
        let other = PrincipalId::from_bytes(Who::OtherRoot.public());
        revocations.insert(own.or_else(|_| bytes.verify(&other))?)?;
    }
    let now = UnixTime(vector.one("now").parse().unwrap());
    ChainBytes::new(unhex(vector.one("chain"))).verify(&principal(vector), now, &revocations)
}

fn apply(vector: &Vector) -> Result<(), Refusal> {
    let chain = verify(vector)?;
    let ability = Ability::ALL.into_iter().find(|a| a.as_str() == vector.one("ability")).unwrap();
    let on = match vector.one("on") {
        "principal" => Scope::Principal,
        thread => Scope::Thread(thread.parse::<ThreadId>().unwrap()),
    };
    chain.held_by(&vector.one("device").parse().unwrap())?;
    chain.permits(ability, on)
}

fn revoke(vector: &Vector) -> Result<(), Refusal> {
    RevocationBytes::new(unhex(vector.one("revocation"))).verify(&principal(vector)).map(drop)
}

fn principal(vector: &Vector) -> PrincipalId {
    vector.one("principal").parse().unwrap()
}

/// `ok`, or the code and, where there is one, the link.
fn spell(answer: Result<(), Refusal>) -> String {
    let Err(refusal) = answer else { return "ok".to_owned() };
    let debug = format!("{refusal:?}");
    let link = debug.split_once("link: ").map(|(_, rest)| rest.trim_end_matches(" }"));
    link.map_or_else(|| refusal.code().to_owned(), |link| format!("{} {link}", refusal.code()))
}

/// The links of a verified chain, in one line.
fn described(chain: &Chain) -> String {
    let links = chain.links().map(|grant| {
        let thread: Option<ThreadId> = grant.scope.into();
        let scope = thread.map_or_else(|| "principal".to_owned(), |t| t.fmt_short());
        format!(
            "{} to {} on {scope}: {}; history {}; {} to {}; depth {}",
            grant.id.fmt_short(),
            grant.audience.fmt_short(),
            grant.abilities,
            grant.history,
            grant.not_before.0,
            grant.expires.0,
            grant.depth
        )
    });
    links.collect::<Vec<_>>().join(" | ")
}

fn grants() -> String {
    let links = lawful(4);
    let mut text = String::from("# Each grant of the lawful chain, signed. See README.md.\n");
    for (n, (link, signed)) in links.iter().zip(signed_links(&links)).enumerate() {
        let above = n.checked_sub(1).map(|above| signed_links(&links)[above].clone());
        let payload = link.payload(above.as_deref());
        writeln!(text, "\nname: link-{n}").unwrap();
        writeln!(text, "seed: {}", hex(&[link.signer as u8; 32])).unwrap();
        writeln!(text, "payload: {}", hex(&payload)).unwrap();
        writeln!(text, "signature: {}", hex(&link.sign(&payload))).unwrap();
        writeln!(text, "hash: {}", hex(&hash(&signed))).unwrap();
    }
    text
}

fn chains() -> String {
    let mut text = String::from("# Chains to verify. See README.md.\n");
    for case in cases::chains() {
        writeln!(text, "\nname: {}", case.name).unwrap();
        writeln!(text, "principal: {}\nnow: {}", hex(&case.principal), case.now).unwrap();
        for revocation in &case.revocations {
            writeln!(text, "revocation: {}", hex(revocation)).unwrap();
        }
        writeln!(text, "chain: {}\nexpect: {}", hex(&case.chain), case.expect).unwrap();
        if case.expect == "ok" {
            let principal = PrincipalId::from_bytes(case.principal);
            let chain =
                ChainBytes::new(case.chain).verify(&principal, UnixTime(case.now), &Revocations::new());
            writeln!(text, "grants: {}", described(&chain.unwrap())).unwrap();
        }
    }
    text
}

fn uses() -> String {
    let mut text = String::from("# Acts under chains. See README.md.\n");
    for case in cases::uses() {
        let on = case.on.map_or_else(|| "principal".to_owned(), |thread| hex(&thread));
        writeln!(text, "\nname: {}", case.name).unwrap();
        writeln!(text, "principal: {}\nnow: {NOW}", hex(&Who::Acme.public())).unwrap();
        writeln!(text, "chain: {}", hex(&case.chain)).unwrap();
        writeln!(text, "device: {}\nability: {}\non: {on}", hex(&case.device), case.ability).unwrap();
        writeln!(text, "expect: {}", case.expect).unwrap();
    }
    text
}

fn revocations() -> String {
    let mut text = String::from("# Revocations to verify. See README.md.\n");
    for case in cases::revocation_forms() {
        writeln!(text, "\nname: {}", case.name).unwrap();
        writeln!(text, "principal: {}", hex(&Who::Acme.public())).unwrap();
        writeln!(text, "revocation: {}\nexpect: {}", hex(&case.revocation), case.expect).unwrap();
    }
    text
}

/// One record of a file: its `key: value` lines.
struct Vector(Vec<(String, String)>);

impl Vector {
    fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    fn one<'a>(&'a self, key: &'a str) -> &'a str {
        self.all(key).next().unwrap()
    }
}

fn read(file: &str) -> Vec<Vector> {
    let text = fs::read_to_string(path(file)).unwrap();
    let records = text.split("\n\n").skip(1);
    records.map(|r| Vector(r.lines().map(|l| l.split_once(':').unwrap()).map(pair).collect())).collect()
}

fn pair((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.trim().to_owned())
}

fn path(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "vectors", file].iter().collect()
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn unhex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}
