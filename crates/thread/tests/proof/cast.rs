//! The cast: Acme with its administrator and agents, Carla, and what they are granted.

use frontdesk_capability::{
    Abilities, Ability, Chain, ChainBytes, History, Revocation, Revocations, Scope, Terms,
};
use frontdesk_identity::{
    DeviceId, DeviceKeys, DeviceRecord, PrincipalId, SecretSigningKey, ThreadId, UnixTime,
};
use frontdesk_store::{MemoryStore, Overlay, Reader as _, Scan, Store as _};
use frontdesk_thread::{
    Change, ChangeRefusal, ChangeRequest, Committed, CreateError, Ctx, Expected, Founding, JoinRefusal,
    KeyPackage, Mls, OpenRefusal, Opened, Role, SealError, Suite, Thread, ThreadState, WelcomeBytes,
    new_key_package,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::cell::{Cell, RefCell};

pub(crate) const START: UnixTime = UnixTime(1_800_000_000);
pub(crate) const DAY: u64 = 86_400;
pub(crate) const NONCE: [u8; 16] = [7; 16];

/// Everything that is not a device: the principals, the time, what is revoked.
pub(crate) struct World {
    pub(crate) acme: SecretSigningKey,
    pub(crate) carla: SecretSigningKey,
    pub(crate) mls: Mls,
    pub(crate) now: Cell<UnixTime>,
    pub(crate) revocations: RefCell<Revocations>,
    seed: Cell<u64>,
}

/// A device: its keys and its record.
pub(crate) struct Device {
    pub(crate) keys: DeviceKeys,
    pub(crate) record: DeviceRecord,
}

/// A device that runs this crate.
pub(crate) struct Node {
    pub(crate) device: Device,
    pub(crate) store: MemoryStore,
    pub(crate) thread: Option<Thread>,
    /// Drop the thread and read it again before each step.
    pub(crate) forgetful: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_seed(0)
    }

    pub(crate) fn with_seed(seed: u64) -> Self {
        let key = |n| SecretSigningKey::from_seed(&[n; 32]);
        Self {
            acme: key(101),
            carla: key(102),
            mls: Mls::new(),
            now: Cell::new(START),
            revocations: RefCell::default(),
            seed: Cell::new(seed),
        }
    }

    pub(crate) fn rng(&self) -> ChaCha20Rng {
        self.seed.set(self.seed.get() + 1);
        ChaCha20Rng::seed_from_u64(self.seed.get())
    }

    pub(crate) fn host(&self) -> PrincipalId {
        PrincipalId::from_bytes(self.acme.public())
    }

    pub(crate) fn guest(&self) -> PrincipalId {
        PrincipalId::from_bytes(self.carla.public())
    }

    pub(crate) fn thread(&self) -> ThreadId {
        ThreadId::derive(&self.host(), &self.guest(), &NONCE)
    }

    pub(crate) fn device(&self, principal: PrincipalId) -> Device {
        let keys = DeviceKeys::generate(&mut self.rng());
        let record = DeviceRecord::sign(&keys, principal, START).verify().unwrap();
        Device { keys, record }
    }

    pub(crate) fn agent(&self) -> Node {
        Node::new(self.device(self.host()))
    }

    pub(crate) fn customer(&self) -> Node {
        Node::new(self.device(self.guest()))
    }

    /// The chain of an administrator: everything, everywhere.
    pub(crate) fn admin_chain(&self, admin: DeviceId) -> Chain {
        Chain::issue_root(&self.acme, admin_terms(admin), &mut self.rng()).unwrap()
    }

    pub(crate) fn guest_chain(&self, device: DeviceId) -> ChainBytes {
        let abilities = Abilities::from([Ability::Read, Ability::Write, Ability::Attach]);
        let terms = Terms { abilities, depth: 0, ..admin_terms(device) };
        Chain::issue_root(&self.carla, terms, &mut self.rng()).unwrap().into_bytes()
    }

    /// The grant of `agent` on the thread, by `admin`, for a day.
    pub(crate) fn agent_chain(&self, admin: &Device, agent: DeviceId) -> Chain {
        self.delegated(admin, self.agent_terms(agent))
    }

    pub(crate) fn agent_terms(&self, agent: DeviceId) -> Terms {
        Terms {
            audience: agent,
            scope: Scope::Thread(self.thread()),
            abilities: Abilities::from([Ability::Read, Ability::Write]),
            history: History::All,
            not_before: START,
            expires: START.plus(DAY),
            depth: 0,
        }
    }

    pub(crate) fn delegated(&self, admin: &Device, terms: Terms) -> Chain {
        let above = self.admin_chain(admin.id());
        above.delegate(admin.keys.signing(), terms, START, &mut self.rng()).unwrap()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.now.set(self.now.get().plus(seconds));
    }

    /// Revokes the last link of a chain that `by` issued.
    pub(crate) fn revoke(&self, by: &Device, chain: &Chain) {
        self.revoke_with(by.keys.signing(), chain);
    }

    /// The same, for one that the root issued.
    pub(crate) fn revoke_by_root(&self, chain: &Chain) {
        self.revoke_with(&self.acme, chain);
    }

    fn revoke_with(&self, key: &SecretSigningKey, chain: &Chain) {
        let revocation = Revocation::issue(key, &self.host(), chain.leaf().id, self.now.get()).unwrap();
        assert!(self.revocations.borrow_mut().insert(revocation).unwrap());
    }

    pub(crate) fn expected(&self, role: Role) -> Expected {
        Expected { host: self.host(), thread: self.thread(), era: 0, min_term: 0, role }
    }
}

