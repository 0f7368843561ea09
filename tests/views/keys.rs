//! Keys in, state out.

use super::*;
use dash::{
    model::{AgentState, SwarmId},
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
        [Request::StopAgent("ag-03".into()), Request::StopAgent("ag-11".into())]
    );
    press(&mut app, "X y");
    assert_eq!(app.take_requests(), [Request::StopSwarm(SwarmId::numbered(1))]);
    // It is not over: nothing is asked, nothing removed.
    press(&mut app, "D");
    assert_eq!(app.ui.mode, Mode::Normal);
    assert!(app.ui.notice.as_ref().unwrap().text.contains("not over"));
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
    press(&mut app, "s s S");
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
    press(&mut app, "C-b [ k k");
    let focus = app.ui.focus.as_ref().unwrap();
    assert_eq!((focus.mode, focus.scrolled()), (FocusMode::Scroll, 2));
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
    press(&mut app, "q");
    assert_eq!(app.take_want(), None);
    press(&mut app, "Z q");
    assert_eq!(app.take_want(), None);
    press(&mut app, "q");
    assert_eq!(app.take_want(), Some(Want::Quit));
}
