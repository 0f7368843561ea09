//! `config.toml`, a case a file: `cases/valid` must be taken, `cases/invalid` refused with
//! what stands after `#:` in its first line; so does `dash config check` with its exit code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn cases(kind: &str) -> Vec<(PathBuf, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/cases").join(kind);
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(&file).unwrap())).collect()
}

/// `dash config ARGS` with `text` as the configuration in force; its directory's name is
/// taken out of what it says.
fn dash(text: &str, args: &[&str]) -> (Output, String) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("dash");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("config.toml"), text).unwrap();
    let run = home.path().join("run");
    DirBuilder::new().mode(0o700).create(&run).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dash"))
        .args(args)
        .env_clear()
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path())
        .env("XDG_RUNTIME_DIR", &run)
        .env("XDG_STATE_HOME", home.path())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    let err = err.replace(&format!("{}/", dir.display()), "");
    (output, err)
}

#[test]
fn valid_files_are_taken_and_shown_as_they_are() {
    for (file, text) in cases("valid") {
        let (output, err) = dash(&text, &["config", "check"]);
        assert_eq!(output.status.code(), Some(0), "{}: {err}", file.display());
        let (output, err) = dash(&text, &["config", "show"]);
        assert_eq!(output.status.code(), Some(0), "{}: {err}", file.display());
        // What is shown is a configuration again, and the same one.
        let shown = String::from_utf8(output.stdout).unwrap();
        let (again, err) = dash(&shown, &["config", "show"]);
        assert_eq!(again.status.code(), Some(0), "{err}\n{shown}");
        let body = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(body(&String::from_utf8(again.stdout).unwrap()), body(&shown));
    }
}

#[test]
fn a_keymap_or_theme_that_is_not_there_is_wrong_too() {
    for (text, wanted) in [
        ("[ui]\nkeymap = \"mine\"\n", "there is no such keymap"),
        ("[ui]\ntheme = \"nope\"\n", "nope"),
    ] {
        let (output, err) = dash(text, &["config", "check"]);
        assert_eq!(output.status.code(), Some(1), "{text}: {err}");
        assert!(err.contains(wanted), "{text}: {err}");
    }
}

#[test]
fn a_scenario_that_is_not_there_is_told_with_its_place() {
    let check = |name: &str| {
        let text = format!("[simulated]\nalways = true\nscenario = \"{name}\"\n");
        let (output, err) = dash(&text, &["config", "check"]);
        (output.status.code(), err)
    };
    let (code, err) = check("/nowhere/x.toml");
    assert_eq!(code, Some(1), "{err}");
    let wanted = "config.toml:3:1: simulated.scenario: /nowhere/x.toml: No such file";
    assert!(err.contains(wanted), "{err}");
    assert!(check("/").1.contains("it is no plain file"));
    assert_eq!(check("demo").0, Some(0));
}

/// Files beside `config.toml`; what the check says of them.
fn look(files: &[(&str, &str)], args: &[&str]) -> (i32, String) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("dash");
    for (path, text) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_dash"))
        .args(["config", "check"])
        .args(args)
        .current_dir(&dir)
        .env_clear()
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path())
        .env("XDG_STATE_HOME", home.path())
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn mistakes_in_keymaps_and_themes_are_named_with_file_line_and_the_nearest_key() {
    let keymap = ("keymaps/mine.toml", "# mine\n[grid]\n\"y\" = \"stopp\"\n");
    let theme = ("themes/sea.toml", "[roles]\nacent = \"red\"\n");
    let wants = ["keymaps/mine.toml:3: ", "nearest: \"stop\""];
    let sea = ["themes/sea.toml:2: ", "nearest: accent"];
    // In force or not, named or not.
    let in_force = ("config.toml", "[ui]\nkeymap = \"mine\"\ntheme = \"sea\"\n");
    for files in [&[keymap, theme][..], &[keymap, theme, in_force]] {
        let (code, err) = look(files, &[]);
        assert_eq!(code, 1);
        assert!(wants.iter().chain(&sea).all(|text| err.contains(text)), "{err}");
        assert_eq!(err.matches("mine.toml").count(), 1, "told twice: {err}");
    }
    let (code, err) = look(&[keymap, theme], &["keymaps/mine.toml"]);
    assert!(code == 1 && wants.iter().all(|text| err.contains(text)), "{code} {err}");
    let (code, err) = look(&[keymap, theme], &["themes/sea.toml"]);
    assert!(code == 1 && sea.iter().all(|text| err.contains(text)), "{code} {err}");
    let right = ("keymaps/mine.toml", "base = \"emacs\"\n[grid]\n\"y\" = \"stop\"\n");
    assert_eq!(look(&[right], &["keymaps/mine.toml"]).0, 0);
    for name in ["emacs", "tmux"] {
        let text = format!("[ui]\nkeymap = \"{name}\"\n");
        assert_eq!(look(&[("config.toml", &text)], &[]), (0, String::new()));
    }
}

#[test]
fn invalid_files_are_refused_with_place_key_and_the_nearest_right_thing() {
    let mut wrong = Vec::new();
    for (file, text) in cases("invalid") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let first = text.lines().next().unwrap();
        let wanted = first.strip_prefix("#: ").expect("what it is refused with");
        for command in ["check", "show"] {
            let (output, err) = dash(&text, &["config", command]);
            let code = output.status.code();
            let one_line = err.trim_end().lines().count() == 1;
            let said = err.strip_prefix("dash: ").unwrap_or(&err);
            if code != Some(1) || !said.starts_with(wanted) || !one_line {
                wrong.push(format!("{name}: {code:?} {err}    wanted {wanted}"));
            }
            assert!(output.stdout.is_empty(), "{name}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_starts_on_a_broken_configuration() {
    let (output, err) = dash("[core]\ncolz = 3\n", &["swarm", "list"]);
    assert_ne!(output.status.code(), Some(0));
    assert!(err.contains("config.toml:2:1: core.colz"), "{err}");
}

#[test]
fn the_doctor_names_a_broken_configuration() {
    let (output, err) = dash("[core]\ncolz = 3\n", &["doctor"]);
    assert_eq!(output.status.code(), Some(1), "{err}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("fail") && said.contains("core.colz"), "{said}");
}
