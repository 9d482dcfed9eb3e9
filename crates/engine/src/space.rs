//! The key space: where each record lives. One prefix byte for each kind, then fixed-length ids and big-endian numbers,
//! so that a scan of a prefix gives the records in their order.

use frontdesk_capability::IssuerKey;
use frontdesk_identity::{DeviceId, GrantId, InvitationId, PrincipalId, ThreadId, TransportKey, UnixTime};
use frontdesk_wire::{LinkSeq, Position, RequestId, Seq};

/// A key in the making.
struct Key(Vec<u8>);

impl Key {
    fn of(prefix: u8) -> Self {
        let mut bytes = Vec::with_capacity(96);
        bytes.extend_from_slice(&[prefix, b'/']);
        Self(bytes)
    }

    fn with(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(part);
        self
    }
}

pub(crate) const SELF: &[u8] = b"i/self";
pub(crate) const INCARNATION: &[u8] = b"i/incarnation";
pub(crate) const ADDRESS: &[u8] = b"i/address";
/// When this node last told all others where it is.
pub(crate) const ADDRESS_TOLD: &[u8] = b"i/told";
/// The index of threads by node has been made: homes of early versions have none.
pub(crate) const INDEXED: &[u8] = b"i/indexed";
/// How many threads guests have opened of late.
pub(crate) const OPENINGS: &[u8] = b"i/openings";
pub(crate) const ROSTER_NUMBER: &[u8] = b"i/roster";
pub(crate) const PUBLISHED: &[u8] = b"i/published";

/// Nodes with a new address, and how far others have been told of it; gone when all have.
pub(crate) const ANNOUNCING: &[u8] = b"a/";
pub(crate) const DEVICES: &[u8] = b"d/";
pub(crate) const THREADS: &[u8] = b"t/";
pub(crate) const LINKS: &[u8] = b"l/";
/// Peers that know of frames that this home doesn't.
pub(crate) const AHEAD: &[u8] = b"L/";
pub(crate) const OUTGOING: &[u8] = b"o/";
/// Addresses of others that are on their way to members of their threads, and to colleagues.
pub(crate) const PASSED: &[u8] = b"P/";
pub(crate) const TOLD: &[u8] = b"W/";
pub(crate) const WAITING: &[u8] = b"w/";
pub(crate) const REVOCATIONS: &[u8] = b"r/";
/// When a revocation may be forgotten.
pub(crate) const REVOCATION_ENDS: &[u8] = b"R/";
pub(crate) const INVITATIONS: &[u8] = b"n/";
pub(crate) const CONTACTS: &[u8] = b"c/";
pub(crate) const GUESTING: &[u8] = b"g/";
pub(crate) const RECEPTIONS: &[u8] = b"q/";
/// Threads that guests have open here, by guest.
pub(crate) const OPENED: &[u8] = b"U/";
pub(crate) const EXPIRIES: &[u8] = b"x/";
/// Threads to look at again for what they lack.
pub(crate) const GAPS: &[u8] = b"G/";
pub(crate) const STOCK: &[u8] = b"k/";
pub(crate) const LAST_RESORT: &[u8] = b"K/";
pub(crate) const MLS: &[u8] = b"m/";
pub(crate) const TAKEOVERS: &[u8] = b"T/";
/// Later eras of threads, as colleagues say.
pub(crate) const SUMMONS: &[u8] = b"S/";

pub(crate) fn profile(entity: &PrincipalId) -> Vec<u8> {
    Key::of(b'e').with(entity.as_bytes()).0
}

pub(crate) fn device(id: &DeviceId) -> Vec<u8> {
    Key::of(b'd').with(id.as_bytes()).0
}

/// Key packages in stock of one device, of one cipher suite.
pub(crate) fn stock(id: &DeviceId, suite: u16) -> Vec<u8> {
    Key::of(b'k').with(id.as_bytes()).with(&suite.to_be_bytes()).0
}

pub(crate) fn stock_item(id: &DeviceId, suite: u16, number: u64) -> Vec<u8> {
    Key(stock(id, suite)).with(&number.to_be_bytes()).0
}

pub(crate) fn last_resort(id: &DeviceId, suite: u16) -> Vec<u8> {
    Key::of(b'K').with(id.as_bytes()).with(&suite.to_be_bytes()).0
}

pub(crate) fn peer(transport: &TransportKey) -> Vec<u8> {
    Key::of(b'p').with(transport.as_bytes()).0
}

pub(crate) fn announcing(mover: &TransportKey) -> Vec<u8> {
    Key::of(b'a').with(mover.as_bytes()).0
}

