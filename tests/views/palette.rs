//! The palette: what it offers behind a command, and what it remembers.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use dash::tui::{
    link::Request,
    ui::{Ask, Mode},
};

const SIZE: (u16, u16) = (120, 32);

fn typing(text: &str) -> App {
    let mut app = app(20, SIZE);
    frame(&mut app, SIZE);
    press(&mut app, ":");
    enter(&mut app, text);
    app
}

fn offered(app: &App) -> Vec<String> {
    app.ui.palette.entries().iter().map(|entry| entry.command.clone()).collect()
}

#[test]
fn words_that_may_follow_are_offered() {
    assert_eq!(offered(&typing("stop state:w")), ["stop state:working", "stop state:waiting"]);
    assert_eq!(offered(&typing("filter state:f")), ["filter state:failed"]);
    assert_eq!(offered(&typing("theme no"))[0], "theme nord");
    assert_eq!(offered(&typing("keymap em"))[0], "keymap emacs");
    assert_eq!(offered(&typing("sort cos"))[0], "sort cost");
    assert_eq!(offered(&typing("swarm stop ")), ["swarm stop refactor-auth"]);
    assert_eq!(offered(&typing("swarm create --ta"))[0], "swarm create --task");
    assert_eq!(offered(&typing("filter model:son"))[0], "filter model:sonnet-4-5");
    assert_eq!(offered(&typing("retry ag-13 so"))[0], "retry ag-13 sonnet-4-5");
    // Only those who have ended are tried again, and none of those is stopped.
    assert!(offered(&typing("retry ")).contains(&"retry ag-13".to_owned()));
    assert!(!offered(&typing("stop ")).contains(&"stop ag-13".to_owned()));
    assert!(!offered(&typing("stop ")).contains(&"stop state:failed".to_owned()));
    // Each further word, too.
    assert_eq!(offered(&typing("stop ag-01 ag-04"))[0], "stop ag-01 ag-04");
}

#[test]
fn a_part_of_a_name_is_enough() {
    let mut app = typing("theme nor");
    press(&mut app, "Enter");
    assert_eq!(app.theme.name, "nord");
    let mut app = typing("filter state:fa");
    press(&mut app, "Tab");
    assert_eq!(app.ui.palette.input(), "filter state:failed");
    let mut app = typing("stop state:work");
    press(&mut app, "Enter");
    let Mode::Confirm(confirm) = &app.ui.mode else { panic!("{:?}", app.ui.notice) };
    assert!(matches!(&confirm.ask, Ask::StopAgents(ids) if ids.len() == 10), "{confirm:?}");
    let mut app = typing("keymap emacs");
    press(&mut app, "Enter C-n M-x");
    assert_eq!(app.ui.mode, Mode::Palette);
}

#[test]
fn a_swarm_is_made_with_flags() {
    let mut app = typing("swarm create --agents 3 --model opus --budget $5 --task fix the tests");
    let read = text(&frame(&mut app, SIZE));
    assert!(read.contains("a new swarm, 3 agents: fix the tests"), "{read}");
    press(&mut app, "Enter");
    let requests = app.take_requests();
    let [Request::CreateSwarm(spec)] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((spec.agents, spec.task.as_str()), (3, "fix the tests"));
    assert_eq!(spec.cwd, std::path::Path::new("/home/ada/refactor"));
    let mut app = typing("swarm create --agetns 3 x");
    let read = text(&frame(&mut app, SIZE));
    assert!(read.contains("nearest: --agents"), "{read}");
}

#[test]
fn what_was_run_comes_back_in_the_next_screen() {
    let mut before = typing("filter state:failed");
    press(&mut before, "Enter :");
    enter(&mut before, "theme nord");
    press(&mut before, "Enter");
    let memory = serde_json::to_string(&before.remember()).unwrap();
    let mut after = app(20, SIZE);
    after.recall(serde_json::from_str(&memory).unwrap());
    press(&mut after, ":");
    assert_eq!(offered(&after)[..2], ["theme nord", "filter state:failed"]);
    press(&mut after, "Up Up");
    assert_eq!(after.ui.palette.input(), "filter state:failed");
    // And it comes before what fits as well.
    press(&mut after, "C-u");
    enter(&mut after, "theme ");
    assert_eq!(offered(&after)[0], "theme nord");
}

#[test]
fn how_it_looks() {
    for size in SIZES {
        let mut app = app(20, size);
        for (what, line) in [
            ("words", "stop "),
            ("flags", "swarm create --agents 3 --m"),
            ("wrong", "swarm create --agents x fix it"),
        ] {
            press(&mut app, ":");
            enter(&mut app, line);
            shot(&named(&format!("palette-{what}"), size), &frame(&mut app, size));
            press(&mut app, "Esc");
        }
    }
}

/// Prints what a keystroke costs among ten thousand entries, behind a command and before one.
#[test]
#[ignore = "a measurement"]
fn speed_of_a_keystroke() {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let mut app = app(5_000, SIZE);
    for line in ["stop ag-12", "focus 42", "thnord", "src auth"] {
        press(&mut app, ":");
        for c in line.chars() {
            let begun = std::time::Instant::now();
            enter(&mut app, &c.to_string());
            writeln!(out, "{line:?} {c:?}: {:?}", begun.elapsed()).unwrap();
        }
        press(&mut app, "Esc");
    }
}
