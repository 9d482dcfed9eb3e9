//! Random sequences of steps on an engine and on a `BTreeMap`, which must agree after each.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Subject, bytes};
use crate::{Batch, Order, Overlay, Reader, Scan};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Write>),
    /// Inputs in one overlay; `true`: the input is refused, and its writes are rolled back.
    Overlay(Vec<(Vec<Write>, bool)>, Look),
    Look(Look),
    Reopen,
}

#[derive(Debug, Clone)]
struct Write {
    key: Vec<u8>,
    /// Size and seed of the value; `None` deletes.
    value: Option<(usize, usize)>,
}

#[derive(Debug, Clone)]
struct Look {
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    descending: bool,
    limit: usize,
}

/// Few short keys over bytes at the edges, so that steps meet; one first byte of our own, since none is reserved then.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0u8), Just(1), Just(0x7f), Just(0xfe), Just(0xff)];
    (1u8..4, prop::collection::vec(byte, 0..3)).prop_map(|(first, rest)| [&[first], &rest[..]].concat())
}

fn write() -> impl Strategy<Value = Write> {
    let size = prop_oneof![6 => 0..40usize, 2 => 7_000..9_000usize, 1 => 16_000..40_000usize];
    (key(), prop::option::weighted(0.7, (size, 0..256usize))).prop_map(|(key, value)| Write { key, value })
}

fn look() -> impl Strategy<Value = Look> {
    let prefix = prop_oneof![Just(Vec::new()), key()];
    let limit = prop_oneof![0..6usize, Just(usize::MAX)];
    (prefix, prop::option::of(key()), any::<bool>(), limit)
        .prop_map(|(prefix, after, descending, limit)| Look { prefix, after, descending, limit })
}

fn step() -> impl Strategy<Value = Step> {
    let writes = || prop::collection::vec(write(), 0..8);
    prop_oneof![
        4 => writes().prop_map(Step::Commit),
        3 => (prop::collection::vec((writes(), any::<bool>()), 0..4), look())
            .prop_map(|(inputs, look)| Step::Overlay(inputs, look)),
        6 => look().prop_map(Step::Look),
        1 => Just(Step::Reopen),
    ]
}

pub(super) fn check(cases: u32, open: &dyn Fn() -> Box<dyn Subject>) {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    let config = Config { cases: cases.max(asked), failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec(step(), 1..40);
    let run = |steps: Vec<Step>| {
        let (mut subject, mut model) = (open(), Model::new());
        for step in steps {
            play(&mut *subject, &mut model, step)?;
        }
        compare(
            &subject.store(),
            &model,
            &Look { prefix: Vec::new(), after: None, descending: false, limit: usize::MAX },
        )
    };
    TestRunner::new(config).run(&steps, run).unwrap();
}

fn play(subject: &mut dyn Subject, model: &mut Model, step: Step) -> Result<(), TestCaseError> {
    let largest = subject.largest();
    match step {
        Step::Commit(writes) => {
            let mut batch = Batch::new();
            for write in writes {
                match value(&write, largest) {
                    Some(value) => batch.put(write.key.clone(), value).unwrap(),
                    None => batch.delete(write.key.clone()).unwrap(),
                }
                apply(model, write, largest);
            }
            subject.store().commit(&batch).unwrap();
            Ok(())
        }
        Step::Overlay(inputs, look) => {
            let store = subject.store();
            let overlay = Overlay::new(&store);
            for (writes, refused) in inputs {
                input(&overlay, model, writes, refused, largest);
                compare(&overlay, model, &look)?;
            }
            store.commit(&overlay.into_batch()).unwrap();
            Ok(())
        }
        Step::Look(look) => compare(&subject.store(), model, &look),
        Step::Reopen => {
            subject.store().flush().unwrap();
            subject.reopen();
            Ok(())
        }
    }
}

fn input(overlay: &Overlay<'_>, model: &mut Model, writes: Vec<Write>, refused: bool, largest: usize) {
    let before = overlay.savepoint();
    for write in writes {
        let added = write.value.is_some_and(|(_, seed)| seed.is_multiple_of(2));
        match value(&write, largest) {
            Some(value) if added && overlay.get(&write.key).unwrap().is_none() => {
                overlay.add(write.key.clone(), value).unwrap();
            }
            Some(value) => overlay.put(write.key.clone(), value).unwrap(),
            None => overlay.delete(write.key.clone()).unwrap(),
        }
        if !refused {
            apply(model, write, largest);
        }
    }
    if refused {
        overlay.rollback(before);
    }
}

fn value(write: &Write, largest: usize) -> Option<Vec<u8>> {
    write.value.map(|(size, seed)| bytes(size.min(largest), seed))
}

fn apply(model: &mut Model, write: Write, largest: usize) {
    match value(&write, largest) {
        Some(value) => drop(model.insert(write.key, value)),
        None => drop(model.remove(&write.key)),
    }
}

/// The plainest reading of what a scan means.
fn expected(model: &Model, look: &Look) -> Vec<(Vec<u8>, Vec<u8>)> {
    let past = |key: &Vec<u8>| match (&look.after, look.descending) {
        (None, _) => true,
        (Some(after), false) => key > after,
        (Some(after), true) => key < after,
    };
    let matching = |(key, _): &(&Vec<u8>, &Vec<u8>)| key.starts_with(&look.prefix) && past(key);
    let mut found: Vec<_> =
        model.iter().filter(matching).map(|(key, value)| (key.clone(), value.clone())).collect();
    if look.descending {
        found.reverse();
    }
    found.truncate(look.limit);
    found
}

fn compare(reader: &dyn Reader, model: &Model, look: &Look) -> Result<(), TestCaseError> {
    let order = if look.descending { Order::Descending } else { Order::Ascending };
    let scan = Scan { prefix: &look.prefix, after: look.after.as_deref(), order, limit: look.limit };
    let (found, expected) = (reader.scan(&scan).unwrap(), expected(model, look));
    let names =
        |entries: &[(Vec<u8>, Vec<u8>)]| entries.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    prop_assert_eq!(names(&found), names(&expected));
    prop_assert!(found == expected, "a value differs");
    prop_assert!(reader.get(&look.prefix).unwrap().as_ref() == model.get(&look.prefix));
    Ok(())
}
