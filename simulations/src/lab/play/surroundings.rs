//! Where nodes stand: behind which routers, and with which clocks.

use super::SECOND;
use crate::{
    Clock, SimError, World,
    lab::{chance::Chance as _, people::Cast, people::Role, scenario::Scenario},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// Puts nodes behind their routers, and sets their clocks.
pub(super) fn lay(world: &mut World, scenario: &Scenario, cast: &Cast, seed: u64) -> Result<(), SimError> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x0c10_c4a7);
    world.wires.punching = scenario.nat.hole_punching;
    for node in cast.everybody() {
        let (place, off, drift) = (rng.unit(), rng.unit(), rng.unit());
        let share = match cast.role(node) {
            Some(Role::Administrator) => scenario.nat.administrator,
            Some(Role::Agent) => scenario.nat.agent,
            Some(Role::Bot) => scenario.nat.bot,
            Some(Role::Customer) | None => scenario.nat.customer,
        };
        world.set_nat(node, share.at(place));
        let clocks = &scenario.clocks;
        world.node_mut(node)?.clock = Clock {
            ahead: signed((2.0 * off - 1.0) * clocks.off * SECOND),
            drift: signed((2.0 * drift - 1.0) * clocks.drift * SECOND),
        };
    }
    // Connections of before are made anew, as far as the routers let them.
    for node in cast.everybody() {
        for peer in world.wires.peers(node) {
            if !world.wires.can_meet(node, peer) {
                world.disconnect(node, peer)?;
            }
        }
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "seconds and millionths, bounded before")]
fn signed(value: f64) -> i64 {
    value.clamp(-1e15, 1e15).round() as i64
}
