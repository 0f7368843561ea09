//! A terminal beside the grid, and the tour.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use dash::tui::{
    link::{Request, TerminalEvent},
    ui::Mode,
};

fn sizes(app: &mut App) -> Vec<(u16, u16)> {
    let size = |request| match request {
        Request::Attach { columns, rows, .. } | Request::Resize { columns, rows, .. } => {
            Some((columns, rows))
        }
        _ => None,
    };
    app.take_requests().into_iter().filter_map(size).collect()
}

#[test]
fn a_terminal_beside_grid_and_events() {
    for size in SIZES {
        let mut app = app(20, size);
        frame(&mut app, size);
        press(&mut app, "j j Enter C-b |");
        let asked = sizes(&mut app);
        let all = if size.0 == 200 { [(164, 58), (119, 57)] } else { [(80, 22), (80, 14)] };
        assert_eq!(asked, all);
        let bytes = "\x1b[32m●\x1b[0m running cargo test\r\n$ ".into();
        app.message(Message::Terminal { attachment: 1, event: TerminalEvent::Bytes(bytes) });
        let area = Rect::new(0, 0, size.0, size.1);
        let mut buffer = Buffer::empty(area);
        let cursor = app.draw(world::NOW, area, &mut buffer).unwrap();
        shot(&named("split", size), &buffer);
        // The cursor stands in the terminal.
        assert!(cursor.x >= if size.0 == 200 { 81 } else { 0 } && cursor.y > 1);
        // The next agent's row is the current one, and the order stays.
        press(&mut app, "C-b n");
        frame(&mut app, size);
        assert_eq!(app.ui.cursor, app.ui.focus.as_ref().map(|focus| focus.agent.clone()));
        assert_eq!(sizes(&mut app), [all[1]]);
        // Zoomed it has the whole screen, and comes back.
        press(&mut app, "C-b z");
        assert_eq!(sizes(&mut app), [(size.0, size.1 - 2)]);
        press(&mut app, "C-b z");
        assert_eq!(sizes(&mut app), [all[1]]);
        // It is opened so again.
        press(&mut app, "C-b d Enter");
        assert_eq!(sizes(&mut app), [all[1]]);
        press(&mut app, "C-b |");
        assert_eq!(sizes(&mut app), [all[0]]);
        let memory = app.remember();
        assert!(!memory.split);
    }
    // Where there is no room for both it stands alone; any size is drawn.
    for width in (0..210).step_by(13) {
        for height in (0..30).step_by(3) {
            let mut app = app(20, (width, height));
            frame(&mut app, (width, height));
            press(&mut app, "Enter C-b |");
            frame(&mut app, (width, height));
            press(&mut app, "C-b");
            frame(&mut app, (width, height));
        }
    }
}

#[test]
fn the_tour_opens_where_nobody_was_before() {
    for size in [(80, 24), (200, 60), (40, 10)] {
        let mut first = app(0, size);
        first.welcome();
        first.message(Message::Server(world::snapshot(0)));
        shot(&named("tour", size), &frame(&mut first, size));
        // The first key is no lost one.
        press(&mut first, ":");
        assert_eq!(first.ui.mode, Mode::Palette);
        press(&mut first, "Esc F1 Esc");
        assert_eq!(first.ui.mode, Mode::Normal);
    }
    let mut busy = app(20, (80, 24));
    busy.welcome();
    busy.message(Message::Server(world::snapshot(20)));
    assert_eq!(busy.ui.mode, Mode::Normal);
}
