//! How many threads guests may open here. Each is on the disk for good, and one that is forwarded by rule costs an agent a
//! key package and all members a commit: whoever has a contact link must not be able to make any number of them.

use crate::{
    Engine,
    record::{self, Meta, Openings},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{DeviceId, PrincipalId};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_wire::Reason;

/// Threads that one guest may have open at a reception; those that the business closed don't count. A person has one or a
/// few, and writes on in those.
pub const MAX_THREADS_PER_GUEST: usize = 64;
/// Threads that all guests together may open at a reception within [`OPENINGS_SPAN`]: one every four seconds is more than a
/// desk can take, and principals cost nothing, so that the bound for each stops nobody who is determined. Guests go on
/// writing in the threads that they have.
pub const MAX_OPENINGS: u64 = 1_000;
/// That span, in seconds, from the first opening on.
pub const OPENINGS_SPAN: u64 = 3_600;

impl Openings {
    /// What counts at a moment: nothing once the span is over, or if the clock was set back to before it.
    fn at(self, step: Step<'_>) -> Self {
        let now = step.wall();
        if self.since <= now && now < self.since.plus(OPENINGS_SPAN) {
            self
        } else {
            Self { since: now, count: 0 }
        }
    }
}

impl Engine {
    /// Whether a guest may open one more thread.
    pub(super) fn check_openings(&self, step: Step<'_>, guest: &PrincipalId) -> Result<(), Halt<Refuse>> {
        let theirs = space::opened_by(guest);
        let theirs = step.overlay.scan(&Scan::prefix(&theirs).limit(MAX_THREADS_PER_GUEST))?;
        let full = theirs.len() >= MAX_THREADS_PER_GUEST || openings(step)?.count >= MAX_OPENINGS;
        if full { Err(Refuse::plain(Reason::Busy).into()) } else { Ok(()) }
    }

    /// Counts a thread that a guest has opened.
    pub(super) fn count_opening(&self, step: Step<'_>, meta: &Meta) -> Result<(), StoreError> {
        let Openings { since, count } = openings(step)?;
        let openings = Openings { since, count: count.saturating_add(1) };
        record::put(step.overlay, space::OPENINGS.to_vec(), &openings)?;
        self.count_as_open(step, meta)
    }

    /// A thread with a guest is open at this reception, again perhaps.
    pub(crate) fn count_as_open(&self, step: Step<'_>, meta: &Meta) -> Result<(), StoreError> {
        if meta.steward == Some(self.id()) {
            step.overlay.put(space::opened(&meta.guest, &meta.thread), Vec::new())?;
        }
        Ok(())
    }

    /// A thread was closed. If its guest did that it counts on: else that would be the way around the bound.
    pub(crate) fn count_as_closed(
        &self,
        step: Step<'_>,
        meta: &Meta,
        by: &DeviceId,
    ) -> Result<(), StoreError> {
        if meta.steward == Some(self.id()) && meta.guest_device.as_ref() != Some(by) {
            step.overlay.delete(space::opened(&meta.guest, &meta.thread))?;
        }
        Ok(())
    }
}

fn openings(step: Step<'_>) -> Result<Openings, StoreError> {
    let known: Option<Openings> = record::get(step.overlay, space::OPENINGS)?;
    Ok(known.unwrap_or_default().at(step))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{Millis, Now, Settings};
    use frontdesk_identity::{DeviceKeys, RootKey, ThreadId, UnixTime};
    use frontdesk_store::{MemoryStore, Overlay, Store as _};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    const NOON: UnixTime = UnixTime(1_767_265_200);

    /// A reception, and all that guests could open there within the hour, each by a principal of its own.
    fn full() -> (MemoryStore, Engine) {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let (keys, root) = (DeviceKeys::generate(&mut rng), RootKey::generate(&mut rng));
        let store = MemoryStore::new();
        let overlay = Overlay::new(&store);
        crate::found_entity(&overlay, &keys, &root, "Acme", NOON, &mut rng).unwrap();
        store.commit(&overlay.into_batch()).unwrap();
        let engine = Engine::open(&store, keys, Settings::default(), [7; 32]).unwrap();
        let overlay = Overlay::new(&store);
        let step = at(&overlay, NOON);
        for number in 0..MAX_OPENINGS {
            engine.check_openings(step, &guest(number)).unwrap();
            engine.count_opening(step, &thread(&engine, guest(number), number)).unwrap();
        }
        store.commit(&overlay.into_batch()).unwrap();
        (store, engine)
    }

    fn at<'a>(overlay: &'a Overlay<'a>, wall: UnixTime) -> Step<'a> {
        Step { overlay, now: Now { mono: Millis(1), wall } }
    }

    fn guest(number: u64) -> PrincipalId {
        let mut bytes = [9; 32];
        bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        PrincipalId::from_bytes(bytes)
    }

    fn thread(engine: &Engine, guest: PrincipalId, number: u64) -> Meta {
        let mut bytes = [1; 32];
        bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
        let mut meta = Meta::new(ThreadId::from_bytes(bytes), guest, guest, NOON);
        meta.steward = Some(engine.id());
        meta.guest_device = Some(DeviceId::from_bytes([5; 32]));
        meta
    }

    fn is_busy(outcome: &Result<(), Halt<Refuse>>) -> bool {
        matches!(outcome, Err(Halt::Refuse(refuse)) if refuse.reason == Reason::Busy)
    }

    #[test]
    fn so_many_threads_are_opened_in_an_hour_whoever_opens_them_and_then_it_begins_anew() {
        let (store, engine) = full();
        let overlay = Overlay::new(&store);
        for wall in [NOON, NOON.plus(OPENINGS_SPAN - 1)] {
            assert!(is_busy(&engine.check_openings(at(&overlay, wall), &guest(MAX_OPENINGS))));
            assert!(is_busy(&engine.check_openings(at(&overlay, wall), &guest(0))), "a known one, too");
        }
        for wall in [NOON.plus(OPENINGS_SPAN), UnixTime(NOON.0 - 60)] {
            engine.check_openings(at(&overlay, wall), &guest(MAX_OPENINGS)).unwrap();
        }
        let step = at(&overlay, NOON.plus(OPENINGS_SPAN));
        engine.count_opening(step, &thread(&engine, guest(0), MAX_OPENINGS)).unwrap();
        assert_eq!(openings(step).unwrap().count, 1);
    }

    #[test]
    fn a_guest_makes_no_room_by_closing_and_the_business_does() {
        let (store, engine) = full();
        let overlay = Overlay::new(&store);
        let step = at(&overlay, NOON.plus(OPENINGS_SPAN));
        let many = u64::try_from(MAX_THREADS_PER_GUEST).unwrap();
        let threads: Vec<Meta> =
            (1..many).map(|number| thread(&engine, guest(0), MAX_OPENINGS + number)).collect();
        for meta in &threads {
            engine.check_openings(step, &guest(0)).unwrap();
            engine.count_opening(step, meta).unwrap();
        }
        assert!(is_busy(&engine.check_openings(step, &guest(0))));
        let (first, own) = (threads.first().unwrap(), engine.id());
        engine.count_as_closed(step, first, first.guest_device.as_ref().unwrap()).unwrap();
        assert!(is_busy(&engine.check_openings(step, &guest(0))));
        engine.count_as_closed(step, first, &own).unwrap();
        engine.check_openings(step, &guest(0)).unwrap();
        engine.count_as_open(step, first).unwrap();
        assert!(is_busy(&engine.check_openings(step, &guest(0))), "it was opened again");
        engine.check_openings(step, &guest(1)).unwrap();
    }
}
