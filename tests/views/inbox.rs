//! The inbox: how it looks, and what its keys answer.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use dash::{
    model::{Approval, ApprovalState, Question, Remember, Resolution},
    protocol::stream::{ServerMessage, Update},
    tui::{link::Request, ui::Mode},
};

fn tell(app: &mut App, seq: u64, approvals: Vec<Approval>) {
    let update = Update { seq: 200_000 + seq, approvals, ..Update::default() };
    app.message(Message::Server(ServerMessage::Update(Box::new(update))));
}

/// A world of twenty in which five questions wait, seen already.
fn asked(size: (u16, u16), appearance: Appearance) -> App {
    let mut app = app_in(20, size, appearance);
    tell(&mut app, 0, world::approvals());
    app.ui.notice = None;
    app.take_call();
    frame(&mut app, size);
    app
}

fn over(n: usize) -> Approval {
    let mut approval = world::approvals().remove(n - 1);
    approval.state = ApprovalState::Expired;
    approval
}

fn answered(app: &mut App) -> Vec<(String, Resolution, Remember)> {
    let mut all = Vec::new();
    for request in app.take_requests() {
        if let Request::Answer { approval, verdict, remember } = request {
            all.push((approval.to_string(), verdict, remember));
        }
    }
    all
}

fn chosen(app: &App) -> Option<String> {
    app.ui.inbox.as_ref()?.cursor.as_ref().map(ToString::to_string)
}

#[test]
fn it_looks_like_this() {
    for size in SIZES {
        let mut app = asked(size, Appearance::Dark);
        shot(&named("inbox-waits", size), &frame(&mut app, size));
        press(&mut app, "i g g");
        shot(&named("inbox", size), &frame(&mut app, size));
        press(&mut app, "j j j");
        shot(&named("inbox-long", size), &frame(&mut app, size));
        press(&mut app, "Space");
        shot(&named("inbox-read", size), &frame(&mut app, size));
        press(&mut app, "G");
        frame(&mut app, size);
        press(&mut app, "Esc A");
        shot(&named("inbox-remember", size), &frame(&mut app, size));
        let mut app = self::app(20, size);
        frame(&mut app, size);
        press(&mut app, "i");
        shot(&named("inbox-empty", size), &frame(&mut app, size));
    }
}

#[test]
fn light_and_dark_say_the_same_and_no_cell_is_unthemed() {
    for size in SIZES {
        for keys in ["i", "i Space", "i A"] {
            let [dark, light] = [Appearance::Dark, Appearance::Light].map(|appearance| {
                let mut app = asked(size, appearance);
                for key in keys.split(' ') {
                    press(&mut app, key);
                    frame(&mut app, size);
                }
                frame(&mut app, size)
            });
            assert_eq!(text(&dark), text(&light));
            assert_ne!(dark, light);
            for buffer in [&dark, &light] {
                for pair in buffer.content().windows(2) {
                    let second_half = pair[0].symbol().width() > 1;
                    assert!(second_half || pair[1].bg != ratatui::style::Color::Reset);
                }
            }
        }
    }
}

#[test]
fn any_size_is_drawn() {
    for width in (0..60).step_by(3) {
        for height in 0..16 {
            let mut app = asked((width, height), Appearance::Dark);
            for keys in ["i", "j", "j j", "A", "Space", "C-d", "G", "Esc", "G", "Esc"] {
                press(&mut app, keys);
                frame(&mut app, (width, height));
            }
        }
    }
}

#[test]
fn keys_answer_what_is_chosen_and_nothing_else() {
    let size = (120, 32);
    let mut app = asked(size, Appearance::Dark);
    // A key that comes before the question was on the screen approves nothing.
    press(&mut app, "i g g a");
    assert_eq!(answered(&mut app), []);
    frame(&mut app, size);
    press(&mut app, "a");
    assert_eq!(answered(&mut app), [("ap-1".into(), Resolution::Approve, Remember::Once)]);
    // The same key again answers nothing: none is chosen.
    assert_eq!(chosen(&app), None);
    for key in ["a", "d", "A", "Space"] {
        frame(&mut app, size);
        press(&mut app, key);
        assert_eq!((answered(&mut app), &app.ui.mode), (vec![], &Mode::Normal));
        assert!(app.ui.notice.as_ref().unwrap().text.contains("choose another, with j"));
    }
    // The next step goes on from there. That one's terminal alone takes an answer.
    press(&mut app, "j");
    assert_eq!(chosen(&app).as_deref(), Some("ap-2"));
    frame(&mut app, size);
    press(&mut app, "a");
    assert_eq!(answered(&mut app), []);
    assert!(app.ui.notice.as_ref().unwrap().text.contains("in its terminal, Enter"));
    press(&mut app, "j d j");
    assert_eq!(answered(&mut app), [("ap-3".into(), Resolution::Deny, Remember::Once)]);
    assert_eq!(chosen(&app).as_deref(), Some("ap-4"));
    frame(&mut app, size);
    press(&mut app, "A x 3");
    assert_eq!(answered(&mut app), [("ap-4".into(), Resolution::Approve, Remember::Swarm)]);
    press(&mut app, "k");
    assert_eq!(chosen(&app).as_deref(), Some("ap-3"));
    frame(&mut app, size);
    press(&mut app, "A Esc");
    assert_eq!((answered(&mut app), &app.ui.mode), (vec![], &Mode::Normal));
    press(&mut app, "Esc");
    assert_eq!(app.ui.inbox, None);
    // In the grid the same keys answer nothing.
    press(&mut app, "a A d");
    assert_eq!(answered(&mut app), []);
}

