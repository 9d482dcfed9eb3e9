//! Businesses that write to each other.

use crate::harness::{Office, Place, eventually, texts, thread_of};
use serde_json::json;

#[test]
fn a_business_is_the_customer_of_another_and_serves_its_own_meanwhile() {
    let office = Office::open();
    let ana = office.enrol("Ana");
    let place = Place::new();
    let supplier = place.home("supplier");
    supplier.init("entity", "Supplier");
    let supplier = supplier.run();

    // Acme asks its supplier, as anybody would.
    let link = supplier.json(&["link"])["link"].as_str().unwrap().to_owned();
    let bought = office.acme.json(&["contact", &link, "Do you have more paper?", "--wait", "30s"]);
    let bought = bought["thread"].as_str().unwrap().to_owned();
    let seen = &supplier.json(&["threads"])[0];
    assert_eq!((&seen["title"], &seen["is_steward"]), (&json!("Acme"), &json!(true)));
    assert_eq!(office.acme.json(&["threads"])[0]["title"], "Supplier");

    // And its own customer asks Acme.
    let carla = office.customer("Carla");
    let sold = office.contact(&carla, "Do you have paper?");
    office.acme.json(&["forward", &sold, "--to", "Ana"]);
    assert_eq!(thread_of(&ana), sold);
    supplier.json(&["send", &bought, "As much as you like", "--wait", "30s"]);
    ana.json(&["send", &sold, "Soon", "--wait", "30s"]);
    assert_eq!(texts(&office.acme, &bought), ["Do you have more paper?", "As much as you like"]);
    assert_eq!(texts(&carla, &sold), ["Do you have paper?", "Soon"]);
    assert_eq!(texts(&supplier, &bought).len(), 2);
    assert_eq!(supplier.json(&["threads"]).as_array().unwrap().len(), 1);

    // In the supplier's thread Acme is a guest: it forwards nobody there.
    let (exit, word, said) = office.acme.refused(&["forward", &bought, "--to", "Ana"]);
    assert_eq!((exit, word.as_str()), (1, "guest-forward"), "{said}");
    let who = supplier.json(&["who", &bought]);
    assert_eq!(who["members"].as_array().unwrap().len(), 2);
}

#[test]
fn two_businesses_open_a_thread_each_way_and_neither_writes_to_itself() {
    let office = Office::open();
    let place = Place::new();
    let other = place.home("other");
    other.init("entity", "Other");
    let other = other.run();
    let link = other.json(&["link"])["link"].as_str().unwrap().to_owned();
    let (exit, word, said) = office.acme.refused(&["contact", &office.link(), "Hello me"]);
    assert_eq!((exit, word.as_str()), (1, "own-link"), "{said}");
    office.acme.json(&["contact", &link, "To the other"]);
    other.json(&["contact", &office.link(), "To Acme"]);
    for node in [&office.acme, &other] {
        eventually("both threads are open", || {
            let threads = node.json(&["threads"]);
            let threads = threads.as_array().unwrap();
            (threads.len() == 2 && threads.iter().all(|thread| thread["status"] == "open")).then_some(())
        });
        let stewards = node.json(&["threads"]);
        let stewards = stewards.as_array().unwrap().iter().filter(|thread| thread["is_steward"] == true);
        assert_eq!(stewards.count(), 1);
    }
}
