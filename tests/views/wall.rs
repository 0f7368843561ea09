//! The wall, as it looks, what it asks to see, and how keys move over it.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use dash::{
    model::AgentState,
    protocol::stream::{ServerMessage, Update},
    tui::link::{Request, TerminalEvent},
};

/// What a wall that is opened or changed asks for: who is watched now, and who no more.
fn asked(app: &mut App, size: (u16, u16)) -> (Vec<(u64, String)>, Vec<u64>) {
    frame(app, size);
    let (mut watched, mut unwatched) = (Vec::new(), Vec::new());
    for request in app.take_requests() {
        match request {
            Request::Watch { attachment, agent } => watched.push((attachment, agent.to_string())),
            Request::Unwatch { attachment } => unwatched.push(attachment),
            other => unreachable!("{other:?}"),
        }
    }
    (watched, unwatched)
}

fn opened(size: (u16, u16)) -> App {
    let mut app = app(20, size);
    frame(&mut app, size);
    press(&mut app, "w");
    for (attachment, agent) in asked(&mut app, size).0 {
        let size = TerminalEvent::Size { columns: 100, rows: 30 };
        app.message(Message::Terminal { attachment, event: size });
        let mut screen = format!("\x1b[1m{agent}\x1b[0m reads \x1b[38;5;110msrc/auth\x1b[0m\r\n");
        for line in 1..12 {
            screen += &format!("\x1b[32m+{line:3}\x1b[0m  let token{line} = verify(漢字)?;\r\n");
        }
        let event = TerminalEvent::Bytes(screen.into());
        app.message(Message::Terminal { attachment, event });
    }
    app
}

#[test]
fn terminals_side_by_side() {
    for size in SIZES {
        let mut app = opened(size);
        press(&mut app, "l j");
        shot(&named("wall", size), &frame(&mut app, size));
        press(&mut app, "- -");
        frame(&mut app, size);
        shot(&named("wall-large", size), &frame(&mut app, size));
        press(&mut app, "/");
        enter(&mut app, "state:wait");
        press(&mut app, "Enter Space");
        shot(&named("wall-filtered", size), &frame(&mut app, size));
    }
    for size in [(40, 10), (24, 6)] {
        shot(&named("wall-small", size), &frame(&mut opened(size), size));
    }
    for width in (0..130).step_by(11) {
        for height in 0..24 {
            let mut app = opened((width, height));
            press(&mut app, "+ + + l j n G");
            app.ui.unicode = height % 2 == 0;
            frame(&mut app, (width, height));
        }
    }
}

#[test]
fn only_what_is_shown_is_watched() {
    let size = (200, 60);
    let mut app = app(20, size);
    frame(&mut app, size);
    press(&mut app, "w");
    let (watched, _) = asked(&mut app, size);
    // Whoever needs somebody comes first.
    assert_eq!(watched.len(), 9);
    assert_eq!((watched[0].1.as_str(), watched[1].1.as_str()), ("ag-11", "ag-03"));
    assert_eq!(asked(&mut app, size), (vec![], vec![]));
    press(&mut app, "-");
    let (more, fewer) = asked(&mut app, size);
    assert_eq!((more.len(), fewer.len()), (0, 3));
    press(&mut app, "C-f");
    let (more, fewer) = asked(&mut app, size);
    assert_eq!((more.len(), fewer.len()), (6, 6));
    // A new attempt is watched in place of the old one.
    let agent: dash::model::AgentId = more[0].1.as_str().into();
    let mut changed = app.store.agent(&agent).unwrap().clone();
    changed.attempt_id = Some(agent.attempt(2));
    let update = Update { seq: 200_000, agents: vec![changed], ..Update::default() };
    app.message(Message::Server(ServerMessage::Update(Box::new(update))));
    let (again, gone) = asked(&mut app, size);
    assert_eq!((again[0].1.as_str(), gone), (agent.as_str(), vec![more[0].0]));
    // One whose keeper was not there yet is tried again, but not for ever.
    let mut attachment = again[0].0;
    for _ in 0..3 {
        let event = TerminalEvent::Failed("no keeper".into());
        app.message(Message::Terminal { attachment, event });
        attachment = asked(&mut app, size).0[0].0;
    }
    let event = TerminalEvent::Failed("no keeper".into());
    app.message(Message::Terminal { attachment, event });
    assert_eq!(asked(&mut app, size).0, []);
    // In the grid nothing is watched.
    press(&mut app, "Esc");
    let (more, fewer) = asked(&mut app, size);
    assert_eq!((more.len(), fewer.len()), (0, 6));
}

#[test]
fn the_tile_under_the_cursor_opens_and_one_comes_back() {
    let size = (200, 60);
    let mut app = opened(size);
    press(&mut app, "l Enter");
    let attached = app.take_requests().into_iter().find_map(|request| match request {
        Request::Attach { agent, .. } => Some(agent),
        _ => None,
    });
    assert_eq!(attached.unwrap().as_str(), "ag-03");
    let (more, fewer) = asked(&mut app, size);
    assert_eq!((more.len(), fewer.len()), (0, 9));
    press(&mut app, "C-b d");
    frame(&mut app, size);
    let again = app.take_requests().into_iter().filter(|r| matches!(r, Request::Watch { .. }));
    assert_eq!(again.count(), 9);
    assert_eq!(app.ui.cursor.as_ref().unwrap().as_str(), "ag-03");
    // What is done to rows is done to tiles.
    press(&mut app, "Space Space x");
    assert!(text(&frame(&mut app, size)).contains("Stop ag-03?"));
    press(&mut app, "n u m");
    enter(&mut app, "go on");
    press(&mut app, "Enter");
    let sent = app.take_requests().into_iter().any(|r| matches!(r, Request::SendText { .. }));
    assert!(sent);
}

#[test]
fn tiles_stay_where_they_are() {
    let size = (200, 60);
    let mut app = opened(size);
    let before: Vec<String> = heads(&mut app, size);
    let mut agent = world::agent(1, 1);
    agent.state = AgentState::Failed;
    let update = Update { seq: 200_000, agents: vec![agent], ..Update::default() };
    app.message(Message::Server(ServerMessage::Update(Box::new(update))));
    assert_eq!(heads(&mut app, size), before);
    press(&mut app, "o");
    assert_ne!(heads(&mut app, size), before);
}

fn heads(app: &mut App, size: (u16, u16)) -> Vec<String> {
    let shown = text(&frame(app, size));
    shown.split_whitespace().filter(|word| word.starts_with("ag-")).map(str::to_owned).collect()
}
