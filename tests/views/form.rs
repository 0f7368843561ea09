//! A new swarm by a form.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use dash::tui::{link::Request, ui::Mode};

const SIZE: (u16, u16) = (120, 32);

fn filling(agents: u64, size: (u16, u16)) -> App {
    let mut app = app(agents, size);
    frame(&mut app, size);
    press(&mut app, "N");
    app
}

#[test]
fn a_swarm_is_filled_in_and_given_out_once() {
    let mut app = filling(20, SIZE);
    // Not before it is right: the key leads to what is wrong.
    press(&mut app, "Tab Enter");
    assert!(text(&frame(&mut app, SIZE)).contains("task: what shall they do?"));
    enter(&mut app, "fix the tests");
    press(&mut app, "Tab");
    enter(&mut app, "x");
    assert!(text(&frame(&mut app, SIZE)).contains("agents: a number from 1 to 1000, not x"));
    press(&mut app, "C-u");
    enter(&mut app, "3");
    press(&mut app, "Tab Tab Tab");
    enter(&mut app, "$5");
    press(&mut app, "Tab Tab Space Enter");
    assert_eq!(app.ui.mode, Mode::Normal);
    let requests = app.take_requests();
    let [Request::CreateSwarm(spec)] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((spec.task.as_str(), spec.agents, spec.worktree), ("fix the tests", 3, true));
    assert_eq!(spec.budget.as_deref(), Some("$5"));
    assert_eq!(spec.cwd, std::path::Path::new("/home/ada/refactor"));

    // Refused, it can be put right; made, the next one begins with all but the task.
    app.message(Message::Refused("no".into()));
    press(&mut app, "N Enter");
    assert!(matches!(app.take_requests()[..], [Request::CreateSwarm(_)]));
    app.message(Message::Done("made".into()));
    press(&mut app, "N Enter");
    assert_eq!(app.take_requests(), []);
    assert!(text(&frame(&mut app, SIZE)).contains("$5"));
    press(&mut app, "Esc");
    // So does the next screen.
    let mut next = super::app(20, SIZE);
    next.recall(app.remember());
    next.message(Message::Server(world::snapshot(20)));
    press(&mut next, "N");
    assert!(text(&frame(&mut next, SIZE)).contains("$5"));
}

#[test]
fn the_estimate_is_of_agents_that_are_done_here() {
    let mut app = filling(20, SIZE);
    enter(&mut app, "x");
    let shown = text(&frame(&mut app, SIZE));
    assert!(shown.contains("about $") && shown.contains("mean of 4 like these"), "{shown}");
    press(&mut app, "Tab Tab");
    enter(&mut app, "nobody");
    assert!(text(&frame(&mut app, SIZE)).contains("no estimate"));
    let mut empty = filling(0, SIZE);
    enter(&mut empty, "x");
    assert!(text(&frame(&mut empty, SIZE)).contains("no estimate"));
}

#[test]
fn how_it_looks() {
    for size in SIZES {
        let mut app = filling(20, size);
        shot(&named("form-empty", size), &frame(&mut app, size));
        enter(&mut app, "port the tests of src/auth to the new helper");
        press(&mut app, "Tab");
        enter(&mut app, "12");
        shot(&named("form", size), &frame(&mut app, size));
        app.ui.unicode = false;
        assert!(!text(&frame(&mut app, size)).contains('▏'));
    }
    for size in [(24, 6), (40, 10)] {
        let mut app = filling(20, size);
        for keys in ["Tab Tab Tab", "Tab Tab Tab Tab", "S-Tab", "Enter", "Esc"] {
            press(&mut app, keys);
            frame(&mut app, size);
        }
    }
}
