//! What goes wrong in a world: cut wires, failing disks, restored backups; and a record of what was sent.

use crate::{Clock, Disk, Failure, Fare, Node, NodeId, SimError, World};
use frontdesk_engine::{Engine, Input, Now, mark_restored};
use frontdesk_store::{Batch, MemoryStore, Overlay, Reader, Scan, Store};

/// A frame that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When, in milliseconds.
    pub at: u64,
    /// By whom.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// Its bytes.
    pub frame: Vec<u8>,
}

impl World {
    /// Starts a node that was stopped for good.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn revive(&mut self, id: NodeId) -> Result<(), SimError> {
        self.start(id)
    }

    /// Sets one node's wall clock.
    ///
    /// # Errors
    /// [`SimError::Down`] if there is no such node.
    pub fn set_clock(&mut self, id: NodeId, clock: Clock) -> Result<(), SimError> {
        self.node_mut(id)?.clock = clock;
        Ok(())
    }

    /// Stops a node for good: nothing starts it any more.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn lose(&mut self, id: NodeId) -> Result<(), SimError> {
        self.note(id, None, || "is lost".into());
        self.stop(id)?;
        self.node_mut(id)?.gone = true;
        Ok(())
    }

    /// Sets all wall clocks ahead, by so many seconds, at once.
    pub fn skip_wall(&mut self, seconds: u64) {
        self.ahead += seconds;
    }

    /// The virtual time in milliseconds.
    #[must_use]
    pub const fn time(&self) -> u64 {
        self.time
    }

    /// Lets the step of a node after `steps` others go wrong. Only steps that write something count.
    ///
    /// # Errors
    /// [`SimError::Down`].
    pub fn fail_step(&mut self, id: NodeId, steps: u32, failure: Failure) -> Result<(), SimError> {
        self.node_mut(id)?.fuse = Some((steps, failure));
        Ok(())
    }

    /// Whether the step that was to go wrong has not come yet.
    #[must_use]
    pub fn is_waiting_to_fail(&self, id: NodeId) -> bool {
        self.node(id).is_ok_and(|node| node.fuse.is_some())
    }

    /// A copy of a node's disk, as a backup or a thief takes it.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn copy_of(&self, id: NodeId) -> Result<MemoryStore, SimError> {
        copy(&self.node(id)?.store)
    }

    /// Opens a node's engine over another store, such as an altered copy of its own, and tells the time there. The node
    /// itself goes on.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn open_over(&self, id: NodeId, store: &MemoryStore) -> Result<(Engine, Now), SimError> {
        let node = self.node(id)?;
        Ok((Engine::open(store, node.keys.clone(), node.settings, [9; 32])?, self.clock_of(id)))
    }

    /// How many records of a node's disk begin with these bytes.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn count(&self, id: NodeId, prefix: &[u8]) -> Result<usize, SimError> {
        Ok(self.node(id)?.store.scan(&Scan::prefix(prefix))?.len())
    }

    /// Puts a backup in the place of a node's disk, as the program's `restore` does, and starts the node.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn restore(&mut self, id: NodeId, backup: MemoryStore) -> Result<(), SimError> {
        self.note(id, None, || "gets an older copy of its disk".into());
        self.stop(id)?;
        let overlay = Overlay::new(&backup);
        mark_restored(&overlay, &mut self.rng)?;
        let batch = overlay.into_batch();
        backup.commit(&batch)?;
        backup.flush()?;
        self.node_mut(id)?.store = Box::new(backup);
        self.start(id)
    }

    /// Puts an old copy in the place of a node's disk, as who copies folders or turns a machine back does: nothing tells
    /// the node.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn put_back(&mut self, id: NodeId, copy: MemoryStore) -> Result<(), SimError> {
        self.note(id, None, || "is put back to an older copy of its disk, unawares".into());
        self.stop(id)?;
        self.node_mut(id)?.store = Box::new(copy);
        self.start(id)
    }

    /// Gives a node another disk, with all that was on its own, and starts it.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn give_disk(&mut self, id: NodeId, disk: impl Disk + 'static) -> Result<(), SimError> {
        self.stop(id)?;
        let node = self.node_mut(id)?;
        copy_to(&node.store, &disk)?;
        node.store = Box::new(disk);
        self.start(id)
    }

    /// Another world that begins where this one is: the same nodes with copies of their disks, all just started. What is
    /// on the wires of this world is lost on the way.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn fork(&self, seed: u64) -> Result<Self, SimError> {
        let mut world = Self::new(seed, self.weather);
        (world.time, world.ahead) = (self.time, self.ahead);
        for node in &self.nodes {
            let id = NodeId(world.nodes.len());
            world.by_key.insert(node.transport(), id);
            world.nodes.push(Node::new(node.keys.clone(), node.settings, copy(&node.store)?));
        }
        for (index, node) in self.nodes.iter().enumerate() {
            if node.engine().is_some() {
                world.start(NodeId(index))?;
            }
        }
        Ok(world)
    }

    /// Records every frame from now on.
    pub fn record(&mut self) {
        self.tape = Some(Vec::new());
    }

    /// Records no more, and forgets what was recorded.
    pub fn tape_off(&mut self) {
        self.tape = None;
    }

    /// What was recorded so far.
    #[must_use]
    pub fn tape(&self) -> &[Sent] {
        self.tape.as_deref().unwrap_or_default()
    }

    /// Says of each of the next frames how it fares.
    pub fn set_fares(&mut self, fares: impl IntoIterator<Item = Fare>) {
        self.script = fares.into_iter().collect();
    }

    /// Whether fewer frames were sent than [`set_fares`](Self::set_fares) spoke of.
    #[must_use]
    pub fn has_fares_left(&self) -> bool {
        !self.script.is_empty()
    }

    /// Gives a node a frame as if `from` had sent it over a connection that it authenticated.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn inject(&mut self, from: NodeId, to: NodeId, frame: Vec<u8>) -> Result<(), SimError> {
        let from = self.node(from)?.transport();
        self.feed(to, Input::Frame { from, bytes: frame })
    }
}

pub(crate) fn copy(store: &dyn Reader) -> Result<MemoryStore, SimError> {
    let copy = MemoryStore::new();
    copy_to(store, &copy)?;
    Ok(copy)
}

fn copy_to(from: &dyn Reader, to: &dyn Store) -> Result<(), SimError> {
    let mut batch = Batch::new();
    for (key, value) in from.scan(&Scan::prefix(b""))? {
        batch.put(key, value)?;
    }
    to.commit(&batch)?;
    Ok(to.flush()?)
}
