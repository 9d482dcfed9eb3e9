//! How long sealing and opening 256 bytes takes, against OpenMLS on its own in-memory storage. A report, not a test:
//! `cargo test --release -p frontdesk-thread -- --ignored --nocapture speed`.

use crate::{
    cast::{Pair, World},
    raw::{Raw, RawSigner, join_config, lifetime},
};
use frontdesk_thread::{ChangeRequest, Suite};
use openmls::{
    group::{JoinBuilder, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProcessedWelcome},
    prelude::*,
};
use std::time::{Duration, Instant};

const ROUNDS: usize = 2000;

#[test]
#[ignore = "prints a measurement"]
fn seal_and_open_256_bytes() {
    for suite in Suite::ALL {
        let mut pair = Pair::found(suite, false);
        report(&format!("{suite}, frontdesk, fresh thread"), ours(&mut pair));
        let ana = pair.forward();
        for _ in 0..6 {
            let committed = pair.admin.change(&pair.world, ChangeRequest::default()).unwrap();
            pair.carla.follow(&pair.world, &committed.commit).unwrap();
        }
        drop(ana);
        report(&format!("{suite}, frontdesk, three members, five past epochs"), ours(&mut pair));
        let largest = pair.carla.entries().iter().map(|(_, value)| value.len()).max().unwrap();
        println!("{suite}: largest stored value {largest} bytes");
        report(&format!("{suite}, openmls in memory"), theirs(suite));
    }
}

/// Prints medians, which a busy machine disturbs least.
fn report(what: &str, (mut create, mut process): (Vec<Duration>, Vec<Duration>)) {
    create.sort_unstable();
    process.sort_unstable();
    println!("{what}: create {:?}, process {:?}", create[ROUNDS / 2], process[ROUNDS / 2]);
}

fn ours(pair: &mut Pair) -> (Vec<Duration>, Vec<Duration>) {
    let (mut create, mut process) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let sealed = pair.carla.seal(&pair.world, &[7; 256]).unwrap();
        create.push(start.elapsed());
        let start = Instant::now();
        pair.admin.open(&pair.world, &sealed).unwrap();
        process.push(start.elapsed());
    }
    (create, process)
}

fn theirs(suite: Suite) -> (Vec<Duration>, Vec<Duration>) {
    let world = World::new();
    let [mut one, mut two] = [(); 2].map(|()| Raw::new(world.device(world.host())));
    let ciphersuite = Ciphersuite::try_from(suite.code()).unwrap();
    let package = KeyPackage::builder()
        .key_package_lifetime(lifetime())
        .build(ciphersuite, &two.provider, &RawSigner(&two.device.keys), two.credential())
        .unwrap();
    let config = MlsGroupCreateConfig::builder()
        .ciphersuite(ciphersuite)
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .build();
    let signer = RawSigner(&one.device.keys);
    let mut group = MlsGroup::new(&one.provider, &signer, &config, one.credential()).unwrap();
    let (_, welcome, _) =
        group.add_members(&one.provider, &signer, &[package.key_package().clone()]).unwrap();
    group.merge_pending_commit(&one.provider).unwrap();
    one.group = Some(group);
    let welcome = MlsMessageIn::tls_deserialize_exact_bytes(&welcome.to_bytes().unwrap()).unwrap();
    let MlsMessageBodyIn::Welcome(welcome) = welcome.extract() else { panic!("a Welcome was expected") };
    let welcome = ProcessedWelcome::new_from_welcome(&two.provider, &join_config(), welcome).unwrap();
    let staged = JoinBuilder::new(&two.provider, welcome).build().unwrap();
    two.group = Some(staged.into_group(&two.provider).unwrap());
    let (mut create, mut process) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let sealed = one.say(&[7; 256]);
        create.push(start.elapsed());
        let start = Instant::now();
        two.hear(&sealed).unwrap();
        process.push(start.elapsed());
    }
    (create, process)
}
