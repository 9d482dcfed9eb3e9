//! A business at work whose nodes are killed again and again: what was acknowledged is there, once, in order, and arrives.
//!
//! Acme, Ana and Carla write to one thread all the time. One after the other is killed with SIGKILL, at moments that
//! follow from `FRONTDESK_TEST_SEED`, and started again. After each start that node is looked at as far back as the kill
//! can have changed anything; after each round all of them are, from the first message on. `FRONTDESK_KILLS` says how
//! often (default 1000).

mod ledger;

use self::ledger::{Accepted, Ledger, Shown, everything, newest};
use crate::harness::{Chance, Home, Node, Office, Place, eventually, field};
use serde_json::json;
use std::{
    fs::File,
    io::{Write as _, stderr},
    process::Stdio,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

/// How often, unless the environment says.
const KILLS: usize = 1000;
/// Kills after which everything is waited for and compared.
const ROUND: usize = 100;
/// What a kill may take with all that follows, on the whole: some four times what it takes. Past it the battery ends
/// early, and says so.
const A_KILL_TAKES: Duration = Duration::from_millis(900);
/// The least that all of them may take.
const ALL_TAKE: Duration = Duration::from_secs(60);

/// When a node is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// After so long.
    Any(Duration),
    /// So long after everybody began to write as fast as they can.
    Burst(Duration),
    /// As soon as the database below its journal is written to, while everybody writes long texts as fast as they can.
    Checkpoint,
    /// At any time; then once or more so long after the beginning of a start.
    Start([Option<Duration>; 3]),
}

impl Moment {
    fn choose(chance: &mut Chance) -> Self {
        let mut millis = |bound| Duration::from_millis(chance.below(bound));
        match millis(12).as_millis() {
            0 => Self::Checkpoint,
            1..4 => Self::Burst(millis(250)),
            4..7 => {
                let more = millis(3).as_millis();
                Self::Start([0, 1, 2].map(|turn| (turn <= more).then(|| millis(120))))
            }
            _ => Self::Any(millis(150)),
        }
    }
}

/// One of the three, and what its API answered for.
#[derive(Debug)]
struct Author {
    name: &'static str,
    home: Home,
    device: String,
    tried: AtomicUsize,
    accepted: Mutex<Vec<Accepted>>,
}

/// How the authors write.
#[derive(Debug, Default)]
struct Pace {
    fast: AtomicBool,
    long: AtomicBool,
    over: AtomicBool,
}

/// Ends the talk however the round ends.
struct Ends<'a>(&'a Pace);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl Author {
    fn new(name: &'static str, node: &Node) -> Self {
        let home = Home::clone(node);
        let device = field(&node.json(&["status"]), "device");
        Self { name, home, device, tried: AtomicUsize::new(0), accepted: Mutex::default() }
    }

    /// Writes texts, each with a number of its own, and keeps what was answered for. A node that is down is tried again.
    fn talk(&self, thread: &str, pace: &Pace) {
        let path = format!("/v1/threads/{thread}/messages");
        let mut api = self.home.api();
        while !pace.over.load(Ordering::Relaxed) {
            let padding = if pace.long.load(Ordering::Relaxed) { "long ".repeat(800) } else { String::new() };
            let number = self.tried.fetch_add(1, Ordering::Relaxed);
            let text = format!("{} {number:06} {padding}", self.name);
            match api.try_call("POST", &path, &json!({ "text": text }).to_string()) {
                Ok(answer) if answer.status == 201 => {
                    self.accepted.lock().unwrap().push(Accepted::new(&answer.json(), text));
                }
                // Too much waits for one who is down.
                Ok(answer) => assert_eq!(answer.status, 429, "{}", answer.body),
                Err(_) => api = self.home.api(),
            }
            if !pace.fast.load(Ordering::Relaxed) {
                // How fast people write, and not a wait for anything.
                thread::sleep(Duration::from_millis(8));
            }
        }
    }

    /// What was answered for since it was last asked.
    fn accepted(&self) -> Vec<Accepted> {
        std::mem::take(&mut self.accepted.lock().unwrap())
    }

    /// When the database below its node's journal was last written to.
    fn database_written(&self) -> SystemTime {
        self.home.file("store/db").metadata().unwrap().modified().unwrap()
    }
}

/// How many kills fell into what.
#[derive(Debug, Default)]
struct Counts {
    kills: usize,
    bursts: usize,
    checkpoints: usize,
    starts: usize,
}

struct Battery {
    _place: Place,
    thread: String,
    authors: [Author; 3],
    nodes: [Option<Node>; 3],
    ledger: Ledger,
    counts: Counts,
}

impl Battery {
    fn open() -> Self {
        let (office, ana, carla, thread) = Office::with_ana_and_carla();
        let Office { acme, place } = office;
        let authors = [Author::new("acme", &acme), Author::new("ana", &ana), Author::new("carla", &carla)];
        let nodes = [Some(acme), Some(ana), Some(carla)];
        let (ledger, counts) = (Ledger::default(), Counts::default());
        Self { _place: place, thread, authors, nodes, ledger, counts }
    }

