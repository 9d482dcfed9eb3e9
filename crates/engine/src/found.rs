//! Founding: what a new home's store begins with.

use crate::{
    record::{self, Addresses, DeviceEntry, SelfRecord},
    space,
};
use frontdesk_capability::{Abilities, Ability, Chain, History, Refusal, Scope, Terms};
use frontdesk_identity::{DeviceKeys, DeviceRecord, Role, RootKey, SecretSigningKey, UnixTime};
use frontdesk_store::{Overlay, Reader as _, Scan, StoreError};
use frontdesk_wire::{Incarnation, Profile, ProfileError, limits};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

/// How long a principal's grant to its own device lasts: five years of 365 days, in seconds. It is renewed by founding
/// anew from the recovery phrase.
pub const ROOT_GRANT_LASTS: u64 = 5 * 365 * 24 * 3600;
/// How many links may follow the root's grant: to another administrator, to an agent's thread, and one to spare.
const ROOT_GRANT_DEPTH: u8 = 3;

/// By how much a restore raises the number of the next address record: more than any node signs between two backups.
const RESTORE_SKIPS: u64 = 1 << 32;

/// The home could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// The name is empty or too long.
    #[error("the name has {len} bytes; between 1 and {max} are possible")]
    NameLength {
        /// Bytes given.
        len: usize,
        /// Bytes possible.
        max: usize,
    },
    /// The name has controls, turns the direction of writing, or shows nothing.
    #[error("the name has characters that can't be seen or that terminals obey; write it in plain letters")]
    NameUnfit,
    /// A device's name reads as the beginning of an id.
    #[error(
        "the name reads as the beginning of an id; write it with something else than digits and the letters a to f"
    )]
    NameLikeId,
    /// The store holds an identity already.
    #[error("this home is set up already; choose another with --home")]
    AlreadyFounded,
    /// The grant could not be issued.
    #[error("the first grant: {0}")]
    Grant(#[from] Refusal),
    /// The profile could not be signed.
    #[error("the profile: {0}")]
    Profile(#[from] ProfileError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All that an administrator's device may do; what it hands on is narrower.
pub(crate) fn administrator_abilities() -> Abilities {
    use Ability::{Accept, Admit, Attach, Forward, Initiate, Read, Write};
    [Admit, Accept, Forward, Read, Write, Attach, Initiate].into_iter().collect()
}

/// Sets up an entity's first administrator device: the root's grant to it, and the profile.
///
/// # Errors
/// [`FoundError`]; then nothing must be committed.
pub fn found_entity(
    overlay: &Overlay<'_>,
    keys: &DeviceKeys,
    root: &RootKey,
    name: &str,
    now: UnixTime,
    rng: &mut ChaCha20Rng,
) -> Result<(), FoundError> {
    let chain = root_grant(keys, root, administrator_abilities(), now, rng)?;
    let record = DeviceRecord::sign(keys, root.principal(), now);
    let profile = Profile {
        entity: root.principal(),
        number: now.0,
        name: name.to_owned(),
        reception: vec![keys.id()],
        hours: String::new(),
        languages: Vec::new(),
    };
    let me = SelfRecord {
        name: name.to_owned(),
        principal: Some(root.principal()),
        role: Role::Admin.into(),
        record: Some(record.clone()),
        chain: Some(chain.bytes().clone()),
        granted_at: now,
        ..SelfRecord::default()
    };
    found(overlay, &me, rng)?;
    let profile = profile.sign(keys.signing(), chain.bytes().clone())?;
    record::put(overlay, space::profile(&root.principal()), &profile)?;
    let entry = DeviceEntry {
        record,
        chain: chain.bytes().clone(),
        role: Role::Admin.into(),
        name: format!("{name} administrator").chars().take(40).collect(),
        removed: false,
        expires: chain.expires(),
        given: 0,
    };
    Ok(record::put(overlay, space::device(&keys.id()), &entry)?)
}

/// Sets up a customer's device.
///
/// # Errors
/// [`FoundError`]; then nothing must be committed.
pub fn found_customer(
    overlay: &Overlay<'_>,
    keys: &DeviceKeys,
    root: &RootKey,
    name: &str,
    now: UnixTime,
    rng: &mut ChaCha20Rng,
) -> Result<(), FoundError> {
    let abilities = [Ability::Read, Ability::Write, Ability::Attach].into_iter().collect();
    let chain = root_grant(keys, root, abilities, now, rng)?;
    let me = SelfRecord {
        name: name.to_owned(),
        principal: Some(root.principal()),
        record: Some(DeviceRecord::sign(keys, root.principal(), now)),
        chain: Some(chain.into_bytes()),
        granted_at: now,
        ..SelfRecord::default()
    };
    found(overlay, &me, rng)
}

/// Sets up a device that belongs to nobody yet, and is going to join an entity. `name` is what it would like to be called
/// there; empty: as its invitation says.
///
/// # Errors
/// [`FoundError`]; then nothing must be committed.
pub fn found_fresh(
    overlay: &Overlay<'_>,
    _keys: &DeviceKeys,
    name: &str,
    _now: UnixTime,
    rng: &mut ChaCha20Rng,
) -> Result<(), FoundError> {
    found(overlay, &SelfRecord { name: name.to_owned(), ..SelfRecord::default() }, rng)
}

/// Marks a store that was copied back from a backup. The keys of its threads may have been used since the copy was
/// made, so they are dropped; the node starts a new life on its links, and asks to be added to its threads anew. What
/// was read stays.
///
/// # Errors
/// [`StoreError`].
pub fn mark_restored(overlay: &Overlay<'_>, rng: &mut ChaCha20Rng) -> Result<(), StoreError> {
    for prefix in [
        space::MLS,
        space::LINKS,
        space::AHEAD,
        space::OUTGOING,
        space::PASSED,
        space::TOLD,
        space::WAITING,
        space::RECEPTIONS,
        space::OPENED,
        space::STOCK,
        space::LAST_RESORT,
        space::TAKEOVERS,
        space::SUMMONS,
    ] {
        for (key, _) in overlay.scan(&Scan::prefix(prefix))? {
            overlay.delete(key)?;
        }
    }
    overlay.delete(space::PUBLISHED)?;
    // Peers may hold later numbers than the copy knows of.
    if let Some(known) = record::get::<Addresses>(overlay, space::ADDRESS)? {
        let number = known.number.saturating_add(RESTORE_SKIPS);
        record::put(overlay, space::ADDRESS.to_vec(), &Addresses { number, addresses: Vec::new() })?;
    }
    put_incarnation(overlay, rng)?;
    let me: Option<SelfRecord> = record::get(overlay, space::SELF)?;
    me.map_or(Ok(()), |me| {
        record::put(overlay, space::SELF.to_vec(), &SelfRecord { restored: true, joining: None, ..me })
    })
}

fn root_grant(
    keys: &DeviceKeys,
    root: &RootKey,
    abilities: Abilities,
    now: UnixTime,
    rng: &mut ChaCha20Rng,
) -> Result<Chain, Refusal> {
    let terms = Terms {
        audience: keys.id(),
        scope: Scope::Principal,
        abilities,
        history: History::All,
        not_before: now,
        expires: now.plus(ROOT_GRANT_LASTS),
        depth: ROOT_GRANT_DEPTH,
    };
    Chain::issue_root(&SecretSigningKey::from_seed(&root.to_seed()), terms, rng)
}

fn found(overlay: &Overlay<'_>, me: &SelfRecord, rng: &mut ChaCha20Rng) -> Result<(), FoundError> {
    let (len, max) = (me.name.len(), limits::MAX_NAME);
    let nameless = len == 0 && me.principal.is_some();
    if nameless || len > max {
        return Err(FoundError::NameLength { len, max });
    }
    if crate::name::is_unfit(&me.name) {
        return Err(FoundError::NameUnfit);
    }
    let is_to_join = me.principal.is_none();
    if is_to_join && crate::name::is_like_id(&me.name) {
        return Err(FoundError::NameLikeId);
    }
    if overlay.get(space::SELF)?.is_some() {
        return Err(FoundError::AlreadyFounded);
    }
    put_incarnation(overlay, rng)?;
    Ok(record::put(overlay, space::SELF.to_vec(), me)?)
}

fn put_incarnation(overlay: &Overlay<'_>, rng: &mut ChaCha20Rng) -> Result<(), StoreError> {
    let mut bytes = [0; 8];
    rng.fill_bytes(&mut bytes);
    record::put(overlay, space::INCARNATION.to_vec(), &Incarnation::from_bytes(bytes))
}
