//! Keys in, state out.

use super::*;
use dash::{
    model::{AgentState, SwarmId, USER},
    protocol::stream::{ServerMessage, Update},
    store::Column,
    tui::{
        app::Want,
        focus::{FocusMode, Stage},
        link::{Request, TerminalEvent},
        ui::Mode,
    },
};

const SIZE: (u16, u16) = (120, 32);

fn ready(agents: u64) -> App {
    let mut app = app(agents, SIZE);
    frame(&mut app, SIZE);
    app
}

fn cursor(app: &mut App) -> String {
    frame(app, SIZE);
    app.ui.cursor.as_ref().unwrap().to_string()
}

fn change(app: &mut App, n: u64, state: AgentState) {
    let mut agent = world::agent(n, 1);
    agent.state = state;
    let update = Update { seq: 200_000, agents: vec![agent], ..Update::default() };
    app.message(Message::Server(ServerMessage::Update(Box::new(update))));
    frame(app, SIZE);
}

#[test]
fn moves_and_never_jumps() {
    let mut app = ready(20);
    assert_eq!(cursor(&mut app), "ag-11");
    press(&mut app, "j j");
    assert_eq!(cursor(&mut app), "ag-13");
    // The agent under the cursor finishes: it stays where it is.
    change(&mut app, 13, AgentState::Done);
    assert_eq!(cursor(&mut app), "ag-13");
    press(&mut app, "k");
    assert_eq!(cursor(&mut app), "ag-03");
    assert_eq!(app.ui.moved, 1);
    // Ordered anew, the cursor stays on its agent.
    press(&mut app, "o");
    assert_eq!(cursor(&mut app), "ag-03");
    assert_eq!(app.ui.moved, 0);
    press(&mut app, "G");
    assert_ne!(cursor(&mut app), "ag-03");
    press(&mut app, "g g");
    assert_eq!(cursor(&mut app), "ag-11");
    // Three need somebody; one of them was done a moment ago.
    press(&mut app, "n");
    assert_eq!(cursor(&mut app), "ag-03");
    press(&mut app, "n");
    assert_eq!(cursor(&mut app), "ag-11");
}

#[test]
fn scrolls_through_many() {
    let mut app = ready(500);
    for _ in 0..60 {
        press(&mut app, "C-d");
    }
    let last = cursor(&mut app);
    press(&mut app, "j");
    assert_eq!(cursor(&mut app), last);
    let shown = text(&frame(&mut app, SIZE));
    assert!(shown.contains(&last), "{shown}");
    for size in [(80, 24), (200, 60), (40, 10), (120, 32)] {
        app.event(Event::Resize(size.0, size.1));
        assert!(text(&frame(&mut app, size)).contains(&last), "{size:?}");
    }
}

#[test]
fn asks_before_it_stops() {
    let mut app = ready(20);
    press(&mut app, "x");
    assert!(matches!(app.ui.mode, Mode::Confirm(_)));
    press(&mut app, "n");
    assert_eq!(app.take_requests(), []);
    press(&mut app, "x y");
    assert_eq!(app.take_requests(), [Request::StopAgent("ag-11".into())]);
    press(&mut app, "Space Space x y");
    assert_eq!(
        app.take_requests(),
        [Request::All(vec![
            Request::StopAgent("ag-03".into()),
            Request::StopAgent("ag-11".into())
        ])]
    );
    press(&mut app, "X y");
    assert_eq!(app.take_requests(), [Request::StopSwarm(SwarmId::numbered(1))]);
    // It is not over: nothing is asked, nothing removed.
    press(&mut app, "D");
    assert_eq!(app.ui.mode, Mode::Normal);
    assert!(app.ui.notice.as_ref().unwrap().text.contains("not over"));
}

#[test]
fn pauses_and_lets_go_on_with_one_key() {
    let mut app = ready(20);
    press(&mut app, "p");
    let pause = |id: &str, on| Request::Pause { agent: id.into(), on };
    assert_eq!(app.take_requests(), [pause("ag-11", true)]);
    let mut held = world::agent(11, 1);
    (held.state, held.reason) = (AgentState::Paused, USER.to_owned());
    told(&mut app, held, 200_000);
    press(&mut app, "p");
    assert_eq!(app.take_requests(), [pause("ag-11", false)]);
    // Of several those that are not.
    app.command("resume ag-11 ag-01");
    let both = vec![pause("ag-11", false), pause("ag-01", false)];
    assert_eq!(app.take_requests(), [Request::All(both)]);
    press(&mut app, "Space Space p");
    assert_eq!(app.take_requests(), [pause("ag-07", true)]);
    // What has ended is not held.
    app.command("filter state:failed");
    press(&mut app, "u p");
    assert_eq!(app.take_requests(), []);
    press(&mut app, "Esc P");
    let swarm = |on| Request::PauseSwarm { swarm: SwarmId::numbered(1), on };
    assert_eq!(app.take_requests(), [swarm(true)]);
    app.command("swarm resume sw-1");
    assert_eq!(app.take_requests(), [swarm(false)]);
}

