//! The newcomer's first command.

use crate::{tui::Tui, wait::eventually, world::World};
use std::time::{Duration, Instant};

#[test]
fn without_a_terminal_it_reports_and_ends_well() {
    let world = World::new();
    let begun = Instant::now();
    let output = world.run(world.command(&["demo"]), b"", Duration::from_secs(60));
    assert_eq!(output.code, 0, "{output:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    let text = output.text();
    assert!(text.lines().count() > 20, "a line for each agent at least:\n{text}");
    assert!(!text.contains('\x1b'), "no control sequences into a pipe: {text:?}");
    assert!(output.all().contains("simulated"), "it says that nothing is real:\n{text}");
    eventually("nothing left running", || {
        let left = world.processes();
        (left.iter().filter(|proc| proc.is_keeper() || proc.is_of_an_attempt()).count() == 0)
            .then_some(())
    });
}

#[test]
fn on_a_terminal_it_opens_the_full_screen() {
    let world = World::new();
    let tui = Tui::start(&world, &["demo"], 120, 40);
    tui.wait_for("twenty agents", |screen| {
        screen.contains("20 agents") || screen.contains("ag-20")
    });
    tui.wait_for_text("working");
    tui.send("q");
    // Its agents would end with it: that is asked for first.
    tui.wait_for_text("Leave the rehearsal?");
    tui.send("y");
    tui.wait_exit();
    tui.assert_restored();
}

#[test]
fn a_terminal_that_goes_away_takes_the_rehearsal_with_it() {
    let world = World::new();
    let tui = Tui::start(&world, &["demo"], 120, 40);
    tui.wait_for_text("working");
    tui.hang_up();
    eventually("the end of all that it started", || world.processes().is_empty().then_some(()));
}