    /// So many kills, while all three write.
    fn round(&mut self, kills: usize, chance: &mut Chance) {
        let pace = Pace::default();
        let end = self.counts.kills + kills;
        let Self { authors, thread, nodes, ledger, counts, .. } = self;
        let (authors, thread): (&[Author; 3], &str) = (authors, thread);
        thread::scope(|scope| {
            let _ends = Ends(&pace);
            for author in authors {
                let pace = &pace;
                scope.spawn(move || author.talk(thread, pace));
            }
            while counts.kills < end {
                let [victim, witness] = [(); 2].map(|()| usize::try_from(chance.below(3)).unwrap());
                for who in [victim, witness] {
                    let shown = newest(&nodes[who].as_ref().unwrap().api(), thread, ledger.settled());
                    ledger.note(who, &shown, devices(authors));
                }
                let moment = Moment::choose(chance);
                println!("kill {} of {}: {moment:?}", counts.kills + 1, authors[victim].name);
                let home = kill(nodes[victim].take().unwrap(), moment, &authors[victim], &pace, counts);
                let killed = Instant::now();
                ledger.accept(victim, authors[victim].accepted());
                let node = start(&home, moment, counts);
                ledger.check(victim, &newest(&node.api(), thread, ledger.checked(victim)), killed);
                nodes[victim] = Some(node);
            }
        });
    }

    /// Everything that was answered for is delivered, and all three show the same, from the first message on.
    fn calm(&mut self) {
        let Self { authors, thread, nodes, ledger, .. } = self;
        let apis = nodes.each_ref().map(|node| node.as_ref().unwrap().api());
        for (who, author) in authors.iter().enumerate() {
            ledger.accept(who, author.accepted());
        }
        let all = eventually("everything is delivered", || {
            let waits = apis.iter().any(|api| api.get("/v1/status").json()["outbox"] != 0);
            let all = (!waits).then(|| apis.each_ref().map(|api| everything(api, thread)))?;
            all.iter().flatten().all(Shown::has_arrived).then_some(all)
        });
        for (who, shown) in all.iter().enumerate() {
            ledger.check(who, shown, Instant::now());
            ledger.note(who, shown, devices(authors));
        }
        let order = |shown: &[Shown]| shown.iter().map(|message| message.id.clone()).collect::<Vec<_>>();
        let [acme, ana, carla] = all.each_ref().map(|shown| order(shown));
        assert_eq!(acme, ana);
        assert_eq!(acme, carla);
        assert_eq!(acme.len(), ledger.told.len(), "a message that was answered for is nowhere");
    }
}

fn devices(authors: &[Author; 3]) -> [&str; 3] {
    authors.each_ref().map(|author| author.device.as_str())
}

/// Kills a node at its moment.
fn kill(node: Node, moment: Moment, author: &Author, pace: &Pace, counts: &mut Counts) -> Home {
    counts.kills += 1;
    match moment {
        // The moment of the kill, and not a wait for anything.
        Moment::Any(wait) => thread::sleep(wait),
        Moment::Burst(wait) => {
            counts.bursts += 1;
            pace.fast.store(true, Ordering::Relaxed);
            thread::sleep(wait);
        }
        Moment::Checkpoint => {
            pace.fast.store(true, Ordering::Relaxed);
            pace.long.store(true, Ordering::Relaxed);
            let (before, end) = (author.database_written(), Instant::now() + Duration::from_secs(5));
            while author.database_written() == before && Instant::now() < end {
                thread::sleep(Duration::from_micros(200));
            }
            counts.checkpoints += usize::from(author.database_written() != before);
        }
        Moment::Start(_) => {}
    }
    let home = node.kill();
    pace.fast.store(false, Ordering::Relaxed);
    pace.long.store(false, Ordering::Relaxed);
    home
}

/// Starts a node again, after starts that were cut short if its moment has such.
fn start(home: &Home, moment: Moment, counts: &mut Counts) -> Node {
    if let Moment::Start(cut) = moment {
        for wait in cut.into_iter().flatten() {
            counts.kills += 1;
            counts.starts += 1;
            let log = File::options().append(true).open(home.log_file()).unwrap();
            let call = home.call(&["--json", "run", "--listen", &home.listen()]);
            let mut child = call.spawn(Stdio::from(log));
            thread::sleep(wait);
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    home.run()
}

#[test]
fn whatever_is_killed_whenever_what_was_acknowledged_is_there_once_in_order_and_arrives() {
    let kills = std::env::var("FRONTDESK_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let mut chance = Chance::begin();
    let mut battery = Battery::open();
    let began = Instant::now();
    let limit = ALL_TAKE.max(A_KILL_TAKES * u32::try_from(kills).unwrap());
    while battery.counts.kills < kills && began.elapsed() < limit {
        let before = battery.ledger.told.len();
        battery.round(ROUND.min(kills - battery.counts.kills), &mut chance);
        battery.calm();
        assert!(battery.ledger.told.len() >= before + ROUND, "the conversation was cut short");
    }
    let wanted = kills;
    let Counts { kills, bursts, checkpoints, starts } = battery.counts;
    assert!(
        kills * 2 >= wanted,
        "{kills} kills of {wanted} in {limit:?}: the machine is too slow for this battery"
    );
    // Past the capture of the test's output: a battery says what it did.
    writeln!(
        stderr(),
        "the program: {kills} kills in {} s: {bursts} in a burst, {checkpoints} as the database was written, {starts} in a \
         start; {} messages, none lost, none twice; {} states told again",
        began.elapsed().as_secs(),
        battery.ledger.told.len(),
        battery.ledger.taken_back,
    )
    .unwrap();
}
