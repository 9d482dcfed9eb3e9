//! Scenarios played as a whole: what they promise, that they are the same each time, and that what they are hard by
//! really happens.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod adversaries;

use frontdesk_sim::lab::{
    Mishaps, Outcome, Path, Scenario, Unwatched,
    figures::{EVENTS_A_SEED, Figures, percentile},
    play,
    report::{plot::Measure, plots},
    scenario::FaultKind,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Scenarios that are for long evenings.
const BIG: [&str; 1] = ["city"];
/// With which seeds each scenario is played. The tests share what came of them.
const SEEDS: [u64; 2] = [7, 8];

/// What scenarios may take until they have settled that don't say it, in milliseconds.
const DEFAULT_SETTLE: f64 = 300_000.0;

static PLAYED: Mutex<BTreeMap<(String, u64), Arc<Outcome>>> = Mutex::new(BTreeMap::new());

/// The names of all scenarios that are played here.
fn small() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let found = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> =
        found.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.retain(|name| !BIG.contains(&name.as_str()));
    names.sort();
    names
}

fn read(path: &std::path::Path) -> Scenario {
    let scenario = Scenario::from_toml(&fs::read_to_string(path).unwrap());
    scenario.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn scenario(name: &str) -> Scenario {
    read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name).with_extension("toml"))
}

fn run(scenario: &Scenario, seed: u64) -> Outcome {
    play(scenario, seed, &mut Unwatched).unwrap()
}

/// What comes of a scenario as it is written.
fn played(name: &str, seed: u64) -> Arc<Outcome> {
    let key = (name.to_owned(), seed);
    let known = || PLAYED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(outcome) = known().get(&key) {
        return Arc::clone(outcome);
    }
    let outcome = Arc::new(run(&scenario(name), seed));
    known().insert(key, Arc::clone(&outcome));
    outcome
}

/// Plays a scenario, which must keep every promise.
fn keeps(name: &str, seed: u64) -> Figures {
    let outcome = played(name, seed);
    assert!(outcome.violations.is_empty(), "{name}, seed {seed}: {:#?}", outcome.violations);
    outcome.figures.clone()
}

#[test]
fn every_scenario_keeps_every_promise() {
    for name in small() {
        for seed in SEEDS {
            let figures = keeps(&name, seed);
            assert!(figures.texts > 100, "{name}, seed {seed}: hardly anybody wrote");
            assert!(figures.idle.is_empty(), "{name}, seed {seed}: {:?}", figures.idle);
            for fault in scenario(&name).faults {
                let struck = figures.faults.iter().filter(|(_, what)| *what == fault.what).count();
                // An old copy is made first, and put back when it strikes again.
                let least = if fault.what == FaultKind::RollBack { 1 } else { 2 };
                assert!(struck >= least, "{name}, seed {seed}: {:?} struck {struck} times", fault.what);
            }
        }
    }
}

#[test]
fn on_an_ordinary_day_nearly_nothing_is_refused_and_nothing_stays_on_its_way() {
    for name in [
        "office",
        "storm",
        "clocks",
        "policy",
        "expiry",
        "moving",
        "move",
        "loss",
        "forgery",
        "contact_flood",
    ] {
        let figures = keeps(name, 7);
        let ended = figures.delivered + figures.failed;
        assert_eq!(ended, figures.texts, "{name}");
        assert!(figures.failed * 50 <= figures.texts, "{name}: {} refused", figures.failed);
    }
}

/// Who adds a scenario, or makes nodes busier, sees here what that does to the time that tests take.
#[test]
fn all_scenarios_together_cost_no_more_than_the_battery_has_room_for() {
    for seed in SEEDS {
        let events: u64 = small().iter().map(|name| keeps(name, seed).events).sum();
        assert!(events <= EVENTS_A_SEED, "seed {seed}: {events} events");
        assert!(events * 3 > EVENTS_A_SEED * 2, "a bound far above the need bounds nothing: {events} events");
    }
}

/// A bound far above what there is would let a leak pass.
#[test]
fn disks_and_memory_hold_a_good_part_of_what_they_may() {
    for name in ["office", "expiry", "hybrid"] {
        let Figures { fullest_disk, fullest_memory, .. } = keeps(name, 7);
        for part in [fullest_disk, fullest_memory] {
            assert!((0.2..=1.0).contains(&part), "{name}: {part}");
        }
    }
}

#[test]
fn threads_are_handed_over_and_every_wish_to_do_so_has_its_answer() {
    for (name, least) in [("office", 10), ("storm", 16), ("crash", 9), ("disks", 10)] {
        let done = keeps(name, 7).handed_over;
        assert!(done >= least, "{name}: {done}");
    }
}

