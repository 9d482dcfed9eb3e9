//! Enrolment at the administrator's: invitations, and the devices that use them. See [`frontdesk_wire::JoinRequest`] for
//! the exchange, and [`ShortNumber`] for what has to be refused so that its number means something.

mod join;

use crate::{
    CommandError, Engine, Event, Reply,
    record::{self, About, Asked, DeviceEntry, InvitationRecord, JoinRecord},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{Abilities, Ability, Chain, History, Scope, Terms};
use frontdesk_identity::{
    DeviceId, Invitation, InvitationCode, InvitationId, JoinNonce, Role, ShortNumber, TransportKey,
    codec::DecodeError,
};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_wire::{
    Body, JoinChallenge, JoinGranted, JoinRefused, JoinRequest, JoinReveal, Reason, limits,
};
use serde_bytes::ByteArray;

/// Invitations that may be open at one time.
pub const MAX_INVITATIONS: usize = 256;
/// How long an enrolment lasts, in seconds: a year of 365 days.
pub const ENROLMENT_LASTS: u64 = 365 * 24 * 3600;

/// How long an invitation may be good at most, in seconds: 30 days. Its code is a secret that lies about until then.
pub const INVITATION_LASTS: u64 = 30 * 24 * 3600;

const DONE_OPEN: u8 = 0;
const DONE_APPROVED: u8 = 1;
const DONE_DECLINED: u8 = 2;

impl Engine {
    pub(crate) fn invite(
        &mut self,
        step: Step<'_>,
        role: Role,
        name: String,
        lasts: u64,
    ) -> Result<Reply, Halt<CommandError>> {
        self.require(step, Ability::Admit)?;
        require_place(step, None)?;
        let name = name.trim().to_owned();
        let (len, max) = (name.len(), limits::MAX_NAME);
        if len == 0 || len > max {
            return Err(CommandError::NameLength { len, max }.into());
        }
        if crate::name::is_unfit(&name) {
            return Err(CommandError::NameUnfit.into());
        }
        if crate::name::is_like_id(&name) {
            return Err(CommandError::NameLikeId.into());
        }
        let outlives = step.wall().plus(lasts) > self.standing_chain()?.expires();
        if lasts == 0 || lasts > INVITATION_LASTS || outlives {
            return Err(CommandError::Lasts(lasts).into());
        }
        self.clear_invitations(step)?;
        if step.overlay.scan(&Scan::prefix(space::INVITATIONS).limit(MAX_INVITATIONS))?.len()
            >= MAX_INVITATIONS
        {
            return Err(CommandError::TooMany { what: "open invitations", limit: MAX_INVITATIONS }.into());
        }
        let invitation = Invitation {
            entity: self.standing_chain()?.principal(),
            administrator: self.id(),
            transport: self.keys.transport_public(),
            role,
            code: InvitationCode::generate(&mut self.rng),
            expires: step.wall().plus(lasts),
            addresses: self.addresses.clone(),
        };
        let text = invitation.reveal().map_err(|error| CommandError::Internal(error.to_string()))?;
        let record = InvitationRecord {
            invitation: text.to_string(),
            name,
            asked: None,
            request: None,
            done: DONE_OPEN,
        };
        record::put(step.overlay, space::invitation(&invitation.code.public_id()), &record)?;
        Ok(Reply::Invited { invitation: Box::new(invitation) })
    }

    /// Forgets invitations a day after they have expired; until then a late comer is told why.
    fn clear_invitations(&self, step: Step<'_>) -> Result<(), StoreError> {
        for (key, bytes) in step.overlay.scan(&Scan::prefix(space::INVITATIONS))? {
            let record: InvitationRecord = record::decode(&bytes)?;
            if parse(&record)?.expires.plus(24 * 3600) < step.wall() {
                step.overlay.delete(key)?;
            }
        }
        Ok(())
    }

    /// A device shows that it knows a code, and commits to its nonce. It is answered, and not told of yet.
    ///
    /// One invitation gets one answer: to this record, name and commitment, for good. Who asks for the same again is
    /// given the same nonce again; who asks for anything else is refused. Else a false joiner could ask, see the nonce,
    /// and ask again with a name or a commitment that gives the number it wants.
    pub(crate) fn join_request(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: JoinRequest,
    ) -> Result<(), Halt<Refuse>> {
        let (mut record, invitation) = invited(step, &body.invitation)?;
        let device = crate::contact::device_on_link(&self.mls, from, &body.record)?;
        let transcript = body.transcript().map_err(Refuse::decode)?;
        if invitation.code.check(&joiner(&transcript), &body.proof).is_err() {
            return Err(
                Refuse::breach(Reason::WrongCode, "the proof does not show the invitation's code").into()
            );
        }
        if crate::name::is_unfit(&body.name) || crate::name::is_like_id(&body.name) {
            return Err(Refuse::breach(Reason::Malformed, "a name that deceives who reads it").into());
        }
        if record.done == DONE_DECLINED {
            return Err(Refuse::plain(Reason::Declined).into());
        }
        let first = record.asked.as_ref().map(|asked| asked.request.transcript()).transpose();
        if first.map_err(Refuse::decode)?.is_some_and(|first| first != transcript) {
            return Err(Refuse::breach(Reason::UsedInvitation, "the invitation was used by another").into());
        }
        if record.done == DONE_APPROVED {
            return Ok(());
        }
        if invitation.expires < step.wall() {
            return Err(Refuse::breach(Reason::ExpiredInvitation, "the invitation has expired").into());
        }
        if device.principal() != invitation.entity {
            return Err(Refuse::breach(Reason::GrantWrongScope, "a device of another principal").into());
        }
        self.learn_address(step, from, &body.address, Some(device.id()))?;
        if record.asked.is_some() && self.link(step, from)?.unsettled() > 0 {
            // What it was answered before comes to it by itself: one that fetches nothing must not fill the disk.
            return Ok(());
        }
        let fresh = || Asked { request: body, answer: ByteArray::new(self.bytes()) };
        let asked = record.asked.take().unwrap_or_else(fresh);
        let challenge = challenge(&invitation, &asked).map_err(Refuse::decode)?;
        record.asked = Some(asked);
        record::put(step.overlay, space::invitation(&challenge.invitation), &record)?;
        self.enqueue(from, About::Nothing, Body::JoinChallenge(challenge));
        Ok(())
    }

    /// The device opens its commitment: the number is complete, and the administrator is asked.
    pub(crate) fn join_reveal(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &JoinReveal,
    ) -> Result<(), Halt<Refuse>> {
        let (mut record, invitation) = invited(step, &body.invitation)?;
        let unasked = || Refuse::breach(Reason::UnknownInvitation, "a nonce revealed by who did not ask");
        let asked = record.asked.as_ref().ok_or_else(unasked)?;
        if record::device_of(&asked.request.record)?.transport() != from {
            return Err(unasked().into());
        }
        if JoinNonce::from_bytes(*body.nonce).commit() != *asked.request.commitment {
            return Err(Refuse::breach(Reason::WrongCode, "the nonce is not the committed one").into());
        }
        if record.done == DONE_DECLINED {
            return Err(Refuse::plain(Reason::Declined).into());
        }
        if record.request.is_some() {
            return Ok(());
        }
        if invitation.expires < step.wall() {
            return Err(Refuse::breach(Reason::ExpiredInvitation, "the invitation has expired").into());
        }
        let full = asked.request.full_transcript(&asked.answer, &body.nonce).map_err(Refuse::decode)?;
        let number = ShortNumber::derive(&full).to_string();
        let wish = &asked.request.name;
        let name = if wish.is_empty() { record.name.clone() } else { wish.clone() };
        let request = JoinRecord {
            record: asked.request.record.clone(),
            name: name.clone(),
            number: number.clone(),
            asked_at: step.wall(),
        };
        record.request = Some(request);
        record::put(step.overlay, space::invitation(&body.invitation), &record)?;
        self.tell(Event::JoinRequested { name, number });
        Ok(())
    }

    fn request_by_number(
        &self,
        step: Step<'_>,
        number: &str,
    ) -> Result<(InvitationRecord, JoinRecord), Halt<CommandError>> {
        let number: ShortNumber = number.parse().map_err(|_| CommandError::UnknownRequest)?;
        let number = number.to_string();
        for (_, bytes) in step.overlay.scan(&Scan::prefix(space::INVITATIONS))? {
            let record: InvitationRecord = record::decode(&bytes)?;
            if let Some(request) = record.request.clone()
                && record.done == DONE_OPEN
                && request.number == number
            {
                return Ok((record, request));
            }
        }
        Err(CommandError::UnknownRequest.into())
    }

    pub(crate) fn approve(&mut self, step: Step<'_>, number: &str) -> Result<Reply, Halt<CommandError>> {
        self.require(step, Ability::Admit)?;
        let (mut record, request) = self.request_by_number(step, number)?;
        let invitation = parse(&record)?;
        if invitation.expires < step.wall() {
            return Err(CommandError::InvitationExpired.into());
        }
        let device = record::device_of(&request.record)?;
        require_place(step, Some(device.id()))?;
        let chain = self.enrol(step, device.id(), invitation.role)?;
        record.done = DONE_APPROVED;
        let id = invitation.code.public_id();
        record::put(step.overlay, space::invitation(&id), &record)?;
        let entry = DeviceEntry {
            record: request.record.clone(),
            chain: chain.bytes().clone(),
            role: invitation.role.into(),
            name: request.name.clone(),
            removed: false,
            expires: chain.expires(),
            given: 0,
        };
        record::put(step.overlay, space::device(&device.id()), &entry)?;
        self.colleagues.insert(device.transport(), device.id());
        let profile = self.profile(step)?;
        let granted = JoinGranted {
            invitation: id,
            chain: chain.into_bytes(),
            role: invitation.role.into(),
            name: request.name.clone(),
            administrator: self.me.record.clone().ok_or(CommandError::NotSettled)?,
            administrator_chain: self.standing_chain()?.bytes().clone(),
            address: self.address_record(step)?,
            profile: profile.ok_or(CommandError::NotAdministrator)?,
        };
        self.enqueue(device.transport(), About::Nothing, Body::JoinGranted(granted));
        self.broadcast_roster(step)?;
        self.tell(Event::Enrolled { device: device.id() });
        Ok(Reply::Approved { device: device.id(), name: request.name })
    }

    /// The grant that makes a device one of the entity's. For agents and bots it says no more than that: what they may do
    /// comes with each thread.
    fn enrol(&mut self, step: Step<'_>, device: DeviceId, role: Role) -> Result<Chain, Halt<CommandError>> {
        let own = self.standing_chain()?.clone();
        let (abilities, depth) = match role {
            Role::Admin => (own.abilities(), own.leaf().depth.saturating_sub(1)),
            Role::Agent | Role::Bot => (Abilities::default(), 0),
        };
        let terms = Terms {
            audience: device,
            scope: Scope::Principal,
            abilities,
            history: History::All,
            not_before: step.wall().max(own.not_before()),
            expires: step.wall().plus(ENROLMENT_LASTS).min(own.expires()),
            depth,
        };
        let chain = own.delegate(self.keys.signing(), terms, step.wall(), &mut self.rng);
        Ok(chain.map_err(|refusal| CommandError::Refused(Reason::from(refusal)))?)
    }

    pub(crate) fn decline(&mut self, step: Step<'_>, number: &str) -> Result<Reply, Halt<CommandError>> {
        self.require(step, Ability::Admit)?;
        let (mut record, request) = self.request_by_number(step, number)?;
        record.done = DONE_DECLINED;
        let id = parse(&record)?.code.public_id();
        record::put(step.overlay, space::invitation(&id), &record)?;
        let device = record::device_of(&request.record)?;
        let refused = JoinRefused { invitation: id, reason: Reason::Declined };
        self.enqueue(device.transport(), About::Nothing, Body::JoinRefused(refused));
        Ok(Reply::Done)
    }
}

/// Whether the roster has a place for one more device. One that is in it already needs none.
fn require_place(step: Step<'_>, device: Option<DeviceId>) -> Result<(), Halt<CommandError>> {
    let mut taken = 0;
    for (key, bytes) in step.overlay.scan(&Scan::prefix(space::DEVICES))? {
        let entry: DeviceEntry = record::decode(&bytes)?;
        let other = device.is_none_or(|device| space::read_device(&key) != Some(device));
        taken += usize::from(other && !entry.removed);
    }
    let limit = limits::MAX_ROSTER;
    if taken < limit { Ok(()) } else { Err(CommandError::TooMany { what: "devices", limit }.into()) }
}

/// An invitation of this node, and what became of it.
fn invited(step: Step<'_>, id: &InvitationId) -> Result<(InvitationRecord, Invitation), Halt<Refuse>> {
    let record: Option<InvitationRecord> = record::get(step.overlay, &space::invitation(id))?;
    let record = record.ok_or_else(|| Refuse::breach(Reason::UnknownInvitation, "no such invitation"))?;
    let invitation = parse(&record)?;
    Ok((record, invitation))
}

fn challenge(invitation: &Invitation, asked: &Asked) -> Result<JoinChallenge, DecodeError> {
    let transcript = asked.request.challenge_transcript(&asked.answer)?;
    let proof = ByteArray::new(invitation.code.prove(&administrator(&transcript)));
    Ok(JoinChallenge { invitation: asked.request.invitation, nonce: asked.answer, proof })
}

/// A proof names the side that it is from, so that one side's can't be shown back to it as the other's.
fn joiner(transcript: &[u8]) -> Vec<u8> {
    [b"joiner\0".as_slice(), transcript].concat()
}

fn administrator(transcript: &[u8]) -> Vec<u8> {
    [b"administrator\0".as_slice(), transcript].concat()
}

pub(crate) fn parse(record: &InvitationRecord) -> Result<Invitation, StoreError> {
    record.invitation.parse().map_err(|_| StoreError::Damaged { what: "an invitation".into() })
}
