//! What a thread may take in the store, over its whole life and after it.

use crate::cast::{Pair, says};
use frontdesk_thread::{ChangeRequest, MAX_MEMBERS, Role, Suite};

fn size(node: &crate::cast::Node) -> (usize, usize) {
    let entries = node.entries();
    (entries.len(), entries.iter().map(|(key, value)| key.len() + value.len()).sum())
}

#[test]
fn a_thousand_commits_leave_no_more_than_ten() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut after_ten = ((0, 0), (0, 0));
    for n in 0..1000 {
        let committed = pair.admin.change(&pair.world, ChangeRequest::default()).unwrap();
        pair.carla.follow(&pair.world, &committed.commit).unwrap();
        if n % 100 == 9 {
            says(&pair.world, b"still here", &mut pair.admin, &mut [&mut pair.carla]);
        }
        if n == 9 {
            after_ten = (size(&pair.admin), size(&pair.carla));
        }
    }
    let after = (size(&pair.admin), size(&pair.carla));
    for (then, now) in [(after_ten.0, after.0), (after_ten.1, after.1)] {
        assert!(now.0 <= then.0, "{} entries became {}", then.0, now.0);
        assert!(now.1 <= then.1 + 2048, "{} bytes became {}", then.1, now.1);
    }
}

#[test]
fn hand_overs_leave_nothing_behind_but_the_last_few() {
    let mut pair = Pair::found(Suite::Classic, true);
    let mut last = pair.forward();
    let mut sizes = Vec::new();
    for _ in 0..24 {
        let mut next = pair.world.agent();
        let request = ChangeRequest { remove: vec![last.id()], ..pair.adding(&mut next) };
        let committed = pair.admin.change(&pair.world, request).unwrap();
        pair.carla.follow(&pair.world, &committed.commit).unwrap();
        next.join(&pair.world, &committed.welcome.unwrap(), Role::Member).unwrap();
        last = next;
        sizes.push(size(&pair.carla));
    }
    assert_eq!(sizes[23].0, sizes[11].0);
    assert!(sizes[23].1 <= sizes[11].1 + 512, "{sizes:?}");
}

#[test]
fn a_deleted_thread_leaves_nothing() {
    let mut pair = Pair::found(Suite::Hybrid, false);
    let ana = pair.forward();
    for mut node in [pair.carla, pair.admin, ana] {
        node.step(&pair.world, |ctx, thread| thread.take().unwrap().delete(ctx)).unwrap();
        assert_eq!(node.entries(), []);
    }
}

#[test]
fn a_full_thread_works_and_takes_no_further_member() {
    let mut pair = Pair::found(Suite::Hybrid, false);
    let mut agents = Vec::new();
    for _ in 2..MAX_MEMBERS {
        agents.push(pair.world.agent());
    }
    let add = agents.iter_mut().flat_map(|agent| pair.adding(agent).add).collect();
    let committed =
        pair.admin.change(&pair.world, ChangeRequest { add, ..ChangeRequest::default() }).unwrap();
    let welcome = committed.welcome.unwrap();
    println!(
        "full thread: commit {} bytes, welcome {} bytes",
        committed.commit.len(),
        welcome.as_slice().len()
    );
    pair.carla.follow(&pair.world, &committed.commit).unwrap();
    agents[0].join(&pair.world, &welcome, Role::Member).unwrap();
    agents[13].join(&pair.world, &welcome, Role::Member).unwrap();
    let (first, rest) = agents.split_at_mut(1);
    says(&pair.world, b"a full house", &mut first[0], &mut [&mut pair.carla, &mut pair.admin, &mut rest[12]]);
    let mut one_more = pair.world.agent();
    let request = pair.adding(&mut one_more);
    assert!(pair.admin.change(&pair.world, request).is_err());
    let largest = pair.carla.entries().iter().map(|(_, value)| value.len()).max().unwrap();
    println!("full thread: largest stored value {largest} bytes");
    says(&pair.world, b"still full", &mut pair.carla, &mut [&mut pair.admin]);
}