pub(crate) fn admin_terms(audience: DeviceId) -> Terms {
    Terms {
        audience,
        scope: Scope::Principal,
        abilities: Abilities::ALL,
        history: History::All,
        not_before: START,
        expires: START.plus(365 * DAY),
        depth: 2,
    }
}

impl Device {
    pub(crate) fn id(&self) -> DeviceId {
        self.keys.id()
    }
}

impl Node {
    pub(crate) fn new(device: Device) -> Self {
        Self { device, store: MemoryStore::new(), thread: None, forgetful: false }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.device.id()
    }

    /// One step: an overlay, the work, a commit of what it wrote.
    pub(crate) fn step<T>(
        &mut self,
        world: &World,
        work: impl FnOnce(&Ctx<'_>, &mut Option<Thread>) -> T,
    ) -> T {
        let revocations = world.revocations.borrow();
        let overlay = Overlay::new(&self.store);
        let outcome = {
            let ctx = Ctx {
                overlay: &overlay,
                mls: &world.mls,
                rng: RefCell::new(world.rng()),
                keys: &self.device.keys,
                record: &self.device.record,
                now: world.now.get(),
                revocations: &revocations,
            };
            if self.forgetful {
                self.thread = Thread::load(&ctx, world.thread(), 0).unwrap();
            }
            work(&ctx, &mut self.thread)
        };
        self.store.commit(&overlay.into_batch()).unwrap();
        outcome
    }

    pub(crate) fn key_package(&mut self, world: &World, suite: Suite) -> KeyPackage {
        let bytes = self.step(world, |ctx, _| new_key_package(ctx, suite, false)).unwrap();
        bytes.verify(&world.mls).unwrap()
    }

    pub(crate) fn found(&mut self, world: &World, founding: Founding) -> Result<WelcomeBytes, CreateError> {
        self.step(world, |ctx, slot| {
            let (thread, welcome) = Thread::create(ctx, founding)?;
            *slot = Some(thread);
            Ok(welcome)
        })
    }

    pub(crate) fn join(
        &mut self,
        world: &World,
        welcome: &WelcomeBytes,
        role: Role,
    ) -> Result<(), JoinRefusal> {
        self.join_as(world, welcome, &world.expected(role))
    }

    pub(crate) fn join_as(
        &mut self,
        world: &World,
        welcome: &WelcomeBytes,
        expected: &Expected,
    ) -> Result<(), JoinRefusal> {
        self.step(world, |ctx, slot| {
            *slot = Some(Thread::join(ctx, welcome, expected)?);
            Ok(())
        })
    }

    pub(crate) fn seal(&mut self, world: &World, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        self.step(world, |ctx, thread| thread.as_mut().unwrap().seal(ctx, plaintext))
    }

    pub(crate) fn open(&mut self, world: &World, bytes: &[u8]) -> Result<Opened, OpenRefusal> {
        self.step(world, |ctx, thread| thread.as_mut().unwrap().open(ctx, bytes))
    }

    pub(crate) fn follow(&mut self, world: &World, bytes: &[u8]) -> Result<Change, OpenRefusal> {
        self.step(world, |ctx, thread| thread.as_mut().unwrap().follow(ctx, bytes))
    }

    /// Takes bytes for whatever they are.
    pub(crate) fn take(&mut self, world: &World, bytes: &[u8]) -> Result<(), OpenRefusal> {
        match self.open(world, bytes) {
            Err(OpenRefusal::OtherKind) => self.follow(world, bytes).map(|_| ()),
            opened => opened.map(|_| ()),
        }
    }

    pub(crate) fn change(
        &mut self,
        world: &World,
        request: ChangeRequest,
    ) -> Result<Committed, ChangeRefusal> {
        self.step(world, |ctx, thread| thread.as_mut().unwrap().change(ctx, request))
    }

    pub(crate) fn state(&self) -> ThreadState {
        self.thread.as_ref().unwrap().state().clone()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.thread.as_ref().unwrap().epoch()
    }

    pub(crate) fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.store.scan(&Scan::prefix(b"")).unwrap()
    }
}

