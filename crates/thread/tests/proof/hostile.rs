//! Hostile bytes against everything that takes bytes: noise, and honest bytes with faults. No input may panic, be
//! taken for honest, or change anything. `FRONTDESK_FUZZ_CASES` raises the number of cases (default 20,000).

use crate::cast::{Node, Pair, World, founding, says};
use frontdesk_store::{MemoryStore, Overlay};
use frontdesk_thread::{
    ChangeRequest, KeyPackageBytes, Role, Suite, Thread, ThreadState, WelcomeBytes, new_key_package,
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

fn cases() -> u64 {
    std::env::var("FRONTDESK_FUZZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000)
}

/// Noise, or one of `honest` with faults. Never one of them unchanged.
fn hostile(rng: &mut ChaCha20Rng, honest: &[Vec<u8>]) -> Vec<u8> {
    let pick = |rng: &mut ChaCha20Rng, n: usize| usize::try_from(rng.next_u64()).unwrap() % n.max(1);
    let sample = &honest[pick(rng, honest.len())];
    let mut bytes = sample.clone();
    match pick(rng, 8) {
        0 => {
            bytes = vec![0; pick(rng, 600)];
            rng.fill_bytes(&mut bytes);
        }
        1 => bytes.truncate(pick(rng, sample.len())),
        2 => bytes.push(0),
        3 => {
            // Lengths live at the front; the worst of them claim four gigabytes.
            let at = pick(rng, bytes.len().min(120));
            let end = (at + 4).min(bytes.len());
            bytes[at..end].fill(0xff);
        }
        4 => {
            let (from, to) = (pick(rng, bytes.len()), pick(rng, bytes.len()));
            let piece = bytes[from.min(to)..from.max(to)].to_vec();
            let at = pick(rng, bytes.len());
            bytes.splice(at..at, piece);
        }
        _ => {
            for _ in 0..=pick(rng, 3) {
                let at = pick(rng, bytes.len());
                bytes[at] ^= 1 << pick(rng, 8);
            }
        }
    }
    if honest.contains(&bytes) { vec![] } else { bytes }
}

fn try_all(honest: &[Vec<u8>], share: u64, mut attempt: impl FnMut(&[u8])) {
    let mut rng = ChaCha20Rng::seed_from_u64(share);
    for _ in 0..cases() / share {
        attempt(&hostile(&mut rng, honest));
    }
}

#[test]
fn hostile_messages_are_refused_and_change_nothing() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut honest: Vec<_> = (0..3u8).map(|n| pair.admin.seal(&pair.world, &[n]).unwrap()).collect();
    honest.push(pair.admin.change(&pair.world, ChangeRequest::default()).unwrap().commit);
    honest.push(pair.admin.seal(&pair.world, b"of the next epoch").unwrap());
    let before = pair.carla.entries();
    try_all(&honest, 2, |bytes| {
        assert!(pair.carla.take(&pair.world, bytes).is_err(), "{bytes:02x?}");
    });
    assert_eq!(pair.carla.entries(), before);
    for honest in honest {
        pair.carla.take(&pair.world, &honest).unwrap();
    }
    says(&pair.world, b"unharmed", &mut pair.carla, &mut [&mut pair.admin]);
}

#[test]
fn hostile_welcomes_are_refused_and_the_key_package_is_kept() {
    let world = World::new();
    let (mut carla, mut admin) = (world.customer(), world.agent());
    let package = admin.key_package(&world, Suite::Classic);
    let welcome = carla.found(&world, founding(&world, carla.id(), package)).unwrap();
    let before = admin.entries();
    try_all(&[welcome.as_slice().to_vec()], 4, |bytes| {
        let refused = admin.join(&world, &WelcomeBytes::new(bytes.to_vec()), Role::Steward);
        assert!(refused.is_err(), "{bytes:02x?}");
    });
    assert_eq!(admin.entries(), before);
    admin.join(&world, &welcome, Role::Steward).unwrap();
}

#[test]
fn hostile_key_packages_and_states_are_refused() {
    let world = World::new();
    let mut ana = world.agent();
    let packages: Vec<_> = Suite::ALL
        .map(|suite| {
            ana.step(&world, |ctx, _| new_key_package(ctx, suite, false)).unwrap().as_slice().to_vec()
        })
        .into();
    try_all(&packages, 2, |bytes| {
        assert!(KeyPackageBytes::new(bytes.to_vec()).verify(&world.mls).is_err(), "{bytes:02x?}");
    });
    let pair = Pair::found(Suite::Classic, false);
    let state = pair.carla.state().encode().unwrap();
    try_all(&[state], 1, |bytes| {
        // A changed state may be another one; then it is canonical.
        if let Ok(state) = ThreadState::decode(bytes) {
            assert_eq!(state.encode().unwrap(), bytes);
        }
    });
}

#[test]
fn hostile_history_is_refused() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut ana = pair.forward();
    let sealed = pair.admin.step(&pair.world, |ctx, thread| {
        thread.as_ref().unwrap().seal_history(ctx, &ana.id(), 0, b"what was said").unwrap()
    });
    ana.step(&pair.world, |ctx, thread| {
        let thread = thread.as_ref().unwrap();
        try_all(&[sealed], 10, |bytes| assert!(thread.open_history(ctx, 0, bytes).is_err(), "{bytes:02x?}"));
    });
}

#[test]
fn hostile_missed_messages_are_refused() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut ana = pair.forward();
    let author = pair.admin.id();
    let sealed = pair.admin.step(&pair.world, |ctx, thread| {
        thread.as_ref().unwrap().seal_refill(ctx, &ana.id(), b"what was missed").unwrap()
    });
    ana.step(&pair.world, |ctx, thread| {
        let thread = thread.as_ref().unwrap();
        let epoch = thread.epoch();
        try_all(&[sealed], 10, |bytes| {
            assert!(thread.open_refill(ctx, &author, epoch, bytes).is_err(), "{bytes:02x?}");
        });
    });
}

#[test]
fn a_damaged_store_is_an_error_and_no_panic() {
    let mut pair = Pair::found(Suite::Classic, false);
    let entries = pair.carla.entries();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for round in 0..cases() / 100 {
        let store = MemoryStore::new();
        let batch = Overlay::new(&store);
        for (n, (key, value)) in entries.iter().enumerate() {
            let hit = n as u64 == round % entries.len() as u64;
            let value = if hit { hostile(&mut rng, std::slice::from_ref(value)) } else { value.clone() };
            batch.put(key.clone(), value).unwrap();
        }
        frontdesk_store::Store::commit(&store, &batch.into_batch()).unwrap();
        let mut damaged = Node { store, ..Node::new(pair.world.device(pair.world.guest())) };
        damaged.step(&pair.world, |ctx, _| drop(Thread::load(ctx, pair.world.thread(), 0)));
    }
    says(&pair.world, b"unharmed", &mut pair.carla, &mut [&mut pair.admin]);
}
