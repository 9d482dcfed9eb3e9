//! A business with many customers, made in a hurry: the administrator's engine over its real store, and for each thread
//! a customer's engine, all in this process. Every step of a first contact is real, its cryptography included; only
//! the sockets are left out, the flushes of one group of customers are one, and their clock goes faster: a business takes
//! [`MAX_OPENINGS`] new threads an hour.

use anyhow::{Context as _, Result, bail, ensure};
use frontdesk_engine::{
    Action, Answer, Command, CommandId, Engine, Input, Millis, Now, Query, Settings, found_customer,
    limits::{MAX_OPENINGS, OPENINGS_SPAN},
};
use frontdesk_identity::{
    ContactLink, DeviceKeys, RootKey, StoredDeviceKeys, TransportKey, UnixTime, codec, open_key_file,
    read_private,
};
use frontdesk_store::{MasterKey, MemoryStore, Overlay, Sealed, SledOptions, SledStore, Store, migrate};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::{
    collections::HashMap,
    path::Path,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};
use zeroize::Zeroizing;

/// Customers that are served together: their frames share the administrator's steps.
const GROUP: usize = 64;
/// From one group to the next, in seconds of their clock: as many as a business takes.
const BETWEEN: u64 = OPENINGS_SPAN.div_ceil(MAX_OPENINGS / GROUP as u64);
/// Threads of this process that play customers.
const HELPERS: usize = 2;

/// Frames on their way: from or to which customer.
type Frames = Vec<(TransportKey, Vec<u8>)>;

/// Opens `count` further threads in the store of the business whose home this is, and which listens at this address. Its
/// node must not run.
pub(crate) fn grow(home: &Path, listen: &str, count: usize) -> Result<()> {
    let mut business = Business::open(home, listen)?;
    let mut left = count;
    while left > 0 {
        let group = left.min(GROUP);
        business.receive(group)?;
        left -= group;
        business.node.wall = business.node.wall.plus(BETWEEN);
    }
    business.node.store.into_engine().close()?;
    Ok(())
}

struct Business {
    node: Player<Sealed<SledStore>>,
    link: ContactLink,
}

/// An engine over a store, driven as the program drives it.
struct Player<S> {
    key: TransportKey,
    engine: Engine,
    store: S,
    wall: UnixTime,
}

/// `[version, device keys, store key]`: the file `keys` of a home.
#[derive(Serialize, Deserialize)]
struct Vault(u64, ByteBuf, ByteBuf);

impl Business {
    fn open(home: &Path, listen: &str) -> Result<Self> {
        let secret = open_key_file(&read_private(&home.join("keys"))?, None)?;
        let Vault(_, keys, store_key) = codec::decode_versioned(&secret, 1024, 1)?;
        let keys = DeviceKeys::try_from(&StoredDeviceKeys::from_bytes(Zeroizing::new(keys.into_vec())))?;
        let store_key = MasterKey::from(<[u8; 32]>::try_from(store_key.as_slice())?);
        let engine = SledStore::open(&home.join("store"), &SledOptions::default())?;
        let store = Sealed::open(engine, &store_key, generator()?)?;
        migrate(&store)?;
        let mut node = Player::new(keys, store, today())?;
        let Answer::Status(status) = node.engine.query(node.now(), &node.store, &Query::Status)? else {
            bail!("a status that is none");
        };
        let now = node.now();
        node.step(|engine, overlay| Ok(engine.start(now, overlay)?))?;
        node.take(vec![Input::Addresses(vec![listen.to_owned()])])?;
        let entity = status.principal.context("not a business")?;
        let link = ContactLink::new(entity, status.transport, vec![listen.parse()?])?;
        Ok(Self { node, link })
    }

    /// So many new customers open a thread each, and have it acknowledged.
    fn receive(&mut self, count: usize) -> Result<()> {
        let customers = (0..count).map(|_| Player::customer(self.node.wall)).collect::<Result<Vec<_>>>()?;
        let mut customers: HashMap<_, _> = customers.into_iter().map(|player| (player.key, player)).collect();
        let peers: Vec<TransportKey> = customers.keys().copied().collect();
        let mut to_node = self.greet(&mut customers)?;
        let up = peers.iter().map(|peer| Input::PeerUp(*peer)).collect();
        let mut to_customers = self.node.take(up)?;
        while !to_node.is_empty() || !to_customers.is_empty() {
            let inputs = to_node.into_iter().map(|(from, bytes)| Input::Frame { from, bytes }).collect();
            let heard = play(&mut customers, to_customers, self.node.key)?;
            to_customers = self.node.take(inputs)?;
            to_node = heard;
        }
        ensure!(customers.values().all(Player::is_settled), "a thread was not opened");
        self.node.take(peers.into_iter().map(Input::PeerDown).collect())?;
        Ok(self.node.store.flush()?)
    }