#[test]
fn what_a_scenario_asks_for_and_does_not_happen_is_told() {
    let idle = |text: &str| {
        let scenario = Scenario::from_toml(&format!("about = \"x\"\nhours = 9.0\n{text}")).unwrap();
        let outcome = run(&scenario, 1);
        assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
        outcome.figures.idle
    };
    let of_bots = "[[fault]]\nwhat = \"crash\"\nwho = \"bot\"\nfrom = 1.0\nuntil = 2.0\n";
    assert_eq!(idle(of_bots), ["fault 1, crash of bot, never struck"]);
    let late = "[[adversary]]\nwhat = \"replay\"\nfrom = 20.0\nuntil = 21.0\n";
    assert_eq!(idle(late), ["adversary 1, replay, never turned"]);
    let backup_alone =
        "[[fault]]\nwhat = \"roll-back\"\nwho = \"administrator\"\nfrom = 8.0\nuntil = 8.01\nevery = 60.0\n";
    assert_eq!(idle(backup_alone), ["fault 1, roll-back of administrator, never struck"]);
    let night = "[customers]\narrive = [10.0, 12.0]";
    let nobody = "nobody wrote: customers first write from 10 to 12 o'clock, and the run has 9 hours";
    assert_eq!(idle(night), [nobody]);
}

#[test]
fn what_is_written_in_the_last_moment_is_in_no_hour_and_plots_end_with_the_play() {
    let figures = keeps("partition", 7);
    assert!(figures.hours.len() <= 12, "{} hours", figures.hours.len());
    let hourly: u64 = figures.hours.iter().map(|hour| hour.texts).sum();
    assert!(hourly < figures.texts, "everybody had a last word");
    for plot in plots(&figures) {
        let latest =
            plot.series.iter().flat_map(|series| &series.points).map(|(at, _)| *at).fold(0.0, f64::max);
        let by_the_clock = matches!(plot.x.measure, Measure::Clock(_));
        assert!(!by_the_clock || latest <= 12.0, "{}: {latest}", plot.id);
    }
    let most = figures.samples.iter().map(|sample| sample.most_waiting).max().unwrap();
    let seen = figures.samples.iter().map(|sample| sample.waiting).max().unwrap();
    assert!(most > seen, "{most} frames between the looks, {seen} at one");
    let lasted = figures.lasting.iter().filter(|(from, until, _)| until > from).count();
    assert!(lasted > 5, "{lasted} lasted");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    for name in small() {
        assert_eq!(played(&name, 7).trace, run(&scenario(&name), 7).trace, "{name}");
        assert_ne!(played(&name, 7).trace, played(&name, 8).trace, "{name}");
    }
}

/// The run of each scenario with the first seed, as it is on every machine. `FRONTDESK_BLESS=1` writes it anew.
#[test]
fn the_runs_are_those_that_are_written_down() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/traces.txt");
    let [seed, _] = SEEDS;
    let traces = small().into_iter().map(|name| format!("{name} {seed} {}\n", played(&name, seed).trace));
    let traces: String = traces.collect();
    if std::env::var_os("FRONTDESK_BLESS").is_some() {
        fs::write(&file, &traces).unwrap();
    }
    let known = fs::read_to_string(&file).unwrap();
    for (now, before) in traces.lines().zip(known.lines()) {
        assert_eq!(now, before, "if nodes are meant to behave in another way now: FRONTDESK_BLESS=1, once");
    }
    assert_eq!(
        traces.lines().count(),
        known.lines().count(),
        "a scenario came or went: FRONTDESK_BLESS=1, once"
    );
}

/// Each scenario states how long it may take, near to what it does take: a bound far above would let a node that looks for
/// what it lacks too late pass.
#[test]
fn every_scenario_settles_within_the_time_that_it_states() {
    for name in small() {
        let scenario = scenario(&name);
        let bound = scenario.settle * 60_000.0;
        assert!(bound < DEFAULT_SETTLE, "{name} states no bound of its own: {bound} ms");
        for seed in SEEDS {
            let settled = keeps(&name, seed).settled_in.unwrap();
            assert!(f64::from(u32::try_from(settled).unwrap()) <= bound, "{name}, seed {seed}: {settled} ms");
        }
    }
}

