//! How many processes the whole machine has, looked at for all keepers together: where the
//! kernel does not count an attempt's, each keeper would have to look by itself, and 500 idle
//! ones would never sleep.

use super::world::{Order, World};
use crate::{protocol::keeper::PROCESSES_GAINED, sandbox::processes_on_machine};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// While nothing happens, and while processes are many more than they were.
const CALM: Duration = Duration::from_millis(500);
const CROWDED: Duration = Duration::from_millis(100);

/// Tells keepers whenever there are more by [`PROCESSES_GAINED`], until the core has left.
pub async fn watch(world: Weak<World>) {
    let mut crowd = Crowd::default();
    let mut pause = CALM;
    loop {
        tokio::time::sleep(pause).await;
        let Some(world) = world.upgrade() else { return };
        pause = CALM;
        // One is the world's own.
        if Arc::strong_count(&world.lookers) > 1
            && processes_on_machine().is_some_and(|all| crowd.gained(all))
        {
            pause = CROWDED;
            for keeper in world.keepers().values() {
                // One that has so many orders waiting looks by itself, in the end.
                let _ = keeper.try_send(Order::Look);
            }
        }
    }
}

/// The fewest since the last word.
#[derive(Default)]
struct Crowd(u64);

impl Crowd {
    fn gained(&mut self, all: u64) -> bool {
        self.0 = self.0.min(all);
        let gained = all - self.0 >= PROCESSES_GAINED;
        if gained {
            self.0 = all;
        }
        gained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_each_gain() {
        let mut crowd = Crowd(100);
        let told: Vec<bool> =
            [300, 355, 356, 611, 612, 200, 455, 456].map(|all| crowd.gained(all)).to_vec();
        assert_eq!(told, [false, false, true, false, true, false, false, true]);
    }
}