pub(crate) fn read_announcing(key: &[u8]) -> Option<TransportKey> {
    Some(TransportKey::from_bytes(key.strip_prefix(ANNOUNCING)?.try_into().ok()?))
}

/// Threads that this node has with another.
pub(crate) fn shared(other: &TransportKey) -> Vec<u8> {
    Key::of(b'A').with(other.as_bytes()).0
}

pub(crate) fn shared_thread(other: &TransportKey, id: &ThreadId) -> Vec<u8> {
    Key(shared(other)).with(id.as_bytes()).0
}

pub(crate) fn read_shared(key: &[u8]) -> Option<ThreadId> {
    key.split_last_chunk::<32>().map(|(_, id)| ThreadId::from_bytes(*id))
}

/// Marks a node with which this one has had threads, and has none any more.
pub(crate) fn parted(other: &TransportKey) -> Vec<u8> {
    Key::of(b'B').with(other.as_bytes()).0
}

/// The number of another's address record that is on its way to a peer.
pub(crate) fn passed(listener: &TransportKey, mover: &TransportKey) -> Vec<u8> {
    Key::of(b'P').with(listener.as_bytes()).with(mover.as_bytes()).0
}

/// The same, to a colleague.
pub(crate) fn told(listener: &TransportKey, mover: &TransportKey) -> Vec<u8> {
    Key::of(b'W').with(listener.as_bytes()).with(mover.as_bytes()).0
}

/// The thread of a key that ends with one.
pub(crate) fn last_thread(key: &[u8]) -> Option<ThreadId> {
    key.split_last_chunk::<32>().map(|(_, id)| ThreadId::from_bytes(*id))
}

pub(crate) fn link(transport: &TransportKey) -> Vec<u8> {
    Key::of(b'l').with(transport.as_bytes()).0
}

pub(crate) fn ahead(transport: &TransportKey) -> Vec<u8> {
    Key::of(b'L').with(transport.as_bytes()).0
}

pub(crate) fn outgoing(transport: &TransportKey) -> Vec<u8> {
    Key::of(b'o').with(transport.as_bytes()).0
}

pub(crate) fn outgoing_item(transport: &TransportKey, seq: LinkSeq) -> Vec<u8> {
    Key(outgoing(transport)).with(&seq.0.to_be_bytes()).0
}

pub(crate) fn thread(id: &ThreadId) -> Vec<u8> {
    Key::of(b't').with(id.as_bytes()).0
}

pub(crate) fn history(id: &ThreadId) -> Vec<u8> {
    Key::of(b'h').with(id.as_bytes()).0
}

/// The place of an entry; `tag` tells messages (0) from notes (1) at one position.
pub(crate) fn history_item(
    id: &ThreadId,
    era: u32,
    position: Position,
    author: &DeviceId,
    tag: u8,
) -> Vec<u8> {
    history_from(id, era, position, author, tag)
}

/// A bound for scans: where entries of (era, position) begin.
pub(crate) fn history_bound(id: &ThreadId, era: u32, position: Position) -> Vec<u8> {
    Key(history(id)).with(&era.to_be_bytes()).with(&position.0.to_be_bytes()).0
}

/// The era and position of an entry.
pub(crate) fn read_history(key: &[u8]) -> Option<(u32, Position)> {
    let (_, rest) = key.strip_prefix(b"h/")?.split_first_chunk::<32>()?;
    let (era, rest) = rest.split_first_chunk()?;
    Some((u32::from_be_bytes(*era), Position(u64::from_be_bytes(*rest.first_chunk()?))))
}

/// Whether two entries of one thread's history are at the same era and position.
pub(crate) fn same_place(one: &[u8], other: &[u8]) -> bool {
    const PLACE: usize = 2 + 32 + 4 + 8;
    one.get(..PLACE).is_some_and(|place| other.get(..PLACE) == Some(place))
}

fn history_from(id: &ThreadId, era: u32, position: Position, author: &DeviceId, tag: u8) -> Vec<u8> {
    Key(history_bound(id, era, position)).with(author.as_bytes()).with(&[tag]).0
}

/// From an author's number to the place of the message. Numbers go on through all eras of a thread.
pub(crate) fn index(id: &ThreadId, author: &DeviceId, seq: Seq) -> Vec<u8> {
    /// Where homes of early versions have the era, which was the first for all.
    const FIRST_ERA: [u8; 4] = [0; 4];
    Key::of(b's').with(id.as_bytes()).with(&FIRST_ERA).with(author.as_bytes()).with(&seq.0.to_be_bytes()).0
}

