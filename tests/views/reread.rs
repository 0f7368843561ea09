//! Keymaps and themes that change while the screen is open.

use super::*;
use dash::{model::Level, tui::app::Want};
use std::{fs, path::Path};

const SIZE: (u16, u16) = (120, 32);

/// An app whose keymap and theme are files of the user's.
fn own(config: &Path) -> App {
    let (keymaps, themes) = (config.join("keymaps"), config.join("themes"));
    fs::create_dir_all(&keymaps).unwrap();
    fs::create_dir_all(&themes).unwrap();
    fs::write(keymaps.join("mine.toml"), "[grid]\n\"y\" = \"help\"\n").unwrap();
    fs::write(themes.join("mine.toml"), "[roles]\naccent = \"#112233\"\n").unwrap();
    let keymap = Keymap::load("mine", Some(&keymaps)).unwrap();
    let appearance = Appearance::Dark;
    let themes = Themes { directory: Some(themes), depth: Depth::True, appearance };
    let (theme, errors) = themes.load("mine");
    assert_eq!(errors, []);
    let mut app = app_of(20, SIZE, keymap, themes, theme);
    frame(&mut app, SIZE);
    app
}

fn said(app: &App) -> (Level, String) {
    let notice = app.ui.notice.clone().unwrap();
    (notice.level, notice.text)
}

#[test]
fn keys_change_under_a_running_screen() {
    let config = tempfile::tempdir().unwrap();
    let mut app = own(config.path());
    app.reread();
    assert!(!app.is_dirty(), "nothing has changed, and a frame is drawn");
    let path = config.path().join("keymaps/mine.toml");
    fs::write(&path, "[grid]\n\"y\" = \"quit\"\n").unwrap();
    app.reread();
    assert!(app.is_dirty());
    assert_eq!(said(&app), (Level::Info, "keymap mine, as it is now".to_owned()));
    press(&mut app, "y");
    assert_eq!(app.take_want(), Some(Want::Quit));

    // A mistake is told of with its line, and the keys before stay.
    fs::write(&path, "[grid]\n\"y\" = \"hlep\"\n").unwrap();
    app.reread();
    let (level, text) = said(&app);
    assert_eq!(level, Level::Error);
    assert!(text.contains("mine.toml:2:") && text.contains("nearest: \"help\""), "{text}");
    assert!(super::text(&frame(&mut app, SIZE)).contains("nearest"));
    press(&mut app, "y");
    assert_eq!(app.take_want(), Some(Want::Quit));
    fs::remove_file(&path).unwrap();
    app.reread();
    assert_eq!(said(&app).0, Level::Error);
    press(&mut app, "y");
    assert_eq!(app.take_want(), Some(Want::Quit));
}

#[test]
fn colours_change_under_a_running_screen() {
    let config = tempfile::tempdir().unwrap();
    let mut app = own(config.path());
    let path = config.path().join("themes/mine.toml");
    let before = app.theme.clone();
    fs::write(&path, "[roles]\naccent = \"#445566\"\n").unwrap();
    app.reread();
    let now = app.theme.clone();
    assert_ne!(before.accent, now.accent);
    assert_eq!(said(&app), (Level::Info, "theme mine, as it is now".to_owned()));
    frame(&mut app, SIZE);
    app.reread();
    assert!(!app.is_dirty());
    fs::write(&path, "[roles]\nacent = \"#778899\"\n").unwrap();
    app.reread();
    let (level, text) = said(&app);
    assert_eq!(level, Level::Error);
    assert!(text.contains("mine.toml:2:") && text.contains("nearest: accent"), "{text}");
    assert_eq!(app.theme, now);
    // What was bad is good again, without a change of what is in force: the error goes.
    fs::write(&path, "[roles]\naccent = \"#445566\"\n").unwrap();
    app.reread();
    assert_eq!(app.ui.notice, None);
}
