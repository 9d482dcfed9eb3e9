//! A thread under attack: Carla, Acme's administrator and Ana are in it, Ben is a colleague who is not.

use crate::{
    Adversary, Fate, NodeId, Sent, SimError, Weather, World,
    office::{Office, PATIENCE, texts, who},
};
use frontdesk_engine::{Answer, Event, HistoryChoice, Query, Settings};
use frontdesk_identity::{DeviceId, ThreadId, UnixTime};
use frontdesk_thread::Suite;
use frontdesk_wire::{Body, Content, ContentKind, Frame, Position, Reason, Seq};
use std::ops::RangeFrom;

/// A thread under attack.
#[derive(Debug)]
pub struct Siege {
    /// Where it all happens.
    pub office: Office,
    /// The thread; Carla wrote `hello`, `one` and `two` before Ana came in.
    pub thread: ThreadId,
    /// The steward.
    pub acme: NodeId,
    /// The customer.
    pub carla: NodeId,
    /// An agent who is in.
    pub ana: NodeId,
    /// An agent who is not.
    pub ben: NodeId,
}

/// All that a node shows of a thread.
pub type Shown = (Answer, Answer, Answer);

impl Siege {
    /// Lays the table: Ana may read so much of the past, for so many seconds.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn lay(history: HistoryChoice, lasts: u64) -> Result<Self, SimError> {
        let settings = Settings { suite: Suite::Classic, key_packages: 2, ..Settings::default() };
        let mut office = Office::open(21, Weather::FAIR, 2, settings)?;
        let (acme, carla) = (office.acme, office.customer);
        let [ana, ben] = office.agents.as_slice() else { return Err(SimError::Down) };
        let (ana, ben) = (*ana, *ben);
        let thread = office.contact("hello")?;
        for text in ["one", "two"] {
            office.say(carla, thread, text)?;
        }
        office.world.until("Carla's texts", PATIENCE, |world| texts(world, acme, thread).len() == 3)?;
        office.world.record();
        office.forward_for(thread, ana, history, false, lasts)?;
        let mut siege = Self { office, thread, acme, carla, ana, ben };
        siege.settle()?;
        Ok(siege)
    }

    /// Another siege that begins where this one is, see [`World::fork`]. Its nodes are connected again.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn fork(&self, seed: u64) -> Result<Self, SimError> {
        let office = self.office.fork(seed)?;
        let Self { thread, acme, carla, ana, ben, .. } = *self;
        let mut siege = Self { office, thread, acme, carla, ana, ben };
        siege.office.world.pass(1000)?;
        siege.office.world.record();
        Ok(siege)
    }

    /// Waits until nothing happens.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn settle(&mut self) -> Result<(), SimError> {
        self.office.world.pass(5000)
    }

    /// The time by all wall clocks.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.office.world.now().wall
    }

    /// The device of a node.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn device(&self, node: NodeId) -> Result<DeviceId, SimError> {
        self.office.device(node)
    }

    /// Takes a node over, and connects it to others.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn take_over(&mut self, node: NodeId, meets: &[NodeId]) -> Result<Adversary, SimError> {
        let mut adversary = Adversary::take_over(&mut self.office.world, node)?;
        for other in meets {
            adversary.meet(&mut self.office.world, *other)?;
        }
        Ok(adversary)
    }

    /// A stranger who says it is one of Acme's devices, connected to others.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn stranger(&mut self, meets: &[NodeId]) -> Result<Adversary, SimError> {
        let entity = self.office.entity()?;
        let mut adversary = Adversary::stranger(&mut self.office.world, entity)?;
        for other in meets {
            adversary.meet(&mut self.office.world, *other)?;
        }
        Ok(adversary)
    }

    /// What a node shows of the thread.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn shown(&self, node: NodeId) -> Result<Shown, SimError> {
        let messages = Query::Messages { thread: self.thread, before: None, limit: 1000 };
        let ask = |query: &Query| self.office.world.query(node, query);
        Ok((ask(&Query::Thread(self.thread))?, ask(&messages)?, ask(&Query::Who(self.thread))?))
    }

    /// The adversary sends a body, which must be refused with this reason and change nothing that the victim shows.
    ///
    /// # Errors
    /// [`SimError::Broken`] if that is not so.
    pub fn refuses(
        &mut self,
        adversary: &mut Adversary,
        victim: NodeId,
        body: &Body,
        reason: Reason,
    ) -> Result<(), SimError> {
        let before = self.shown(victim)?;
        let fate = adversary.send(&mut self.office.world, victim, body)?;
        if fate != Fate::Refused(reason) {
            return Err(SimError::Broken(format!("{}: {fate:?}, and not {reason:?}", body.kind())));
        }
        if self.shown(victim)? == before {
            Ok(())
        } else {
            Err(SimError::Broken(format!("{}: refused, and yet it changed something", body.kind())))
        }
    }

    /// A node shows the text, at last.
    ///
    /// # Errors
    /// [`SimError`] if it doesn't.
    pub fn hears(&mut self, node: NodeId, text: &str) -> Result<(), SimError> {
        let thread = self.thread;
        let there = |world: &World| texts(world, node, thread).contains(&text.to_owned());
        self.office.world.until(text, PATIENCE, there)
    }

    /// Carla and the steward can still talk, and see the same members.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn goes_on(&mut self) -> Result<(), SimError> {
        let (acme, carla, thread) = (self.acme, self.carla, self.thread);
        let texts_of = |side: &str| format!("{side} still here at {}", self.office.world.time());
        let (asks, answers) = (texts_of("is Carla"), texts_of("Carla is"));
        self.office.say(acme, thread, &asks)?;
        self.office.say(carla, thread, &answers)?;
        let hears = |world: &World, node| {
            let texts = texts(world, node, thread);
            texts.contains(&asks) && texts.contains(&answers)
        };
        let both = |world: &World| hears(world, acme) && hears(world, carla);
        self.office.world.until("the thread to go on", PATIENCE, both)?;
        let members = |node| who(&self.office.world, node, thread).map(|who| who.members.len());
        if members(acme) == members(carla) { Ok(()) } else { Err(SimError::Broken("members differ".into())) }
    }

    /// Whether a node told its owner that a rule was broken.
    #[must_use]
    pub fn accused(&self, node: NodeId, reason: Reason) -> bool {
        let is_it =
            |event: &Event| matches!(event, Event::Security { reason: found, .. } if *found == reason);
        self.office.world.node(node).is_ok_and(|node| node.events.iter().any(is_it))
    }

    /// A text, as an honest author would number it if it were its `seq`th.
    #[must_use]
    pub fn text(&self, author: DeviceId, seq: u64, position: u64) -> Content {
        Content {
            thread: self.thread,
            era: 0,
            author,
            seq: Seq(seq),
            position: Position(position),
            seen: Vec::new(),
            sent_at: self.now(),
            kind: ContentKind::Text(format!("number {seq}")),
        }
    }

    /// The bodies that one node sent to another so far, since Ana came in.
    #[must_use]
    pub fn sent(&self, from: NodeId, to: NodeId) -> Vec<Body> {
        let sent = self.office.world.tape().iter();
        sent.filter(|sent| sent.from == from && sent.to == to).filter_map(body).collect()
    }

    /// All bodies that were sent, from this place of the record on.
    pub fn bodies(&self, from: RangeFrom<usize>) -> impl Iterator<Item = Body> {
        self.office.world.tape().iter().skip(from.start).filter_map(body)
    }

    /// The bodies that a node sent to anyone.
    pub fn bodies_of(&self, from: NodeId) -> impl Iterator<Item = Body> {
        self.office.world.tape().iter().filter(move |sent| sent.from == from).filter_map(body)
    }

    /// The bodies that were sent to a node, from this place of the record on.
    pub fn bodies_to(&self, to: NodeId, from: RangeFrom<usize>) -> impl Iterator<Item = Body> {
        let sent = self.office.world.tape().iter().skip(from.start);
        sent.filter(move |sent| sent.to == to).filter_map(body)
    }
}

fn body(sent: &Sent) -> Option<Body> {
    match Frame::decode(&sent.frame).ok()? {
        Frame::Data(data) => Body::decode(&data.body).ok(),
        Frame::Hello(_) | Frame::Ack(_) | Frame::Unusable(_) => None,
    }
}