/// What is promised once faults have stopped is put to the test only where they stop in the middle of something.
#[test]
fn faults_stop_while_something_waits_and_to_settle_takes_its_time() {
    let names = ["loss", "crash", "partition", "move", "sleep", "moving", "disks", "power_cut"];
    let mut slow = 0;
    for name in names {
        let figures = SEEDS.map(|seed| keeps(name, seed));
        let waited: u64 = figures.iter().map(|figures| figures.waited).sum();
        assert!(waited > 2, "{name}: {waited} nodes");
        let unflushed: u64 = figures.iter().map(|figures| figures.unflushed).sum();
        assert!(
            unflushed > 10 || !["crash", "power_cut"].contains(&name),
            "{name}: {unflushed} kills took something"
        );
        let settled = figures.map(|figures| figures.settled_in.unwrap());
        slow += settled.iter().filter(|settled| **settled > 1_000).count();
    }
    assert!(slow >= names.len(), "{slow} runs took more than a second");
}

#[test]
fn networks_lose_double_delay_and_queue_what_they_are_told_to() {
    let parts = |name: &str| {
        let figures = keeps(name, 7);
        let Mishaps { lost, doubled, late, queued } = figures.mishaps;
        [lost, doubled, late, queued].map(|count| count * 100 / figures.frames)
    };
    assert!(matches!(parts("loss"), [12..=18, 0, 0, 0]), "{:?}", parts("loss"));
    assert!(matches!(parts("duplication"), [0, 17..=23, 0, 0]), "{:?}", parts("duplication"));
    assert!(matches!(parts("reordering"), [0, 0, 26..=34, 0]), "{:?}", parts("reordering"));
    assert!(matches!(parts("narrow"), [0, 0, 0, 10..=100]), "{:?}", parts("narrow"));
    assert!(matches!(parts("office"), [0, 0, 0, 0]), "{:?}", parts("office"));
}

#[test]
fn ways_take_as_long_as_their_distribution_says() {
    let half = |name: &str| {
        let figures = keeps(name, 7);
        percentile(figures.delivery.get(&Path::BusinessToCustomer).unwrap(), 50).unwrap()
    };
    // There, stored, and the acknowledgement back.
    assert!((78..=90).contains(&half("loss")), "{} ms of twice 40", half("loss"));
    assert!((105..=140).contains(&half("duplication")), "{} ms of twice 60", half("duplication"));
    assert!((30..=500).contains(&half("reordering")), "{} ms of two from the table", half("reordering"));
    assert!(half("narrow") > 600, "{} ms of twice 350", half("narrow"));
    let figures = keeps("mobile", 7);
    let customers = figures.delivery.get(&Path::BusinessToCustomer).unwrap();
    let [half, most] = [50, 90].map(|part| percentile(customers, part).unwrap());
    assert!((50..=180).contains(&half), "{half} ms of twice 30 to most");
    assert!(most > 300, "{most} ms of twice 180 to a third");
    assert!(figures.mishaps.queued > 0, "by mobile networks");
}

/// Each kind of fault and of adversary has a scenario in which nothing else goes wrong.
#[test]
fn each_fault_and_each_adversary_has_a_scenario_of_its_own() {
    let all: Vec<Scenario> = small().iter().map(|name| scenario(name)).collect();
    let kinds = |it: &Scenario| -> BTreeSet<String> {
        let faults = it.faults.iter().map(|fault| format!("{:?}", fault.what));
        faults.chain(it.adversaries.iter().map(|adversary| format!("{:?}", adversary.what))).collect()
    };
    let alone: BTreeSet<String> = all.iter().map(kinds).filter(|kinds| kinds.len() == 1).flatten().collect();
    assert_eq!(alone.len(), 10 + 11, "{alone:?}");
}

#[test]
fn routers_that_nobody_can_dial_through_keep_pairs_apart_and_holes_would_help() {
    let mut scenario = scenario("nat");
    let without = run(&scenario, 7).figures;
    assert!(without.apart > 5, "{} pairs", without.apart);
    assert!(without.delivered < without.texts);
    scenario.nat.hole_punching = true;
    let with = run(&scenario, 7).figures;
    assert!(with.apart < without.apart, "{} pairs, and {} with holes", without.apart, with.apart);
}

#[test]
fn clocks_that_are_too_far_off_are_noticed() {
    let mut scenario = scenario("clocks");
    scenario.clocks.off = 600.0;
    let figures = run(&scenario, 7).figures;
    let early = figures.security.keys().any(|reason| reason.contains("grant-not-yet-valid"));
    assert!(early, "{:?}", figures.security);
}

