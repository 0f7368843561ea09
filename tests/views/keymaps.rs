//! Screens under the keymaps that are built in beside vim's.

use super::{
    shots::{SIZES, named, shot},
    *,
};
use dash::tui::{app::Want, focus::FocusMode, link::Request, ui::Mode};

const SIZE: (u16, u16) = (120, 32);

fn under(keymap: &str, agents: u64, size: (u16, u16)) -> App {
    let appearance = Appearance::Dark;
    let themes = Themes { directory: None, depth: Depth::True, appearance };
    let keymap = Keymap::load(keymap, None).unwrap();
    let mut app = app_of(agents, size, keymap, themes, Theme::built_in(appearance));
    frame(&mut app, size);
    app
}

#[test]
fn help_hints_and_what_may_follow_are_of_the_keymap_in_force() {
    for name in ["emacs", "tmux"] {
        for size in SIZES {
            let mut app = under(name, 20, size);
            shot(&named(&format!("grid-{name}"), size), &frame(&mut app, size));
            press(&mut app, if name == "emacs" { "C-x" } else { "C-b" });
            shot(&named(&format!("follows-{name}"), size), &frame(&mut app, size));
            press(&mut app, "F12 ?");
            shot(&named(&format!("help-{name}"), size), &frame(&mut app, size));
        }
    }
}

#[test]
fn emacs_keys_do_what_they_do_in_emacs() {
    let mut app = under("emacs", 20, SIZE);
    let first = app.ui.cursor.clone();
    press(&mut app, "C-n C-p n");
    frame(&mut app, SIZE);
    assert_ne!(app.ui.cursor, first);
    press(&mut app, "M-<");
    frame(&mut app, SIZE);
    assert_eq!(app.ui.cursor, first);
    // The help scrolls and closes by the same keys.
    press(&mut app, "C-h b C-n C-n");
    assert_eq!((&app.ui.mode, app.ui.help.scroll), (&Mode::Help, 2));
    assert!(text(&frame(&mut app, (80, 24))).contains("more"));
    press(&mut app, "C-g");
    assert_eq!(app.ui.mode, Mode::Normal);
    press(&mut app, "M-x");
    assert_eq!(app.ui.mode, Mode::Palette);
    press(&mut app, "Esc Enter");
    app.take_requests();
    // In a terminal C-x is the one key that is Dash's; twice, it is the agent's.
    press(&mut app, "C-x");
    assert_eq!(app.ui.focus.as_ref().unwrap().mode, FocusMode::Prefix);
    press(&mut app, "C-x");
    let sent = app.take_requests();
    assert!(matches!(&sent[..], [Request::Input { bytes, .. }] if bytes == b"\x18"), "{sent:?}");
    press(&mut app, "C-x C-b");
    assert!(app.ui.focus.is_none());
    press(&mut app, "C-x C-c");
    assert_eq!(app.take_want(), Some(Want::Quit));
}

#[test]
fn tmux_keys_are_behind_the_prefix_everywhere() {
    let mut app = under("tmux", 20, SIZE);
    press(&mut app, "C-b w");
    assert!(app.ui.wall.is_some());
    press(&mut app, "C-b w");
    assert!(app.ui.wall.is_none());
    press(&mut app, "Enter C-b %");
    assert!(app.ui.focus.as_ref().unwrap().split);
    press(&mut app, "C-b [");
    assert_eq!(app.ui.focus.as_ref().unwrap().mode, FocusMode::Scroll);
    press(&mut app, "q C-b d");
    assert!(app.ui.focus.is_none());
    press(&mut app, "C-b d");
    assert_eq!(app.take_want(), Some(Want::Quit));
}

#[test]
fn on_the_wall_help_begins_with_the_wall() {
    let mut app = under("vim", 20, SIZE);
    press(&mut app, "w ?");
    assert_eq!(app.ui.help.sections[0].title, "wall");
}
