//! Which part of the engine answers which input.

use crate::{
    Command, CommandError, Engine, Reply,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::TransportKey;
use frontdesk_wire::{Body, LinkSeq};

impl Engine {
    pub(crate) fn command(&mut self, step: Step<'_>, command: Command) -> Result<Reply, Halt<CommandError>> {
        match command {
            Command::Invite { role, name, lasts } => self.invite(step, role, name, lasts),
            Command::Approve { number } => self.approve(step, &number),
            Command::Decline { number } => self.decline(step, &number),
            Command::RemoveDevice { device } => self.remove_device(step, device),
            Command::Join { invitation } => self.join(step, &invitation),
            Command::Contact { link, text } => self.contact(step, &link, text),
            Command::Send { thread, text } => self.send_text(step, thread, text),
            Command::MarkRead { thread, through } => self.mark_read(step, thread, through),
            Command::Forward { thread, to, history, lasts, hand_over, note } => {
                self.forward_command(step, thread, to, (history, lasts, hand_over), note)
            }
            Command::Revoke { thread, from } => self.revoke(step, thread, from),
            Command::Close { thread } => self.close(step, thread),
            Command::TakeOver { thread } => self.take_over(step, thread),
        }
    }

    pub(crate) fn body(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        seq: LinkSeq,
        body: Body,
    ) -> Result<(), Halt<Refuse>> {
        match body {
            Body::ContactRequest(body) => self.contact_request(step, from, body),
            Body::ContactOffer(body) => self.contact_offer(step, from, body),
            Body::ContactOpen(body) => self.contact_open(step, from, &body),
            Body::ThreadMessage(body) => self.thread_message(step, from, seq, body),
            Body::CommitNotice(body) => self.commit_notice(step, from, body),
            Body::ForwardPayload(body) => self.forward_payload(step, from, body),
            Body::HistoryPiece(body) => self.history_piece(step, from, &body),
            Body::KeyPackages(body) => self.key_packages(step, from, &body),
            Body::ForwardRequest(body) => self.forward_request(step, from, body),
            Body::ForwardAnswer(body) => self.forward_answer(step, from, &body),
            Body::Revoked(body) => self.revoked(step, from, &body),
            Body::AddressUpdate(body) => self.address_update(step, from, &body),
            Body::MemberAddress(body) => self.member_address(step, from, &body),
            Body::RefillRequest(body) => self.refill_request(step, from, &body),
            Body::Refill(body) => self.refill(step, from, &body),
            Body::Rejoin(body) => self.rejoin(step, from, &body),
            Body::EraOffer(body) => self.era_offer(step, from, &body),
            Body::EraOpen(body) => self.era_open(step, from, &body),
            Body::EraNotice(body) => self.era_notice(step, from, &body),
            Body::EraMembers(body) => self.era_members(step, from, &body),
            Body::Roster(body) => self.roster(step, from, body),
            Body::JoinRequest(body) => self.join_request(step, from, body),
            Body::JoinChallenge(body) => self.join_challenge(step, from, &body),
            Body::JoinReveal(body) => self.join_reveal(step, from, &body),
            Body::JoinGranted(body) => self.join_granted(step, from, &body),
            Body::JoinRefused(body) => self.join_refused_by(step, from, &body),
        }
    }
}
