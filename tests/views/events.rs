//! The events as a view of their own.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use dash::{
    model::{Event as Told, SwarmId},
    protocol::stream::ServerMessage,
    tui::{
        link::Request,
        ui::{EventsPane, Mode},
    },
};

const SIZE: (u16, u16) = (120, 32);

fn reading(agents: u64, size: (u16, u16)) -> App {
    let mut app = app(agents, size);
    frame(&mut app, size);
    press(&mut app, "v");
    frame(&mut app, size);
    app
}

fn happen(app: &mut App, seq: u64, agent: u64, event: Told) {
    let record = world::event(seq, 0, Some(agent), event);
    app.message(Message::Server(ServerMessage::Event(Box::new(record))));
}

fn refused(why: &str) -> Told {
    Told::StateChanged { state: dash::model::AgentState::Paused, reason: why.to_owned() }
}

fn shown(app: &mut App) -> String {
    text(&frame(app, SIZE))
}

#[test]
fn it_follows_until_one_stops_to_read() {
    let mut app = reading(20, SIZE);
    assert!(shown(&mut app).contains(" follows "));
    happen(&mut app, 5_000, 4, refused("first of all"));
    assert!(shown(&mut app).contains("first of all"));
    press(&mut app, "k");
    assert!(shown(&mut app).contains(" stands still "));
    let before = app.ui.stream.lines.clone();
    happen(&mut app, 5_001, 4, refused("second to come"));
    happen(&mut app, 5_002, 4, refused("third to come"));
    let still = shown(&mut app);
    assert!(still.contains("stands still, 2 newer") && !still.contains("second"), "{still}");
    assert_eq!(app.ui.stream.lines, before);
    press(&mut app, "G");
    assert!(shown(&mut app).contains("third to come"));
    // Down from the last one follows again, and so does the key that stopped it.
    for keys in ["k j j", "Space Space", "k Esc"] {
        press(&mut app, keys);
        assert_eq!(app.ui.stream.end, None, "{keys}");
        assert_eq!(app.ui.events, EventsPane::Full, "{keys}");
    }
    // To the oldest and on: nothing moves any more.
    press(&mut app, "g g k k");
    frame(&mut app, SIZE);
    assert_eq!(app.ui.stream.chosen(), app.ui.stream.lines.first().copied());
    press(&mut app, "Esc Esc");
    assert_eq!(app.ui.events, EventsPane::Small);
}

#[test]
fn filters_narrow_it_by_level_agent_swarm_kind_and_text() {
    let mut app = reading(20, SIZE);
    let events = |app: &mut App| {
        frame(app, SIZE);
        let wanted = app.ui.stream.lines.clone();
        let all = app.store.events().filter(|record| wanted.contains(&record.seq));
        all.cloned().collect::<Vec<_>>()
    };
    press(&mut app, "/");
    enter(&mut app, "level:warn");
    assert!(shown(&mut app).contains("/level:warn"));
    press(&mut app, "Enter");
    let list = events(&mut app);
    assert!(!list.is_empty() && list.iter().all(|e| e.event.level() >= dash::model::Level::Warn));
    press(&mut app, "L");
    assert_eq!(app.ui.stream.filter.text(), "level:error");
    assert_eq!(events(&mut app).len(), 1);
    // From the line of an error to all that its agent did.
    press(&mut app, "Space a L L");
    assert_eq!(app.ui.stream.filter.text(), "agent:ag-13");
    let list = events(&mut app);
    assert!(list.len() > 2 && list.iter().all(|e| e.agent == Some("ag-13".into())), "{list:?}");
    press(&mut app, "a K");
    let kind = app.ui.stream.filter.text().to_owned();
    assert_eq!(kind, "kind:attempt_ended");
    assert!(events(&mut app).iter().all(|e| e.event.kind() == "attempt_ended"));
    press(&mut app, "K W");
    assert_eq!(app.ui.stream.filter.text(), "swarm:refactor-auth");
    press(&mut app, "Esc /");
    enter(&mut app, "529");
    assert!(events(&mut app).iter().all(|e| e.event.summary().contains("529")));
    // Esc takes back what was typed.
    press(&mut app, "Esc");
    assert_eq!((app.ui.stream.filter.text(), &app.ui.mode), ("", &Mode::Normal));
    press(&mut app, "/");
    enter(&mut app, "knid:x");
    assert!(shown(&mut app).contains("nearest: kind:"));
    press(&mut app, "C-u");
    enter(&mut app, "nobody-says-this");
    assert!(shown(&mut app).contains("Nothing that is kept fits"));
    // Where the grid shows one swarm, it does, too.
    press(&mut app, "Esc");
    app.ui.grid.swarm = Some(SwarmId::numbered(1));
    let all = events(&mut app).len();
    app.ui.grid.swarm = Some(SwarmId::numbered(2));
    assert!(all > 0 && events(&mut app).is_empty());
    // None of it is the grid's.
    assert!(app.ui.grid.filter.is_empty());
}

