//! Looking back: the cursor, the search, the selection, and what reaches the clipboard.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use dash::tui::{
    focus::FocusMode,
    link::{Request, TerminalEvent},
    past::STEPS,
};

const SIZE: (u16, u16) = (100, 24);

fn print(app: &mut App, text: &str) {
    let event = TerminalEvent::Bytes(text.to_owned().into());
    app.message(Message::Terminal { attachment: 1, event });
}

fn looking(size: (u16, u16)) -> App {
    let mut app = app(20, size);
    frame(&mut app, size);
    press(&mut app, "Enter");
    let text: String = (1..=99).map(|n| format!("{n:3} checked src/part{n}.rs\r\n")).collect();
    print(&mut app, &text);
    press(&mut app, "C-b [");
    app
}

fn cursor_line(app: &mut App, size: (u16, u16)) -> String {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buffer = Buffer::empty(area);
    let at = app.draw(world::NOW, area, &mut buffer).unwrap();
    text(&buffer).lines().nth(usize::from(at.y)).unwrap().to_owned()
}

#[test]
fn a_search_a_selection_and_the_clipboard() {
    let mut app = looking(SIZE);
    press(&mut app, "/");
    enter(&mut app, "PART7");
    press(&mut app, "Enter");
    past(&mut app, &recorded(0));
    assert!(app.ui.notice.as_ref().unwrap().text.contains("no more"));
    press(&mut app, "/");
    enter(&mut app, "part7");
    assert!(text(&frame(&mut app, SIZE)).contains("search part7"));
    press(&mut app, "Enter");
    assert!(cursor_line(&mut app, SIZE).contains(" 79 checked"));
    press(&mut app, "n n");
    assert!(cursor_line(&mut app, SIZE).contains(" 77 checked"));
    press(&mut app, "N");
    assert!(cursor_line(&mut app, SIZE).contains(" 78 checked"));
    press(&mut app, "0 w v j $ y");
    assert_eq!(app.take_copied().unwrap(), "78 checked src/part78.rs\n 79 checked src/part79.rs");
    let focus = app.ui.focus.as_ref().unwrap();
    assert_eq!((focus.mode, focus.scrolled()), (FocusMode::Typing, 0));
    assert!(text(&frame(&mut app, SIZE)).contains("copied 2 lines"));
    // Without a selection it is the line; of lines it is the whole of them.
    press(&mut app, "C-b [ k y");
    assert_eq!(app.take_copied().unwrap(), " 99 checked src/part99.rs");
    press(&mut app, "C-b [ k V k y");
    assert_eq!(app.take_copied().unwrap(), " 98 checked src/part98.rs\n 99 checked src/part99.rs");
    let typed = |request: &Request| matches!(request, Request::Input { .. });
    assert!(!app.take_requests().iter().any(typed), "nothing of it was typed to the agent");
}

#[test]
fn it_looks_like_this() {
    for size in SIZES {
        let mut app = looking(size);
        press(&mut app, "C-u k k w w v j j e");
        let buffer = frame(&mut app, size);
        let reversed = ratatui::style::Modifier::REVERSED;
        let chosen = buffer.content().iter().filter(|cell| cell.modifier.contains(reversed));
        assert!(chosen.count() > 30);
        shot(&named("look", size), &buffer);
    }
}

#[test]
fn what_is_printed_meanwhile_waits() {
    let mut app = looking(SIZE);
    press(&mut app, "k k");
    let before = cursor_line(&mut app, SIZE);
    print(&mut app, "one more\r\nand one\r\n");
    assert_eq!(cursor_line(&mut app, SIZE), before);
    press(&mut app, "q");
    assert!(text(&frame(&mut app, SIZE)).contains("and one"));
    // But not for ever.
    press(&mut app, "C-b [ v k");
    print(&mut app, &"x".repeat(1 << 20));
    print(&mut app, "\r\nthe last line");
    press(&mut app, "G");
    assert!(text(&frame(&mut app, SIZE)).contains("the last line"));
    assert!(app.ui.focus.as_ref().unwrap().copy.anchor.is_none());
}

