//! A thread read page by page.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{Answer, HistoryChoice, MessageView, Query};
use frontdesk_sim::{Siege, office::PATIENCE};
use frontdesk_wire::Position;

fn page(siege: &Siege, before: Option<Position>, limit: usize) -> Vec<MessageView> {
    let query = Query::Messages { thread: siege.thread, before, limit };
    let Answer::Messages(page) = siege.office.world.query(siege.carla, &query).unwrap() else {
        panic!("no page");
    };
    page
}

#[test]
fn pages_of_every_size_make_the_whole_although_several_wrote_at_one_place() {
    let mut siege = Siege::lay(HistoryChoice::All, 3600).unwrap();
    for round in 0..5 {
        for author in [siege.acme, siege.carla, siege.ana] {
            siege.office.say(author, siege.thread, &format!("round {round}")).unwrap();
        }
        siege.office.world.pass(PATIENCE).unwrap();
    }
    let whole = page(&siege, None, 1000);
    let at_one_place = |pair: &[MessageView]| matches!(pair, [one, two] if one.position == two.position);
    assert!(
        whole.windows(2).filter(|pair| at_one_place(pair)).count() >= 10,
        "nobody wrote at the same place"
    );
    for limit in 1..=whole.len() {
        let (mut pages, mut before) = (Vec::new(), None);
        loop {
            let page = page(&siege, before, limit);
            let Some(first) = page.first() else { break };
            before = Some(first.position);
            pages.push(page);
        }
        let read: Vec<MessageView> = pages.into_iter().rev().flatten().collect();
        assert!(read == whole, "pages of {limit} miss something");
    }
    assert!(page(&siege, None, 0).is_empty());
}
