//! The size of the binary, and the wall time of a short command.

use crate::{
    Options,
    table::{Sample, Table, Target},
    tmux::{self, Tmux},
    world::World,
};
use std::time::Instant;

pub fn size(_: &Options, table: &mut Table) {
    let bytes = std::fs::metadata(env!("CARGO_BIN_EXE_dash")).unwrap().len();
    table.alone("stripped binary", "MB", Sample::one(bytes as f64 / 1e6), Target::Most(16.0));
}

pub fn list(options: &Options, table: &mut Table) {
    let world = World::new();
    world.create(&["--agents", "20", "--", "sleep", "600"]);
    let tmux = tmux::available().then(|| Tmux::start(&world));
    let (mut dash, mut peer) = (Sample::default(), Sample::default());
    for _ in 0..options.reps * 10 {
        let begun = Instant::now();
        let output = world.command(&["swarm", "list"]).output().unwrap();
        assert!(output.status.success());
        dash.push_ms(begun.elapsed());
        if let Some(tmux) = &tmux {
            let begun = Instant::now();
            tmux.say(&["list-sessions"]);
            peer.push_ms(begun.elapsed());
        }
    }
    let cells = [dash, peer, Sample::default(), Sample::default()];
    table.row("`swarm list` beside `list-sessions`", "ms", cells, Target::Most(20.0));
}
