//! What an adversary does to the counts of its links: it begins anew, claims to have more than it was sent, acknowledges before
//! it greets.

use super::Adversary;
use crate::{NodeId, SimError, World};
use frontdesk_wire::{Ack, Frame, Hello, Incarnation, LinkSeq};
use rand_core::Rng as _;

impl Adversary {
    /// Connects to a node anew, as a device that was put back to an early copy of itself: in a new life, in which it has
    /// sent nothing and heard nothing.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn begin_anew(&mut self, world: &mut World, to: NodeId) -> Result<(), SimError> {
        let mut life = [0; 8];
        self.rng.fill_bytes(&mut life);
        self.life = Incarnation::from_bytes(life);
        self.heard.remove(&to);
        world.disconnect(self.node, to)?;
        self.meet(world, to)
    }

    /// Connects to a node anew, and claims to have so many frames of it, whatever that has sent, and that so many of its own were
    /// acknowledged.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn boast(
        &mut self,
        world: &mut World,
        to: NodeId,
        [stored, acknowledged]: [LinkSeq; 2],
    ) -> Result<(), SimError> {
        world.disconnect(self.node, to)?;
        world.connect(self.node, to)?;
        self.greeted.extend(world.wires.number(self.node, to).map(|number| (to, number)));
        self.claim(world, to, [stored, acknowledged])?;
        self.listen(world)
    }

    /// Answers a greeting: it has so many frames.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn say_it_has(&mut self, world: &mut World, to: NodeId, stored: LinkSeq) -> Result<(), SimError> {
        self.claim(world, to, [stored, LinkSeq::default()])
    }

    fn claim(
        &mut self,
        world: &mut World,
        to: NodeId,
        [stored, acknowledged]: [LinkSeq; 2],
    ) -> Result<(), SimError> {
        let ack = Ack { stored, delivered: stored, refused: Vec::new() };
        let about = self.lives.get(&to).copied();
        self.frame(
            world,
            to,
            &Frame::Hello(Hello { incarnation: self.life, about, heard: true, ack, acknowledged }),
        )
    }

    /// Connects to a node anew, and acknowledges so many frames before it has greeted.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn acknowledge_first(
        &mut self,
        world: &mut World,
        to: NodeId,
        stored: LinkSeq,
    ) -> Result<(), SimError> {
        world.disconnect(self.node, to)?;
        world.connect(self.node, to)?;
        self.acknowledge(world, to, stored)
    }

    /// Acknowledges so many frames, whatever it has.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn acknowledge(&mut self, world: &mut World, to: NodeId, stored: LinkSeq) -> Result<(), SimError> {
        let ack = Ack { stored, delivered: stored, refused: Vec::new() };
        self.frame(world, to, &Frame::Ack(ack))
    }
}