#[test]
fn what_does_not_fit_is_approved_once_it_was_read_to_its_end() {
    let size = (80, 24);
    let mut app = app_in(20, size, Appearance::Dark);
    let mut long = world::approvals().remove(0);
    let words = (0..200).map(|n| format!("word-{n:03}")).collect();
    long.question = Question::Command { argv: words, cwd: "/w".into(), covers: None };
    tell(&mut app, 0, vec![long]);
    press(&mut app, "i");
    assert!(text(&frame(&mut app, size)).contains("more lines: read them before approving"));
    for keys in ["a", "A", "a"] {
        press(&mut app, keys);
        frame(&mut app, size);
        assert_eq!((answered(&mut app), &app.ui.mode), (vec![], &Mode::Normal));
        let notice = &app.ui.notice.as_ref().unwrap().text;
        assert!(notice.contains("not shown to its end") && notice.contains("Space"), "{notice}");
    }
    press(&mut app, "Space");
    let shown = text(&frame(&mut app, size));
    assert!(shown.contains("word-000") && !shown.contains("word-199"), "{shown}");
    assert!(shown.contains("more below") && shown.contains("C-d read on"), "{shown}");
    press(&mut app, "C-d a");
    assert_eq!(answered(&mut app), []);
    press(&mut app, "G");
    let shown = text(&frame(&mut app, size));
    assert!(shown.contains("word-199") && shown.contains("the end"), "{shown}");
    press(&mut app, "C-u k g g j a");
    assert_eq!(answered(&mut app), [("ap-1".into(), Resolution::Approve, Remember::Once)]);
    assert_eq!(app.ui.inbox.as_ref().unwrap().reading, None);
    // A refusal needs no reading.
    frame(&mut app, size);
    press(&mut app, "Esc i Space d");
    assert_eq!(answered(&mut app), [("ap-1".into(), Resolution::Deny, Remember::Once)]);
}

#[test]
fn what_went_away_by_itself_leaves_no_other_in_its_place() {
    let size = (120, 32);
    let mut app = asked(size, Appearance::Dark);
    press(&mut app, "i g g");
    tell(&mut app, 1, vec![over(1)]);
    // Also before a frame shows it.
    press(&mut app, "a");
    assert_eq!(answered(&mut app), []);
    frame(&mut app, size);
    assert_eq!(chosen(&app), None);
    press(&mut app, "a d");
    assert_eq!(answered(&mut app), []);
    assert!(app.ui.notice.as_ref().unwrap().text.contains("choose another, with j"));
    press(&mut app, "j");
    assert_eq!(chosen(&app).as_deref(), Some("ap-2"), "the first step chooses the first");
    // A choice that is open does not outlive its question.
    press(&mut app, "j j");
    frame(&mut app, size);
    press(&mut app, "A");
    assert!(matches!(app.ui.mode, Mode::Remember(_)));
    tell(&mut app, 2, vec![over(4)]);
    frame(&mut app, size);
    assert_eq!(app.ui.mode, Mode::Normal);
}

#[test]
fn new_questions_ring_once_and_are_told_of() {
    let size = (120, 32);
    let mut app = app(20, size);
    let five = world::approvals();
    tell(&mut app, 0, five[..1].to_vec());
    assert!(app.take_call().is_some());
    assert!(app.take_call().is_none());
    let notice = app.ui.notice.clone().unwrap().text;
    assert_eq!(notice, "ag-03 asks: git push origin auth-token");
    tell(&mut app, 1, five[..1].to_vec());
    assert!(app.take_call().is_none(), "the same again");
    tell(&mut app, 2, five[1..].to_vec());
    assert!(app.take_call().is_some());
    let shown = text(&frame(&mut app, size));
    assert!(shown.lines().next().unwrap().contains("inbox 5"), "{shown}");
    assert!(shown.contains("i inbox (5)"), "{shown}");
    assert!(shown.contains("permission: git push"), "the row says what is asked: {shown}");
    tell(&mut app, 3, (1..=5).map(over).collect());
    assert!(app.take_call().is_none());
    assert!(!text(&frame(&mut app, size)).contains("inbox 5"));
    // What waits already when the screen is opened rings nobody.
    let mut fresh = self::app(0, size);
    assert!(fresh.take_call().is_none());
    tell(&mut fresh, 1, five);
    assert!(fresh.take_call().is_some());
}

#[test]
fn its_agents_terminal_is_one_key_away_and_so_is_the_way_back() {
    let size = (120, 32);
    let mut app = asked(size, Appearance::Dark);
    press(&mut app, "i G Enter");
    assert_eq!(app.ui.focus.as_ref().unwrap().agent.as_str(), "ag-06");
    press(&mut app, "C-b d");
    assert!(app.ui.focus.is_none() && app.ui.inbox.is_some());
    // From a terminal it opens on what that agent asks.
    press(&mut app, "Esc");
    app.command("focus ag-05");
    press(&mut app, "C-b i");
    assert_eq!(chosen(&app).as_deref(), Some("ap-4"));
    assert!(app.ui.focus.is_none());
}