fn past(app: &mut App, bytes: &str) {
    let bytes = Ok(bytes.to_owned().into());
    app.message(Message::Past { attachment: 1, bytes });
}

fn asked_for(app: &mut App) -> Vec<u64> {
    let bytes = |request| match request {
        Request::Past { attachment: 1, bytes, .. } => Some(bytes),
        _ => None,
    };
    app.take_requests().into_iter().filter_map(bytes).collect()
}

/// What the agent printed before it was looked at, and since.
fn recorded(older: usize) -> String {
    let before: String = (1..=older).map(|n| format!("older {n}\r\n")).collect();
    let since: String = (1..=99).map(|n| format!("{n:3} checked src/part{n}.rs\r\n")).collect();
    before + &since
}

#[test]
fn the_top_is_the_first_line_of_the_recording() {
    let mut app = looking(SIZE);
    asked_for(&mut app);
    press(&mut app, "g g");
    assert!(cursor_line(&mut app, SIZE).contains("  1 checked"), "what is at hand, at once");
    assert_eq!(asked_for(&mut app), STEPS[..1]);
    // Held back, and in the recording by now.
    print(&mut app, "100 checked\r\n");
    past(&mut app, &(recorded(4000) + "100 checked\r\n"));
    assert!(cursor_line(&mut app, SIZE).trim_end().ends_with("older 1"));
    assert!(asked_for(&mut app).is_empty(), "that was all of it");
    press(&mut app, "G");
    assert!(!text(&frame(&mut app, SIZE)).contains("100 checked"), "it comes when one looks up");
    press(&mut app, "q");
    assert!(text(&frame(&mut app, SIZE)).contains("100 checked"));
}

#[test]
fn whoever_goes_up_line_by_line_stays_on_the_line() {
    let mut app = looking(SIZE);
    press(&mut app, "g g");
    asked_for(&mut app);
    past(&mut app, &recorded(0));
    press(&mut app, "q C-b [");
    for _ in 0..120 {
        press(&mut app, "k");
    }
    assert_eq!(asked_for(&mut app), STEPS[..1], "looked at anew");
    past(&mut app, &recorded(50));
    assert!(cursor_line(&mut app, SIZE).contains("  1 checked"));
    press(&mut app, "k k");
    assert!(cursor_line(&mut app, SIZE).contains("older 49"));
}

#[test]
fn a_search_goes_on_in_the_recording_and_its_end_is_told() {
    let mut app = looking(SIZE);
    asked_for(&mut app);
    press(&mut app, "/");
    enter(&mut app, "older 7");
    press(&mut app, "Enter");
    assert_eq!(asked_for(&mut app), STEPS[..1]);
    past(&mut app, &recorded(7));
    assert!(cursor_line(&mut app, SIZE).contains("older 7"));
    press(&mut app, "n");
    assert!(asked_for(&mut app).is_empty());
    assert!(app.ui.notice.as_ref().unwrap().text.contains("no more"));
    // More than is ever read.
    let mut app = looking(SIZE);
    press(&mut app, "g g");
    let line = "a line that is there again and again\r\n";
    for step in STEPS {
        assert_eq!(asked_for(&mut app), [step]);
        past(&mut app, &line.repeat(step as usize / line.len() + 1)[..step as usize]);
    }
    press(&mut app, "k");
    let told = &app.ui.notice.as_ref().unwrap().text;
    assert!(told.contains("dash agent log"), "{told}");
    // It cannot be had.
    let mut app = looking(SIZE);
    press(&mut app, "g g");
    app.message(Message::Past { attachment: 1, bytes: Err("gone".to_owned()) });
    assert!(app.ui.notice.as_ref().unwrap().text.contains("gone"));
    assert!(cursor_line(&mut app, SIZE).contains("  1 checked"));
}
