//! The mouse, and the keys that may follow.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use dash::{
    model::Stamp,
    store::Column,
    tui::{
        focus::FocusMode,
        link::{Request, TerminalEvent},
        ui::EventsPane,
    },
};

const SIZE: (u16, u16) = (120, 32);
const LEFT: MouseButton = MouseButton::Left;

fn at(app: &mut App, kind: MouseEventKind, column: u16, row: u16) {
    let modifiers = KeyModifiers::NONE;
    app.event(Event::Mouse(MouseEvent { kind, column, row, modifiers }));
}

fn click(app: &mut App, column: u16, row: u16) {
    at(app, MouseEventKind::Down(LEFT), column, row);
    at(app, MouseEventKind::Up(LEFT), column, row);
}

#[test]
fn a_click_chooses_two_open_and_the_wheel_moves() {
    let mut app = app(20, SIZE);
    frame(&mut app, SIZE);
    click(&mut app, 20, 4);
    frame(&mut app, SIZE);
    assert_eq!(app.ui.cursor.as_ref().unwrap().as_str(), "ag-13");
    at(&mut app, MouseEventKind::ScrollDown, 20, 4);
    assert_eq!(app.ui.cursor.as_ref().unwrap().as_str(), "ag-04");
    // Slowly, two clicks are two clicks.
    app.heard_at(Stamp(world::NOW.0));
    click(&mut app, 20, 4);
    app.heard_at(Stamp(world::NOW.0 + 900_000));
    click(&mut app, 20, 4);
    assert!(app.ui.focus.is_none());
    app.heard_at(Stamp(world::NOW.0 + 1_100_000));
    click(&mut app, 20, 4);
    assert_eq!(app.ui.focus.as_ref().unwrap().agent.as_str(), "ag-13");
}

#[test]
fn headings_sort_and_the_line_above_the_events_is_dragged() {
    let mut app = app(20, SIZE);
    let shown = text(&frame(&mut app, SIZE));
    let head = shown.lines().nth(1).unwrap();
    let x = head.chars().take_while(|c| *c != 'C').count() as u16;
    click(&mut app, x, 1);
    assert_eq!((app.ui.grid.sort, app.ui.grid.reverse), (Column::Cost, false));
    click(&mut app, x, 1);
    assert!(app.ui.grid.reverse);
    let rule = shown.lines().position(|line| line.contains(" events ")).unwrap() as u16;
    at(&mut app, MouseEventKind::Down(LEFT), 30, rule);
    at(&mut app, MouseEventKind::Drag(LEFT), 30, 16);
    at(&mut app, MouseEventKind::Up(LEFT), 30, 16);
    assert_eq!(app.ui.events, EventsPane::Rows(15));
    let shown = text(&frame(&mut app, SIZE));
    assert!(shown.lines().nth(16).unwrap().contains(" events "), "{shown}");
    // Beyond the top the grid keeps a row; nothing is dragged that was not taken hold of.
    at(&mut app, MouseEventKind::Drag(LEFT), 30, 20);
    assert_eq!(app.ui.events, EventsPane::Rows(15));
    at(&mut app, MouseEventKind::Down(LEFT), 30, 16);
    at(&mut app, MouseEventKind::Drag(LEFT), 30, 0);
    assert!(text(&frame(&mut app, SIZE)).contains("ag-"));
    let memory = app.remember();
    let mut again = super::app(20, SIZE);
    again.recall(memory);
    assert_eq!(again.ui.events, app.ui.events);
}

#[test]
fn a_tile_is_clicked() {
    let mut app = app(20, (200, 60));
    frame(&mut app, (200, 60));
    press(&mut app, "w");
    frame(&mut app, (200, 60));
    click(&mut app, 190, 30);
    assert_eq!(app.ui.cursor.as_ref().unwrap().as_str(), "ag-04");
    at(&mut app, MouseEventKind::ScrollDown, 10, 10);
    frame(&mut app, (200, 60));
    click(&mut app, 2, 4);
    click(&mut app, 2, 4);
    assert!(app.ui.focus.is_some());
}

#[test]
fn in_a_terminal_it_is_the_programs_where_that_asks_for_it() {
    let mut app = app(20, SIZE);
    frame(&mut app, SIZE);
    press(&mut app, "Enter");
    let Request::Attach { attachment, .. } = app.take_requests()[0] else { panic!() };
    let tell = |app: &mut App, bytes: String| {
        let event = TerminalEvent::Bytes(bytes.into());
        app.message(Message::Terminal { attachment, event });
    };
    tell(&mut app, (0..99).map(|n| format!("line {n}\r\n")).collect());
    frame(&mut app, SIZE);
    // It has not asked: the wheel looks back, and comes back.
    at(&mut app, MouseEventKind::ScrollUp, 5, 5);
    assert_eq!(app.ui.focus.as_ref().unwrap().mode, FocusMode::Scroll);
    at(&mut app, MouseEventKind::ScrollDown, 5, 5);
    assert_eq!(app.ui.focus.as_ref().unwrap().mode, FocusMode::Typing);
    click(&mut app, 5, 5);
    assert_eq!(app.take_requests(), []);
    tell(&mut app, "\x1b[?1000h\x1b[?1006h".into());
    at(&mut app, MouseEventKind::ScrollUp, 5, 5);
    let bytes = b"\x1b[<64;6;5M".to_vec();
    assert_eq!(app.take_requests(), [Request::Input { attachment, bytes }]);
    // Beside the terminal it is nobody's.
    click(&mut app, 110, 5);
    assert_eq!(app.take_requests(), []);
}

#[test]
fn what_may_follow_is_shown() {
    for size in SIZES {
        let mut app = app(20, size);
        frame(&mut app, size);
        press(&mut app, "g");
        let shown = text(&frame(&mut app, size));
        assert!(shown.lines().rev().nth(1).unwrap().contains("g top"), "{shown}");
        press(&mut app, "g Enter C-b");
        shot(&named("follows", size), &frame(&mut app, size));
        press(&mut app, "Esc");
        assert!(app.ui.focus.is_some());
        let shown = text(&frame(&mut app, size));
        assert!(!shown.lines().rev().nth(1).unwrap().contains("detach"), "{shown}");
    }
}
