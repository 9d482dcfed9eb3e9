//! Enrolment: invitations, and the devices that use them. See [`frontdesk_wire::JoinRequest`] for the exchange.

use crate::{
    CommandError, Engine, Event, Reply,
    record::{self, About, DeviceEntry, InvitationRecord, JoinRecord, Joining},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{Abilities, Ability, Chain, History, Scope, Terms};
use frontdesk_identity::{
    DeviceId, DeviceRecord, Invitation, InvitationCode, InvitationId, Role, ShortNumber, TransportKey,
};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_wire::{
    Body, JoinChallenge, JoinGranted, JoinRefused, JoinRequest, Profile, Reason, SignedProfile, limits,
};
use serde_bytes::ByteArray;

/// Invitations that may be open at one time.
pub const MAX_INVITATIONS: usize = 256;
/// How long an enrolment lasts, in seconds: a year of 365 days.
pub const ENROLMENT_LASTS: u64 = 365 * 24 * 3600;

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
        let (len, max) = (name.len(), limits::MAX_NAME);
        if len == 0 || len > max {
            return Err(CommandError::NameLength { len, max }.into());
        }
        if lasts == 0 {
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
        let record = InvitationRecord { invitation: text.to_string(), name, request: None, done: DONE_OPEN };
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

    /// The joiner's side: asks to be enrolled.
    pub(crate) fn join(
        &mut self,
        step: Step<'_>,
        invitation: &Invitation,
    ) -> Result<Reply, Halt<CommandError>> {
        if self.me.chain.is_some() || self.me.removed {
            return Err(CommandError::AlreadySettled.into());
        }
        if invitation.expires < step.wall() {
            return Err(CommandError::InvitationExpired.into());
        }
        let internal = |error: &dyn std::fmt::Display| CommandError::Internal(error.to_string());
        let record = DeviceRecord::sign(&self.keys, invitation.entity, step.wall());
        let nonce = ByteArray::new(self.bytes());
        let text = invitation.reveal().map_err(|error| internal(&error))?;
        self.me.joining = Some(Joining { invitation: text.to_string(), nonce, number: None, refused: None });
        self.me.principal = Some(invitation.entity);
        self.record = Some(record.verify().map_err(|error| internal(&error))?);
        self.me.record = Some(record.clone());
        self.put_self(step)?;
        let mut request = JoinRequest {
            invitation: invitation.code.public_id(),
            record,
            nonce,
            name: self.me.name.clone(),
            address: self.address_record(step)?,
            proof: ByteArray::new([0; 32]),
        };
        let transcript = request.transcript().map_err(|error| internal(&error))?;
        request.proof = ByteArray::new(invitation.code.prove(&joiner(&transcript)));
        let hints = invitation.addresses.iter().map(ToString::to_string).collect();
        self.hint(step, invitation.transport, hints)?;
        self.kept.insert(invitation.transport);
        self.enqueue(invitation.transport, About::Join(request.invitation), Body::JoinRequest(request));
        Ok(Reply::Done)
    }

    /// The administrator's side: a device shows that it knows a code.
    pub(crate) fn join_request(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: JoinRequest,
    ) -> Result<(), Halt<Refuse>> {
        let key = space::invitation(&body.invitation);
        let record: Option<InvitationRecord> = record::get(step.overlay, &key)?;
        let mut record =
            record.ok_or_else(|| Refuse::breach(Reason::UnknownInvitation, "no such invitation"))?;
        let invitation = parse(&record)?;
        let device = crate::contact::device_on_link(from, &body.record)?;
        let transcript = body.transcript().map_err(Refuse::decode)?;
        if invitation.code.check(&joiner(&transcript), &body.proof).is_err() {
            return Err(
                Refuse::breach(Reason::WrongCode, "the proof does not show the invitation's code").into()
            );
        }
        if record.done == DONE_DECLINED {
            return Err(Refuse::plain(Reason::Declined).into());
        }
        if record.done == DONE_APPROVED
            || record.request.as_ref().is_some_and(|taken| taken.record != body.record)
        {
            return Err(
                Refuse::breach(Reason::UsedInvitation, "the invitation was used by another device").into()
            );
        }
        if invitation.expires < step.wall() {
            return Err(Refuse::breach(Reason::ExpiredInvitation, "the invitation has expired").into());
        }
        if device.principal() != invitation.entity {
            return Err(Refuse::breach(Reason::GrantWrongScope, "a device of another principal").into());
        }
        let answer = ByteArray::new(self.bytes());
        let full = body.full_transcript(&answer).map_err(Refuse::decode)?;
        let number = ShortNumber::derive(&full).to_string();
        let name = if body.name.is_empty() { record.name.clone() } else { body.name.clone() };
        let request = JoinRecord {
            record: body.record.clone(),
            name: name.clone(),
            number: number.clone(),
            asked_at: step.wall(),
            nonce: body.nonce,
            answer,
        };
        record.request = Some(request);
        record::put(step.overlay, key, &record)?;
        self.learn_address(step, from, &body.address, Some(device.id()))?;
        let proof = ByteArray::new(invitation.code.prove(&administrator(&full)));
        let challenge = JoinChallenge { invitation: body.invitation, nonce: answer, proof };
        self.enqueue(from, About::Nothing, Body::JoinChallenge(challenge));
        self.tell(Event::JoinRequested { name, number });
        Ok(())
    }

    /// The joiner's side: the administrator's node knows the code too; now people compare the number.
    pub(crate) fn join_challenge(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &JoinChallenge,
    ) -> Result<(), Halt<Refuse>> {
        let (mut joining, invitation) = self.joining(from, &body.invitation)?;
        let request = JoinRequest {
            invitation: body.invitation,
            record: self.own_record()?,
            nonce: joining.nonce,
            name: self.me.name.clone(),
            address: self.address_record(step)?,
            proof: ByteArray::new([0; 32]),
        };
        let full = request.full_transcript(&body.nonce).map_err(Refuse::decode)?;
        if invitation.code.check(&administrator(&full), &body.proof).is_err() {
            return Err(Refuse::breach(Reason::WrongCode, "the administrator's proof does not hold").into());
        }
        let number = ShortNumber::derive(&full).to_string();
        joining.number = Some(number.clone());
        self.me.joining = Some(joining);
        self.put_self(step)?;
        self.tell(Event::JoinChallenged { number });
        Ok(())
    }

    fn joining(&self, from: TransportKey, id: &InvitationId) -> Result<(Joining, Invitation), Halt<Refuse>> {
        let none = || Refuse::breach(Reason::UnknownInvitation, "this device did not ask for that");
        let joining = self.me.joining.clone().ok_or_else(none)?;
        let invitation: Invitation = joining.invitation.parse().map_err(|_| none())?;
        let mine = invitation.transport == from && invitation.code.public_id() == *id;
        if mine { Ok((joining, invitation)) } else { Err(none().into()) }
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
        let entity = self.standing_chain()?.principal();
        let profile: Option<SignedProfile> = record::get(step.overlay, &space::profile(&entity))?;
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

    /// The joiner's side: enrolled. The grant must come from the entity that the invitation named.
    pub(crate) fn join_granted(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &JoinGranted,
    ) -> Result<(), Halt<Refuse>> {
        let (joining, invitation) = self.joining(from, &body.invitation)?;
        if joining.number.is_none() {
            return Err(Refuse::breach(Reason::WrongCode, "a grant before the proof of the code").into());
        }
        let entity = invitation.entity;
        let chain = crate::contact::verify(step, &body.chain, &entity, &self.revocations)?;
        chain.held_by(&self.id()).map_err(Refuse::grant)?;
        let administrator = crate::contact::device_on_link(from, &body.administrator)?;
        let theirs = crate::contact::verify(step, &body.administrator_chain, &entity, &self.revocations)?;
        theirs.held_by(&administrator.id()).map_err(Refuse::grant)?;
        theirs.permits(Ability::Admit, Scope::Principal).map_err(Refuse::grant)?;
        if administrator.id() != invitation.administrator {
            return Err(Refuse::breach(
                Reason::GrantWrongAudience,
                "another administrator than the inviting one",
            )
            .into());
        }
        let role = Role::try_from(body.role).ok().filter(|role| *role == invitation.role);
        let role =
            role.ok_or_else(|| Refuse::breach(Reason::Malformed, "another role than the invitation's"))?;
        let profile: Profile = self.learn_profile(step, &entity, &body.profile)?;
        let entry = DeviceEntry {
            record: body.administrator.clone(),
            chain: body.administrator_chain.clone(),
            role: Role::Admin.into(),
            name: format!("{} administrator", profile.name),
            removed: false,
            expires: theirs.expires(),
            given: 0,
        };
        record::put(step.overlay, space::device(&administrator.id()), &entry)?;
        self.learn_address(step, from, &body.address, Some(administrator.id()))?;
        self.me.chain = Some(body.chain.clone());
        self.me.granted_at = step.wall();
        self.me.role = role.into();
        self.me.joining = None;
        if self.me.name.is_empty() {
            self.me.name.clone_from(&body.name);
        }
        self.put_self(step)?;
        self.chain = Some(chain);
        self.colleagues.insert(from, administrator.id());
        self.publish_once(step, from)?;
        self.tell(Event::Joined { entity: profile.name });
        Ok(())
    }

    pub(crate) fn join_refused_by(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &JoinRefused,
    ) -> Result<(), Halt<Refuse>> {
        self.joining(from, &body.invitation)?;
        Ok(self.join_refused(step, body.invitation, body.reason)?)
    }

    pub(crate) fn join_refused(
        &mut self,
        step: Step<'_>,
        id: InvitationId,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let invitation =
            self.me.joining.as_ref().and_then(|joining| joining.invitation.parse::<Invitation>().ok());
        if invitation.is_some_and(|invitation| invitation.code.public_id() == id)
            && let Some(joining) = self.me.joining.as_mut()
        {
            joining.refused = Some(reason);
            self.put_self(step)?;
            self.tell(Event::JoinFailed { reason });
        }
        Ok(())
    }

    pub(crate) fn put_self(&self, step: Step<'_>) -> Result<(), StoreError> {
        record::put(step.overlay, space::SELF.to_vec(), &self.me)
    }
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
