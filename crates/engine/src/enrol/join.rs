//! Enrolment at the joining device's.

use super::{administrator, joiner};
use crate::{
    CommandError, Engine, Event, Reply,
    record::{self, About, DeviceEntry, Joining},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{Ability, Scope};
use frontdesk_identity::{
    DeviceRecord, Invitation, InvitationId, JoinNonce, Role, ShortNumber, SignedAddressRecord, TransportKey,
};
use frontdesk_store::StoreError;
use frontdesk_wire::{
    Body, JoinChallenge, JoinGranted, JoinRefused, JoinRequest, JoinReveal, Profile, Reason,
};
use serde_bytes::ByteArray;

impl Engine {
    /// Asks to be enrolled. With the same invitation again, it asks the same again.
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
        let address = self.address_record(step)?;
        let joining = match self.me.joining.clone().filter(|joining| is_for(joining, invitation)) {
            Some(joining) => {
                let request = JoinRequest { address, ..joining.request };
                Joining { request, refused: None, ..joining }
            }
            None => self.wish(step, invitation, address)?,
        };
        let request = joining.request.clone();
        self.me.joining = Some(joining);
        self.put_self(step)?;
        let hints = invitation.addresses.iter().map(ToString::to_string).collect();
        self.hint(step, invitation.transport, hints)?;
        self.kept.insert(invitation.transport);
        self.enqueue(invitation.transport, About::Join(request.invitation), Body::JoinRequest(request));
        Ok(Reply::Done)
    }

    /// A request for an invitation that this device has not used. Its nonce is fresh: the one of another invitation may
    /// be known by now.
    fn wish(
        &mut self,
        step: Step<'_>,
        invitation: &Invitation,
        address: SignedAddressRecord,
    ) -> Result<Joining, Halt<CommandError>> {
        let internal = |error: &dyn std::fmt::Display| CommandError::Internal(error.to_string());
        let record = match self.record.clone().filter(|record| record.principal() == invitation.entity) {
            Some(record) => record,
            None => DeviceRecord::sign(&self.keys, invitation.entity, step.wall())
                .verify()
                .map_err(|error| internal(&error))?,
        };
        let nonce = JoinNonce::from_bytes(self.bytes());
        let mut request = JoinRequest {
            invitation: invitation.code.public_id(),
            record: record.signed().clone(),
            commitment: ByteArray::new(nonce.commit()),
            name: self.me.name.clone(),
            address,
            proof: ByteArray::new([0; 32]),
        };
        self.me.principal = Some(invitation.entity);
        self.me.record = Some(record.signed().clone());
        self.record = Some(record);
        let transcript = request.transcript().map_err(|error| internal(&error))?;
        request.proof = ByteArray::new(invitation.code.prove(&joiner(&transcript)));
        Ok(Joining {
            invitation: invitation.reveal().map_err(|error| internal(&error))?.to_string(),
            request,
            nonce: ByteArray::new(*nonce.as_bytes()),
            answer: None,
            number: None,
            refused: None,
        })
    }

    /// The administrator's node knows the code too. The nonce is revealed to it, and people compare the number.
    ///
    /// It is revealed to the first answer, for good. Who knows it could else answer again, with a nonce that gives the
    /// number it wants.
    pub(crate) fn join_challenge(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &JoinChallenge,
    ) -> Result<(), Halt<Refuse>> {
        let (mut joining, invitation) = self.joining(from, &body.invitation)?;
        let transcript = joining.request.challenge_transcript(&body.nonce).map_err(Refuse::decode)?;
        if invitation.code.check(&administrator(&transcript), &body.proof).is_err() {
            return Err(Refuse::breach(Reason::WrongCode, "the administrator's proof does not hold").into());
        }
        if joining.answer.is_some_and(|first| first != body.nonce) {
            return Err(Refuse::breach(Reason::UsedInvitation, "another answer to the same request").into());
        }
        let reveal = JoinReveal { invitation: body.invitation, nonce: joining.nonce };
        joining.answer = Some(body.nonce);
        self.me.joining = Some(joining);
        self.put_self(step)?;
        self.enqueue(from, About::Reveal(body.invitation), Body::JoinReveal(reveal));
        Ok(())
    }

    /// The administrator's node has the revealed nonce: from now on both sides can show the number.
    pub(crate) fn join_revealed(&mut self, step: Step<'_>, id: InvitationId) -> Result<(), StoreError> {
        let Some(joining) = self.me.joining.as_mut().filter(|joining| joining.request.invitation == id)
        else {
            return Ok(());
        };
        let Some(answer) = joining.answer else { return Ok(()) };
        let Ok(full) = joining.request.full_transcript(&answer, &joining.nonce) else { return Ok(()) };
        let number = ShortNumber::derive(&full).to_string();
        joining.number = Some(number.clone());
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

    /// Enrolled. The grant must come from the entity that the invitation named.
    pub(crate) fn join_granted(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &JoinGranted,
    ) -> Result<(), Halt<Refuse>> {
        let (joining, invitation) = self.joining(from, &body.invitation)?;
        if joining.answer.is_none() {
            return Err(Refuse::breach(Reason::WrongCode, "a grant before the proof of the code").into());
        }
        let entity = invitation.entity;
        let chain = crate::contact::verify(step, &body.chain, &entity, &self.revocations)?;
        chain.held_by(&self.id()).map_err(Refuse::grant)?;
        let administrator = crate::contact::device_on_link(&self.mls, from, &body.administrator)?;
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
            self.keep_to(step)?;
        }
        Ok(())
    }

    pub(crate) fn put_self(&self, step: Step<'_>) -> Result<(), StoreError> {
        record::put(step.overlay, space::SELF.to_vec(), &self.me)
    }
}

/// Whether this is the invitation that was used, whatever it says of addresses.
fn is_for(joining: &Joining, invitation: &Invitation) -> bool {
    let used: Result<Invitation, _> = joining.invitation.parse();
    used.is_ok_and(|used| {
        let addresses = used.addresses.clone();
        used == Invitation { addresses, ..invitation.clone() }
    })
}
