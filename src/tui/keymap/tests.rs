use super::*;
use std::fs;

fn user(text: &str) -> Result<Keymap, Vec<KeymapError>> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.toml"), text).unwrap();
    Keymap::load("mine", Some(dir.path()))
}

#[test]
fn every_built_in_keymap_binds_every_action_somewhere() {
    for (name, _) in BUILT_IN {
        let keymap = Keymap::load(name, None).unwrap();
        for action in Action::ALL {
            for place in action.places() {
                let optional =
                    matches!((action, place), (Action::StopSwarm | Action::Quit, Place::Focus));
                let bound = keymap.key_of(*place, *action).is_some();
                assert!(bound || optional, "{name}: {} has no key in {place:?}", action.name());
            }
        }
    }
    let keymap = Keymap::load("vim", None).unwrap();
    assert_eq!(keymap.find(Place::Grid, &chord("g").unwrap()), Found::Begun);
    assert_eq!(keymap.find(Place::Grid, &chord("g g").unwrap()), Found::Action(Action::Top));
    let following = keymap.following(Place::Grid, &chord("g").unwrap());
    assert_eq!(following, [("g".to_owned(), Action::Top)]);
}

#[test]
fn a_users_keys_are_laid_over() {
    let keymap = user("prefix = \"C-a\"\n[grid]\n\"x\" = \"noop\"\n\"z\" = \"stop\"\n").unwrap();
    assert_eq!(keymap.prefix, "C-a".parse().unwrap());
    assert_eq!(keymap.key_of(Place::Grid, Action::Stop).as_deref(), Some("z"));
    assert_eq!(keymap.find(Place::Grid, &chord("x").unwrap()), Found::Nothing);
    assert_eq!(keymap.key_of(Place::Grid, Action::Down).as_deref(), Some("j"));
}

#[test]
fn mistakes_are_refused_with_their_line() {
    let says = |text: &str| user(text).unwrap_err()[0].to_string();
    let text = says("[grid]\n\"x\" = \"stopp\"\n");
    assert!(text.contains("mine.toml:2:") && text.contains("nearest: \"stop\""), "{text}");
    assert!(says("[grid]\n\"Entr\" = \"stop\"").contains("is no key"));
    assert!(says("[grid]\n\"y\" = \"detach\"").contains("only in [focus]"));
    assert!(says("[gird]\n").contains("nearest: grid"));
    assert!(says("[grid]\n\"Entr\" = \"stop\"").contains("nearest: Enter"));
    assert!(says("[grid\n").contains("mine.toml:1:"));
    let text = says("[grid]\n\"g\" = \"top\"\n");
    assert!(text.contains("mine.toml:2:") && text.contains("never reached"), "{text}");
    assert!(text.contains("\"g g\" = \"noop\""), "{text}");
    assert!(user("[grid]\n\"g\" = \"top\"\n\"g g\" = \"noop\"\n").is_ok());
    assert!(Keymap::load("emcas", None).unwrap_err()[0].message.contains("nearest: emacs"));
    let text = says("# mine\nbase = \"emasc\"\n");
    assert!(text.contains("mine.toml:2:") && text.contains("nearest: \"emacs\""), "{text}");
}

#[test]
fn emacs_and_tmux_stand_alone_and_can_be_built_upon() {
    let emacs = Keymap::load("emacs", None).unwrap();
    assert_eq!(emacs.find(Place::Grid, &chord("j").unwrap()), Found::Nothing);
    assert_eq!(emacs.find(Place::Grid, &chord("C-n").unwrap()), Found::Action(Action::Down));
    assert_eq!(emacs.find(Place::Grid, &chord("C-x").unwrap()), Found::Begun);
    let quit = chord("C-x C-c").unwrap();
    assert_eq!(emacs.find(Place::Grid, &quit), Found::Action(Action::Quit));
    assert_eq!(emacs.prefix.to_string(), "C-x");
    let tmux = Keymap::load("tmux", None).unwrap();
    let detach = chord("C-b d").unwrap();
    assert_eq!(tmux.find(Place::Grid, &detach), Found::Action(Action::Quit));
    assert_eq!(tmux.find(Place::Focus, &chord("%").unwrap()), Found::Action(Action::Split));

    let mine = user("base = \"emacs\"\n[grid]\n\"y\" = \"stop\"\n").unwrap();
    assert_eq!(mine.find(Place::Grid, &chord("y").unwrap()), Found::Action(Action::Stop));
    assert_eq!(mine.find(Place::Grid, &quit), Found::Action(Action::Quit));
    assert_eq!(mine.find(Place::Grid, &chord("j").unwrap()), Found::Nothing);
    let alone = user("base = \"none\"\n[grid]\n\"y\" = \"quit\"\n").unwrap();
    assert_eq!(alone.keys(Place::Grid), [("y".to_owned(), Action::Quit)]);

    // One of a built-in one's name is laid over that.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tmux.toml"), "prefix = \"C-a\"\n").unwrap();
    let own = Keymap::load("tmux", Some(dir.path())).unwrap();
    assert_eq!(own.prefix.to_string(), "C-a");
    assert_eq!(own.find(Place::Grid, &detach), Found::Action(Action::Quit));
}

#[test]
fn a_file_that_changed_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    fs::write(&path, "[grid]\n\"y\" = \"stop\"\n").unwrap();
    let keymap = Keymap::load("mine", Some(dir.path())).unwrap();
    assert_eq!(keymap.reload(), Ok(None));
    fs::write(&path, "[grid]\n\"Y\" = \"stop\"\n").unwrap();
    let now = keymap.reload().unwrap().unwrap();
    assert_eq!(now.find(Place::Grid, &chord("Y").unwrap()), Found::Action(Action::Stop));
    fs::write(&path, "[grid]\n\"Y\" = \"stpo\"\n").unwrap();
    assert!(now.reload().is_err());
}
