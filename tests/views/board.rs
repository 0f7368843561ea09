//! What a person makes of the grid: columns, marks, texts to many, and that it comes back.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use dash::{
    store::{By, Column},
    tui::{
        field::{self, Chosen, Field},
        link::Request,
        ui::{EventsPane, Mode},
    },
};

const SIZE: (u16, u16) = (120, 32);

fn head(app: &mut App) -> String {
    text(&frame(app, SIZE)).lines().nth(1).unwrap().to_owned()
}

fn columns(words: &str) -> Vec<Chosen> {
    field::parse(words.split_whitespace()).unwrap()
}

#[test]
fn columns_are_chosen_ordered_and_sized() {
    let mut app = app(20, SIZE);
    frame(&mut app, SIZE);
    app.command("columns cost agent:20 state last");
    let titles: Vec<String> = head(&mut app).split_whitespace().map(str::to_owned).collect();
    assert_eq!(titles, ["COST", "AGENT", "STATE▾", "LAST"]);
    assert!(head(&mut app).contains("AGENT                 STATE"), "{}", head(&mut app));
    app.command("columns sate");
    assert!(app.ui.notice.as_ref().unwrap().text.contains("nearest: state"));
    // More than there is room for: those that tell least go.
    app.command("columns state item:100 agent burn last");
    assert!(!head(&mut app).contains("ITEM"), "{}", head(&mut app));
    app.command("columns auto");
    assert!(head(&mut app).contains("MODEL"));
}

#[test]
fn the_list_of_columns() {
    for size in SIZES {
        let mut app = app(20, size);
        frame(&mut app, size);
        press(&mut app, "c j Space j K l l");
        shot(&named("columns", size), &frame(&mut app, size));
    }
    let mut app = app(20, SIZE);
    frame(&mut app, SIZE);
    press(&mut app, "c j j k Esc");
    assert_eq!(app.ui.columns, []);
    press(&mut app, "c J Esc");
    assert_eq!(
        app.ui.columns[..2].iter().map(|c| c.field).collect::<Vec<_>>(),
        [Field::Agent, Field::State]
    );
    press(&mut app, "c h Esc");
    assert_eq!(app.ui.columns[0].width, Some(6));
    // One stays.
    app.ui.columns = columns("age");
    press(&mut app, "c Space Space Space Esc");
    assert_eq!(app.ui.columns, columns("age"));
    press(&mut app, "c 0 Esc");
    assert_eq!(app.ui.columns, []);
    assert!(head(&mut app).contains("MODEL"));
}

#[test]
fn marks_and_what_is_done_to_all_of_them() {
    let mut app = app(20, SIZE);
    frame(&mut app, SIZE);
    press(&mut app, "/");
    enter(&mut app, "state:done,failed");
    press(&mut app, "Enter *");
    assert_eq!(app.ui.marked.len(), 5);
    press(&mut app, "r");
    let shown = text(&frame(&mut app, SIZE));
    assert!(shown.contains("Retry 5 agents?"), "{shown}");
    press(&mut app, "y");
    let requests = app.take_requests();
    let [Request::All(calls)] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(calls.len(), 5);
    assert!(app.ui.marked.is_empty());
    press(&mut app, "* * u");
    assert!(app.ui.marked.is_empty());
    // Of those that run and those that do not, each is told of.
    press(&mut app, "Esc * r");
    let Mode::Confirm(confirm) = &app.ui.mode else { panic!() };
    assert!(confirm.detail.contains("15 have not ended"), "{}", confirm.detail);
    press(&mut app, "n");
    assert_eq!(app.ui.marked.len(), 20);
}

#[test]
fn a_text_to_all_marked() {
    for size in SIZES {
        let mut app = app(20, size);
        frame(&mut app, size);
        press(&mut app, "* m");
        enter(&mut app, "Please run the tests once more, and say what fails before you go on");
        app.event(Event::Paste(" with it.\nThanks".into()));
        shot(&named("letter", size), &frame(&mut app, size));
        press(&mut app, "Enter");
        let requests = app.take_requests();
        let [Request::All(calls)] = &requests[..] else { panic!("{requests:?}") };
        // Those that wait or work hear it; those that are over or have not begun do not.
        assert_eq!(calls.len(), 14);
        let Request::SendText { text, .. } = &calls[0] else { panic!() };
        assert!(text.ends_with("with it.\nThanks"), "{text}");
    }
    let mut app = app(20, SIZE);
    frame(&mut app, SIZE);
    press(&mut app, "m");
    enter(&mut app, "go on");
    press(&mut app, "Enter");
    let go_on = Request::SendText { agent: "ag-11".into(), text: "go on".into() };
    assert_eq!(app.take_requests(), [go_on]);
    press(&mut app, "m Enter m x Esc");
    assert_eq!(app.take_requests(), []);
    app.command("send one more thing");
    let more = Request::SendText { agent: "ag-11".into(), text: "one more thing".into() };
    assert_eq!(app.take_requests(), [more]);
}

#[test]
fn what_went_wrong_is_not_hidden_by_what_went_well() {
    let mut app = app(20, SIZE);
    app.message(Message::Refused("ag-03: the journal is full".into()));
    app.message(Message::Done("ag-04 stops".into()));
    assert!(text(&frame(&mut app, SIZE)).contains("the journal is full"));
}

#[test]
fn the_screen_comes_back_as_it_was_left() {
    let mut before = app(500, SIZE);
    frame(&mut before, SIZE);
    before.command("columns state agent:20 cost last");
    before.command("sort cost");
    press(&mut before, "S t e /");
    enter(&mut before, "cost>0.01");
    press(&mut before, "Enter j j Space j");
    let shown = frame(&mut before, SIZE);
    let memory = before.remember();
    let kept = serde_json::to_string(&memory).unwrap();

    let mut after = app(0, SIZE);
    after.store = Store::default();
    after.recall(serde_json::from_str(&kept).unwrap());
    // Left before the core has told anything, it is not forgotten.
    assert_eq!(after.remember(), memory);
    after.message(Message::Server(world::snapshot(500)));
    let again = frame(&mut after, SIZE);
    assert_eq!(after.ui.cursor, before.ui.cursor);
    assert_eq!(after.ui.marked, before.ui.marked);
    assert_eq!(text(&again), text(&shown));
    assert_eq!(after.ui.grid.sort, Column::Cost);
    assert_eq!(after.ui.events, EventsPane::Hidden);
    // What is not there any more is no cause for trouble.
    let mut empty = app(1, SIZE);
    empty.recall(memory);
    empty.message(Message::Server(world::snapshot(1)));
    frame(&mut empty, SIZE);
    assert!(empty.ui.marked.is_empty());

    let mut before = app(20, SIZE);
    press(&mut before, "$ Tab v");
    let mut after = app(20, SIZE);
    after.recall(before.remember());
    let costs = after.ui.costs.as_ref().unwrap();
    assert_eq!((costs.by, costs.long), (By::Model, true));
}

#[test]
fn columns_of_a_changed_configuration_hold() {
    let mut before = app(20, SIZE);
    frame(&mut before, SIZE);
    before.command("columns age");
    let mut memory = before.remember();
    let mut after = app(20, SIZE);
    after.recall(memory.clone());
    assert_eq!(after.ui.columns, columns("age"));
    memory.configured = vec!["state".into()];
    let mut changed = app(20, SIZE);
    changed.recall(memory);
    assert_eq!(changed.ui.columns, []);
}
