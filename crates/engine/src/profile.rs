//! The entity's profile as an administrator's node shows it: to guests, to devices that join, in rosters.

use crate::{Engine, record, space, step::Step};
use frontdesk_capability::{Ability, Chain, Scope};
use frontdesk_store::StoreError;
use frontdesk_wire::{Profile, SignedProfile, limits};

impl Engine {
    /// The profile that is held, as long as it holds. One whose signer was removed, or whose signer's right has ended, would
    /// be refused by everybody who knows that, and with it all that it goes with: it is signed anew.
    pub(crate) fn profile(&self, step: Step<'_>) -> Result<Option<SignedProfile>, StoreError> {
        let Some(own) = &self.chain else { return Ok(None) };
        let key = space::profile(&own.principal());
        let Some(held) = record::get::<SignedProfile>(step.overlay, &key)? else { return Ok(None) };
        if held.verify(&own.principal(), step.wall(), &self.revocations).is_ok() {
            return Ok(Some(held));
        }
        let renewed = self.renewed(step, own, &held);
        if let Some(renewed) = &renewed {
            record::put(step.overlay, key, renewed)?;
        }
        Ok(Some(renewed.unwrap_or(held)))
    }

    /// Who founded the entity knows its name; others have it from the profile before. Nothing else of that is believed: it
    /// may be by a thief.
    fn renewed(&self, step: Step<'_>, own: &Chain, held: &SignedProfile) -> Option<SignedProfile> {
        own.permits(Ability::Admit, Scope::Principal).ok()?;
        own.check_at(step.wall(), &self.revocations).ok()?;
        let held = held.read().ok();
        let founder = own.links().len() == 1;
        let name = held.as_ref().map(|held| held.name.clone()).filter(|_| !founder);
        let next = held.map_or(0, |held| held.number.saturating_add(1));
        let profile = Profile {
            entity: own.principal(),
            number: next.max(step.wall().0).min(limits::MAX_PROFILE_NUMBER),
            name: name.unwrap_or_else(|| self.me.name.clone()),
            reception: vec![self.id()],
            hours: String::new(),
            languages: Vec::new(),
        };
        profile.sign(self.keys.signing(), own.bytes().clone()).ok()
    }
}