#[test]
fn filters_sorts_and_groups() {
    let mut app = ready(20);
    press(&mut app, "/");
    enter(&mut app, "state:failed");
    assert_eq!(cursor(&mut app), "ag-13");
    press(&mut app, "Enter r");
    let retry = Request::RetryAgent { agent: "ag-13".into(), model: None };
    assert_eq!(app.take_requests(), [retry]);
    press(&mut app, "Esc");
    assert!(app.ui.grid.filter.is_empty());
    press(&mut app, "/");
    enter(&mut app, "nobody");
    press(&mut app, "Esc");
    assert!(app.ui.grid.filter.is_empty());
    press(&mut app, "s S");
    assert_eq!((app.ui.grid.sort, app.ui.grid.reverse), (Column::Agent, true));
    assert_eq!(cursor(&mut app), "ag-20");
    press(&mut app, "t");
    assert!(text(&frame(&mut app, SIZE)).contains("refactor-auth  sw-1"));
}

#[test]
fn types_into_a_terminal_and_gets_out() {
    let mut app = ready(20);
    press(&mut app, "Enter");
    let requests = app.take_requests();
    let Request::Attach { attachment, agent, columns, rows } = &requests[0] else { panic!() };
    assert_eq!((agent.as_str(), *columns, *rows), ("ag-11", 84, 30));
    let attachment = *attachment;
    app.message(Message::Terminal { attachment, event: TerminalEvent::Bytes("hi".into()) });
    let shown = text(&frame(&mut app, SIZE));
    assert!(shown.contains("scope") || shown.contains("SCOPE"), "{shown}");
    press(&mut app, "j C-c Up");
    enter(&mut app, ":q");
    let typed: Vec<u8> = app
        .take_requests()
        .into_iter()
        .flat_map(|request| match request {
            Request::Input { bytes, .. } => bytes,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(typed, b"j\x03\x1b[A:q");
    // The prefix twice is the prefix once, for the agent.
    press(&mut app, "C-b C-b");
    assert_eq!(app.take_requests(), [Request::Input { attachment, bytes: vec![2] }]);
    // A paste is marked where the program asked for that.
    app.message(Message::Terminal {
        attachment,
        event: TerminalEvent::Bytes("\x1b[?2004h".into()),
    });
    app.event(Event::Paste("a\nb".into()));
    let bytes = b"\x1b[200~a\rb\x1b[201~".to_vec();
    assert_eq!(app.take_requests(), [Request::Input { attachment, bytes }]);
    // Zoom and a smaller window change the size that the keeper is asked for.
    press(&mut app, "C-b z");
    assert_eq!(app.take_requests(), [Request::Resize { attachment, columns: 120, rows: 30 }]);
    app.event(Event::Resize(100, 20));
    assert_eq!(app.take_requests(), [Request::Resize { attachment, columns: 100, rows: 18 }]);
    press(&mut app, "C-b n");
    let next = app.take_requests();
    assert_eq!(next[0], Request::Detach { attachment });
    assert!(matches!(&next[1], Request::Attach { agent, .. } if agent.as_str() == "ag-03"));
    // What still comes from the first is not drawn into the second.
    app.message(Message::Terminal { attachment, event: TerminalEvent::Bytes("old".into()) });
    assert!(app.ui.focus.as_ref().unwrap().screen.is_none());
    press(&mut app, "C-b d");
    assert!(app.ui.focus.is_none());
    assert_eq!(cursor(&mut app), "ag-03");
}

#[test]
fn looks_back_and_follows_a_new_attempt() {
    let mut app = ready(20);
    press(&mut app, "Enter");
    let lines: String = (0..200).map(|n| format!("line {n}\r\n")).collect();
    let event = TerminalEvent::Bytes(lines.into());
    app.message(Message::Terminal { attachment: 1, event });
    press(&mut app, "C-b [ C-b C-b");
    let focus = app.ui.focus.as_ref().unwrap();
    assert_eq!((focus.mode, focus.scrolled()), (FocusMode::Scroll, 31));
    press(&mut app, "g");
    assert!(text(&frame(&mut app, SIZE)).contains("line 0"));
    press(&mut app, "q");
    assert_eq!(app.ui.focus.as_ref().unwrap().scrolled(), 0);
    app.take_requests();
    let event = TerminalEvent::Ended(None);
    app.message(Message::Terminal { attachment: 1, event });
    assert_eq!(app.ui.focus.as_ref().unwrap().stage, Stage::Ended(None));
    let mut agent = world::agent(11, 1);
    agent.attempt = 2;
    agent.attempt_id = Some(agent.id.attempt(2));
    let update = Update { seq: 200_000, agents: vec![agent], ..Update::default() };
    app.message(Message::Server(ServerMessage::Update(Box::new(update))));
    assert!(matches!(app.take_requests()[1], Request::Attach { attachment: 2, .. }));
}

#[test]
fn runs_commands() {
    let mut app = ready(20);
    press(&mut app, ":");
    enter(&mut app, "stop ag-01");
    press(&mut app, "Enter y");
    assert_eq!(app.take_requests(), [Request::StopAgent("ag-01".into())]);
    app.command("theme dash-light");
    assert_eq!(app.theme.name, "dash-light");
    app.command("theme nothing");
    assert_eq!(app.theme.name, "dash-light");
    app.command("swarm create -n 3 count the words");
    let requests = app.take_requests();
    let Request::CreateSwarm(spec) = &requests[0] else { panic!() };
    assert_eq!((spec.agents, spec.task.as_str()), (3, "count the words"));
    app.command("stop ag-99");
    assert!(app.ui.notice.as_ref().unwrap().text.contains("ag-99"));
    app.command("stop state:");
    assert_eq!(app.ui.mode, Mode::Normal);
    app.command("swarm show refactor-auth");
    assert_eq!(app.ui.grid.swarm, Some(SwarmId::numbered(1)));
    press(&mut app, "C-p");
    enter(&mut app, "foc ag-05");
    press(&mut app, "Enter");
    assert_eq!(app.ui.focus.as_ref().unwrap().agent.as_str(), "ag-05");
}

#[test]
fn leaves_and_shows_its_keys() {
    let mut app = ready(20);
    press(&mut app, "?");
    assert!(text(&frame(&mut app, SIZE)).contains("next agent that needs somebody"));
    // What is pressed by mistake in the help does nothing.
    press(&mut app, "x");
    assert_eq!(app.ui.mode, Mode::Help);
    press(&mut app, "q");
    assert_eq!((app.take_want(), app.ui.mode.clone()), (None, Mode::Normal));
    press(&mut app, "Z q");
    assert_eq!(app.take_want(), None);
    press(&mut app, "q");
    assert_eq!(app.take_want(), Some(Want::Quit));
}

fn told(app: &mut App, agent: dash::model::AgentInfo, seq: u64) {
    let update = Update { seq, agents: vec![agent], ..Update::default() };
    app.message(Message::Server(ServerMessage::Update(Box::new(update))));
}

fn hear(app: &mut App, attachment: u64, event: TerminalEvent) {
    app.message(Message::Terminal { attachment, event });
}

#[test]
fn an_attempt_asked_for_too_soon_is_asked_for_again() {
    let mut app = ready(20);
    press(&mut app, "Enter");
    let mut agent = world::agent(11, 1);
    agent.attempt_id = Some(agent.id.attempt(2));
    agent.pid = None;
    told(&mut app, agent.clone(), 200_000);
    app.take_requests();
    // Its keeper was not there yet: there was only a blank last screen.
    let last = TerminalEvent::Last { columns: 80, rows: 24, bytes: "".into() };
    hear(&mut app, 2, last);
    assert_eq!(app.take_requests(), []);
    agent.pid = Some(4_711);
    told(&mut app, agent, 200_001);
    let requests = app.take_requests();
    assert!(matches!(requests[1], Request::Attach { attachment: 3, .. }), "{requests:?}");
}

#[test]
fn what_is_typed_after_the_end_is_nobodys() {
    let mut app = ready(20);
    press(&mut app, "Enter");
    app.take_requests();
    hear(&mut app, 1, TerminalEvent::Bytes("$ ".into()));
    press(&mut app, "e");
    app.take_requests();
    hear(&mut app, 1, TerminalEvent::Ended(None));
    // The rest of a line, and its end.
    enter(&mut app, "nrx:q");
    press(&mut app, "C-c Enter");
    assert_eq!(app.take_requests(), []);
    assert_eq!((app.ui.mode.clone(), app.take_want()), (Mode::Normal, None));
    assert_eq!(app.ui.focus.as_ref().unwrap().agent.as_str(), "ag-11");
    let shown = text(&frame(&mut app, SIZE));
    assert!(shown.contains("other keys do nothing"), "{shown}");
    press(&mut app, "C-b n");
    assert_eq!(app.ui.focus.as_ref().unwrap().agent.as_str(), "ag-03");
    hear(&mut app, 2, TerminalEvent::Ended(None));
    press(&mut app, "Enter");
    assert!(app.ui.focus.is_none());
}

#[test]
fn rows_find_their_place_when_nobody_presses_a_key() {
    let mut app = ready(20);
    press(&mut app, "j j");
    // A new row at the end, where it belongs, has not moved.
    let mut new = world::agent(39, 1);
    new.state = AgentState::Stopped;
    told(&mut app, new, 200_000);
    assert_eq!(cursor(&mut app), "ag-13");
    assert_eq!(app.ui.moved, 0);
    change(&mut app, 3, AgentState::Done);
    assert_eq!(app.ui.moved, 1);
    assert!(app.pace().is_some());
    let later = |seconds: i64| dash::model::Stamp(world::NOW.0 + seconds * 1_000_000);
    let area = Rect::new(0, 0, SIZE.0, SIZE.1);
    app.draw(later(4), area, &mut Buffer::empty(area));
    assert_eq!(app.ui.moved, 1);
    app.draw(later(6), area, &mut Buffer::empty(area));
    assert_eq!((app.ui.moved, app.ui.cursor.as_ref().unwrap().as_str()), (0, "ag-13"));
}

#[test]
fn seconds_are_counted_beside_a_terminal_only() {
    let mut app = ready(20);
    press(&mut app, "Enter");
    assert!(app.pace().is_some());
    press(&mut app, "C-b z");
    assert_eq!(app.pace(), None);
    press(&mut app, "C-b z");
    let mut agent = world::agent(11, 1);
    (agent.state, agent.pid) = (AgentState::Done, None);
    told(&mut app, agent, 200_000);
    assert_eq!(app.pace(), None);
}

#[test]
fn sorting_steps_through_what_is_shown() {
    for size in [(80, 24), (200, 60)] {
        let mut app = app(20, size);
        frame(&mut app, size);
        let mut seen = Vec::new();
        loop {
            press(&mut app, "s");
            let shown = text(&frame(&mut app, size));
            let titles =
                shown.lines().find(|line| line.contains("AGENT") || line.contains("AGEN")).unwrap();
            assert!(titles.contains('▾'), "{:?}: {titles}", app.ui.grid.sort);
            assert!(!seen.contains(&app.ui.grid.sort));
            seen.push(app.ui.grid.sort);
            if app.ui.grid.sort == Column::Need {
                break;
            }
            assert!(shown.contains(&format!("sorted by {}", app.ui.grid.sort.word())), "{shown}");
        }
        assert_eq!(seen.contains(&Column::Burn), size.0 == 200);
    }
}

#[test]
fn the_palette_says_what_enter_will_do() {
    let mut app = ready(20);
    press(&mut app, ":");
    enter(&mut app, "swarm create -n 2 fix it");
    let shown = text(&frame(&mut app, SIZE));
    assert!(shown.contains("a new swarm, 2 agents: fix it"), "{shown}");
    press(&mut app, "C-u");
    enter(&mut app, "zzqq");
    let shown = text(&frame(&mut app, SIZE));
    assert!(shown.contains("no command is called"), "{shown}");
}

#[test]
fn a_rehearsal_is_not_left_by_mistake() {
    let mut app = ready(20);
    app.ui.rehearsal = true;
    press(&mut app, "q");
    let shown = text(&frame(&mut app, SIZE));
    assert!(shown.contains("Leave the rehearsal?"), "{shown}");
    press(&mut app, "n");
    assert_eq!(app.take_want(), None);
    press(&mut app, "q y");
    assert_eq!(app.take_want(), Some(Want::Quit));
    press(&mut app, "?");
    assert!(!text(&frame(&mut app, SIZE)).contains("the agents go on"));
}

/// What comes in one read is not parted by frames, and a message may come between two keys.
#[test]
fn keys_behind_a_filter_are_about_its_first_row_before_any_frame() {
    let focused = |app: &App| app.ui.focus.as_ref().map(|focus| focus.agent.to_string());
    for drawn in [false, true] {
        let mut app = app(20, SIZE);
        if drawn {
            frame(&mut app, SIZE);
            press(&mut app, "j j");
        }
        press(&mut app, "/");
        enter(&mut app, "ag-04");
        press(&mut app, "Enter Enter");
        assert_eq!(focused(&app).as_deref(), Some("ag-04"));
        let asked = app.take_requests();
        assert!(matches!(&asked[..], [Request::Attach { agent, .. }] if agent.as_str() == "ag-04"));
    }
    let mut app = ready(20);
    press(&mut app, "/");
    enter(&mut app, "ag-04");
    press(&mut app, "Enter");
    let mut agent = world::agent(11, 1);
    agent.state = AgentState::Done;
    let update = Update { seq: 200_000, agents: vec![agent], ..Update::default() };
    app.message(Message::Server(ServerMessage::Update(Box::new(update))));
    press(&mut app, "x");
    assert!(matches!(&app.ui.mode, Mode::Confirm(confirm) if confirm.question == "Stop ag-04?"));
    // Where nothing fits nothing is opened.
    let mut app = ready(20);
    press(&mut app, "/");
    enter(&mut app, "nobody-at-all");
    press(&mut app, "Enter Enter");
    assert_eq!(focused(&app), None);
    // The first frame is still to come.
    let mut app = app_in(20, SIZE, dash::tui::theme::Appearance::Dark);
    press(&mut app, "Space");
    assert_eq!(app.ui.marked.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["ag-11"]);
}

#[test]
fn a_filter_knows_its_fields_and_keeps_the_row() {
    let mut app = ready(20);
    press(&mut app, "/");
    enter(&mut app, "bogus:x");
    let shown = text(&frame(&mut app, SIZE));
    assert!(shown.contains("no field is called bogus") && shown.contains("Esc"), "{shown}");
    press(&mut app, "C-u");
    enter(&mut app, "refactor");
    assert!(text(&frame(&mut app, SIZE)).contains("20 of 20"));
    press(&mut app, "C-u");
    enter(&mut app, "state:done");
    press(&mut app, "Enter j");
    let row = cursor(&mut app);
    press(&mut app, "Esc");
    assert_eq!(cursor(&mut app), row);
}

#[test]
fn the_tree_folds_and_keeps_the_cursor() {
    let mut app = ready(0);
    let mut agents: Vec<_> = (1..=2).map(|n| world::agent(n, 1)).collect();
    for id in ["ag-01.1", "ag-01.1.1", "ag-01.2"] {
        let mut child = world::agent(5, 1);
        (child.id, child.name) = (id.into(), id.into());
        child.parent = child.id.ancestors().next();
        agents.push(child);
    }
    app.message(Message::Server(world::snapshot_of(agents)));
    press(&mut app, "b");
    let ids = |app: &mut App| {
        frame(app, SIZE);
        let rows = dash::store::rows(&app.store, &app.ui.grid);
        rows.iter().map(|row| row.agent().unwrap().id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&mut app), ["ag-01", "ag-01.1", "ag-01.1.1", "ag-01.2", "ag-02"]);
    press(&mut app, "j j");
    assert_eq!(cursor(&mut app), "ag-01.1.1");
    // One without children folds with its parent.
    press(&mut app, "z");
    assert_eq!(cursor(&mut app), "ag-01.1");
    assert_eq!(ids(&mut app), ["ag-01", "ag-01.1", "ag-01.2", "ag-02"]);
    press(&mut app, "z k z");
    assert_eq!(ids(&mut app), ["ag-01", "ag-02"]);
    press(&mut app, "s");
    assert!(app.ui.notice.as_ref().unwrap().text.contains("order of its own"));
    press(&mut app, "j Enter");
    assert_eq!(app.ui.focus.as_ref().unwrap().agent.as_str(), "ag-02");
    press(&mut app, "C-b d Esc");
    assert!(!app.ui.grid.tree);
    press(&mut app, "z");
    assert!(app.ui.notice.as_ref().unwrap().text.contains("in the tree"));
}