#[test]
fn owners_switch_off_at_night_and_nodes_are_put_back_to_old_copies() {
    let night = keeps("night", 7);
    assert!(night.switched_off > 100);
    let up = |hour: u64| night.samples.iter().find(|sample| sample.at >= hour * 3_600_000).unwrap().up;
    assert!(up(14) > 2 * up(3), "{} at two in the afternoon, {} at three in the night", up(14), up(3));
    let rollback = keeps("rollback", 7);
    assert!(rollback.rolled_back > 20 && rollback.forgotten > 0);
    assert!(rollback.frozen * 2 < rollback.threads, "{} of {}", rollback.frozen, rollback.threads);
    let by_hand = keeps("old_copy", 7);
    assert!(by_hand.rolled_back > 20 && by_hand.warned > 3);
    let administrator = keeps("rollback_administrator", 7);
    assert!(administrator.rolled_back > 0 && administrator.frozen > 0);
}

/// Else nothing would be known of what a bound gives of texts that cross a forward.
#[test]
fn texts_cross_forwards_with_bounded_history() {
    let bounded = ["crash", "disks", "expiry", "loss", "overreach", "partition", "policy", "storm"];
    let figures = bounded.iter().flat_map(|name| SEEDS.map(|seed| keeps(name, seed)));
    let crossed: Vec<u64> = figures.map(|it| it.crossed_within).collect();
    assert!(crossed.iter().sum::<u64>() >= 5, "{crossed:?}");
}

#[test]
fn rules_forward_and_agents_are_taken_out_and_grants_end() {
    let policy = keeps("policy", 7);
    assert!(policy.forwarded_by_policy >= 35, "{}", policy.forwarded_by_policy);
    assert!(policy.revoked >= 5, "{}", policy.revoked);
}

#[test]
fn whoever_leads_a_thread_is_lost_and_another_goes_on() {
    let figures = SEEDS.map(|seed| keeps("takeover", seed));
    for figures in figures {
        assert_eq!(figures.replaced, 4);
        assert!(figures.takeover.len() >= 20, "{} threads", figures.takeover.len());
        assert!(figures.too_late >= 5, "{} offers came too late", figures.too_late);
        assert!(figures.delivered * 50 > figures.texts * 49, "{} of {}", figures.delivered, figures.texts);
    }
}

#[test]
fn the_big_scenarios_can_be_read() {
    for name in BIG {
        assert!(scenario(name).customers.count >= 8_000, "{name}");
    }
    for nodes in [100, 1_000, 10_000] {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("scale/{nodes}.toml"));
        assert_eq!(read(&file).nodes(), nodes);
    }
}

/// A twentieth of the city: ten businesses, a hundred agents, four hundred customers.
#[test]
fn a_twentieth_of_the_city_keeps_every_promise() {
    let mut part = scenario("city");
    part.business.count /= 20;
    part.customers.count /= 20;
    let outcome = run(&part, 7);
    assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
    let figures = outcome.figures;
    assert_eq!((figures.nodes, figures.delivered + figures.failed), (510, figures.texts));
    assert!(figures.failed * 50 <= figures.texts, "{} refused", figures.failed);
    assert!(figures.texts > 2_000, "{} texts", figures.texts);
}

#[test]
fn the_example_in_the_documentation_can_be_played() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/simulations.md");
    let page = fs::read_to_string(page).unwrap();
    let example = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
    let outcome = run(&Scenario::from_toml(example).unwrap(), 1);
    assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
    let cut = outcome.figures.faults.iter().filter(|(_, what)| *what == FaultKind::Partition).count();
    assert!(outcome.figures.texts > 50 && cut > 1, "{} texts, {cut} times cut off", outcome.figures.texts);
}

#[test]
fn a_key_that_is_not_known_is_an_error_that_names_it() {
    let fault = "[[fault]]\nwhat = \"crash\"\nwho = \"agent\"\nfrom = 1.0\nuntil = 2.0\n";
    let adversary = "[[adversary]]\nwhat = \"replay\"\nfrom = 1.0\nuntil = 2.0\n";
    for (text, key) in [
        ("colour = 3".to_owned(), "colour"),
        ("[network]\nlos = 0.1".into(), "los"),
        ("[network]\nlatency = { kind = \"constant\", ms = 1.0, s = 2 }".into(), "s"),
        ("[nat]\nagents = {}".into(), "agents"),
        ("[nat]\nagent = { con = 0.1 }".into(), "con"),
        ("[clocks]\nskew = 1.0".into(), "skew"),
        ("[[churn]]\nwho = \"agent\"\nmost = 1.0\nleast = 0.0\nhour = 3.0".into(), "hour"),
        (format!("{fault}ofen = 3.0"), "ofen"),
        (format!("{adversary}colour = 3"), "colour"),
        ("[[takeover]]\nwhat = \"lost\"\nat = 1.0\nwho = \"agent\"".into(), "who"),
    ] {
        let error = Scenario::from_toml(&format!("about = \"x\"\nhours = 1.0\n{text}")).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(&format!("`{key}`")), "{error}");
    }
}
