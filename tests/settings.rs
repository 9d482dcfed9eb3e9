//! The configuration: the file that `init` writes, and who wins over whom.

use crate::harness::{Node, Place};
use std::fs;

/// Where a customer's API is decides which of the layers was heard.
fn api_of(node: &Node) -> String {
    node.ready["api"].as_str().unwrap().to_owned()
}

#[test]
fn init_writes_a_file_with_every_key_explained_that_can_be_used_as_it_is() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    let text = fs::read_to_string(home.file("config.toml")).unwrap();
    for section in ["[node]", "[net]", "[api]", "[log]", "[store]", "[forward]"] {
        assert!(text.contains(section), "{text}");
    }
    assert!(text.contains(&home.listen()), "{text}");
    let keys = text.lines().filter(|line| line.contains(" = ") && !line.starts_with("# "));
    assert!(keys.count() >= 18, "{text}");
    assert!(text.lines().filter(|line| line.starts_with("# ")).count() >= 18, "{text}");
    // Every default written out is the same configuration.
    let spelled: Vec<String> = text
        .lines()
        .map(|line| {
            let key = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ') && rest.contains(" = "));
            key.unwrap_or(line).to_owned()
        })
        .collect();
    fs::write(home.file("config.toml"), spelled.join("\n")).unwrap();
    assert_eq!(home.run().json(&["status"])["name"], "Carla");
}

#[test]
fn a_key_or_a_value_that_is_not_known_is_named_with_its_line() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    for (text, named, line) in [
        ("[net]\n\nlisten_on = []\n", "listen_on", "line 3"),
        ("[nett]\nmdns = true\n", "nett", "line 1"),
        ("[node]\nsuite = \"best\"\n", "best", "line 2"),
        ("[node]\nshutdown_grace = 5\n", "shutdown_grace", "line 2"),
        ("[net\n", "config.toml", "line 1"),
        ("[api]\nbind = \"0.0.0.0:80\"\n", "loopback", "line 2"),
    ] {
        fs::write(home.file("config.toml"), text).unwrap();
        let (exit, word, said) = home.refused(&["run"]);
        assert_eq!((exit, word.as_str()), (2, "usage"), "{said}");
        assert!(said.contains(named) && said.contains(line), "{text}: {said}");
        let people = home.call(&["run"]).run();
        assert!(people.err.starts_with("error: "), "{}", people.err);
    }
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    let place_of = |name: &str| format!("unix:{}", place.path(name).display());
    fs::write(home.file("config.toml"), format!("[api]\nbind = \"{}\"\n", place_of("file.sock"))).unwrap();
    let node = home.run();
    assert_eq!(api_of(&node), place_of("file.sock"));
    let home = node.kill();
    let listen = ["--json", "run", "--listen", "/ip4/127.0.0.1/tcp/0"];
    let node = Node::spawn(&home, home.call(&listen).env("FRONTDESK_API_BIND", &place_of("env.sock")));
    assert_eq!(api_of(&node), place_of("env.sock"));
    let home = node.kill();
    for flag in ["--api", "--set"] {
        let value = match flag {
            "--api" => place_of("flag.sock"),
            _ => format!("api.bind={}", place_of("flag.sock")),
        };
        let call = home.call(&[&listen[..], &[flag, &value]].concat());
        let node = Node::spawn(&home, call.env("FRONTDESK_API_BIND", &place_of("env.sock")));
        assert_eq!(api_of(&node), place_of("flag.sock"));
    }
}

#[test]
fn a_setting_that_is_not_there_lists_those_that_are() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    for args in
        [["run", "--set", "net.listen_on=x"], ["run", "--set", "net.mdns"], ["run", "--log-level", "=,="]]
    {
        let (exit, word, said) = home.refused(&args);
        assert_eq!((exit, word.as_str()), (2, "usage"), "{said}");
        assert!(said.contains("net.mdns") || said.contains("log.level"), "{said}");
    }
    let bad = home.call(&["--json", "run"]).env("FRONTDESK_NET_MAX_INBOUND", "many").run();
    let (exit, _, said) = bad.refusal();
    assert_eq!(exit, 2);
    assert!(said.contains("FRONTDESK_NET_MAX_INBOUND") && !said.contains("config.toml"), "{said}");
}

#[test]
fn a_wrong_value_is_blamed_on_where_it_stands() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    for args in [
        ["--listen", "nonsense"],
        ["--external", "desk.example:4100"],
        ["--api", "0.0.0.0:7777"],
        ["--set", "api.bind=0.0.0.0:7777"],
        ["--set", "net.listen=/ip4/127.0.0.1/udp/1"],
    ] {
        for command in ["run", "doctor"] {
            let (exit, word, said) = home.refused(&[command, args[0], args[1]]);
            assert_eq!((exit, word.as_str()), (2, "usage"), "{args:?}: {said}");
            assert!(said.starts_with(args[0]) && !said.contains("config.toml"), "{said}");
        }
        // Nor does a new home begin with it.
        let fresh = place.home("fresh");
        let (exit, _, said) = fresh.refused(&["init", "customer", "--name", "x", args[0], args[1]]);
        assert_eq!(exit, 2, "{said}");
        assert!(!fresh.path.exists());
    }
    for (name, value) in [("FRONTDESK_NET_MDNS", "maybe"), ("FRONTDESK_NET_BOGUS", "1")] {
        let (exit, word, said) = home.call(&["--json", "run"]).env(name, value).run().refusal();
        assert_eq!((exit, word.as_str()), (2, "usage"), "{said}");
        assert!(said.contains(name) && !said.contains("config.toml"), "{said}");
    }
    fs::write(home.file("config.toml"), "[net]\nlisten = [\"nonsense\"]\n").unwrap();
    let (exit, word, said) = home.refused(&["run"]);
    assert_eq!((exit, word.as_str()), (2, "usage"), "{said}");
    assert!(said.contains("config.toml") && said.contains("net.listen"), "{said}");
}

#[test]
fn the_doctor_shows_an_error_of_the_configuration_on_its_own_lines() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    fs::write(home.file("config.toml"), "[net]\nlisten_on = []\n").unwrap();
    let sick = home.call(&["doctor"]).run();
    assert_eq!(sick.exit, Some(1));
    assert!(!sick.out.contains('\u{fffd}'), "{}", sick.out);
    assert!(sick.out.lines().any(|line| line.trim_end().ends_with("listen_on = []")), "{}", sick.out);
}

#[test]
fn a_node_can_be_reached_over_quic_alone() {
    let place = Place::new();
    let (acme, carla) = (place.home("acme"), place.home("carla"));
    acme.init("entity", "Acme");
    carla.init("customer", "Carla");
    let quic = |port| format!("/ip4/127.0.0.1/udp/{port}/quic-v1");
    let start = |home: &crate::harness::Home| {
        Node::spawn(home, home.call(&["--json", "run", "--listen", &quic(home.port)]))
    };
    let (acme, carla) = (start(&acme), start(&carla));
    let link = acme.json(&["link"])["link"].as_str().unwrap().to_owned();
    assert!(link.contains("quic-v1") && !link.contains("/tcp/"), "{link}");
    carla.json(&["contact", &link, "Hello", "--wait", "30s"]);
    assert_eq!(acme.json(&["threads"])[0]["preview"], "Hello");
}

#[test]
fn logs_are_one_json_object_a_line_if_wanted() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    let home = Node::start(&home, &["--log-format", "json", "--log-level", "debug"]).stop();
    let log = home.log();
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(entry["level"].is_string() && entry["timestamp"].is_string(), "{line}");
    }
}