/// Sealed messages that wait for the commit of their epoch.
pub(crate) fn waiting(id: &ThreadId) -> Vec<u8> {
    Key::of(b'w').with(id.as_bytes()).0
}

/// The thread of a sealed message that waits, who sent it, and its number on that link.
pub(crate) fn read_waiting(key: &[u8]) -> Option<(ThreadId, TransportKey, LinkSeq)> {
    let (thread, rest) = key.strip_prefix(WAITING)?.split_first_chunk::<32>()?;
    let (rest, seq) = rest.split_last_chunk::<8>()?;
    let (_, from) = rest.split_last_chunk::<32>()?;
    let seq = LinkSeq(u64::from_be_bytes(*seq));
    Some((ThreadId::from_bytes(*thread), TransportKey::from_bytes(*from), seq))
}

/// By era and epoch: an epoch has no more than 32 bits.
pub(crate) fn waiting_item(
    id: &ThreadId,
    (era, epoch): (u32, u64),
    from: &TransportKey,
    seq: LinkSeq,
) -> Vec<u8> {
    let epoch = u32::try_from(epoch).unwrap_or(u32::MAX);
    Key(waiting(id))
        .with(&era.to_be_bytes())
        .with(&epoch.to_be_bytes())
        .with(from.as_bytes())
        .with(&seq.0.to_be_bytes())
        .0
}

pub(crate) fn read_waiting_era(key: &[u8]) -> Option<u32> {
    let (_, rest) = key.strip_prefix(WAITING)?.split_first_chunk::<32>()?;
    rest.first_chunk().map(|era| u32::from_be_bytes(*era))
}

pub(crate) fn revocation(principal: &PrincipalId, revoker: &IssuerKey, target: &GrantId) -> Vec<u8> {
    Key::of(b'r').with(principal.as_bytes()).with(revoker.as_bytes()).with(target.as_bytes()).0
}

pub(crate) fn revocation_end(
    at: UnixTime,
    (principal, revoker, target): &(PrincipalId, IssuerKey, GrantId),
) -> Vec<u8> {
    Key::of(b'R')
        .with(&at.0.to_be_bytes())
        .with(principal.as_bytes())
        .with(revoker.as_bytes())
        .with(target.as_bytes())
        .0
}

pub(crate) fn read_revocation_end(key: &[u8]) -> Option<(UnixTime, (PrincipalId, IssuerKey, GrantId))> {
    let (at, rest) = key.strip_prefix(REVOCATION_ENDS)?.split_first_chunk::<8>()?;
    let (principal, rest) = rest.split_first_chunk::<32>()?;
    let (revoker, target) = rest.split_first_chunk::<32>()?;
    let target = GrantId::from_bytes(target.try_into().ok()?);
    let name = (PrincipalId::from_bytes(*principal), IssuerKey::from_bytes(*revoker), target);
    Some((UnixTime(u64::from_be_bytes(*at)), name))
}

pub(crate) fn invitation(id: &InvitationId) -> Vec<u8> {
    Key::of(b'n').with(id.as_bytes()).0
}

pub(crate) fn contact(request: &RequestId) -> Vec<u8> {
    Key::of(b'c').with(request.as_bytes()).0
}

/// Devices that were in the era before, and may come into the present one.
pub(crate) fn absent(id: &ThreadId) -> Vec<u8> {
    Key::of(b'y').with(id.as_bytes()).0
}

pub(crate) fn absent_device(id: &ThreadId, device: &DeviceId) -> Vec<u8> {
    Key(absent(id)).with(device.as_bytes()).0
}

pub(crate) fn read_absent(key: &[u8]) -> Option<DeviceId> {
    key.split_last_chunk::<32>().map(|(_, id)| DeviceId::from_bytes(*id))
}

/// Devices that a commit took out, as this node saw it, and that nobody let in since.
pub(crate) fn taken_out(id: &ThreadId, device: &DeviceId) -> Vec<u8> {
    Key::of(b'v').with(id.as_bytes()).with(device.as_bytes()).0
}

/// An offer of this node to be the steward of a new era.
pub(crate) fn takeover(id: &ThreadId) -> Vec<u8> {
    Key::of(b'T').with(id.as_bytes()).0
}

/// Who says to be the steward of a later era.
pub(crate) fn summons(id: &ThreadId) -> Vec<u8> {
    Key::of(b'S').with(id.as_bytes()).0
}

pub(crate) fn summons_by(id: &ThreadId, steward: &TransportKey) -> Vec<u8> {
    Key(summons(id)).with(steward.as_bytes()).0
}