/// Carla and the administrator in a thread.
pub(crate) struct Pair {
    pub(crate) world: World,
    pub(crate) carla: Node,
    pub(crate) admin: Node,
}

pub(crate) fn founding(world: &World, carla: DeviceId, steward: KeyPackage) -> Founding {
    Founding {
        host: world.host(),
        guest: world.guest(),
        nonce: NONCE,
        suite: steward.suite(),
        guest_chain: world.guest_chain(carla),
        steward_chain: world.admin_chain(steward.device_id()).into_bytes(),
        steward,
        era: 0,
        term: 0,
    }
}

impl Pair {
    pub(crate) fn found(suite: Suite, forgetful: bool) -> Self {
        Self::found_in(World::new(), suite, forgetful)
    }

    pub(crate) fn found_in(world: World, suite: Suite, forgetful: bool) -> Self {
        let (mut carla, mut admin) = (world.customer(), world.agent());
        (carla.forgetful, admin.forgetful) = (forgetful, forgetful);
        let package = admin.key_package(&world, suite);
        let founding = founding(&world, carla.id(), package);
        let welcome = carla.found(&world, founding).unwrap();
        admin.join(&world, &welcome, Role::Steward).unwrap();
        Self { world, carla, admin }
    }

    /// The administrator brings an agent in; Carla follows.
    pub(crate) fn forward(&mut self) -> Node {
        let mut agent = self.world.agent();
        agent.forgetful = self.admin.forgetful;
        let request = self.adding(&mut agent);
        let committed = self.admin.change(&self.world, request).unwrap();
        self.carla.follow(&self.world, &committed.commit).unwrap();
        agent.join(&self.world, &committed.welcome.unwrap(), Role::Member).unwrap();
        agent
    }

    pub(crate) fn adding(&self, agent: &mut Node) -> ChangeRequest {
        let package = agent.key_package(&self.world, self.carla.thread.as_ref().unwrap().suite());
        let chain = self.world.agent_chain(&self.admin.device, agent.id()).into_bytes();
        ChangeRequest { add: vec![(package, chain)], ..ChangeRequest::default() }
    }
}

/// `from` says something and each of `to` hears it.
pub(crate) fn says(world: &World, text: &[u8], from: &mut Node, to: &mut [&mut Node]) {
    let sealed = from.seal(world, text).unwrap();
    for node in to {
        let Opened { sender, plaintext, departed, .. } = node.open(world, &sealed).unwrap();
        assert_eq!((sender, plaintext.as_slice(), departed), (from.id(), text, false));
    }
}
