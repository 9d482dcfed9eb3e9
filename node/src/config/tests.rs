#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::mutation::{Mutator, cases};

fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn load(text: &str) -> Result<Config, ConfigError> {
    let (_dir, path) = written(text);
    Config::layered(&path, [], Vec::new())
}

#[test]
fn the_template_says_the_defaults_and_nothing_but_the_defaults() {
    assert_eq!(load(&render(&[])).unwrap(), Config::default());
    assert_eq!(load(&template::with_every_key_set()).unwrap(), Config::default());
}

#[test]
fn the_template_has_every_key_and_the_types_know_every_key() {
    let table: Table = template::with_every_key_set().parse().unwrap();
    let sections = table.iter().map(|(name, section)| (name, section.as_table().unwrap()));
    let mut found: Vec<String> =
        sections.flat_map(|(name, section)| section.keys().map(move |key| format!("{name}.{key}"))).collect();
    let mut known = KEYS.map(str::to_owned).to_vec();
    found.sort();
    known.sort();
    assert_eq!(found, known);
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let (_dir, path) = written("[net]\nmax_inbound = 1\nmax_outbound = 1\nmax_per_ip = 1\n");
    let environment = ["FRONTDESK_NET_MAX_OUTBOUND", "FRONTDESK_NET_MAX_PER_IP"]
        .map(|name| (name.to_owned(), "2".to_owned()));
    let flags = vec![Setting::from_assignment("net.max_per_ip=3").unwrap()];
    let net = Config::layered(&path, environment, flags).unwrap().net;
    assert_eq!((net.max_inbound, net.max_outbound, net.max_per_ip), (1, 2, 3));
}

#[test]
fn an_unknown_key_is_an_error_that_names_it_and_its_line() {
    for text in ["[net]\nlisten_on = []\n", "[nett]\nmdns = true\n", "mdns = true\n"] {
        let refusal = load(text).unwrap_err().to_string();
        assert!(refusal.contains("unknown field") && refusal.contains("line"), "{refusal}");
    }
}

#[test]
fn values_out_of_range_or_of_another_type_are_errors() {
    for text in [
        "[net]\nmdns = \"yes\"\n",
        "[net]\nmax_inbound = -1\n",
        "[store]\ncache_mib = 0\n",
        "[api]\nevent_buffer = 0\n",
        "[net]\nlisten = [\"nonsense\"]\n",
        "[net]\nexternal = [\"desk.example:4100\"]\n",
        "[api]\nbind = \"0.0.0.0:80\"\n",
        "[api]\nbind = \"192.0.2.1:80\"\n",
        "[node]\nsuite = \"none\"\n",
        "[node]\nshutdown_grace = 5\n",
        "[forward]\nhistory = \"last:\"\n",
        "[forward]\nto = \"somebody\"\n",
        "[log]\nformat = \"xml\"\n",
        "not toml",
    ] {
        assert!(matches!(load(text), Err(ConfigError::Invalid { .. })), "{text}");
    }
}

#[test]
fn settings_made_at_init_are_in_the_file_that_it_writes() {
    let settings = [
        Setting::list("--listen", "net.listen", &["/ip4/127.0.0.1/tcp/4100".to_owned()]).unwrap(),
        Setting::from_assignment("api.bind=127.0.0.1:0").unwrap(),
    ];
    let config = load(&render(&settings)).unwrap();
    assert_eq!(config.net.listen, ["/ip4/127.0.0.1/tcp/4100"]);
    assert_eq!(config.api.bind, Bind::Loopback("127.0.0.1:0".parse().unwrap()));
    assert_eq!(config.log, LogConfig::default());
}

#[test]
fn history_is_written_as_on_the_command_line() {
    assert_eq!("last:5".parse(), Ok(History(HistoryChoice::Last(5))));
    assert_eq!("none".parse(), Ok(History(HistoryChoice::None)));
    assert!("last:0".parse::<History>().is_err());
    assert!("last:-1".parse::<History>().is_err() && "5".parse::<History>().is_err());
}

#[test]
fn an_absent_file_is_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::layered(&dir.path().join("none.toml"), [], Vec::new()).unwrap();
    assert_eq!(config, Config::default());
}

/// A configuration, or a refusal that says something.
#[test]
fn no_mutation_of_a_configuration_does_more_than_be_refused() {
    let good = template::with_every_key_set();
    let (_dir, path) = written("");
    let mut mutator = Mutator::new(3);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..cases(2_000) {
        std::fs::write(&path, mutator.mutate(good.as_bytes())).unwrap();
        match Config::layered(&path, [], Vec::new()) {
            Ok(_) => taken += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(taken > 100 && refused > 100, "{taken} taken, {refused} refused");
}
