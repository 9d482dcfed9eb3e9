//! Homes whose keys are under a passphrase, and files that others can read.

use crate::harness::{Call, Node, Place};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_sealed_home_opens_with_its_passphrase_and_with_no_other() {
    let place = Place::new();
    let home = place.home("carla");
    let (right, wrong) =
        (place.secret("right", "seven red kites\n"), place.secret("wrong", "seven red kite"));
    let listen = home.listen();
    let init =
        ["--passphrase-file", &right, "--json", "init", "customer", "--name", "Carla", "--listen", &listen];
    home.call(&init).run().json();
    let keys = fs::read(home.file("keys")).unwrap();
    let plain = place.home("plain");
    plain.init("customer", "Carla");
    assert!(keys.len() > fs::read(plain.file("keys")).unwrap().len());

    let (exit, _, said) = home.refused(&["--passphrase-file", &wrong, "run"]);
    assert_eq!(exit, 1);
    assert!(said.contains("passphrase") && !said.contains("kite"), "{said}");
    let empty = place.secret("empty", "\n");
    let (exit, _, said) = home.refused(&["--passphrase-file", &empty, "run"]);
    assert_eq!(exit, 1);
    assert!(said.contains("empty"), "{said}");

    let node = Node::start(&home, &["--passphrase-file", &right]);
    // The running node needs no passphrase any more, nor do those who talk to it.
    assert_eq!(node.json(&["status"])["name"], "Carla");
    let home = node.stop();
    let call = home.call(&["--json", "run"]).env("FRONTDESK_PASSPHRASE_FILE", &right);
    assert_eq!(Node::spawn(&home, call).json(&["status"])["name"], "Carla");
    let report = home.json(&["--passphrase-file", &right, "doctor"]);
    assert_eq!(report["ok"], true, "{report}");
}

#[test]
fn keys_a_passphrase_file_a_token_or_a_home_that_others_can_read_are_refused() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    for mode in [0o640, 0o604, 0o666] {
        chmod(&home.file("keys"), mode);
        let (exit, _, said) = home.refused(&["run"]);
        assert_eq!(exit, 1);
        assert!(said.contains("can be read by others") && said.contains("chmod 600"), "{said}");
    }
    chmod(&home.file("keys"), 0o600);
    chmod(&home.path, 0o755);
    let (exit, _, said) = home.refused(&["run"]);
    assert_eq!(exit, 1);
    assert!(said.contains("chmod 700"), "{said}");
    chmod(&home.path, 0o700);
    chmod(&home.file("api.token"), 0o644);
    let (exit, _, said) = home.refused(&["run"]);
    assert_eq!(exit, 1);
    assert!(said.contains("api.token") && said.contains("chmod 600"), "{said}");
    chmod(&home.file("api.token"), 0o600);

    let open = place.path("open.pass");
    fs::write(&open, "seven red kites").unwrap();
    chmod(&open, 0o644);
    let sealed = place.home("sealed");
    let args = ["--passphrase-file", open.to_str().unwrap(), "init", "customer", "--name", "Carla"];
    let (exit, _, said) = sealed.refused(&args);
    assert_eq!(exit, 1);
    assert!(said.contains("chmod 600"), "{said}");
    assert!(!sealed.path.exists());
    assert_eq!(home.run().json(&["status"])["name"], "Carla");
}

#[test]
fn keys_that_are_cut_off_or_changed_are_told_apart_from_a_wrong_passphrase() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    let keys = fs::read(home.file("keys")).unwrap();
    for damaged in [keys[..keys.len() - 1].to_vec(), Vec::new(), b"not keys".to_vec()] {
        fs::write(home.file("keys"), damaged).unwrap();
        let (exit, _, said) = home.refused(&["run"]);
        assert_eq!(exit, 1);
        assert!(said.contains("key file") && !said.contains("wrong passphrase"), "{said}");
    }
    // Keys of one home and the store of another.
    let other = place.home("other");
    other.init("customer", "Carla");
    fs::copy(other.file("keys"), home.file("keys")).unwrap();
    let (exit, _, said) = home.refused(&["run"]);
    assert_eq!(exit, 1);
    assert!(said.contains("does not open this store"), "{said}");
    fs::write(home.file("keys"), keys).unwrap();
    assert_eq!(home.run().json(&["status"])["name"], "Carla");
}

#[test]
fn a_place_that_is_no_home_is_told_apart() {
    let place = Place::new();
    let home = place.home("nobody");
    for args in [&["run"][..], &["status"], &["doctor"]] {
        let (exit, _, said) = {
            let done = home.call(&[&["--json"], args].concat()).run();
            if args == ["doctor"] {
                assert_eq!(done.exit, Some(1));
                (1, String::new(), done.out)
            } else {
                done.refusal()
            }
        };
        assert_eq!(exit, 1);
        assert!(said.contains("frontdesk init"), "{said}");
    }
    fs::create_dir(&home.path).unwrap();
    fs::write(home.file("letter.txt"), "").unwrap();
    let (_, _, said) = home.refused(&["run"]);
    assert!(said.contains("is not a Frontdesk home"), "{said}");
    let (exit, _, said) = home.refused(&["init", "customer", "--name", "Carla"]);
    assert_eq!(exit, 1);
    assert!(said.contains("in use already"), "{said}");
    assert_eq!(fs::read_dir(&home.path).unwrap().count(), 1);
    let nowhere = Call::bare(&["--json", "status"]).run();
    assert_eq!(nowhere.exit, Some(1));
    assert!(nowhere.err.contains("--home DIR"), "{}", nowhere.err);
}