#[test]
fn enter_goes_to_the_lines_agent_and_back_to_the_line() {
    let mut app = reading(20, SIZE);
    press(&mut app, "/");
    enter(&mut app, "level:error");
    press(&mut app, "Enter Enter");
    assert_eq!(app.ui.focus.as_ref().unwrap().agent.as_str(), "ag-13");
    assert!(matches!(app.take_requests()[..], [Request::Attach { .. }]));
    let line = app.ui.stream.chosen();
    press(&mut app, "C-b d");
    assert!(shown(&mut app).contains("/level:error"));
    assert_eq!(app.ui.stream.chosen(), line);
    // Its row in the grid, whatever hides it there.
    app.ui.grid.swarm = Some(SwarmId::numbered(9));
    press(&mut app, "o");
    frame(&mut app, SIZE);
    assert_eq!(app.ui.events, EventsPane::Small);
    assert_eq!(app.ui.cursor.as_ref().unwrap().as_str(), "ag-13");
}

#[test]
fn the_mouse_chooses_a_line_and_opens_it() {
    let mut app = reading(20, SIZE);
    let click = |app: &mut App, row: u16| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        let modifiers = crossterm::event::KeyModifiers::NONE;
        app.event(Event::Mouse(MouseEvent { kind, column: 20, row, modifiers }));
        frame(app, SIZE);
    };
    click(&mut app, 5);
    assert_eq!(app.ui.stream.chosen(), Some(app.ui.stream.lines[3]));
    let seq = app.ui.stream.lines[3];
    let agent = app.store.events().find(|record| record.seq == seq).unwrap().agent.clone();
    click(&mut app, 5);
    assert_eq!(app.ui.focus.as_ref().map(|focus| focus.agent.clone()), agent);
}

#[test]
fn the_filter_and_the_place_come_back_in_the_next_screen() {
    let mut before = reading(20, SIZE);
    press(&mut before, "/");
    enter(&mut before, "kind:model");
    press(&mut before, "Enter k k");
    let lines = (frame(&mut before, SIZE), before.ui.stream.lines.clone()).1;
    let memory = serde_json::to_string(&before.remember()).unwrap();
    let mut after = app(0, SIZE);
    after.recall(serde_json::from_str(&memory).unwrap());
    after.message(Message::Server(world::snapshot(20)));
    happen(&mut after, 5_000, 4, refused("since then"));
    frame(&mut after, SIZE);
    assert_eq!(after.ui.stream.filter.text(), "kind:model");
    assert_eq!(after.ui.stream.lines, lines);
    assert_eq!(after.ui.stream.chosen(), before.ui.stream.chosen());
    // In a world that has not that event it follows.
    let mut other = app(0, SIZE);
    other.recall(serde_json::from_str(&memory).unwrap());
    happen(&mut other, 90_000, 4, refused("elsewhere"));
    frame(&mut other, SIZE);
    assert_eq!(other.ui.stream.end, None);
}

#[test]
fn how_it_looks() {
    for size in SIZES {
        let mut app = reading(20, size);
        press(&mut app, "/");
        enter(&mut app, "level:warn");
        press(&mut app, "Enter k k");
        happen(&mut app, 5_000, 4, refused("its budget is used up"));
        shot(&named("events-filtered", size), &frame(&mut app, size));
        press(&mut app, "Esc /");
        enter(&mut app, "agent:ag-03 knid:x");
        shot(&named("events-sifting", size), &frame(&mut app, size));
        app.ui.unicode = false;
        assert!(text(&frame(&mut app, size)).is_ascii());
        shot(&named("events-none", size), &frame(&mut reading(0, size), size));
    }
    for size in [(20, 5), (40, 10), (24, 6)] {
        let mut app = reading(20, size);
        for keys in ["k", "Space", "g g", "/", "a", "Enter", "Esc", "G"] {
            press(&mut app, keys);
            frame(&mut app, size);
        }
    }
}
