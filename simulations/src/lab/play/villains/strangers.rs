//! Strangers: floods, and hostile bytes.

use super::{Hands, Villain};
use crate::{
    Adversary, Business, NodeId, SimError,
    lab::{chance::Chance as _, people::Role, play::Play},
    office,
};
use frontdesk_identity::{PrincipalId, ThreadId};
use frontdesk_wire::{Body, ThreadMessage};
use rand_core::Rng as _;
use serde_bytes::ByteBuf;

/// Customers that one who floods with contacts plays at a time.
const CROWD: usize = 8;
/// Bodies that are nearly good, to one node: it shuts out who sends one more.
const BURST: usize = 7;
/// Kinds of bodies: all that there are, and some that there are none of.
const KINDS: u32 = 26;

impl Play<'_> {
    pub(super) fn stranger(&mut self) -> Result<Option<Villain>, SimError> {
        let Some((_, entity)) = self.a_business()? else { return Ok(None) };
        Ok(Some(Hands::of(vec![Adversary::stranger(&mut self.world, entity)?])))
    }

    pub(super) fn customers_by_hand(&mut self) -> Result<Option<Villain>, SimError> {
        let businesses: Result<Vec<Business>, SimError> =
            (0..CROWD).map(|_| Business::found(&mut self.world)).collect();
        let Villain::Hands(mut hands) = Hands::of(Vec::new()) else { return Ok(None) };
        hands.businesses = businesses?;
        Ok(Some(Villain::Hands(hands)))
    }

    /// An administrator that can be counted on, and its entity.
    pub(super) fn a_business(&mut self) -> Result<Option<(NodeId, PrincipalId)>, SimError> {
        let Some(administrator) = self.rng.pick(self.cast.of(Role::Administrator)).copied() else {
            return Ok(None);
        };
        if self.world.node(administrator)?.engine().is_none() {
            return Ok(None);
        }
        Ok(Some((administrator, office::principal(&self.world, administrator)?)))
    }

    /// Requests to be answered with offers, more than anybody needs.
    pub(super) fn flood_contacts(
        &mut self,
        index: usize,
        hands: &mut Hands,
        count: u32,
    ) -> Result<bool, SimError> {
        let Some((administrator, entity)) = self.a_business()? else { return Ok(true) };
        let targets: Vec<(usize, NodeId)> =
            (0..hands.businesses.len()).map(|by| (by, administrator)).collect();
        if !self.reach_all(hands, &targets)? {
            return Ok(false);
        }
        let each = usize::try_from(count).unwrap_or(usize::MAX) / hands.businesses.len().max(1);
        for (by, to) in targets {
            for _ in 0..each {
                let Some(business) = hands.businesses.get_mut(by) else { continue };
                let request = business.request(&self.world, entity)?;
                self.shoot(index, hands, (by, to), &Body::ContactRequest(request))?;
            }
        }
        Ok(true)
    }

    /// Sealed messages of threads that there are none of, to somebody of the business.
    pub(super) fn flood_frames(
        &mut self,
        index: usize,
        hands: &mut Hands,
        count: u32,
    ) -> Result<bool, SimError> {
        let Some((administrator, _)) = self.a_business()? else { return Ok(true) };
        if !self.reach_all(hands, &[(0, administrator)])? {
            return Ok(false);
        }
        for _ in 0..count {
            let (mut thread, mut sealed) = ([0; 32], vec![0; 200]);
            self.rng.fill_bytes(&mut thread);
            self.rng.fill_bytes(&mut sealed);
            let thread = ThreadId::from_bytes(thread);
            let body = Body::ThreadMessage(ThreadMessage { thread, era: 0, sealed: ByteBuf::from(sealed) });
            self.shoot(index, hands, (0, administrator), &body)?;
        }
        Ok(true)
    }

    /// By turns: bytes that are no frames, to one node, until it shuts their sender out; and bodies that are nearly good, to
    /// many, and to each so few that it answers them all.
    pub(super) fn throw_bytes(
        &mut self,
        index: usize,
        hands: &mut Hands,
        count: u32,
    ) -> Result<bool, SimError> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let bodies = !hands.turn.is_multiple_of(2);
        let many = if bodies { count / BURST } else { 1 };
        let honest = self.cast.everybody().filter(|node| !self.truth.rogues.contains(node));
        let mut victims: Vec<NodeId> = honest.collect();
        let first = hands.turn.saturating_mul(many) % victims.len().max(1);
        victims.rotate_left(first);
        victims.truncate(many);
        let targets: Vec<(usize, NodeId)> = victims.iter().map(|victim| (0, *victim)).collect();
        if !self.reach_all(hands, &targets)? {
            return Ok(false);
        }
        for victim in victims {
            if bodies {
                self.throw_bodies(index, hands, victim)?;
            } else {
                self.throw_rubbish(index, hands, victim, count)?;
            }
        }
        hands.turn += 1;
        Ok(true)
    }

    fn throw_rubbish(
        &mut self,
        index: usize,
        hands: &Hands,
        victim: NodeId,
        count: usize,
    ) -> Result<(), SimError> {
        let Some(from) = hands.nodes.first().map(|node| node.node) else { return Ok(()) };
        for _ in 0..count {
            if !self.world.are_connected(from, victim) {
                break;
            }
            let bytes = self.rubbish();
            self.world.inject(from, victim, bytes)?;
            // Of bytes that are no frame nobody can say anything.
            self.attacks(index).tried += 1;
        }
        Ok(())
    }

    /// The head of a body of some kind, and rubbish. A stranger that leaves is forgotten, and what it did wrong with it.
    fn throw_bodies(&mut self, index: usize, hands: &mut Hands, victim: NodeId) -> Result<(), SimError> {
        for _ in 0..BURST {
            let kind = u8::try_from(self.rng.next_u32() % KINDS).unwrap_or_default();
            let mut body = vec![0x82, kind];
            body.extend(self.rubbish());
            self.shoot_bytes(index, hands, (0, victim), body)?;
        }
        Ok(())
    }

    fn rubbish(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.rng.next_u32() % 300).unwrap_or_default()];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}
