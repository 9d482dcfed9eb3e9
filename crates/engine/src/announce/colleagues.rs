//! Where colleagues are. A device knows the administrator that enrolled it, and that one knows the device. All others of
//! the business hear from an administrator where they can find each other, as far as they have to: everybody finds the
//! administrators, and those find everybody. Nobody is believed for it: the record is signed by the device that it is of.

use crate::{
    Engine,
    record::{self, About, DeviceEntry},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{AddressRecordError, DeviceId, Role, SignedAddressRecord, TransportKey};
use frontdesk_store::{Reader as _, StoreError};
use frontdesk_wire::{AddressUpdate, Body, Reason};

impl Engine {
    /// Tells a colleague where those others are that it may want to find.
    pub(crate) fn tell_whereabouts(
        &mut self,
        step: Step<'_>,
        listener: TransportKey,
    ) -> Result<(), StoreError> {
        for mover in self.colleagues.keys().copied().collect::<Vec<_>>() {
            self.tell_of_colleague(step, listener, mover, About::Nothing)?;
        }
        Ok(())
    }

    /// Tells colleagues of another's new address. An administrator does so for what it hears from the device itself.
    pub(crate) fn tell_colleagues(&mut self, step: Step<'_>, mover: TransportKey) -> Result<(), StoreError> {
        if self.me.role() != Some(Role::Admin) || !self.colleagues.contains_key(&mover) {
            return Ok(());
        }
        for listener in self.colleagues.keys().copied().collect::<Vec<_>>() {
            self.tell_of_move(step, listener, mover)?;
        }
        Ok(())
    }

    /// Tells a colleague where another has moved to, unless it is being told already: that is looked at again when it has
    /// heard it. So for one that is away there is one frame for each that moved, however often.
    fn tell_of_move(
        &mut self,
        step: Step<'_>,
        listener: TransportKey,
        mover: TransportKey,
    ) -> Result<(), StoreError> {
        let key = space::told(&listener, &mover);
        let Some((_, number)) = self.held(step, &mover)? else { return Ok(()) };
        if step.overlay.get(&key)?.is_some() || !self.has_room(step, listener, 1)? {
            return Ok(());
        }
        if self.tell_of_colleague(step, listener, mover, About::Told { mover, number })? {
            record::put(step.overlay, key, &number)?;
        }
        Ok(())
    }

    /// A colleague has heard where another is, or wouldn't. If that has moved since, it is told again.
    pub(crate) fn told(
        &mut self,
        step: Step<'_>,
        listener: TransportKey,
        (mover, number): (TransportKey, u64),
        refused: Option<Reason>,
    ) -> Result<(), StoreError> {
        let key = space::told(&listener, &mover);
        if record::get(step.overlay, &key)? != Some(number) {
            return Ok(());
        }
        step.overlay.delete(key)?;
        let newer = self.held(step, &mover)?.is_some_and(|(_, held)| held > number);
        let both = [listener, mover].iter().all(|node| self.colleagues.contains_key(node));
        if newer && refused.is_none() && both { self.tell_of_move(step, listener, mover) } else { Ok(()) }
    }

    /// Answers whether there was something to tell.
    fn tell_of_colleague(
        &mut self,
        step: Step<'_>,
        listener: TransportKey,
        mover: TransportKey,
        about: About,
    ) -> Result<bool, StoreError> {
        let own = self.keys.transport_public();
        if listener == mover || [listener, mover].contains(&own) {
            return Ok(false);
        }
        if !self.is_administrator(step, &listener)? && !self.is_administrator(step, &mover)? {
            return Ok(false);
        }
        let address = self.address_of(step, &mover)?;
        let Some(address) = address.filter(|address| address.verify(step.wall()).is_ok()) else {
            return Ok(false);
        };
        self.enqueue(listener, about, Body::AddressUpdate(AddressUpdate { address }));
        Ok(true)
    }

    /// Takes in where a colleague is, told by an administrator.
    pub(crate) fn colleague_address(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        device: DeviceId,
        signed: &SignedAddressRecord,
    ) -> Result<(), Halt<Refuse>> {
        self.require_administrator(step, from)?;
        let entry: Option<DeviceEntry> = record::get(step.overlay, &space::device(&device))?;
        // Administrators don't learn of a new device in the same moment.
        let entry =
            entry.filter(|entry| !entry.removed).ok_or_else(|| Refuse::plain(Reason::UnknownDevice))?;
        match signed.verify(step.wall()) {
            Ok(address) if device != self.id() => {
                let transport = record::device_of(&entry.record)?.transport();
                self.put_address(step, transport, &address)?;
                Ok(())
            }
            // It took too long to come.
            Ok(_) | Err(AddressRecordError::Expired { .. }) => Ok(()),
            Err(error) => Err(Refuse::breach(Reason::BadContent, error).into()),
        }
    }
}