pub(crate) fn read_summons(key: &[u8]) -> Option<TransportKey> {
    key.split_last_chunk::<32>().map(|(_, steward)| TransportKey::from_bytes(*steward))
}

/// Marks the threads that this node has opened as a guest, and keeps what it needs to open a new era of each.
pub(crate) fn guesting(id: &ThreadId) -> Vec<u8> {
    Key::of(b'g').with(id.as_bytes()).0
}

pub(crate) fn read_guesting(key: &[u8]) -> Option<ThreadId> {
    Some(ThreadId::from_bytes(key.strip_prefix(GUESTING)?.try_into().ok()?))
}

/// Wishes in a thread that wait for an answer.
pub(crate) fn wishes(id: &ThreadId) -> Vec<u8> {
    Key::of(b'f').with(id.as_bytes()).0
}

pub(crate) fn wish(id: &ThreadId, request: &RequestId) -> Vec<u8> {
    Key(wishes(id)).with(request.as_bytes()).0
}

pub(crate) fn read_wish(key: &[u8]) -> Option<RequestId> {
    key.split_last_chunk::<16>().map(|(_, request)| RequestId::from_bytes(*request))
}

pub(crate) fn reception(request: &RequestId) -> Vec<u8> {
    Key::of(b'q').with(request.as_bytes()).0
}

pub(crate) fn opened_by(guest: &PrincipalId) -> Vec<u8> {
    Key::of(b'U').with(guest.as_bytes()).0
}

pub(crate) fn opened(guest: &PrincipalId, id: &ThreadId) -> Vec<u8> {
    Key(opened_by(guest)).with(id.as_bytes()).0
}

/// Who asked for an offer.
pub(crate) fn asker(request: &RequestId) -> Vec<u8> {
    Key::of(b'Q').with(request.as_bytes()).0
}

/// Up to where what a device that left wrote is taken still.
pub(crate) fn departed(id: &ThreadId) -> Vec<u8> {
    Key::of(b'u').with(id.as_bytes()).0
}

pub(crate) fn departed_device(id: &ThreadId, era: u32, device: &DeviceId) -> Vec<u8> {
    Key(departed(id)).with(&era.to_be_bytes()).with(device.as_bytes()).0
}

pub(crate) fn gap(id: &ThreadId) -> Vec<u8> {
    Key::of(b'G').with(id.as_bytes()).0
}

pub(crate) fn read_gap(key: &[u8]) -> Option<ThreadId> {
    key.strip_prefix(GAPS)?.try_into().ok().map(ThreadId::from_bytes)
}

/// When the steward has to look at a thread because a grant in it ends.
pub(crate) fn expiry(at: UnixTime, id: &ThreadId) -> Vec<u8> {
    Key::of(b'x').with(&at.0.to_be_bytes()).with(id.as_bytes()).0
}

pub(crate) fn read_expiry(key: &[u8]) -> Option<(UnixTime, ThreadId)> {
    let (at, thread) = key.strip_prefix(EXPIRIES)?.split_first_chunk::<8>()?;
    Some((UnixTime(u64::from_be_bytes(*at)), ThreadId::from_bytes(thread.try_into().ok()?)))
}

pub(crate) fn read_device(key: &[u8]) -> Option<DeviceId> {
    Some(DeviceId::from_bytes(key.strip_prefix(DEVICES)?.try_into().ok()?))
}

pub(crate) fn read_link(key: &[u8]) -> Option<TransportKey> {
    Some(TransportKey::from_bytes(key.strip_prefix(LINKS)?.try_into().ok()?))
}

pub(crate) fn read_outgoing(key: &[u8]) -> Option<TransportKey> {
    let (peer, _) = key.strip_prefix(OUTGOING)?.split_first_chunk::<32>()?;
    Some(TransportKey::from_bytes(*peer))
}

pub(crate) fn read_contact(key: &[u8]) -> Option<RequestId> {
    Some(RequestId::from_bytes(key.strip_prefix(CONTACTS)?.try_into().ok()?))
}

pub(crate) fn read_reception(key: &[u8]) -> Option<RequestId> {
    Some(RequestId::from_bytes(key.strip_prefix(RECEPTIONS)?.try_into().ok()?))
}

pub(crate) fn principal_of_revocation(key: &[u8]) -> Option<PrincipalId> {
    let (principal, _) = key.strip_prefix(REVOCATIONS)?.split_first_chunk::<32>()?;
    Some(PrincipalId::from_bytes(*principal))
}