    /// The customers connect, and write.
    fn greet(&self, customers: &mut HashMap<TransportKey, Player<MemoryStore>>) -> Result<Frames> {
        let mut frames = Vec::new();
        for customer in customers.values_mut() {
            let command = Command::Contact { link: self.link.clone(), text: "Good morning".into() };
            let contact = Input::Command { id: CommandId(0), command };
            let sent = customer.take(vec![contact, Input::PeerUp(self.node.key)])?;
            frames.extend(sent.into_iter().map(|(_, frame)| (customer.key, frame)));
        }
        Ok(frames)
    }
}

/// The customers take what came for them, on all processors.
fn play(
    customers: &mut HashMap<TransportKey, Player<MemoryStore>>,
    frames: Frames,
    node: TransportKey,
) -> Result<Frames> {
    let mut inputs: HashMap<TransportKey, Vec<Input>> = HashMap::new();
    for (to, bytes) in frames {
        inputs.entry(to).or_default().push(Input::Frame { from: node, bytes });
    }
    let mut work: Vec<_> =
        customers.values_mut().filter_map(|player| Some((inputs.remove(&player.key)?, player))).collect();
    let share = work.len().div_ceil(HELPERS).max(1);
    thread::scope(|scope| {
        let helpers: Vec<_> = std::iter::from_fn(|| {
            let rest = work.len().saturating_sub(share);
            let mine = work.split_off(rest);
            (!mine.is_empty()).then(|| scope.spawn(move || work_off(mine)))
        })
        .collect();
        let mut frames = Vec::new();
        for helper in helpers {
            frames.extend(helper.join().map_err(|_| anyhow::anyhow!("a helper panicked"))??);
        }
        Ok(frames)
    })
}

fn work_off(work: Vec<(Vec<Input>, &mut Player<MemoryStore>)>) -> Result<Frames> {
    let mut frames = Vec::new();
    for (inputs, player) in work {
        let sent = player.take(inputs)?;
        frames.extend(sent.into_iter().map(|(_, frame)| (player.key, frame)));
    }
    Ok(frames)
}

impl Player<MemoryStore> {
    /// A customer like no other.
    fn customer(wall: UnixTime) -> Result<Self> {
        let mut rng = generator()?;
        let (keys, root) = (DeviceKeys::generate(&mut rng), RootKey::generate(&mut rng));
        let store = MemoryStore::new();
        let overlay = Overlay::new(&store);
        found_customer(&overlay, &keys, &root, "Carla", wall, &mut rng)?;
        let batch = overlay.into_batch();
        store.commit(&batch)?;
        Self::new(keys, store, wall)
    }

    /// Its one thread is open, and the business's node has acknowledged everything.
    fn is_settled(&self) -> bool {
        matches!(self.engine.query(self.now(), &self.store, &Query::Status),
            Ok(Answer::Status(status)) if status.threads == 1 && status.outbox == 0)
    }
}

impl<S: Store> Player<S> {
    fn new(keys: DeviceKeys, store: S, wall: UnixTime) -> Result<Self> {
        let (mut seed, key) = ([0; 32], keys.transport_public());
        generator()?.fill_bytes(&mut seed);
        let engine = Engine::open(&store, keys, Settings::default(), seed)?;
        Ok(Self { key, engine, store, wall })
    }

    /// Timers have no part in this: monotonic time stands still.
    fn now(&self) -> Now {
        Now { mono: Millis(0), wall: self.wall }
    }

    /// All inputs in one step; what it sends.
    fn take(&mut self, inputs: Vec<Input>) -> Result<Frames> {
        let now = self.now();
        self.step(|engine, overlay| {
            Ok(inputs.into_iter().try_for_each(|input| engine.handle(now, input, overlay))?)
        })
    }

    fn step(&mut self, work: impl FnOnce(&mut Engine, &Overlay<'_>) -> Result<()>) -> Result<Frames> {
        let overlay = Overlay::new(&self.store);
        work(&mut self.engine, &overlay)?;
        let output = self.engine.finish(self.now(), &overlay)?;
        let batch = overlay.into_batch();
        self.store.commit(&batch)?;
        let frame = |action| match action {
            Action::Send { to, frame } => Some((to, frame)),
            Action::Dial { .. } | Action::Forget(_) | Action::Disconnect { .. } => None,
        };
        Ok(output.actions.into_iter().filter_map(frame).collect())
    }
}

fn today() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

fn generator() -> Result<ChaCha20Rng> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(ChaCha20Rng::from_seed(seed))
}
