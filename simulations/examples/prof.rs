use frontdesk_engine::Settings;
use frontdesk_sim::{
    Weather,
    office::{Office, PATIENCE, messages},
};
fn main() {
    let n: usize = std::env::args().nth(1).and_then(|t| t.parse().ok()).unwrap_or(2000);
    let mut office = Office::open(1, Weather::FAIR, 0, Settings::default()).unwrap();
    let (acme, carla) = (office.acme, office.customer);
    let thread = office.contact("hello").unwrap();
    let start = std::time::Instant::now();
    for i in 0..n {
        office.say(carla, thread, &format!("{i} {}", "x".repeat(240))).unwrap();
        office.world.pass(5).unwrap();
    }
    let each = start.elapsed().as_micros() as usize / n;
    office.world.until("all", PATIENCE, |w| messages(w, acme, thread).len() >= n.min(1000)).unwrap();
    println!("{each} us per message, both sides, no disk");
}
