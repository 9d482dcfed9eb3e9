//! What must never be seen: not in logs at their loudest, not in what commands print, not in the list of processes.

use crate::harness::{Home, Node, Office, Place, eventually, field, texts};
use std::fs;

const TEXT: &str = "The parcel waits under the blue bench";
const NOTE: &str = "Carla prefers mornings";
const PASSPHRASE: &str = "eleven quiet otters";

/// A secret in the forms in which it could slip into a log.
fn forms(secret: &[u8]) -> Vec<String> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = secret.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let escaped = format!("{:?}", String::from_utf8_lossy(secret));
    vec![hex, list, escaped.trim_matches('"').to_owned()]
}

/// All that a home's processes wrote.
fn written(home: &Home) -> String {
    home.log() + &fs::read_to_string(home.path.with_extension("out")).unwrap_or_default()
}

fn absent(what: &str, secret: &[u8], seen: &str) {
    for form in forms(secret) {
        let found = seen.find(&form).map(|at| seen[..at].lines().count());
        assert_eq!(found, None, "{what} is in line {found:?}");
    }
}

/// Twelve of its characters in a row are enough to give it away.
fn no_part(what: &str, secret: &str, seen: &str) {
    let bytes = secret.as_bytes();
    for part in bytes.windows(12) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(!seen.contains(part), "a part of {what}");
    }
}

fn loud(home: &Home, passphrase: &str) -> Node {
    Node::start(home, &["--log-level", "trace", "--passphrase-file", passphrase])
}

#[test]
fn no_secret_is_logged_printed_or_shown_in_the_list_of_processes() {
    let place = Place::new();
    let passphrase = place.secret("passphrase", PASSPHRASE);
    let [acme, ana, carla] = ["acme", "ana", "carla"].map(|name| place.home(name));
    let found = |home: &Home, kind: &str, name: &str| {
        let listen = home.listen();
        let args =
            ["--json", "--passphrase-file", &passphrase, "init", kind, "--name", name, "--listen", &listen];
        let founded = home.call(&args).run().json();
        let words = founded["recovery_phrase"].as_array().unwrap();
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let phrases = [found(&acme, "entity", "Acme"), found(&carla, "customer", "Carla")];
    let (acme, carla) = (loud(&acme, &passphrase), loud(&carla, &passphrase));

    let invitation = field(&acme.json(&["invite", "--role", "agent", "--name", "Ana"]), "invitation");
    let listen = ana.listen();
    let args = ["--json", "--passphrase-file", &passphrase, "join", "-", "--no-wait", "--listen", &listen];
    let joined = ana.call(&args).input(&invitation).run();
    let mut printed = format!("{}{}", joined.out, joined.err);
    let ana = loud(&ana, &passphrase);
    let number =
        eventually("the number", || Some(acme.json(&["requests"])[0]["number"].as_str()?.to_owned()));
    acme.json(&["approve", &number]);
    eventually("Ana is enrolled", || (ana.json(&["status"])["standing"] == "agent").then_some(()));

    let link = field(&acme.json(&["link"]), "link");
    let contact = ["--json", "contact", &link, "--wait", "30s"];
    let thread = field(&carla.call(&contact).input(TEXT).run().json(), "thread");
    acme.json(&["forward", &thread, "--to", "Ana", "--note", NOTE]);
    eventually("Ana reads it", || (texts_or_none(&ana, &thread).contains(&TEXT.to_owned())).then_some(()));
    ana.call(&["send", &thread, "-", "--wait", "30s"]).input(TEXT).run().good();
    acme.json(&["revoke", &thread, "--from", "Ana"]);
    // What goes wrong is told without the secret that was wrong.
    let wrong = ana.call(&["--json", "send", &thread, "-"]).input(TEXT).run();
    let backup = place.path("backup").display().to_string();
    let backed = carla.call(&["--json", "backup", &backup, "--backup-passphrase-file", &passphrase]).run();
    for done in [wrong, backed] {
        printed.push_str(&done.out);
        printed.push_str(&done.err);
    }
    for args in [&["status"][..], &["doctor"], &["devices"], &["requests"], &["link"], &["who", &thread]] {
        printed.push_str(&acme.json(args).to_string());
        printed.push_str(&acme.text(args));
    }
    for node in [&acme, &ana, &carla] {
        let process = format!("/proc/{}", node.pid().as_raw_nonzero());
        for file in ["cmdline", "environ"] {
            printed.push_str(&String::from_utf8_lossy(
                &fs::read(format!("{process}/{file}")).unwrap_or_default(),
            ));
        }
    }
    let tokens: Vec<String> = [&acme, &ana, &carla].iter().map(|node| node.api().token).collect();
    let homes = [acme.stop(), ana.stop(), carla.stop()];
    for seen in homes.iter().map(written).chain([printed]) {
        assert!(seen.len() > 500, "nothing was looked at: {seen}");
        absent("the text", TEXT.as_bytes(), &seen);
        absent("the note", NOTE.as_bytes(), &seen);
        absent("the passphrase", PASSPHRASE.as_bytes(), &seen);
        no_part("the invitation", secret_part(&invitation, &link), &seen.replace(&link, ""));
        tokens.iter().for_each(|token| no_part("the token", token, &seen));
        phrases.iter().for_each(|phrase| no_words(phrase, &seen));
    }
    assert!(homes.iter().all(|home| home.log().contains("TRACE")), "the logs are not at their loudest");
}

/// The text of a thread that may not be there yet.
fn texts_or_none(node: &Node, thread: &str) -> Vec<String> {
    let there = node.api().get(&format!("/v1/threads/{thread}")).status == 200;
    if there { texts(node, thread) } else { Vec::new() }
}

/// An invitation without what a contact link tells everybody: the business's key before, and the addresses behind.
fn secret_part<'a>(invitation: &'a str, link: &str) -> &'a str {
    let (_, blob) = invitation.split_once("join/").unwrap();
    let (_, public) = link.split_once("contact/").unwrap();
    let shared = blob.bytes().zip(public.bytes()).take_while(|(ours, theirs)| ours == theirs).count();
    assert!(shared > 40, "invitations no longer begin as links do");
    &blob[shared..blob.find('?').unwrap()]
}

/// Three words of a phrase in a row.
fn no_words(phrase: &[String], seen: &str) {
    let words: Vec<&str> =
        seen.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect();
    for three in phrase.windows(3) {
        let found = words.windows(3).any(|words| words == three);
        assert!(!found, "three words of a recovery phrase");
    }
}

#[test]
fn what_is_on_the_disk_is_sealed() {
    let (_office, ana, carla, thread) = Office::with_ana_and_carla();
    ana.json(&["send", &thread, TEXT, "--wait", "30s"]);
    for home in [ana.stop(), carla.stop()] {
        for entry in fs::read_dir(home.file("store")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let bytes = fs::read(&path).unwrap();
                for plain in [TEXT.as_bytes(), b"blue bench", b"Hello", b"Carla"] {
                    assert!(!bytes.windows(plain.len()).any(|part| part == plain), "{}", path.display());
                }
            }
        }
    }
}
